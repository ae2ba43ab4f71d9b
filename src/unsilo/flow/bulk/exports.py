"""The exports of a node."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from unsilo.flow.bulk.export import export
from unsilo.flow.bulk.job import Job, Jobs
from unsilo.flow.bulk.queue import Queue
from unsilo.flow.bulk.request import Request
from unsilo.policy import Predicate
from unsilo.storage import Store

__all__ = ["Exports"]


class Exports(Queue[Job]):
    """Starts, resumes, tells and removes exports."""

    what = "export"

    def __init__(self, store: Store, jobs: Jobs[Job], vocabulary: Callable[[], Any], hours: int) -> None:
        super().__init__(store, jobs, hours)
        self._vocabulary = vocabulary
        self._predicate: Callable[[str], Predicate] | None = None

    def start(self, predicate: Callable[[str], Predicate]) -> None:
        """Begin. `predicate` gives what the holder of a job may see."""
        self._predicate = predicate
        self.resume()

    def ask(self, actor: str, url: str, request: Request) -> Job | None:
        """Take an export; None when too many are kept or wait."""
        return self.take(Job(actor=actor, url=url, request=request))

    def work(self, job: Job, stop: threading.Event) -> str:
        """Write what is left of an export."""
        if self._predicate is None:
            raise RuntimeError("exports were not started")
        view = self.store.view()
        whole = export(self.jobs, job, view, self._predicate(job.actor), self._vocabulary(), stop)
        return f"{job.written} resources by export {job.id}" if whole else ""
