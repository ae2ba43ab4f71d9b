"""The store in a PostgreSQL database: the same surface as SQLite's, for any number of processes."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from unsilo.kernel import Issue
from unsilo.storage import bodies
from unsilo.storage.accounts import Accounts
from unsilo.storage.faults import Hooks
from unsilo.storage.postgres.contents import SharedContent
from unsilo.storage.postgres.learning import SharedLearner
from unsilo.storage.postgres.migrate import migrate, refresh
from unsilo.storage.postgres.queue import Presence
from unsilo.storage.postgres.readers import SharedReaders
from unsilo.storage.postgres.session import Session
from unsilo.storage.postgres.translate import own
from unsilo.storage.postgres.writer import SharedWriter
from unsilo.storage.rows import QueueItem
from unsilo.storage.store import Store
from unsilo.storage.view import View

__all__ = ["SharedStore", "open_database"]

_CONTENT = own("content")


class SharedStore(Store):
    """Reads may be called from any thread; writes return Futures that resolve once they are durable."""

    _readers: SharedReaders

    def __init__(self, dsn: str, directory: Path, readers: int, group_ms: float, hooks: Hooks) -> None:
        # Everything that the parent opens in files is here in the database.
        self.directory = directory
        self._dsn = dsn
        self._closed = False
        self._readers = SharedReaders(dsn, readers)
        self._days: Any = SharedContent(self._readers)
        self._presence = Presence(dsn)
        self._writer: SharedWriter = SharedWriter(dsn, hooks, group_ms, self._presence)
        self._learner: SharedLearner = SharedLearner(dsn, self._writer)
        self._learner.load()
        self._writer.on_grown = self._learner.grown
        bodies.ask(self._learner.source)
        self._views: list[Any] = []
        self.guarded = View(self._readers)
        self.users = Accounts(self._readers, self._writer)

    def view(self, *, shared: bool = False) -> View:
        """Return a view with a connection of its own, for a reader that must not wait for others, or a `shared` one."""
        if shared:
            return self.guarded
        readers = SharedReaders(self._dsn, 1)
        self._views.append(readers)
        return View(readers)

    @contextmanager
    def loading(self, resources: int, most: int = 0) -> Iterator[Callable[[], None]]:  # noqa: ARG002 - the same surface
        """Do nothing: the database orders its writes and its log itself."""
        yield lambda: None

    @property
    def trouble(self) -> str:
        """Nothing that this node could tell: the disk is the database's own."""
        return ""

    def disk_bytes(self) -> tuple[int, int]:
        """Return how many bytes the tables and the journal's partitions take in the database."""
        journal = int(self._readers.own(_CONTENT["size"]).fetchone()[0])
        return int(self._readers.own(_CONTENT["size_of_all"]).fetchone()[0]) - journal, journal

    def queued(self, after_mid: int = 0, limit: int = 1000) -> list[QueueItem]:
        """Return messages that wait to be processed by this process, oldest first; nobody else has them now."""
        return self._presence.claim(after_mid, limit)

    def on_requeued(self, listener: Callable[[list[QueueItem]], None]) -> None:
        """Call `listener` with messages that are queued again, also those of a process that is gone."""
        super().on_requeued(listener)
        self._presence.adopt(listener)

    def erase(self, day: int, feed: str, *, kept: bool, slots: Sequence[int] = ()) -> None:
        """Remove the bytes of a day, or (when others' are `kept`) those of one feed but for `slots`.

        The rows of what goes are marked already.
        """
        session = Session(self._dsn)
        try:
            if kept:
                session.run(_CONTENT["drop_feed_day"], (day, feed, list(slots)))
            else:
                session.run(f"DROP TABLE IF EXISTS content_{day:d}")
        finally:
            session.close()

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """Run a reading statement of this room."""
        return self._readers.rows(sql, values)

    def verify(self, *, contents: bool = True) -> list[Issue]:
        """Check the store against itself; no issues means that it is sound. `contents` reads and hashes every byte."""
        from unsilo.storage.postgres.verify import verify

        return verify(self._dsn, contents=contents)

    def close(self) -> None:
        """Finish what waits, and close the connections; a second time does nothing."""
        if self._closed:
            return
        self._closed = True
        self._learner.close()
        bodies.ask_no_more(self._learner.source)
        self._writer.close()
        self._presence.close()
        for readers in [self._readers, *self._views]:
            readers.close()


def open_database(
    dsn: str, directory: Path, *, readers: int = 2, group_ms: float = 2, hooks: Hooks | None = None
) -> SharedStore:
    """Open (or make) the store in a database and bring it forward to this version.

    StoreTooNewError when a newer unsilo wrote it. `directory` is the node's own folder, for what is not of the store.
    """
    session, side = Session(dsn), Session(dsn)
    try:
        migrate(session)
        refresh(session, lambda: side)
    finally:
        session.close()
        side.close()
    return SharedStore(dsn, directory, readers, group_ms, hooks or Hooks())
