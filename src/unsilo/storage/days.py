"""The journal's bytes: one SQLite file a day, append only, compressed, fsynced before the main database is."""

import os
import sqlite3
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import zstandard

from unsilo.kernel import Envelope
from unsilo.storage.connect import connect
from unsilo.storage.faults import Hooks
from unsilo.storage.packing import squeeze, unsqueeze
from unsilo.storage.statements import load, run_rows

__all__ = ["DayReader", "Days", "Head", "content_row", "day_of", "day_path", "erase", "sync_directory"]

_SQL = load("content")
_STORE = load("store")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PACKED, _PLAIN = 1, 0
_READ_OPEN = 4


class Head(msgspec.Struct):
    """What a day file says of a piece besides its bytes, so that it can be read without the main database."""

    format: str
    received_at: int
    headers: dict[str, str]
    parent: str


def day_of(at: int) -> int:
    """Return the UTC day of a time in microseconds, as 20260131."""
    when = _EPOCH + timedelta(microseconds=at)
    return when.year * 10_000 + when.month * 100 + when.day


def day_path(directory: Path, day: int) -> Path:
    """Return the file that holds the bytes of a day."""
    text = f"{day:08d}"
    return directory / "journal" / f"{text[:4]}-{text[4:6]}-{text[6:]}.db"


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def erase(directory: Path, day: int, feed: str, *, kept: bool, slots: Sequence[int] = ()) -> None:
    """Remove the file of a day, or (when bytes are `kept` in it) those of one feed ("": of all) but for `slots`."""
    path = day_path(directory, day)
    if not path.exists():
        return
    if kept:
        connection = connect(path)
        try:
            connection.execute(_SQL["drop_feed"], (feed, msgspec.json.encode(slots).decode()))
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        finally:
            connection.close()
        return
    for suffix in ("-wal", "-shm", ""):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    sync_directory(path.parent)


def content_row(envelope: Envelope) -> tuple[str, str, bytes, int, bytes, bytes]:
    """Return (id, feed, sha256, codec, head, body) as a piece is kept: compressed where that is shorter."""
    packed = squeeze(envelope.content)
    codec, body = (_PACKED, packed) if len(packed) < len(envelope.content) else (_PLAIN, envelope.content)
    head = Head(envelope.format, envelope.received_at, envelope.headers, envelope.parent)
    return envelope.id, envelope.feed, bytes.fromhex(envelope.sha256), codec, msgspec.msgpack.encode(head), body


class Days:
    """The writer's side of the day files; used by the writer thread only."""

    def __init__(self, directory: Path, hooks: Hooks) -> None:
        self._directory = directory
        self._hooks = hooks
        self._open: dict[int, sqlite3.Connection] = {}

    def _connection(self, day: int) -> sqlite3.Connection:
        connection = self._open.pop(day, None)
        if connection is None:
            while len(self._open) >= 2:
                self._open.pop(next(iter(self._open))).close()
            path = day_path(self._directory, day)
            fresh = not path.exists()
            connection = connect(path, cache_mb=2)
            try:
                connection.execute(_SQL["table"])
                if fresh:
                    sync_directory(path.parent)
            except BaseException:
                connection.close()
                raise
        self._open[day] = connection
        return connection

    def append(self, day: int, envelopes: list[Envelope]) -> list[int]:
        """Write the bytes of one day and fsync them; return their slots. Raises what the disk raises."""
        connection = self._connection(day)
        rows = [content_row(envelope) for envelope in envelopes]
        try:
            connection.execute("BEGIN IMMEDIATE")
            first = int(connection.execute(_SQL["top"]).fetchone()[0]) + 1
            run_rows(connection, _SQL["insert"], [(first + n, *row) for n, row in enumerate(rows)])
            self._hooks.before_commit("journal")
            connection.execute("COMMIT")
        except BaseException:
            self._open.pop(day).close()
            raise
        self._hooks.after_commit("journal")
        return list(range(first, first + len(rows)))

    def checkpoint(self) -> None:
        """Move the write-ahead logs of the open files into them."""
        for connection in self._open.values():
            connection.execute(_STORE["checkpoint"]).fetchone()

    def close(self, day: int | None = None) -> None:
        """Close the file of one day, or all."""
        for each in [day] if day is not None else list(self._open):
            connection = self._open.pop(each, None)
            if connection is not None:
                connection.close()


class DayReader:
    """The reading side: a few day files stay open; one read at a time, which lasts microseconds."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._open: dict[int, sqlite3.Connection] = {}

    def _row(self, day: int, slot: int) -> Any:
        with self._lock:
            connection = self._open.pop(day, None)
            if connection is None:
                path = day_path(self._directory, day)
                if not path.exists():
                    return None
                while len(self._open) >= _READ_OPEN:
                    self._open.pop(next(iter(self._open))).close()
                connection = connect(path, cache_mb=1, read_only=True)
            self._open[day] = connection
            return connection.execute(_SQL["read"], (slot,)).fetchone()

    def read(self, day: int, slot: int, digest: bytes) -> tuple[bytes, dict[str, str]] | None:
        """Return the bytes of a slot and their transport headers, None when they are not there.

        ValueError when the bytes do not match their sha-256.
        """
        found = self._row(day, slot)
        if found is None:
            return None
        codec, head, body = found
        try:
            content = unsqueeze(body) if codec == _PACKED else bytes(body)
        except zstandard.ZstdError:
            content = b""
        if sha256(content).digest() != digest:
            raise ValueError(f"the bytes of day {day}, slot {slot} do not match their sha-256")
        return content, msgspec.msgpack.decode(head, type=Head).headers

    def forget(self, day: int | None = None) -> None:
        """Close the file of one day, or all."""
        with self._lock:
            for each in [day] if day is not None else list(self._open):
                connection = self._open.pop(each, None)
                if connection is not None:
                    connection.close()
