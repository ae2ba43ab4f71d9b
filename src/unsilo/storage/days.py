"""The journal's bytes: one SQLite file a day, append only, compressed, fsynced before the main database is."""

import os
import sqlite3
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import msgspec

from unsilo.kernel import Envelope
from unsilo.storage.connect import connect
from unsilo.storage.faults import Hooks
from unsilo.storage.packing import squeeze, unsqueeze
from unsilo.storage.statements import load, run_rows

__all__ = ["Days", "day_of", "day_path", "read_content", "sync_directory"]

_SQL = load("content")
_STORE = load("store")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PACKED, _PLAIN = 1, 0


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


def _row(envelope: Envelope) -> tuple[str, str, bytes, int, bytes, bytes]:
    packed = squeeze(envelope.content)
    codec, body = (_PACKED, packed) if len(packed) < len(envelope.content) else (_PLAIN, envelope.content)
    head = {
        "format": envelope.format, "received_at": envelope.received_at, "headers": envelope.headers,
        "parent": envelope.parent,
    }  # fmt: skip
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
        rows = [_row(envelope) for envelope in envelopes]
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

    def close(self) -> None:
        """Close the files."""
        while self._open:
            self._open.popitem()[1].close()


def read_content(directory: Path, day: int, slot: int, digest: bytes) -> bytes | None:
    """Return the bytes of a slot, or None when they are not there; ValueError when they do not match their sha-256."""
    path = day_path(directory, day)
    if not path.exists():
        return None
    connection = connect(path, cache_mb=1, read_only=True)
    try:
        found = connection.execute(_SQL["read"], (slot,)).fetchone()
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return None
        raise
    finally:
        connection.close()
    if found is None:
        return None
    codec, body = found
    content = unsqueeze(body) if codec == _PACKED else bytes(body)
    if sha256(content).digest() != digest:
        raise ValueError(f"the bytes of day {day}, slot {slot} do not match their sha-256")
    return content
