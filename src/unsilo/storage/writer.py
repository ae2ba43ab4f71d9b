"""The one thread that writes: takes receipts first, then jobs, in groups that share a commit and its fsync."""

import heapq
import logging
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from unsilo.kernel import clock
from unsilo.storage.faults import Hooks, NotDurableError, is_storage_fault
from unsilo.storage.guarded import Guarded
from unsilo.storage.loading import HELD_RESOURCES, Staging
from unsilo.storage.pending import Pending, flush
from unsilo.storage.receive import content_rows, journal_group
from unsilo.storage.reserve import FULL, Reserve
from unsilo.storage.rows import QueueItem
from unsilo.storage.statements import load, run_rows
from unsilo.storage.trails import gather, next_run
from unsilo.storage.trails import write as write_trails
from unsilo.storage.turns import Turns
from unsilo.storage.tx_work import Tx
from unsilo.storage.waiting import Job, Receipts, Trail, fail, next_receipts, next_trails, refuse
from unsilo.storage.work import move

__all__ = ["OvertakenError", "Writer"]

_LOG = logging.getLogger(__name__)
_LOAD_SECONDS = 1.0
"""How long a load waits for its next job before what came is committed; the last one is said (`end_of_load`)."""
_GATHER_SECONDS = 1.0
"""How often is looked whether audit rows are to be gathered by their persons."""
_RES = load("resource")


class OvertakenError(Exception):
    """Another process has written while a group of jobs was gathered."""


class Writer(Turns, Guarded):
    """Owns the writing connection. Futures resolve after the commit that holds their rows was fsynced, or fail."""

    steps_aside = True
    """Whether receipts may have a transaction of their own while a group of jobs is gathered."""

    def __init__(self, directory: Path, hooks: Hooks, group_ms: float, reserve: Reserve | None = None) -> None:
        Turns.__init__(self)
        Guarded.__init__(self, directory, hooks, reserve)
        self._company = group_ms / 1000
        self._gathering = 0.0
        self._yielded = self._started = self._since = 0.0
        self._unwritten = -1
        self._requeued: list[QueueItem] = []
        self.on_requeued: Callable[[list[QueueItem]], None] | None = None
        self.on_grown: Callable[[int], None] | None = None

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
            self._serve(batch)
            if self._jobs_turn():
                self._yielded, began = 0.0, time.perf_counter()
                self._job_group()
                now = time.perf_counter()
                self._due = now + 2 * (now - began - self._yielded)
            self._gather()

    def _serve(self, batch: list[Receipts]) -> None:
        """Write what goes before jobs: these receipts, and the audit rows that wait."""
        self._gathered, self._noticed = min(len(batch), 4), 0.0
        self.reserve.mend()
        if self.reserve.full:
            batch = refuse(batch, NotDurableError(FULL))
        if batch:
            self._receive(batch)
        if self._trails:
            self._audit_group()

    def _gather(self) -> None:
        """Gather a run of audit rows by their persons, where one is whole: some ten milliseconds in 16,384 rows."""
        now = time.perf_counter()
        if now < self._gathering or self.reserve.full or self._broken:
            return
        connection = self._connection
        if not isinstance(connection, sqlite3.Connection):  # PostgreSQL has an index
            return
        self._gathering = now + _GATHER_SECONDS
        error = self._guarded([], lambda: self._gather_run(connection))
        if error is not None and not is_storage_fault(error):
            _LOG.error("audit rows could not be gathered", exc_info=error)

    def _gather_run(self, connection: sqlite3.Connection) -> None:
        run = next_run(connection)
        if run is None:
            return
        self._hooks.before_commit("main")
        gather(connection, run)
        self._hooks.after_commit("main")
        self._gathering = 0.0  # the next one may be whole, too

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
        """Run waiting jobs in one transaction, for as long as others may wait for it."""
        done: list[tuple[Job, Any]] = []
        failed: list[tuple[Job, BaseException]] = []
        taken: list[Job] = []
        error = self._guarded([], lambda: self._run_jobs(taken, done, failed, alone=False))
        if isinstance(error, OvertakenError):
            done.clear()
            failed.clear()
            error = self._guarded([], lambda: self._run_jobs(taken, done, failed, alone=True))
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
        connection, group = self._begin_jobs(), Pending()
        staging = self._counters.staging = Staging(connection) if self.load else None
        given = taken[::-1]
        while True:
            if not alone and self._can_step_aside(connection) and self._others_wait():
                self._step_aside(connection)
            job = given.pop() if given else None if alone else self._take(taken, group.written)
            if job is None:
                break
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

    def _begin_jobs(self) -> sqlite3.Connection:
        """Begin the transaction of a group of jobs, with a number and a time of its own."""
        before = self._version
        connection = self._begin()
        if before not in (-1, self._version):
            self.load = 0  # another process writes too, and must not wait for so long
        self._counters.t += 1
        self._counters.at = max(clock.now(), self._counters.at + 1)
        self._unwritten = connection.total_changes if self.steps_aside and not self.load else -1
        self._started = self._since = time.perf_counter()
        return connection

    def _take(self, taken: list[Job], written: int) -> Job | None:
        """Return the next job of a group that would write so many resources; None when it is to be committed."""
        while not (taken and self._is_enough(written, self._started, self._since)):
            with self._wake:
                if taken and self.load and self.more and not self._jobs:
                    self._wake.wait(_LOAD_SECONDS)
                if not self._jobs:
                    return None
                job = heapq.heappop(self._jobs)
            if self.reserve.full and not job.urgent:
                fail(job.future, NotDurableError(FULL))
            elif job.future.set_running_or_notify_cancel():
                taken.append(job)
                return job
        return None

    def _can_step_aside(self, connection: sqlite3.Connection) -> bool:
        """Tell whether nothing of a group is written yet, so that others may have a transaction before it."""
        if connection.total_changes != self._unwritten:
            return False
        self._since = time.perf_counter()
        return True

    def _step_aside(self, connection: sqlite3.Connection) -> None:
        """Let receipts and audit rows go before a group of which nothing is written yet.

        OvertakenError when its jobs may have seen what is no longer so: another process has written, or the disk fails.
        """
        began, reloads = time.perf_counter(), self._reloads
        connection.execute("ROLLBACK")
        with self._wake:
            batch = next_receipts(self._receipts)
        self._serve(batch)
        if not self._broken:
            self._begin()
        if self._broken or reloads != self._reloads:
            raise OvertakenError
        self._unwritten = connection.total_changes
        passed = time.perf_counter() - began
        self._yielded += passed
        self._started += passed

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
