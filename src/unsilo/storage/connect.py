"""Opens SQLite connections the way the store needs them, and lends the reading ones to threads."""

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import quote

from unsilo.storage.faults import TooLongError
from unsilo.storage.packing import clean
from unsilo.storage.render.dialect import SQLITE, Dialect

__all__ = ["Readers", "connect"]

_STEPS = 50_000  # of SQLite's machine between two looks at the clock: some milliseconds
_LARGEST = (1 << 63) - 1
_PATIENCE_SECONDS = 30
"""How long a connection waits for another process that writes: longer than a commit of a load takes."""
_OLDEST = (3, 37, 0)  # STRICT tables


def connect(path: Path, *, cache_mb: int = 8, read_only: bool = False) -> sqlite3.Connection:
    """Open a store file: WAL, synchronous=FULL (every commit is fsynced), no memory map (a bad disk must be an error).

    Transactions are begun and ended by hand. RuntimeError when the SQLite library is too old.
    """
    if sqlite3.sqlite_version_info < _OLDEST:
        raise RuntimeError(f"SQLite {'.'.join(map(str, _OLDEST))} or newer is needed, here is {sqlite3.sqlite_version}")
    # A reader never makes a file: one that retention removed a moment ago stays removed.
    place = f"file:{quote(str(path))}?mode={'rw' if read_only else 'rwc'}"
    connection = sqlite3.connect(
        place, timeout=_PATIENCE_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=400, uri=True
    )
    try:
        # Most pages of the indexes that a commit touches get one row: small ones are less to write. Only of new files.
        connection.execute("PRAGMA page_size = 4096")
        connection.execute(f"PRAGMA busy_timeout = {_PATIENCE_SECONDS * 1000}")
        connection.execute("PRAGMA journal_mode = WAL").fetchone()
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = FAST")
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA temp_store = MEMORY")  # no patient data in temporary files
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute(f"PRAGMA cache_size = -{cache_mb * 1024}")
        if read_only:
            connection.execute("PRAGMA query_only = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def _fit(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    return min(max(value, -_LARGEST), _LARGEST) if isinstance(value, int) else value


def _run(connection: sqlite3.Connection, sql: str, values: Sequence[Any]) -> sqlite3.Cursor:
    try:
        return connection.execute(sql, values)
    except (UnicodeEncodeError, OverflowError):  # what was typed cannot be in the store, which finds nothing then
        return connection.execute(sql, [_fit(value) for value in values])


class Readers:
    """Reading connections, opened as they are needed (at most `most`), lent to one thread at a time."""

    dialect: Dialect = SQLITE
    """How searches are said to these connections."""

    def __init__(
        self, path: Path, most: int, prepare: Callable[[sqlite3.Connection], None] = lambda _connection: None
    ) -> None:
        self._path = path
        self._prepare = prepare
        self._idle: list[sqlite3.Connection | None] = [None] * most
        self._free = threading.Condition()
        self._waiting = 0
        self._most = most

    def _take(self) -> sqlite3.Connection:
        """Take a connection; waits while all are in use."""
        try:
            connection = self._idle.pop()  # one step of the interpreter: no lock where nobody waits
        except IndexError:
            connection = self._wait()
        if connection is not None:
            return connection
        try:
            connection = connect(self._path, cache_mb=16, read_only=True)
            self._prepare(connection)
        except BaseException:
            self._give(None)
            raise
        return connection

    def _wait(self) -> sqlite3.Connection | None:
        with self._free:
            self._waiting += 1  # from here on whoever gives one back says so
            try:
                while True:
                    try:
                        return self._idle.pop()
                    except IndexError:
                        self._free.wait()
            finally:
                self._waiting -= 1

    def _give(self, connection: sqlite3.Connection | None) -> None:
        self._idle.append(connection)
        if self._waiting:
            with self._free:
                self._free.notify()

    @contextmanager
    def lend(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection; waits while all are in use."""
        connection = self._take()
        try:
            yield connection
        finally:
            self._give(connection)

    @contextmanager
    def moment(self, seconds: float = 0) -> Iterator[Callable[[str, Sequence[Any]], list[Any]]]:
        """Lend a way to run several statements that all see the same moment.

        TooLongError when they take more than `seconds`, 0 for as long as they need.
        """
        with self.lend() as connection:
            if seconds:
                end = monotonic() + seconds
                connection.set_progress_handler(lambda: monotonic() > end, _STEPS)
            connection.execute("BEGIN")
            try:
                yield lambda sql, values: _run(connection, sql, values).fetchall()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                    raise TooLongError(f"more than {seconds:g} seconds") from None
                raise
            finally:
                connection.set_progress_handler(None, 0)
                connection.execute("COMMIT")

    def alone(self, sql: str, values: Sequence[Any], seconds: float) -> list[Any]:
        """Run one statement, which sees one moment by itself; TooLongError as of `moment`."""
        if not seconds:
            return self.rows(sql, values)
        connection = self._take()
        end = monotonic() + seconds
        connection.set_progress_handler(lambda: monotonic() > end, _STEPS)
        try:
            return _run(connection, sql, values).fetchall()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                raise TooLongError(f"more than {seconds:g} seconds") from None
            raise
        finally:
            connection.set_progress_handler(None, 0)
            self._give(connection)

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """Run one statement and return all its rows."""
        connection = self._take()
        try:
            return _run(connection, sql, values).fetchall()
        finally:
            self._give(connection)

    def row(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """Run one statement and return its first row or None."""
        connection = self._take()
        try:
            return _run(connection, sql, values).fetchone()
        finally:
            self._give(connection)

    def close(self) -> None:
        """Close every connection; waits for those that are lent."""
        for _ in range(self._most):
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = self._wait()
            if connection is not None:
                connection.close()
