"""Pulls queued messages, keeps their order per key, lets worker processes work, and sees every one to its end."""

import logging
import os
import selectors
import threading
import time
from concurrent.futures import Future
from contextlib import suppress

from unsilo.config import Settings
from unsilo.flow.receive import Ending
from unsilo.flow.work.crew import AHEAD, Crew
from unsilo.flow.work.item import Item, keys_of, poison_keys
from unsilo.flow.work.pool import Worker
from unsilo.storage import Incoming, QueueItem, Receipt, Store
from unsilo.storage.faults import is_storage_fault

__all__ = ["Dispatcher"]

_log = logging.getLogger("unsilo.dispatch")

_PAUSE = 0.02
"""Seconds that are given to answers to come together while the workers are busy: each step of a turn gives up the
interpreter lock, and to wait for it beside the writer takes longer than the step."""
_AT_STORE = 256
"""Messages that the store has to write at once; what else is ready waits as it came from the workers."""
_BACKLOG = 4000
"""Messages known here at once; what is more stays in the journal until there is room."""
_HELD_BYTES = 64 * 1024 * 1024
"""Contents kept in memory between receipt and work; more is read again from the journal."""


class Dispatcher(Crew):
    """One a node. Its own thread holds all state; other threads only leave words in the inbox."""

    def __init__(self, store: Store, settings: Settings) -> None:
        super().__init__(store, settings)
        self._seen = 0
        self._behind = True
        self._thread: threading.Thread | None = None

    # -- what other threads call ------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the workers and recover what a former run left in the middle."""
        self._parked = dict(poison_keys(self.store))
        self.store.on_requeued(self.requeue)
        self._thread = threading.Thread(target=self._run, name="dispatch", daemon=True)
        self._thread.start()

    def stop(self, patience: float = 5.0) -> None:
        """Stop taking messages, let what is being committed end, stop the workers. What is queued stays queued."""
        self._tell(self._stop_now)
        if self._thread is not None:
            self._thread.join(patience)
        for worker in self._workers:
            worker.stop()
        self._endings.cancel()

    def offer(self, incoming: Incoming, receipt: Receipt) -> None:
        """Say that a message is durable and queued; called in order of receipt, from the store's writer."""
        if receipt.duplicate or receipt.state != "queued":
            return
        envelope = incoming.envelope
        keys = keys_of(incoming.order_key)
        item = Item(receipt.mid, receipt.id, envelope.feed, keys, envelope.format, envelope)
        self._tell(lambda: self._offered(item))

    def requeue(self, items: list[QueueItem]) -> None:
        """Take messages that were set back to `queued` (a replay, a release), whatever their place in the journal."""
        known = [Item(item.mid, item.id, item.feed, keys_of(item.order_key), item.format, again=True) for item in items]
        self._endings.forget(item.mid for item in items)
        self._tell(lambda: self._requeued(known))

    def release(self, mid: int) -> None:
        """Stop holding back what follows a poison message."""
        self._tell(lambda: self._released(mid))

    def ending(self, receipt: Receipt) -> Future[Ending]:
        """Return a future of how the processing of a message ends; done at once when it has ended."""
        return self._endings.future(receipt)

    @property
    def waiting(self) -> int:
        """Messages known here that have not ended."""
        return len(self._items)

    @property
    def idle(self) -> bool:
        """True when nothing is queued, in work or being committed, as far as the journal has been read."""
        # The inbox first: a word leaves it when it was acted on, so what it brought is seen by what is asked next.
        return not self._inbox and not self._behind and len(self._items) == len(self._stalled)

    @property
    def trouble(self) -> str:
        """What keeps messages from being processed, in words; empty when nothing does."""
        if self._thread is None or not self._thread.is_alive():
            return "the dispatcher does not run"
        stuck = self._failed_starts > 1 and not any(worker.ready for worker in list(self._workers))
        return "worker processes do not start" if stuck else ""

    # -- the dispatcher's thread --------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not (self._stopping and self._committing == 0 and not self._company):
            try:
                self._turn()
            except Exception:  # noqa: BLE001 - it must be seen, and must not stop every feed for ever
                _log.exception("the dispatcher stumbled")
                time.sleep(0.2)

    def _turn(self) -> None:
        if self._behind and not self._stopping and len(self._items) < _BACKLOG // 2:
            self._read_journal()
        self._again_when_due()
        self._feed_workers()
        self._staff(time.monotonic())
        for worker in self._workers:
            worker.push()
            key = self._selector.get_map().get(worker.writes)
            if worker.full and key is None:
                self._selector.register(worker.writes, selectors.EVENT_WRITE, worker)
            elif not worker.full and key is not None:
                self._selector.unregister(worker.writes)
        if len(self._at) > AHEAD // 2:
            # The workers have enough at hand: answers and commits that come together cost one turn.
            time.sleep(_PAUSE)
        room = self._committing < _AT_STORE
        patience = self._company.patience(time.monotonic(), 0.2) if room else 0.2
        for key, _mask in self._selector.select(patience):
            if key.fd == self._wake_in:
                self._wakened()
            elif isinstance(key.data, Worker):
                self._worker_speaks(key.data, key.fd)
        while self._stopping or self._committing < _AT_STORE:
            ready = self._company.take(0 if self._stopping else len(self._at), time.monotonic())
            if not ready:
                break
            for item in ready:
                self._submit(item, item.kind)
        for worker in [worker for worker in self._workers if worker.overdue]:
            self._worker_gone(worker, "took longer than a message may")

    def _wakened(self) -> None:
        with suppress(BlockingIOError):
            os.read(self._wake_in, 4096)
        self._awake = False
        while self._inbox:
            try:
                self._inbox[0]()
            finally:
                self._inbox.popleft()

    def _stop_now(self) -> None:
        self._stopping = True

    def _offered(self, item: Item) -> None:
        self._pressure.came(time.monotonic())
        if item.mid <= self._seen:
            return
        if self._behind or len(self._items) >= _BACKLOG:
            self._behind = True
            return
        self._seen = item.mid
        size = len(item.content.content) if item.content is not None else 0
        if self._bytes + size > _HELD_BYTES:
            item.content = None
        else:
            self._bytes += size
        self._known(item)

    def _known(self, item: Item) -> None:
        if item.mid not in self._items:
            self._items[item.mid] = item
            self._order.add(item.mid, item.keys)
            self._todo.append(item.mid)

    def _requeued(self, items: list[Item]) -> None:
        for item in items:
            self._unpark(item.mid)
            self._known(item)

    def _released(self, mid: int) -> None:
        self._unpark(mid)

    def _unpark(self, mid: int) -> None:
        for key in [key for key, poison in self._parked.items() if poison == mid]:
            del self._parked[key]

    def _read_journal(self) -> None:
        room = _BACKLOG - len(self._items)
        try:
            rows = self.store.queued(self._seen, room)
        except Exception as fault:
            if not is_storage_fault(fault):
                raise
            self._pause_until = time.monotonic() + 0.5
            return
        for row in rows:
            self._seen = max(self._seen, row.mid)
            self._known(Item(row.mid, row.id, row.feed, keys_of(row.order_key), row.format))
        self._behind = len(rows) >= room
