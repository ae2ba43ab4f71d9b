"""What waits for the writer and whose turn it is: receipts first, then audit rows, then jobs in groups."""

import heapq
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from itertools import count
from typing import Any, TypeVar

from unsilo.storage.rows import Incoming, Receipt
from unsilo.storage.tx_work import Tx
from unsilo.storage.waiting import Job, Receipts, Trail

__all__ = ["Turns"]

T = TypeVar("T")
_GROUP_SECONDS = 0.010
"""A group of jobs while receipts come: the rows of a message alone touch a hundred pages, those of ten hardly more
than twice as many. For twice as long as a group took, receipts then go before the next one."""
_GROUP_LEAST = 60
"""Resources from which on a group is cut short when its time is over (but for three times that): where the machine is
slow, small groups would make it slower still."""
_WRITING_SECONDS = 0.012
_WRITING_LEAST = 120
"""The same for a group that lets receipts go before it while it is gathered, so that they wait for its rows alone: a
message among thirty writes half of the pages that one among ten does."""
_COMPANY = 4
"""Receipts that need not wait for others: their fsync serves enough of them."""
_SHORT_SECONDS = 0.005
"""A group of jobs while somebody waits for an answer that must be recorded first."""
_LONG_SECONDS = 0.120
"""A group of jobs while nobody waits for anything else: rows that share a commit share its pages and its fsync."""
_QUIET_SECONDS = 1.0
_LONGEST_LOAD_SECONDS = 14.0
"""A group of jobs of a load, whose commit takes a quarter of that again: another process that wants to write meets it
at most once, and waits thirty seconds (`connect`)."""


class Turns:
    """The queues, which any thread may add to; one thread, which runs `_work`, takes from them."""

    def __init__(self) -> None:
        self._wake = threading.Condition()
        self._receipts: deque[Receipts] = deque()
        self._trails: deque[Trail] = deque()
        self._jobs: list[Job] = []
        self._number = count()
        self._closing = False
        self._thread: threading.Thread | None = None
        self._received = 0.0
        self._due = 0.0
        self._gathered = 0
        self._noticed = 0.0
        self._company = 0.002
        self._seconds_each = 0.0002
        self.load = 0
        """Resources that a group of jobs may write where nobody else waits (`Store.loading`); 0 for few."""
        self.more = False
        """Whether further jobs of the load are to come."""

    def _work(self) -> None:
        """Take turns until the end; the writer's own, for the queues by themselves have no connection to write with."""
        raise NotImplementedError

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

    def end_of_load(self) -> None:
        """Say that no more jobs of a load come: its last group need not wait for company."""
        with self._wake:
            self.more = False
            self._wake.notify()

    def waiting(self) -> tuple[int, int]:
        """Return how many receipts and jobs wait."""
        return len(self._receipts), len(self._jobs)

    def _jobs_turn(self) -> bool:
        """Tell whether a group of jobs is next: not while receipts come that the last group has kept waiting."""
        if not self._jobs:
            return False
        return not self._gathered or self._closing or self._jobs[0].urgent or time.perf_counter() >= self._due

    def _others_wait(self) -> bool:
        """Tell whether audit rows or receipts are to go before a group of jobs that has written nothing yet.

        A receipt waits a moment for company, as it does while there are no jobs.
        """
        if self._trails or len(self._receipts) >= _COMPANY:
            return True
        if not self._receipts:
            return False
        now = time.perf_counter()
        self._noticed = self._noticed or now
        return now - self._noticed >= self._company

    def _is_enough(self, written: int, started: float, since: float) -> bool:
        """Tell whether a group that began at `started` and writes so many resources is to be committed.

        `since` is when it could last step aside; what it gathered before has kept nobody waiting.
        """
        now = time.perf_counter()
        if self.load:
            waited = bool(self._receipts or self._trails) or now - started > _LONGEST_LOAD_SECONDS
            return waited or written >= self.load
        writing = written * self._seconds_each
        if self._trails:
            return now - since + writing > _SHORT_SECONDS
        quiet = not (self._receipts or self._gathered) and started - self._received > _QUIET_SECONDS
        if quiet or now - started > _LONG_SECONDS:
            return now - started + writing > _LONG_SECONDS
        seconds, least = (_WRITING_SECONDS, _WRITING_LEAST) if since > started else (_GROUP_SECONDS, _GROUP_LEAST)
        spent = now - since + writing
        return spent > seconds and (written >= least or spent > 3 * seconds)
