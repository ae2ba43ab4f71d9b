"""The thread of one process that writes; many processes may write to one database, and each job is sure of itself."""

import heapq
import random
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from psycopg import Error

from unsilo.kernel import hash64
from unsilo.storage.bodies import Dictionary
from unsilo.storage.days import day_of
from unsilo.storage.faults import Hooks, NotDurableError, is_storage_fault
from unsilo.storage.packing import clean
from unsilo.storage.pending import Pending
from unsilo.storage.postgres.contents import Partitions
from unsilo.storage.postgres.faults import ConflictError, CutError
from unsilo.storage.postgres.names import BlockCounters, SharedNames
from unsilo.storage.postgres.queue import Presence
from unsilo.storage.postgres.session import Session
from unsilo.storage.postgres.translate import own
from unsilo.storage.postgres.tx import SharedTx
from unsilo.storage.receive import content_rows, journal_group
from unsilo.storage.rows import Receipt
from unsilo.storage.statements import load
from unsilo.storage.waiting import Job, Receipts, fail, next_trails
from unsilo.storage.writer import Writer

__all__ = ["SharedWriter"]

_STORE, _CONTENT = own("store"), own("content")
_DICTIONARY = load("dictionary")
_TRIES = 12
_PAUSE = 0.004


class SharedWriter(Writer):
    """Groups share a transaction as on SQLite; when a group meets another process's, its jobs run one by one again.

    A job that meets another transaction again and again is tried twelve times with growing pauses. When a connection
    is cut while a commit is under way, the database is asked what became of it, so nothing is done twice.
    """

    _connection: Any
    steps_aside = False

    def __init__(self, dsn: str, hooks: Hooks, group_ms: float, presence: Presence) -> None:
        super().__init__(Path(), hooks, group_ms)
        self._presence = presence
        self._dsn = dsn
        self._side: Session | None = None
        self._names: SharedNames = SharedNames(self._aside)
        self._counters: BlockCounters = BlockCounters(self._aside)
        self._partitions = Partitions()
        self._days: Any = self._partitions
        self._xid = 0
        self._loaded = False
        self._stale = True

    def _aside(self) -> Session:
        """Return the connection whose statements commit by themselves."""
        if self._side is None or self._side.closed:
            self._side = Session(self._dsn)
        return self._side

    def release_day(self, day: int) -> None:
        """Forget that a day has a partition."""
        self._partitions.forget(day)

    def _shut(self) -> None:
        side, self._side = self._side, None
        connection, self._connection = self._connection, None
        for each in (side, connection):
            if each is not None:
                each.close()

    def _undo(self) -> None:
        self._stale = True  # what a job has learned to pack with may not be kept
        connection = self._connection
        if connection is None:
            return
        if connection.closed:
            self._connection = None
            return
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except (Error, NotDurableError):
            connection.close()
            self._connection = None

    def _ready(self) -> None:
        """Have a connection; one that was cut is opened anew."""
        if self._connection is not None and not self._connection.closed and not self._broken:
            return
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        session = Session(self._dsn)
        try:
            session.script(f"SET unsilo.node = '{self._presence.node:d}'")
            self._presence.hold()
            if self._broken:
                session.execute(_PROBE)
            if not self._loaded:
                self._names.load(session)  # type: ignore[arg-type] # what it needs of a connection, a session has
                self._loaded = True
        except BaseException:
            session.close()
            raise
        self._connection = session
        self._broken = False

    def _begin(self) -> Any:
        connection = self._connection
        if connection is None:
            raise CutError("the store is not open")
        connection.failed = False
        number, self._xid = connection.begin(_STORE["begun"])
        self._counters.t = number - 1
        if self._stale:
            self._counters.packers = {
                row[1]: Dictionary(row[0], row[2]) for row in connection.execute(_DICTIONARY["all"]).fetchall()
            }
            self._stale = False
        return connection

    def _commit(self, connection: Any) -> None:
        if connection.failed:  # a job may have caught the error of its statement: COMMIT would undo without a word
            raise ConflictError("a statement of the transaction failed")
        self._hooks.before_commit("main")
        try:
            connection.execute("COMMIT")
        except CutError:
            if not self._was_committed():
                raise
        self._hooks.after_commit("main")
        if self.on_commit is not None:
            self.on_commit()

    def _was_committed(self) -> bool:
        """Ask what became of a commit whose answer was cut off; an unreachable database is asked for ten seconds."""
        for turn in range(40):
            try:
                session = Session(self._dsn)
                try:
                    fate = session.run(_STORE["fate"], (self._xid,)).fetchone()[0]
                finally:
                    session.close()
                if fate != "in progress":
                    return bool(fate == "committed")
            except (Error, NotDurableError):
                pass
            time.sleep(0.05 if turn < 10 else 0.3)
        return False

    # Again, when others were first.

    def _insist(self, futures: list["Future[Any]"], act: Callable[[], None]) -> None:
        """Act until no other transaction is in the way; what cannot be done fails the futures."""
        error: BaseException | None = None
        for turn in range(_TRIES):
            error = self._guarded([], act)
            if error is None:
                return
            if not isinstance(error, ConflictError | CutError):
                break
            time.sleep(random.uniform(0.5, 1.5) * _PAUSE * 2 ** min(turn, 7))  # noqa: S311 # no secret
        for future in futures:
            fail(future, error or CutError("it could not be written"))

    def _receive(self, batch: list[Receipts]) -> None:
        if self._guarded([], lambda: self._receipt_group(batch)) is not None:
            for each in batch:
                self._insist([each.future], lambda each=each: self._receipt_group([each]))  # type: ignore[misc]

    def _audit_group(self) -> None:
        trails = next_trails(self._trails)
        if trails:
            self._insist([each.future for each in trails], lambda: self._write_trails(trails))
            for each in trails:
                if not each.future.done():
                    each.future.set_result(None)

    def _job_group(self) -> None:
        taken: list[Job] = []
        done: list[tuple[Job, Any]] = []
        failed: list[tuple[Job, BaseException]] = []
        error = self._guarded([], lambda: self._run_jobs(taken, done, failed, alone=False))
        if error is None:
            self._resolve(done, failed)
            return
        if not taken:  # the connection is not good: the first one that waits tries on
            with self._wake:
                if not self._jobs:
                    return
                job = heapq.heappop(self._jobs)
            if not job.future.set_running_or_notify_cancel():
                return
            taken.append(job)
        for job in taken:
            self._alone(job)

    def _alone(self, job: Job) -> None:
        ended: list[tuple[list[tuple[Job, Any]], list[tuple[Job, BaseException]]]] = []

        def act() -> None:
            done: list[tuple[Job, Any]] = []
            failed: list[tuple[Job, BaseException]] = []
            self._run_jobs([job], done, failed, alone=True)
            ended.append((done, failed))

        self._insist([job.future], act)
        if ended:
            self._resolve(*ended[0])

    def _run_one(
        self, connection: Any, job: Job, group: Pending, done: list[tuple[Job, Any]],
        failed: list[tuple[Job, BaseException]],
    ) -> None:  # fmt: skip
        tx = SharedTx(connection, self._names, self._counters, group)
        try:
            value = job.run(tx)
        except Exception as error:
            if connection.failed or isinstance(error, Error | ConflictError) or is_storage_fault(error):
                raise
            tx.end(keep=False)
            failed.append((job, error))
            return
        tx.end(keep=True)
        done.append((job, value))

    def _receipt_group(self, batch: list[Receipts]) -> None:
        connection: Session | None = self._connection
        if connection is None:
            raise CutError("the store is not open")
        incomings = [incoming for each in batch for incoming in each.incomings]
        self._partitions.session = connection
        self._partitions.prepare({day_of(incoming.envelope.received_at) for incoming in incomings})
        self._begin()
        held = {hash64("order", i.envelope.feed, clean(i.order_key)) for i in incomings if i.order_key}
        if held:
            connection.run(_STORE["lock_shared"], (sorted(held),))
        places = content_rows(connection, self._days, incomings)  # type: ignore[arg-type]
        mids = iter([row[0] for row in connection.run(_CONTENT["mids"], (len(incomings),)).fetchall()])
        receipts = journal_group(connection, self._names, incomings, places, lambda: next(mids))  # type: ignore[arg-type]
        self._commit(connection)
        start = 0
        for each in batch:
            end = start + len(each.incomings)
            found: list[Receipt] = receipts[start:end]
            each.future.set_result(found)
            start = end


_PROBE = "UPDATE probe SET n = n + 1 WHERE id = 1"
