"""Moves the write-ahead logs into their files beside the writer, so that no commit has to wait for it."""

import contextlib
import shutil
import sqlite3
import threading
from datetime import UTC, datetime
from pathlib import Path

from unsilo.storage.connect import connect
from unsilo.storage.days import day_path
from unsilo.storage.statements import load

__all__ = ["LOADED_BYTES", "Checkpointer"]

_SQL = load("store")
_PAUSE_SECONDS = 1.0
"""A page that many commits have changed is moved once: the longer the pause, the fewer pages are written twice."""
_SHORT_PAUSE_SECONDS = 0.1
_LOW_BYTES = 256 * 1024 * 1024
"""Room on the disk below which the logs are kept short: once the disk is full, they are where reads are recorded."""
_BIG_FRAMES = 2000
_LONG_FRAMES = 16_000  # 64 MB
LOADED_BYTES = 512 * 1024 * 1024
"""Of a load, each commit changes most pages of the large indexes: a log of several moves each page once."""


def _log_bytes(path: Path) -> int:
    try:
        return path.with_name(f"{path.name}-wal").stat().st_size
    except OSError:
        return 0


class Checkpointer:
    """Sleeps until something was committed.

    The log of SQLite starts over once a checkpoint has caught up with it, which under a constant load only the writer
    can do between two groups: `behind` asks it to, when the log is long and this thread has moved nearly all of it.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._committed = threading.Event()
        self._stopping = threading.Event()
        self.behind = threading.Event()
        self.left_alone = 0
        """Bytes of a log that need not be moved yet."""
        self._thread: threading.Thread | None = None
        self._open: dict[Path, sqlite3.Connection] = {}

    def committed(self) -> None:
        """Say that there is something to do."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="unsilo-checkpoint", daemon=True)
            self._thread.start()
        self._committed.set()

    def close(self) -> None:
        """Stop."""
        self._stopping.set()
        self._committed.set()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        while True:
            self._committed.wait()
            if self._stopping.is_set():
                break
            self._committed.clear()
            # A disk that fails here fails the writer's next commit too, which is where it is reported.
            with contextlib.suppress(sqlite3.Error, OSError):
                for path in self._paths():
                    if not self.left_alone or _log_bytes(path) > self.left_alone:
                        self._visit(path)
            self._stopping.wait(self._pause())
        for connection in self._open.values():
            connection.close()
        self._open.clear()

    def _pause(self) -> float:
        """Return how long to sleep: shortly where there is little room for a longer log."""
        try:
            free = shutil.disk_usage(self._directory).free
        except OSError:
            return _PAUSE_SECONDS
        return _SHORT_PAUSE_SECONDS if free < _LOW_BYTES else _PAUSE_SECONDS

    def _paths(self) -> list[Path]:
        today = datetime.now(UTC)
        day = day_path(self._directory, today.year * 10_000 + today.month * 100 + today.day)
        return [self._directory / "unsilo.db", *([day] if day.exists() else [])]

    def _visit(self, path: Path) -> None:
        connection = self._open.get(path)
        if connection is None:
            for old in [p for p in self._open if p.parent == path.parent]:
                self._open.pop(old).close()
            connection = self._open[path] = connect(path, cache_mb=1)
        for _ in range(3):  # what came in meanwhile is little, so a second or third turn catches up
            _busy, frames, done = connection.execute(_SQL["checkpoint"]).fetchone()
            if frames - done < _BIG_FRAMES:
                break
        if frames > _LONG_FRAMES:
            self.behind.set()
