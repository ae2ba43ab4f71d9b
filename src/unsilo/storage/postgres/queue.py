"""Which process works at which message: whoever received it, until it is done or that process is gone."""

import logging
import random
import threading
from collections.abc import Callable

from psycopg import Error

from unsilo.storage.faults import NotDurableError
from unsilo.storage.postgres.faults import CutError
from unsilo.storage.postgres.session import Session
from unsilo.storage.postgres.translate import own
from unsilo.storage.rows import QueueItem

__all__ = ["Presence"]

_SQL = own("queue")
_log = logging.getLogger("unsilo.queue")
_SECONDS = 3.0
_AT_ONCE = 500


class Presence:
    """Holds a lock on this process's number for as long as it lives: what a process that is gone had is anyone's."""

    def __init__(self, dsn: str) -> None:
        self.node = random.SystemRandom().randrange(1, 1 << 62)
        self._dsn = dsn
        self._session: Session | None = None
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def hold(self) -> Session:
        """Be present; a connection that was cut is opened anew."""
        with self._lock:
            if self._session is None or self._session.closed:
                session = Session(self._dsn)
                session.run(_SQL["present"], (self.node,))
                self._session = session
            return self._session

    def claim(self, after_mid: int, limit: int, *, mine: bool = True) -> list[QueueItem]:
        """Take queued messages that nobody who is present has, and (`mine`) return those that this process has."""
        with self._lock:
            for turn in range(2):
                try:
                    rows = self.hold().run(_SQL["claim"], (self.node, after_mid, limit, int(mine))).fetchall()
                except CutError:
                    if turn:
                        raise
                    continue
                return [QueueItem(*row) for row in rows]
        return []

    def adopt(self, listener: Callable[[list[QueueItem]], None]) -> None:
        """Look every few seconds for messages of processes that are gone, and give them to `listener`."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._look, args=(listener,), name="unsilo-queue", daemon=True)
            self._thread.start()

    def _look(self, listener: Callable[[list[QueueItem]], None]) -> None:
        while not self._stopping.wait(_SECONDS):
            try:
                if found := self.claim(0, _AT_ONCE, mine=False):
                    listener(found)
            except (Error, NotDurableError) as fault:
                _log.warning("the queue could not be read", extra={"fault": type(fault).__name__})

    def close(self) -> None:
        """Be gone: what this process has not finished may be taken by others."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        with self._lock:
            if self._session is not None:
                self._session.close()
