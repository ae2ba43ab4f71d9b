"""Key rows of many resources kept in memory by SQLite and written in key order, for a population that comes at once.

Once a table is large, nearly every row goes to a page of its own. Those of sixty thousand resources, sorted, meet each
page once: with four hundred thousand in the store, a tenth of what commits of two thousand wrote; so of a larger store
more share a commit. Rows that go to few places, as the codes of a laboratory or what refers to the patient at hand, are
written at once: their pages are at hand, and it takes two thirds of the time.
"""

import sqlite3
from functools import cache
from typing import Any, Final

from unsilo.storage.keys import TABLES
from unsilo.storage.sheet import COLUMNS
from unsilo.storage.statements import load, run_flat

__all__ = ["HELD_RESOURCES", "Staging", "is_near"]

HELD_RESOURCES: Final = 2_000
"""Resources whose own rows are gathered before they are written inside the transaction of a load."""

_PLACES: Final = {"tok": 1, "uri": 1, "ref": 1, "pat": 0}
"""Tables of which rows may go to few places, and the column that says how many these are."""
_NEAR: Final = 4
"""Rows of a place from which on places are few."""

_SQL = load("resource")


def is_near(table: str, values: list[Any]) -> bool:
    """Tell whether rows that stand in one list (`sheet.COLUMNS`) go to so few pages that these stay at hand."""
    column = _PLACES.get(table)
    if column is None:
        return False
    places = values[column :: COLUMNS[table].width]
    return len(set(places)) * _NEAR <= len(places)


@cache
def _statements(table: str) -> tuple[str, str, str, str]:
    """Return what makes the place of a table's rows, adds one, moves all in the order of the key, and empties it."""
    width = COLUMNS[table].width
    names = ", ".join(f"c{n}" for n in range(width))
    into, _, rest = _SQL[f"add_{table}"].partition(f"VALUES ({', '.join('?' * width)})")
    return (
        f"CREATE TEMP TABLE IF NOT EXISTS staged_{table} ({names})",
        f"INSERT INTO temp.staged_{table} VALUES ({', '.join('?' * width)})",  # noqa: S608 - names of this room
        f"{into} SELECT {names} FROM temp.staged_{table} WHERE TRUE ORDER BY {names}{rest}",  # noqa: S608
        f"DELETE FROM temp.staged_{table}",  # noqa: S608
    )


class Staging:
    """The rows that one transaction holds back; it ends with them written, or undone with it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._held: set[str] = set()

    def add(self, table: str, values: list[Any]) -> None:
        """Hold rows that stand in one list (`sheet.COLUMNS`)."""
        make, put, _, _ = _statements(table)
        if table not in self._held:
            self._connection.execute(make)
            self._held.add(table)
        run_flat(self._connection, put, COLUMNS[table].width, values)

    def merge(self) -> None:
        """Write what is held, so that searches of this transaction see it.

        The tables are asked each time: where the job that had this done failed, its savepoint gave the rows back.
        """
        for table in TABLES:
            if table in self._held:
                _, _, move, empty = _statements(table)
                self._connection.execute(move)
                self._connection.execute(empty)
