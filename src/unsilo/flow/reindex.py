"""Extracts the keys of posted search parameters from what was stored before them, in the background."""

import logging
import threading

from unsilo.flow.parameters import Parameters
from unsilo.flow.process import keys_of
from unsilo.kernel import json
from unsilo.spec.r4 import type_name
from unsilo.storage import NotDurableError, Store, Stored, Tx
from unsilo.storage.parameters import ParameterRow

__all__ = ["Reindexing"]

_log = logging.getLogger("unsilo.reindex")
_AT_ONCE = 100
_PAUSE = 0.005
"""Seconds between two parts: other writes go first anyway, and the disk gets a breath."""
_RETRY = 2.0


class Reindexing:
    """One thread, which sleeps until a parameter is posted; a restart goes on where the rows say.

    A parameter is `indexing` until every live resource of its type has its keys; until then a search by it is
    refused, so that none is answered by half. What is written meanwhile has the keys from the start.
    """

    def __init__(self, store: Store, parameters: Parameters) -> None:
        self._store = store
        self._parameters = parameters
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._work, name="unsilo-reindex", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop after the part at hand."""
        self._stopping.set()
        self._parameters.wake.set()
        if self._thread is not None:
            self._thread.join(10)

    def progress(self) -> list[tuple[str, str, str, int, int]]:
        """Return (type, code, state, done, total) of every posted parameter."""
        return [(type_name(r.type), r.code, r.state, r.done, r.total) for r in self._store.parameters()]

    def _work(self) -> None:
        while not self._stopping.is_set():
            self._parameters.wake.wait()
            self._parameters.wake.clear()
            try:
                self.run()
            except NotDurableError:
                self._stopping.wait(_RETRY)
                self._parameters.wake.set()
            except RuntimeError:
                if not self._stopping.is_set():
                    _log.exception("the extraction of posted parameters stopped")
            except Exception:  # noqa: BLE001 - it must be seen, and must not end the thread
                _log.exception("the extraction of posted parameters stumbled")
                self._stopping.wait(_RETRY)

    def run(self) -> None:
        """Complete every parameter that is `indexing`; returns when all are active or it is told to stop."""
        while not self._stopping.is_set():
            waiting = [row for row in self._store.parameters() if row.state == "indexing"]
            if not waiting:
                return
            first = waiting[0]
            self._type([row for row in waiting if row.type == first.type])

    def _type(self, rows: list[ParameterRow]) -> None:
        """Complete the parameters of one resource type in one walk over its resources."""
        kind, after, done = type_name(rows[0].type), 0, 0
        while found := self._store.rids_of_type(rows[0].type, after, _AT_ONCE):
            ids = [id_ for _, id_ in found]
            self._store.submit(lambda tx, ids=ids: self._part(tx, kind, ids), -1).result()  # type: ignore[misc]
            after, done = found[-1][0], done + len(found)
            self._store.submit(lambda tx, n=done: self._note(tx, rows, "indexing", n), -1).result()  # type: ignore[misc]
            if self._stopping.wait(_PAUSE):
                return
        self._store.submit(lambda tx: self._note(tx, rows, "active", done), -1).result()
        self._parameters.load()

    def _part(self, tx: Tx, kind: str, ids: list[str]) -> None:
        for now in tx.look([(kind, id_) for id_ in ids]):
            self._renew(tx, now)

    def _renew(self, tx: Tx, now: Stored) -> None:
        tx.renew_keys(now, keys_of(json.decode(now.body), self._parameters.extra))

    @staticmethod
    def _note(tx: Tx, rows: list[ParameterRow], state: str, done: int) -> None:
        for row in rows:
            tx.parameter_progress(row.id, state, done, max(done, row.total))
