"""The one thread that writes: takes receipts first, then jobs, in groups that share a commit and its fsync."""

import contextlib
import heapq
import logging
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from unsilo.kernel import clock
from unsilo.storage.bodies import Dictionary
from unsilo.storage.connect import connect
from unsilo.storage.counters import Counters
from unsilo.storage.days import Days
from unsilo.storage.faults import Hooks, NotDurableError, is_storage_fault
from unsilo.storage.functions import prepare
from unsilo.storage.loading import HELD_RESOURCES, Staging
from unsilo.storage.names import Names
from unsilo.storage.pending import Pending, flush
from unsilo.storage.receive import content_rows, journal_group
from unsilo.storage.reserve import FULL, Reserve
from unsilo.storage.rows import Incoming, QueueItem, Receipt
from unsilo.storage.statements import load, run_rows
from unsilo.storage.trails import write as write_trails
from unsilo.storage.tx_work import Tx
from unsilo.storage.waiting import Job, Receipts, Trail, fail, next_receipts, next_trails, refuse
from unsilo.storage.work import move

__all__ = ["Writer"]

T = TypeVar("T")
_LOG = logging.getLogger(__name__)
_GROUP_SECONDS = 0.012
"""A group of jobs while receipts come: the rows of a message alone touch a hundred pages, those of ten hardly more
than twice as many. For twice as long as a group took, receipts then go before the next one."""
_GROUP_LEAST = 100
"""Resources of a group that is not cut short yet, though its time is over (but for three times that): where the machine
is slow, small groups would make it slower still."""
_SHORT_SECONDS = 0.005
"""A group of jobs while somebody waits for an answer that must be recorded first."""
_LONG_SECONDS = 0.120
"""A group of jobs while nobody waits for anything else: rows that share a commit share its pages and its fsync."""
_QUIET_SECONDS = 1.0
_LOAD_SECONDS = 0.25
"""How long a load waits for its next job before what came is committed."""
_RETRY_SECONDS = 0.05
_RES, _MSG, _STORE, _DICTIONARY = load("resource"), load("message"), load("store"), load("dictionary")


class Writer:
    """Owns the writing connection. Futures resolve after the commit that holds their rows was fsynced, or fail."""

    def __init__(self, directory: Path, hooks: Hooks, group_ms: float, reserve: Reserve | None = None) -> None:
        self._directory = directory
        self.reserve = reserve or Reserve(directory, None)
        self._hooks = hooks
        self._company = group_ms / 1000
        self._wake = threading.Condition()
        self._receipts: deque[Receipts] = deque()
        self._trails: deque[Trail] = deque()
        self._jobs: list[Job] = []
        self._number = count()
        self._closing = False
        self._thread: threading.Thread | None = None
        self._connection: sqlite3.Connection | None = None
        self._days = Days(directory, hooks)
        self._names = Names()
        self._counters = Counters()
        self._version = -1
        self._acknowledged = 0
        self._received = 0.0
        self._due = 0.0
        self._gathered = 0
        self._broken = False
        self._seconds_each = 0.0002
        self._requeued: list[QueueItem] = []
        self.load = 0
        """Resources that a group of jobs may write where nobody else waits (`Store.loading`); 0 for few."""
        self.on_requeued: Callable[[list[QueueItem]], None] | None = None
        self.on_commit: Callable[[], None] | None = None
        self.on_grown: Callable[[int], None] | None = None
        self.behind = threading.Event()

    # What other threads call.

    def receive(self, incomings: list[Incoming]) -> "Future[list[Receipt]]":
        """Journal some pieces, all or none of them."""
        future: Future[list[Receipt]] = Future()
        self._put(Receipts(incomings, future))
        return future

    def submit(self, job: Callable[[Tx], T], priority: int = 0) -> "Future[T]":
        """Run a job; the higher priority first, else in the order of coming."""
        future: Future[T] = Future()
        self._put(Job((-priority, next(self._number)), job, future))
        return future

    def audit(self, rows: Sequence[tuple[Any, ...]]) -> "Future[None]":
        """Add rows to the audit trail, before all jobs.

        One statement that commits itself writes all that wait: each further step would give up the interpreter lock
        and wait for a busy event loop to get it back. A row is
        (at, actor, action, what, [Patient ids], origin, reason, outcome) and is written for each person.
        """
        future: Future[None] = Future()
        self._put(Trail(rows, future))
        return future

    def _put(self, item: Receipts | Job | Trail) -> None:
        with self._wake:
            if self._closing:
                raise RuntimeError("the store is closed")
            if isinstance(item, Job):
                heapq.heappush(self._jobs, item)
            elif isinstance(item, Trail):
                self._trails.append(item)
            else:
                self._receipts.append(item)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="unsilo-writer", daemon=True)
                self._thread.start()
            self._wake.notify()

    def waiting(self) -> tuple[int, int]:
        """Return how many receipts and jobs wait."""
        return len(self._receipts), len(self._jobs)

    def release_day(self, day: int) -> None:
        """Close the file of a day; called by a job, which is in the writer's thread."""
        self._days.close(day)

    def close(self) -> None:
        """Finish what waits, then stop."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join()
        self._shut()

    # What the thread does.

    def _work(self) -> None:
        while True:
            with self._wake:
                while not (self._receipts or self._jobs or self._trails or self._closing):
                    if not self._wake.wait(self.reserve.patience):
                        break
                if self._closing and not (self._receipts or self._jobs or self._trails):
                    return
                few = len(self._receipts) < (1 if self._jobs else self._gathered)
                if few and not self._trails and not self._jobs_turn() and not self._closing:
                    self._wake.wait(self._company)  # others were here a moment ago: one fsync serves more of them
                batch = next_receipts(self._receipts)
            self._gathered = min(len(batch), 4)
            self.reserve.mend()
            if self.reserve.full:
                batch = refuse(batch, NotDurableError(FULL))
            if batch:
                self._receive(batch)
            if self._trails:
                self._audit_group()
            if self._jobs_turn():
                began = time.perf_counter()
                self._job_group()
                now = time.perf_counter()
                self._due = now + 2 * (now - began)

    def _jobs_turn(self) -> bool:
        """Tell whether a group of jobs is next: not while receipts come that the last group has kept waiting."""
        if not self._jobs:
            return False
        return not self._gathered or self._closing or self._jobs[0].urgent or time.perf_counter() >= self._due

    def _audit_group(self) -> None:
        """Write all audit rows that wait in one statement, which is its own transaction."""
        trails = next_trails(self._trails)
        if not trails:
            return
        error = self._guarded([each.future for each in trails], lambda: self._write_trails(trails), urgent=True)
        for each in trails:
            if error is None:
                each.future.set_result(None)
            else:
                fail(each.future, error)

    def _write_trails(self, trails: list[Trail]) -> None:
        connection = self._connection
        if connection is None:
            raise NotDurableError("the store is not open")
        self._received = time.perf_counter()
        self._hooks.before_commit("main")
        write_trails(connection, [row for each in trails for row in each.rows])
        self._hooks.after_commit("main")
        if self.on_commit is not None:
            self.on_commit()

    def _receive(self, batch: list[Receipts]) -> None:
        error = self._guarded([each.future for each in batch], lambda: self._receipt_group(batch))
        if error is None or is_storage_fault(error):
            return
        for each in batch:  # one of them cannot be written: the others must not suffer for it
            alone = self._guarded([each.future], lambda each=each: self._receipt_group([each]))  # type: ignore[misc]
            if alone is not None:
                fail(each.future, alone)

    def _guarded(
        self, futures: list["Future[Any]"], act: Callable[[], None], *, urgent: bool = False
    ) -> BaseException | None:
        """Act on a healthy connection. A fault of the disk fails the futures and asks for a check before the next.

        Of a full disk, what is `urgent` hears only when the reserve is used up: till then it is tried again.
        """
        try:
            self._ready()
            act()
        except BaseException as error:  # noqa: BLE001  # the thread must live on, and every future must hear of it
            self._undo()
            if is_storage_fault(error):
                self._broken = True
                if self.reserve.release(error) and urgent:
                    return self._guarded(futures, act, urgent=True)
                if not isinstance(error, NotDurableError):
                    fault = NotDurableError(f"the store could not be written: {error}")
                    fault.__cause__ = error
                    error = fault
                for future in futures:
                    fail(future, error)
                if self._connection is None:
                    time.sleep(_RETRY_SECONDS)
            return error
        return None

    def _undo(self) -> None:
        self._version = -1  # dictionaries and numbers are read anew
        if self._connection is not None:
            try:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
            except sqlite3.Error:
                self._broken = True

    def _shut(self) -> None:
        self._days.close()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _ready(self) -> None:
        """Have a connection that is known to be good: after a fault it is opened anew, probed and compared first."""
        if self._connection is not None and not self._broken:
            return
        try:
            self._shut()
        except sqlite3.Error:
            self._connection = None
        connection = connect(self._directory / "unsilo.db", cache_mb=64)
        prepare(connection)
        try:
            if self._broken:
                with contextlib.suppress(sqlite3.Error):  # a log that starts over needs no more room
                    connection.execute(_STORE["checkpoint"]).fetchone()
                connection.execute("BEGIN IMMEDIATE")
                connection.execute(_STORE["probe"])
                self._hooks.before_commit("main")
                connection.execute("COMMIT")
                self._hooks.after_commit("main")
                top = int(connection.execute(_MSG["top_mid"]).fetchone()[0])
                if top < self._acknowledged:
                    raise NotDurableError(f"message {self._acknowledged} was acknowledged and is not there any more")
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        self._broken = False
        self._version = -1

    def _begin(self) -> sqlite3.Connection:
        """Begin a transaction; numbers and dictionaries are read anew when somebody else may have written."""
        connection = self._connection
        if connection is None:
            raise NotDurableError("the store is not open")
        if self.behind.is_set():
            self.behind.clear()
            connection.execute(_STORE["checkpoint"]).fetchone()
            self._days.checkpoint()
        connection.execute("BEGIN IMMEDIATE")
        version = int(connection.execute(_STORE["data_version"]).fetchone()[0])
        if version != self._version:
            self._names.load(connection)
            self._counters.rid = int(connection.execute(_RES["top_rid"]).fetchone()[0])
            self._counters.mid = int(connection.execute(_MSG["top_mid"]).fetchone()[0])
            self._counters.forget()
            self._counters.packers = {
                row[1]: Dictionary(row[0], row[2]) for row in connection.execute(_DICTIONARY["all"]).fetchall()
            }
            self._counters.t, self._counters.at = connection.execute(_RES["top_t"]).fetchone()
            self._version = version
        return connection

    def _commit(self, connection: sqlite3.Connection) -> None:
        self._names.flush(connection)
        self._hooks.before_commit("main")
        connection.execute("COMMIT")
        self._hooks.after_commit("main")
        self._names.settle()
        if self.on_commit is not None:
            self.on_commit()

    def _next_mid(self) -> int:
        self._counters.mid += 1
        return self._counters.mid

    def _receipt_group(self, batch: list[Receipts]) -> None:
        connection = self._connection
        if connection is None:
            raise NotDurableError("the store is not open")
        incomings = [incoming for each in batch for incoming in each.incomings]
        places = content_rows(connection, self._days, incomings)
        self._begin()
        receipts = journal_group(connection, self._names, incomings, places, self._next_mid)
        self._commit(connection)
        self._acknowledged = self._counters.mid
        self._received = time.perf_counter()
        start = 0
        for each in batch:
            end = start + len(each.incomings)
            each.future.set_result(receipts[start:end])
            start = end

    def _job_group(self) -> None:
        """Run waiting jobs for about ten milliseconds in one transaction."""
        done: list[tuple[Job, Any]] = []
        failed: list[tuple[Job, BaseException]] = []
        taken: list[Job] = []
        error = self._guarded([], lambda: self._run_jobs(taken, done, failed, alone=False))
        if error is None:
            self._resolve(done, failed)
            return
        if not is_storage_fault(error):
            self._one_by_one(taken)  # one of them made rows that cannot be written: the others must not suffer for it
            return
        if not taken:  # the connection is not good: the first one that waits hears of it
            with self._wake:
                if self._jobs:
                    taken.append(heapq.heappop(self._jobs))
        urgent = [job for job in taken if job.urgent and self.reserve.full]
        for job in taken:
            if job not in urgent:
                fail(job.future, error)
        self._one_by_one(urgent)

    def _one_by_one(self, jobs: list[Job]) -> None:
        """Give each job a commit of its own."""
        for job in jobs:
            done: list[tuple[Job, Any]] = []
            failed: list[tuple[Job, BaseException]] = []
            error = self._guarded(
                [job.future],
                lambda job=job, done=done, failed=failed: self._run_jobs([job], done, failed, alone=True),  # type: ignore[misc]
                urgent=job.urgent,
            )
            if error is not None:
                fail(job.future, error)
            else:
                self._resolve(done, failed)

    def _resolve(self, done: list[tuple[Job, Any]], failed: list[tuple[Job, BaseException]]) -> None:
        requeued, self._requeued = self._requeued, []
        if requeued and self.on_requeued is not None:
            try:  # before anybody hears of the commit: who then asks whether there is work left must be told so
                self.on_requeued(requeued)
            except Exception:  # noqa: BLE001  # the listener's fault must not end the writing
                _LOG.exception("the listener to queued messages failed")
        for job, value in done:
            job.future.set_result(value)
        for job, error in failed:
            fail(job.future, error)

    def _run_jobs(
        self, taken: list[Job], done: list[tuple[Job, Any]], failed: list[tuple[Job, BaseException]], *, alone: bool
    ) -> None:
        started = time.perf_counter()
        connection = self._begin()
        self._counters.t += 1
        self._counters.at = max(clock.now(), self._counters.at + 1)
        group = Pending()
        staging = self._counters.staging = Staging(connection) if self.load else None
        given = list(taken)
        while True:
            if alone:
                if not given:
                    break
                job = given.pop()
            else:
                if taken and self._is_enough(group.written, started):
                    break
                with self._wake:
                    if taken and self.load and not self._jobs:
                        self._wake.wait(_LOAD_SECONDS)
                    if not self._jobs:
                        break
                    job = heapq.heappop(self._jobs)
                if self.reserve.full and not job.urgent:
                    fail(job.future, NotDurableError(FULL))
                    continue
                if not job.future.set_running_or_notify_cancel():
                    continue
                taken.append(job)
            self._run_one(connection, job, group, done, failed)
            if staging is not None and len(group.res) >= HELD_RESOURCES:
                flush(connection, group.take_rows(), self._counters.packers, staging)
                self._counters.remember(group)  # should the transaction be undone, it is forgotten again
                group.forget()
        flushing = time.perf_counter()
        flush(connection, group, self._counters.packers, staging)
        if staging is not None:
            staging.merge()
        requeued = move(connection, self._names, group.finished) if group.finished else []
        if group.written:
            run_rows(connection, _RES["tx"], [(self._counters.t, self._counters.at, group.written)])
            each = (time.perf_counter() - flushing) / group.written
            self._seconds_each = 0.8 * self._seconds_each + 0.2 * each
        self._commit(connection)
        self._counters.remember(group)
        if self.on_grown is not None:
            self.on_grown(self._counters.rid)
        self._requeued += requeued

    def _is_enough(self, written: int, started: float) -> bool:
        """Tell whether a group that began at `started` is to be committed."""
        if self.load:
            return written >= self.load or bool(self._receipts or self._trails)
        spent = time.perf_counter() - started + written * self._seconds_each
        quiet = not (self._receipts or self._gathered) and started - self._received > _QUIET_SECONDS
        return spent > (_SHORT_SECONDS if self._trails else _LONG_SECONDS if quiet else _GROUP_SECONDS)

    def _run_one(
        self, connection: sqlite3.Connection, job: Job, group: Pending, done: list[tuple[Job, Any]],
        failed: list[tuple[Job, BaseException]],
    ) -> None:  # fmt: skip
        tx = Tx(connection, self._names, self._counters, group)
        try:
            value = job.run(tx)
        except Exception as error:
            if is_storage_fault(error):
                raise
            tx.end(keep=False)
            failed.append((job, error))
            return
        tx.end(keep=True)
        done.append((job, value))
