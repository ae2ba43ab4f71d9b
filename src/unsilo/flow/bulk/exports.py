"""The exports of a node: one after the other in a thread of their own, going on after a restart, removed in time."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

import msgspec

from unsilo.flow.bulk.export import export
from unsilo.flow.bulk.job import Job, Jobs
from unsilo.flow.bulk.request import Request
from unsilo.kernel import clock
from unsilo.policy import Predicate
from unsilo.storage import AuditRow, Store

__all__ = ["Exports"]

_log = logging.getLogger("unsilo.bulk")
_MOST = 100
"""Exports that are kept or wait at once."""


class Exports:
    """Starts, resumes, tells and removes exports."""

    def __init__(self, store: Store, jobs: Jobs, vocabulary: Callable[[], Any], hours: int) -> None:
        self.store, self.jobs = store, jobs
        self.keep_for = hours * 3600 * 1_000_000
        self._vocabulary = vocabulary
        self._predicate: Callable[[str], Predicate] | None = None
        self._waiting: deque[str] = deque()
        self._current: Job | None = None
        self._wake = threading.Condition()
        self._stop = threading.Event()
        self._cancel = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, predicate: Callable[[str], Predicate]) -> None:
        """Begin: what a former run left in the middle goes on. `predicate` gives what the holder of a job may see."""
        self._predicate = predicate
        self._waiting.extend(job.id for job in self.jobs.all() if job.state == "running")
        if self._waiting:
            self._awake()

    def _awake(self) -> None:
        """Have the thread that works, and tell it that there is something to do."""
        with self._wake:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="exports", daemon=True)
                self._thread.start()
            self._wake.notify_all()

    def stop(self) -> None:
        """Stop between two pieces; what is written stays, and goes on with the next start."""
        self._stop.set()
        self._cancel.set()
        with self._wake:
            self._wake.notify_all()
        if self._thread is not None:
            self._thread.join(10)

    def ask(self, actor: str, url: str, request: Request) -> Job | None:
        """Take an export; None when too many are kept or wait."""
        self.expire()
        if len(list(self.jobs.all())) >= _MOST:
            return None
        job = self.jobs.start(actor, url, request)
        with self._wake:
            self._waiting.append(job.id)
        self._awake()
        return job

    def get(self, id_: str, actor: str) -> Job | None:
        """Return a job of a client, as far as it is now; nobody sees another's."""
        current = self._current
        job = current if current is not None and current.id == id_ else self.jobs.get(id_)
        return job if job is not None and job.actor == actor and job.state != "cancelled" else None

    def cancel(self, id_: str) -> None:
        """Stop and remove a job with its files."""
        with self._wake:
            if id_ in self._waiting:
                self._waiting.remove(id_)
            if self._current is not None and self._current.id == id_:
                self._current.state = "cancelled"
                self._cancel.set()
                return
        self.jobs.remove(id_)

    def expires(self, job: Job) -> int:
        """Return when the files of a finished job are removed (microseconds)."""
        return job.finished + self.keep_for

    def expire(self) -> None:
        """Remove what is older than it may be."""
        now = clock.now()
        for job in self.jobs.all():
            if job.state != "running" and self.expires(job) < now:
                self.jobs.remove(job.id)

    def _work(self) -> None:
        while not self._stop.is_set():
            with self._wake:
                while not self._waiting and not self._stop.is_set():
                    self._wake.wait(60)
                    self.expire()
                if self._stop.is_set():
                    return
                job = self.jobs.get(self._waiting.popleft())
                self._current = job
                self._cancel.clear()
            if job is not None:
                self._run(job)

    def _run(self, job: Job) -> None:
        try:
            if self._predicate is None:
                raise RuntimeError("exports were not started")
            view = self.store.view()
            whole = export(self.jobs, job, view, self._predicate(job.actor), self._vocabulary(), self._cancel)
            if whole and self._done(job):
                what = f"{job.written} resources by export {job.id}"
                self.store.audit(AuditRow(job.actor, "export", 0, what, "api", at=clock.now())).result(30)
        except Exception as fault:  # noqa: BLE001 - one export must not end the others; the client is told
            _log.exception("an export failed")
            with self._wake:
                if job.state == "running":
                    job.state, job.error, job.finished = "failed", type(fault).__name__, clock.now()
                    self.jobs.keep(job)
        with self._wake:
            if self._current is not None and self._current.state == "cancelled":
                self.jobs.remove(job.id)
            self._current = None

    def _done(self, job: Job) -> bool:
        """Say that a job is done, once that is certain; False when it was cancelled in the meantime."""
        with self._wake:
            if job.state != "running":
                return False
            done = msgspec.structs.replace(job, state="done", finished=clock.now())
            self.jobs.keep(done)
            self._current, job.state = done, "done"
            return True
