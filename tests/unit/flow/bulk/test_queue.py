"""The queue of exports and imports: what whoever asked meanwhile sees of a job."""

import threading
import time
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from unsilo.flow.bulk.job import Jobs, Task
from unsilo.flow.bulk.queue import Queue


class _Slow(Queue[Task]):
    """Works until it is told to end, well or not."""

    def __init__(self, folder: Path, fault: Exception | None) -> None:
        done: Future[None] = Future()
        done.set_result(None)
        store: Any = SimpleNamespace(audit=lambda _row: done)
        super().__init__(store, Jobs(folder, Task), 24)
        self.fault, self.begun, self.go_on = fault, threading.Event(), threading.Event()

    def work(self, job: Task, stop: threading.Event) -> str:  # noqa: ARG002
        """Wait, then end."""
        self.begun.set()
        self.go_on.wait(10)
        if self.fault is not None:
            raise self.fault
        return "done"


@pytest.mark.parametrize(("fault", "state"), [(None, "done"), (ValueError("no"), "failed")])
def test_a_job_that_was_asked_for_while_it_ran_says_when_it_ended(
    tmp_path: Path, fault: Exception | None, state: str
) -> None:  # fmt: skip
    """A status that is told between two steps of the end has its moment: files expire a day after it, not in 1970."""
    queue = _Slow(tmp_path, fault)
    job = queue.take(Task(actor="client", url="$export"))
    assert job is not None
    assert queue.begun.wait(10)
    held = queue.get(job.id, "client")
    assert held is not None
    queue.go_on.set()
    until = time.monotonic() + 10
    while held.state == "running" and time.monotonic() < until:
        time.sleep(0.005)
    queue.stop()
    assert (held.state, bool(held.finished)) == (state, True)
    assert held.finished == queue.jobs.get(job.id).finished  # type: ignore[union-attr]
