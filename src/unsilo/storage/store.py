"""The store: opens the files, lends connections to readers, hands jobs and receipts to the one writer."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from secrets import token_bytes
from typing import Any, TypeVar

import msgspec

from unsilo.kernel import Issue
from unsilo.storage import bodies
from unsilo.storage.accounts import Accounts
from unsilo.storage.checkpoint import LOADED_BYTES, Checkpointer
from unsilo.storage.connect import Readers, connect
from unsilo.storage.days import DayReader, erase, sync_directory
from unsilo.storage.deliveries import DeliveryReads
from unsilo.storage.faults import Hooks
from unsilo.storage.functions import prepare
from unsilo.storage.learning import Learner
from unsilo.storage.listing import audit_query
from unsilo.storage.maps import MapReads
from unsilo.storage.messages import MessageReads
from unsilo.storage.migrate import migrate, refresh
from unsilo.storage.notes import NoteReads
from unsilo.storage.parameters import ParameterReads
from unsilo.storage.reserve import FULL, Reserve
from unsilo.storage.resources import ResourceReads
from unsilo.storage.rows import AuditRow, Incoming, OutboxRow, QueueItem, Receipt
from unsilo.storage.search import SearchReads
from unsilo.storage.statements import load
from unsilo.storage.tx_work import Tx
from unsilo.storage.verify import verify
from unsilo.storage.view import View
from unsilo.storage.workbench import WorkbenchReads
from unsilo.storage.writer import Writer

__all__ = ["Counts", "Store", "open_store"]

T = TypeVar("T")
_LOADED_SHARE = 4
"""Of a large store a load commits one part in so many at once."""
_RES, _PERSON, _AUDIT, _STORE = load("resource"), load("person"), load("audit"), load("store")
_VERIFY = load("verify")


class Counts(msgspec.Struct):
    """How much there is: live resources by type, persons, source Patients merged into an existing person, messages."""

    resources: dict[str, int]
    persons: int
    merged: int
    messages: dict[str, int]


class Store(
    DeliveryReads, MapReads, MessageReads, NoteReads, ParameterReads, ResourceReads, SearchReads, WorkbenchReads
):
    """Reads may be called from any thread; writes return Futures that resolve once they are durable."""

    def __init__(
        self, directory: Path, readers: int, group_ms: float, hooks: Hooks, reserve: int | None = None
    ) -> None:
        self.directory = directory
        self._closed = False
        self._readers = Readers(directory / "unsilo.db", readers, prepare)
        self._days = DayReader(directory)
        self._checkpointer = Checkpointer(directory)
        self._writer = Writer(directory, hooks, group_ms, Reserve(directory, reserve))
        self._writer.on_commit = self._checkpointer.committed
        self._writer.behind = self._checkpointer.behind
        self._learner = Learner(directory / "unsilo.db", self._writer)
        self._learner.load()
        self._writer.on_grown = self._grown
        self._load = 0, 0
        bodies.ask(self._learner.source)
        self._views: list[Readers] = []
        self.guarded = View(self._readers)
        self.users = Accounts(self._readers, self._writer)

    def receive(self, incoming: Incoming) -> "Future[Receipt]":
        """Journal one piece; the Future resolves when bytes and row are fsynced, or fails with NotDurableError."""
        future: Future[Receipt] = Future()

        def settle(group: "Future[list[Receipt]]") -> None:
            error = group.exception()
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(group.result()[0])

        future.set_running_or_notify_cancel()
        self._writer.receive([incoming]).add_done_callback(settle)
        return future

    def receive_all(self, incomings: list[Incoming]) -> "Future[list[Receipt]]":
        """Journal several pieces, all or none: a batch file and its children."""
        return self._writer.receive(incomings)

    def submit(self, job: Callable[[Tx], T], priority: int = 0) -> "Future[T]":
        """Run a job in the writer's transaction; the Future resolves after the fsynced commit.

        A job fails alone with its own exception, and may be run a second time when a group must be written anew, so
        it has no effects but those on `Tx`. Keep it small: while it runs, receipts wait.
        """
        return self._writer.submit(job, priority)

    @contextmanager
    def loading(self, resources: int, most: int = 0) -> Iterator[Callable[[], None]]:
        """Commit jobs that follow one another by so many resources at once, and checkpoint seldom.

        The larger the store is, the more of its pages each commit changes: one is then of a quarter of what the store
        holds, but of no more than `most`.

        What is given is to be called after the last job. For a population that comes while the store serves nobody
        else: all others wait until such a commit is done.
        """
        self._writer.load, self._checkpointer.left_alone = resources, LOADED_BYTES
        self._load = resources, max(resources, most)
        self._writer.more = True
        try:
            yield self._end_of_load
        finally:
            self._end_of_load()
            self._writer.load = 0

    def _grown(self, rows: int) -> None:
        """Hear from the writer's thread how many rows there are."""
        self._learner.grown(rows)
        if self._writer.load:  # it is none any more when another process writes
            least, most = self._load
            self._writer.load = min(max(least, rows // _LOADED_SHARE), most)

    def _end_of_load(self) -> None:
        """Say that no more jobs of a load come; the log of its former commits is moved while the last is written."""
        self._checkpointer.left_alone = 0
        self._checkpointer.committed()
        self._writer.end_of_load()

    def dictionary(self, kind: str) -> tuple[int, bytes] | None:
        """Return number and content of the dictionary with which others may pack `body` before it comes to the store.

        It is committed, so that what is packed with it can be read for ever; None while nothing is learned.
        """
        return self._learner.committed.get(kind)

    def view(self, *, shared: bool = False) -> View:
        """Return a view with a connection of its own, for a reader that must not wait for others, or a `shared` one."""
        if shared:
            return self.guarded
        readers = Readers(self.directory / "unsilo.db", 1, prepare)
        self._views.append(readers)
        return View(readers)

    def secret(self, name: str) -> bytes:
        """Return 32 random bytes that this store keeps under a name, such as the key that signs page links."""
        found = self._readers.row(_STORE["secret"], (f"secret.{name}",))
        if found is None:
            made = (f"secret.{name}", token_bytes(32))
            self._writer.submit(lambda tx: tx.run(_STORE["add_secret"], made)).result()
            found = self._readers.row(_STORE["secret"], made[:1])
        return bytes(found[0])

    @property
    def trouble(self) -> str:
        """What keeps the store from taking anything, in words; empty when nothing does."""
        return FULL if self._writer.reserve.full else ""

    def on_requeued(self, listener: Callable[[list[QueueItem]], None]) -> None:
        """Call `listener` (in the writer's thread) with messages that are queued again: replayed or released."""
        self._writer.on_requeued = listener

    def waiting(self) -> tuple[int, int]:
        """Return how many receipts and jobs wait for the writer."""
        return self._writer.waiting()

    def audit(self, row: AuditRow) -> "Future[None]":
        """Add a row to the audit trail, before the jobs that wait."""
        return self._writer.submit(lambda tx: tx.audit(row), 2)

    def audit_many(self, rows: Sequence[tuple[Any, ...]]) -> "Future[None]":
        """Add rows to the audit trail at once; see `Writer.audit`."""
        return self._writer.audit(rows)

    def audit_rows(
        self, *, person: int | None = None, actor: str = "", action: str = "", since: int = 0, until: int = 0,
        limit: int = 100, before: int | None = None,
    ) -> list[AuditRow]:  # fmt: skip
        """Return audit rows, the newest first, by person, user, action or time; `before` is the last `n` seen."""
        sql, values = audit_query(_AUDIT["columns"], person, actor, action, since, until, limit, before)
        make: Callable[..., AuditRow] = AuditRow
        return [make(*row[1:9], row[0], row[9]) for row in self._readers.rows(sql, values)]

    def disk_bytes(self) -> tuple[int, int]:
        """Return how many bytes the main database and the journal take on disk, logs included."""

        def size(paths: Iterable[Path]) -> int:
            return sum(path.stat().st_size for path in paths)

        return size(self.directory.glob("unsilo.db*")), size((self.directory / "journal").glob("*.db*"))

    def counts(self) -> Counts:
        """Return how much there is."""
        persons, records = self._readers.row(_PERSON["count"])
        messages: dict[str, int] = {}
        for feed in self.feeds():
            for state, n in feed.states.items():
                messages[state] = messages.get(state, 0) + n
        return Counts(
            dict(self._readers.rows(_RES["by_type"])),
            persons,
            records - persons,
            messages,
        )

    def outbox(self, after: int = 0, limit: int = 100) -> list[OutboxRow]:
        """Return what waits to be sent on, in order."""
        return [OutboxRow(*row) for row in self._readers.rows(_AUDIT["outbox"], (after, limit))]

    def release_day(self, day: int) -> "Future[None]":
        """Close the file of a day wherever this store has it open."""
        self._days.forget(day)
        return self._writer.submit(lambda _tx: self._writer.release_day(day))

    def erase(self, day: int, feed: str, *, kept: bool, slots: Sequence[int] = ()) -> None:
        """Remove the bytes of a day, or (when others' are `kept`) those of one feed but for `slots`.

        The rows of what goes are marked already.
        """
        erase(self.directory, day, feed, kept=kept, slots=slots)

    def days(self) -> list[int]:
        """Return the days (20260131) of which bytes are kept."""
        return [row[0] for row in self._readers.rows(_VERIFY["days"])]

    def sent(self, seq: int, at: int) -> "Future[None]":
        """Say that an outbox row was sent."""
        return self._writer.submit(lambda tx: tx.run(_AUDIT["outbox_done"], (at, seq)))

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """Run a reading statement of this room."""
        return self._readers.rows(sql, values)

    def verify(self, *, contents: bool = True) -> list[Issue]:
        """Check the store against itself; no issues means that it is sound. `contents` reads and hashes every byte."""
        return verify(self.directory, contents=contents)

    def close(self) -> None:
        """Finish what waits, and close the files; a second time does nothing."""
        if self._closed:
            return
        self._closed = True
        self._learner.close()
        bodies.ask_no_more(self._learner.source)
        self._checkpointer.close()
        self._writer.close()
        for readers in [self._readers, *self._views]:
            readers.close()
        self._days.forget()

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_store(
    directory: Path, *, readers: int = 2, group_ms: float = 2, hooks: Hooks | None = None, reserve: int | None = None
) -> Store:
    """Open (or make) the store in a directory and bring it forward to this version.

    StoreTooNewError when a newer unsilo wrote it. `group_ms` is how long a receipt may wait for company, `reserve` how
    many bytes of the disk are kept for when it is full (`storage/reserve.py`; None: by another process).
    """
    journal = directory / "journal"
    if not journal.is_dir():
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)  # only its owner may look into it
        journal.mkdir(exist_ok=True)
        sync_directory(directory)
    connection = connect(directory / "unsilo.db")
    try:
        migrate(connection, directory / "unsilo.db")
        refresh(connection)
    finally:
        connection.close()
    return Store(directory, readers, group_ms, hooks or Hooks(), reserve)
