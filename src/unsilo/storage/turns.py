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
_SHORT_SECONDS = 0.005
"""A group of jobs while somebody waits for an answer that must be recorded first."""
_LONG_SECONDS = 0.120
"""A group of jobs while nobody waits for anything else: rows that share a commit share its pages and its fsync."""
_QUIET_SECONDS = 1.0
_LONGEST_LOAD_SECONDS = 6.0
"""A group of jobs of a load, whose commit takes a quarter of that again: another process that wants to write meets it
at most once, and waits ten seconds."""


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

    def _is_enough(self, written: int, started: float) -> bool:
        """Tell whether a group that began at `started` and writes so many resources is to be committed."""
        if self.load:
            waited = bool(self._receipts or self._trails) or time.perf_counter() - started > _LONGEST_LOAD_SECONDS
            return waited or written >= self.load
        spent = time.perf_counter() - started + written * self._seconds_each
        if self._trails:
            return spent > _SHORT_SECONDS
        if not (self._receipts or self._gathered) and started - self._received > _QUIET_SECONDS:
            return spent > _LONG_SECONDS
        return spent > _GROUP_SECONDS and (written >= _GROUP_LEAST or spent > 3 * _GROUP_SECONDS)
