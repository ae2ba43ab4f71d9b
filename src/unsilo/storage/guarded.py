"""The connection that writes: known to be good before each group, opened anew and compared after a fault."""

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from unsilo.storage.bodies import Dictionary
from unsilo.storage.connect import connect
from unsilo.storage.counters import Counters
from unsilo.storage.days import Days
from unsilo.storage.faults import Hooks, NotDurableError, is_storage_fault
from unsilo.storage.functions import prepare
from unsilo.storage.names import Names
from unsilo.storage.reserve import Reserve
from unsilo.storage.statements import load
from unsilo.storage.waiting import fail

__all__ = ["Guarded"]

_RETRY_SECONDS = 0.05
_RES, _MSG, _STORE, _DICTIONARY = load("resource"), load("message"), load("store"), load("dictionary")


class Guarded:
    """Begins and commits transactions, and hears first of a disk that fails or is full."""

    def __init__(self, directory: Path, hooks: Hooks, reserve: Reserve | None) -> None:
        self._directory = directory
        self.reserve = reserve or Reserve(directory, None)
        self._hooks = hooks
        self._connection: sqlite3.Connection | None = None
        self._days = Days(directory, hooks)
        self._names = Names()
        self._counters = Counters()
        self._version = -1
        self._reloads = 0
        self._acknowledged = 0
        self._broken = False
        self.on_commit: Callable[[], None] | None = None
        self.behind = threading.Event()

    def _guarded(
        self, futures: list["Future[Any]"], act: Callable[[], None], *, urgent: bool = False
    ) -> BaseException | None:
        """Act on a healthy connection. A fault of the disk fails the futures and asks for a check before the next.

        Of a full disk, what is `urgent` hears only when the reserve is used up: till then it is tried again.
        """
        try:
            self._ready()
            act()
        except BaseException as error:  # noqa: BLE001  # the thread must live on, and every future must hear of it
            self._undo()
            if is_storage_fault(error):
                self._broken = True
                if self.reserve.release(error) and urgent:
                    return self._guarded(futures, act, urgent=True)
                if not isinstance(error, NotDurableError):
                    fault = NotDurableError(f"the store could not be written: {error}")
                    fault.__cause__ = error
                    error = fault
                for future in futures:
                    fail(future, error)
                if self._connection is None:
                    time.sleep(_RETRY_SECONDS)
            return error
        return None

    def _undo(self) -> None:
        self._version = -1  # dictionaries and numbers are read anew
        if self._connection is not None:
            try:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
            except sqlite3.Error:
                self._broken = True

    def _shut(self) -> None:
        self._days.close()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _ready(self) -> None:
        """Have a connection that is known to be good: after a fault it is opened anew, probed and compared first."""
        if self._connection is not None and not self._broken:
            return
        try:
            self._shut()
        except sqlite3.Error:
            self._connection = None
        connection = connect(self._directory / "unsilo.db", cache_mb=64)
        prepare(connection)
        try:
            if self._broken:
                with contextlib.suppress(sqlite3.Error):  # a log that starts over needs no more room
                    connection.execute(_STORE["checkpoint"]).fetchone()
                connection.execute("BEGIN IMMEDIATE")
                connection.execute(_STORE["probe"])
                self._hooks.before_commit("main")
                connection.execute("COMMIT")
                self._hooks.after_commit("main")
                top = int(connection.execute(_MSG["top_mid"]).fetchone()[0])
                if top < self._acknowledged:
                    raise NotDurableError(f"message {self._acknowledged} was acknowledged and is not there any more")
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        self._broken = False
        self._version = -1

    def _begin(self) -> sqlite3.Connection:
        """Begin a transaction; numbers and dictionaries are read anew when somebody else may have written."""
        connection = self._connection
        if connection is None:
            raise NotDurableError("the store is not open")
        if self.behind.is_set():
            self.behind.clear()
            connection.execute(_STORE["checkpoint"]).fetchone()
            self._days.checkpoint()
        connection.execute("BEGIN IMMEDIATE")
        version = int(connection.execute(_STORE["data_version"]).fetchone()[0])
        if version != self._version:
            self._reloads += 1
            self._names.load(connection)
            self._counters.rid = int(connection.execute(_RES["top_rid"]).fetchone()[0])
            self._counters.mid = int(connection.execute(_MSG["top_mid"]).fetchone()[0])
            self._counters.forget()
            self._counters.packers = {
                row[1]: Dictionary(row[0], row[2]) for row in connection.execute(_DICTIONARY["all"]).fetchall()
            }
            self._counters.t, self._counters.at = connection.execute(_RES["top_t"]).fetchone()
            self._version = version
        return connection

    def _commit(self, connection: sqlite3.Connection) -> None:
        self._names.flush(connection)
        self._hooks.before_commit("main")
        connection.execute("COMMIT")
        self._hooks.after_commit("main")
        self._names.settle()
        if self.on_commit is not None:
            self.on_commit()
