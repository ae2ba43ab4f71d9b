"""Runs the parts of a long calculation in processes of their own, which see what this one knows without a copy."""

import multiprocessing
import os
import pickle
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import TypeVar

__all__ = ["Processes", "processors"]

T = TypeVar("T")


class WorkerFailedError(RuntimeError):
    """A worker process ended before its work was done."""


def processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _run(work: Callable[[int], T], part: int, out: Connection) -> None:
    with out:
        out.send_bytes(pickle.dumps(work(part), protocol=5))


class Processes:
    """Work in `parts` forked processes at once; what they return comes back by a pipe.

    Only where processes can be forked (Linux); elsewhere, and with one part, the work is done here.
    """

    def __init__(self, parts: int) -> None:
        self.parts = parts if sys.platform == "linux" else 1

    def __call__(self, work: Callable[[int], T]) -> list[T]:
        """Return what `work(0)` to `work(parts - 1)` return; WorkerFailedError when a process dies."""
        if self.parts == 1:
            return [work(0)]
        fork = multiprocessing.get_context("fork")
        started = []
        for part in range(self.parts):
            ours, theirs = fork.Pipe(duplex=False)
            process = fork.Process(target=_run, args=(work, part, theirs), daemon=True)
            process.start()
            theirs.close()
            started.append((process, ours))
        found = []
        try:
            for _, pipe in started:
                found.append(pickle.loads(pipe.recv_bytes()))  # noqa: S301 - from a process of our own
        except EOFError:
            raise WorkerFailedError from None
        finally:
            for process, pipe in started:
                pipe.close()
                if len(found) < self.parts:
                    process.kill()
                process.join()
        return found
