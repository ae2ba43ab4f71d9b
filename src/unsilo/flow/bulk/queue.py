"""The exports or imports of a node: one after the other in a thread of their own, going on after a restart, removed in
time."""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections import deque
from typing import Generic

import msgspec

from unsilo.flow.bulk.job import J, Jobs
from unsilo.kernel import clock
from unsilo.storage import AuditRow, Store

__all__ = ["Queue"]

_log = logging.getLogger("unsilo.bulk")
_MOST = 100
"""Jobs of a kind that are kept or wait at once."""


class Queue(ABC, Generic[J]):
    """Starts, resumes, tells and removes jobs of one kind; what a job does is `work`."""

    what = "job"
    """Name of the kind, for the audit trail and the log."""

    def __init__(self, store: Store, jobs: Jobs[J], hours: int) -> None:
        self.store, self.jobs = store, jobs
        self.keep_for = hours * 3600 * 1_000_000
        self._waiting: deque[str] = deque()
        self._current: J | None = None
        self._wake = threading.Condition()
        self._stop = threading.Event()
        self._cancel = threading.Event()
        self._thread: threading.Thread | None = None

    @abstractmethod
    def work(self, job: J, stop: threading.Event) -> str:
        """Do what is left of a job; return what to say of it in the audit trail, nothing when `stop` ended it early."""

    def resume(self) -> None:
        """Begin: what a former run left in the middle goes on."""
        self._waiting.extend(job.id for job in self.jobs.all() if job.state == "running")
        if self._waiting:
            self._awake()

    def _awake(self) -> None:
        """Have the thread that works, and tell it that there is something to do."""
        with self._wake:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=f"{self.what}s", daemon=True)
                self._thread.start()
            self._wake.notify_all()

    def stop(self) -> None:
        """Stop between two pieces; what is done stays, and the rest goes on with the next start."""
        self._stop.set()
        self._cancel.set()
        with self._wake:
            self._wake.notify_all()
        if self._thread is not None:
            self._thread.join(10)

    def take(self, job: J) -> J | None:
        """Take a job; None when too many are kept or wait."""
        self.expire()
        if len(list(self.jobs.all())) >= _MOST:
            return None
        self.jobs.start(job)
        with self._wake:
            self._waiting.append(job.id)
        self._awake()
        return job

    def get(self, id_: str, actor: str) -> J | None:
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

    def expires(self, job: J) -> int:
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

    def _run(self, job: J) -> None:
        try:
            said = self.work(job, self._cancel)
            if said and self._done(job):
                self.store.audit(AuditRow(job.actor, self.what, 0, said, "api", at=clock.now())).result(30)
        except Exception as fault:  # noqa: BLE001 - one job must not end the others; the client is told
            with self._wake:
                if job.state == "running" and not self._stop.is_set():  # what a stop breaks goes on after it
                    _log.exception("an %s failed", self.what)
                    job.error, job.finished, job.state = type(fault).__name__, clock.now(), "failed"
                    self.jobs.keep(job)
        with self._wake:
            if self._current is not None and self._current.state == "cancelled":
                self.jobs.remove(job.id)
            self._current = None

    def _done(self, job: J) -> bool:
        """Say that a job is done, once that is certain; False when it was cancelled in the meantime."""
        with self._wake:
            if job.state != "running":
                return False
            done = msgspec.structs.replace(job, state="done", finished=clock.now())
            self.jobs.keep(done)
            job.finished = done.finished  # whoever holds the job already sees it done with its time, never without
            self._current, job.state = done, "done"
            return True
