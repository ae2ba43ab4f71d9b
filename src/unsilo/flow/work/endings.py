"""How the processing of messages ended, for those who wait for it; called from any thread."""

import threading
from collections import OrderedDict
from collections.abc import Iterable
from concurrent.futures import Future

from unsilo.flow.receive import Ending
from unsilo.storage import Receipt, Store

__all__ = ["Endings"]

_RECENT = 20_000
"""Endings remembered for those who ask after the end."""


class Endings:
    """The last endings by message number, and the futures of those that are waited for."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._waiting: dict[int, list[Future[Ending]]] = {}
        self._recent: OrderedDict[int, Ending] = OrderedDict()

    def future(self, receipt: Receipt) -> Future[Ending]:
        """Return a future of how the processing of a message ends; done at once when it has ended."""
        future: Future[Ending] = Future()
        with self._lock:
            known = self._recent.get(receipt.mid)
            if known is None and receipt.state == "queued":
                self._waiting.setdefault(receipt.mid, []).append(future)
        if known is not None:
            future.set_result(known)
        elif receipt.state != "queued":
            future.set_result(Ending(receipt.state, receipt.issues))
        elif receipt.duplicate:
            # It may have ended before anyone asked: the record says so.
            row = self._store.message(receipt.id)
            if row is not None and row.state != "queued":
                self.ended(receipt.mid, Ending(row.state, row.issues))
        return future

    def awaited(self, mid: int) -> bool:
        """Tell whether somebody waits for the end of a message."""
        return mid in self._waiting

    def ended(self, mid: int, ending: Ending) -> None:
        """Note an ending and tell those who wait for it."""
        with self._lock:
            self._recent[mid] = ending
            while len(self._recent) > _RECENT:
                self._recent.popitem(last=False)
            futures = self._waiting.pop(mid, [])
        for future in futures:
            if not future.cancelled():
                future.set_result(ending)

    def forget(self, mids: Iterable[int]) -> None:
        """Messages that were set back to be processed again have no ending."""
        with self._lock:
            for mid in mids:
                self._recent.pop(mid, None)

    def cancel(self) -> None:
        """Let nobody wait any longer."""
        with self._lock:
            waiting = [future for futures in self._waiting.values() for future in futures]
            self._waiting.clear()
        for future in waiting:
            future.cancel()
