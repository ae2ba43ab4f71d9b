"""The worker processes as their dispatcher sees them: words go out without blocking, answers come in order."""

import fcntl
import os
import subprocess
import sys
import time
from collections import deque
from contextlib import suppress
from typing import IO

from unsilo.config import Settings
from unsilo.flow.live_feed import NONE, Published
from unsilo.flow.work.wire import Hello, Job, Unframer, encode

__all__ = ["COMMAND", "Worker"]

COMMAND = [sys.executable, "-m", "unsilo.flow.work.worker"]
"""How a worker is started."""


_BEHIND = 5
"""How far the worker stands back (nice) that shares a core with who receives and answers; it is not to stand still."""
_PIPE_BYTES = 1_048_576
"""What a pipe holds: some thirty answers, so that a worker goes on while the dispatcher does something else."""

_READ_BYTES = 262_144


def _widen(*pipes: IO[bytes]) -> None:
    """Let pipes hold more, where the system can do that and has room for it."""
    if sys.platform == "linux":
        for pipe in pipes:
            with suppress(OSError):
                fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


class Worker:
    """One process. `jobs` holds the numbers of what it was given and has not answered, the first being in work.

    `maps` is the version of the decisions about codes that it has, `overlays` that of the published overlays;
    `behind` tells that it takes what others leave of the processors.
    """

    def __init__(self, settings: Settings, overlays: Published = NONE, *, behind: bool = False) -> None:
        self.settings, self.behind = settings, behind
        self.jobs: deque[int] = deque()
        self.since = time.monotonic()
        self.ready = False
        self.maps = 0
        self.overlays = overlays.number
        self._out = bytearray()
        self._unframer = Unframer()
        self.process = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)  # noqa: S603
        if behind:
            os.setpriority(os.PRIO_PROCESS, self.process.pid, _BEHIND)
        if self.process.stdin is None or self.process.stdout is None:
            raise RuntimeError("a worker without pipes")
        self._in, self._from = self.process.stdin, self.process.stdout
        os.set_blocking(self._in.fileno(), False)
        os.set_blocking(self._from.fileno(), False)
        _widen(self._in, self._from)
        self._out += encode(Hello(list(settings.feeds.values()), str(settings.cache_folder.resolve()), overlays))
        self.push()

    @property
    def reads(self) -> int:
        """The file descriptor that becomes readable with an answer."""
        return self._from.fileno()

    @property
    def writes(self) -> int:
        """The file descriptor to wait for while `full`."""
        return self._in.fileno()

    @property
    def full(self) -> bool:
        """True while bytes wait for the pipe."""
        return bool(self._out)

    def give(self, job: Job) -> None:
        """Take a job for the worker; it goes out with the next `push`, and others with it."""
        if job.maps is not None:
            self.maps = job.maps.version
        if job.overlays is not None:
            self.overlays = job.overlays.number
        if not self.jobs:
            self.since = time.monotonic()
        self.jobs.append(job.mid)
        self._out += encode(job)

    def push(self) -> None:
        """Write what the pipe takes; a broken pipe is found by reading."""
        while self._out:
            try:
                written = os.write(self._in.fileno(), self._out[:262_144])
            except BlockingIOError:
                return
            except OSError:
                self._out.clear()
                return
            del self._out[:written]

    def pull(self) -> list[bytes] | None:
        """Return the answers that are here; None when the process is gone."""
        words: list[bytes] = []
        while True:
            try:
                data = os.read(self._from.fileno(), _READ_BYTES)
            except BlockingIOError:
                return words
            except OSError:
                return words or None
            if not data:
                return words or None
            words += self._unframer.feed(data)
            if len(data) < _READ_BYTES:
                return words

    def answered(self, mid: int) -> None:
        """Note that a job has its answer."""
        if self.jobs and self.jobs[0] == mid:
            self.jobs.popleft()
        elif mid in self.jobs:
            self.jobs.remove(mid)
        self.since = time.monotonic()

    @property
    def overdue(self) -> bool:
        """True when the job in work takes longer than a message may."""
        return bool(self.jobs) and time.monotonic() - self.since > self.settings.message_seconds

    def kill(self) -> None:
        """End the process at once."""
        self.process.kill()
        self._close()

    def stop(self, patience: float = 2.0) -> None:
        """Let the process end by itself, then end it."""
        self._in.close()
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self._close()

    def _close(self) -> None:
        self.process.wait()
        self._in.close()
        self._from.close()
