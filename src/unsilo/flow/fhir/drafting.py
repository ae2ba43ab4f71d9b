"""The drafting processes as the node sees them: a transaction goes out as bytes and comes back ready for the writer.

They are started by the first transaction that is worth it. What they cannot do, or do not live to do, the node does
itself: an answer of None says so.
"""

import logging
import subprocess
import sys
import threading
import time
from collections import deque
from concurrent.futures import Future
from queue import SimpleQueue

import msgspec

from unsilo.config import Settings
from unsilo.flow.fhir.ahead import Ahead
from unsilo.flow.fhir.drafter import Hello, decode_answer
from unsilo.flow.work.worker import word

__all__ = ["COMMAND", "Drafting"]

_log = logging.getLogger("unsilo.drafting")

COMMAND = [sys.executable, "-m", "unsilo.flow.fhir.drafter"]
"""How a drafting process is started."""

_LEAST, _MOST = 8 * 1024, 4 * 1024 * 1024
"""Bytes between which the way to another process pays, and holds nobody else up for long."""
_ENOUGH = 2
"""Transactions that a process has at hand when another one would help."""
_SECONDS = 60.0
"""Time for one transaction, after which its process is ended."""
_PAUSE = 30.0
"""Seconds before a process that could not work is started again."""


class _Process:
    """One process with a thread that writes and one that reads; `waiting` holds what it was given, in order."""

    def __init__(self, hello: bytes) -> None:
        self.waiting: deque[tuple[float, Future[Ahead | None]]] = deque()
        self.ready = False
        self.gone = False
        self._out: SimpleQueue[bytes | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._process = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603
        self._out.put(hello)
        works = (self._say, self._hear)
        self._threads = [threading.Thread(target=work, name="drafting", daemon=True) for work in works]
        for thread in self._threads:
            thread.start()

    def give(self, content: bytes) -> Future[Ahead | None]:
        future: Future[Ahead | None] = Future()
        with self._lock:
            if self.gone:
                future.set_result(None)
                return future
            self.waiting.append((time.monotonic(), future))
            self._out.put(content)
        return future

    def _say(self) -> None:
        pipe = self._process.stdin
        while pipe is not None and (content := self._out.get()) is not None:
            try:
                pipe.write(len(content).to_bytes(4, "big") + content)
                pipe.flush()
            except OSError:
                break

    def _hear(self) -> None:
        pipe = self._process.stdout
        while pipe is not None and (content := word(pipe)) is not None:
            if not content:
                self.ready = True
                continue
            _since, future = self.waiting.popleft()
            try:
                future.set_result(decode_answer(content))
            except msgspec.MsgspecError:
                _log.error("an answer of a drafting process could not be read")
                future.set_result(None)
        with self._lock:
            self.gone = True
            left = [future for _since, future in self.waiting]
            self.waiting.clear()
        for future in left:
            future.set_result(None)

    @property
    def overdue(self) -> bool:
        """True when what it is at takes too long."""
        try:
            return time.monotonic() - self.waiting[0][0] > _SECONDS
        except IndexError:
            return False

    def stop(self) -> None:
        """End it; what it was given is answered with None."""
        self._process.kill()
        self._out.put(None)
        self._process.wait()
        for thread in self._threads:
            thread.join(5)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:  # what was not written yet
                    continue


class Drafting:
    """Thread-safe."""

    def __init__(self, settings: Settings) -> None:
        form = settings.validation.on_write == "form"
        self._hello = msgspec.msgpack.encode(Hello(settings.http.limit_bytes, settings.http.limit_entries, form))
        self._many = settings.helper_count
        self._lock = threading.Lock()
        self._processes: list[_Process] = []
        self._start_at = 0.0
        self._stopped = False

    @staticmethod
    def pays(content: bytes) -> bool:
        """Tell whether a body is worth the way."""
        return _LEAST <= len(content) <= _MOST and b'"transaction"' in content

    def submit(self, content: bytes) -> Future[Ahead | None]:
        """Draft a transaction; None (soon, while the processes start) when the caller has to do it."""
        with self._lock:
            ready = self._running()
        process = min(ready, key=lambda one: len(one.waiting), default=None)
        if process is None:
            future: Future[Ahead | None] = Future()
            future.set_result(None)
            return future
        return process.give(content)

    def _running(self) -> list[_Process]:
        """Return the processes that can work; one more is started while all that there are have enough to do."""
        for process in [one for one in self._processes if one.gone or one.overdue]:
            _log.error("drafting process ended")
            self._processes.remove(process)
            self._start_at = time.monotonic() + _PAUSE
            threading.Thread(target=process.stop, daemon=True).start()
        if self._stopped or time.monotonic() < self._start_at or len(self._processes) >= self._many:
            return [one for one in self._processes if one.ready]
        if all(one.ready and len(one.waiting) >= _ENOUGH for one in self._processes):
            self._processes.append(_Process(self._hello))
        return [one for one in self._processes if one.ready]

    def stop(self) -> None:
        """End the processes."""
        with self._lock:
            self._stopped = True
            processes, self._processes = self._processes, []
        for process in processes:
            process.stop()
