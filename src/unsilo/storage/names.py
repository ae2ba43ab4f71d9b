"""The dictionaries in memory: feeds, resource types, code systems and key kinds as small integers."""

import sqlite3
from collections import defaultdict
from typing import Any

from unsilo.storage.packing import clean
from unsilo.storage.statements import load, run_rows

__all__ = ["FOREIGN", "Names"]

FOREIGN = 1000
"""Numbers of types that R4 does not have begin here; those of R4 are in the table from the start."""
_SQL = load("names")
_TABLES = ("feed", "resource_type", "system", "key_kind")


class Names:
    """Word -> number for the writer; a new word gets the next number and its row goes with the next flush.

    A word that a failed job brought stays: it does no harm and its row is written with whatever commits next.
    """

    def __init__(self) -> None:
        self._known: dict[str, dict[Any, int]] = {}
        self._text: dict[str, dict[int, Any]] = {}
        self._new: dict[str, list[tuple[Any, ...]]] = defaultdict(list)

    def load(self, connection: sqlite3.Connection) -> None:
        """Read all dictionaries anew (at open, after a failed commit, after another process wrote)."""
        self._new.clear()
        for table in _TABLES:
            rows = connection.execute(_SQL[f"{table}_all"]).fetchall()
            self._known[table] = {row[1]: row[0] for row in rows}
            self._text[table] = {number: word for word, number in self._known[table].items()}

    def _number(self, table: str, word: Any) -> int:
        known = self._known[table]
        number = known.get(word)
        if number is None:
            number = known[word] = len(known) + (FOREIGN if table == "resource_type" else 1)
            self._text[table][number] = word
            self._new[table].append((number, word))
        return number

    def feed(self, name: str) -> int:
        """Return the number of a feed."""
        return self._number("feed", name)

    def feed_name(self, number: int) -> str:
        """Return the feed that has a number."""
        return str(self._text["feed"][number])

    def type(self, name: str) -> int:
        """Return the number of a resource type."""
        return self._number("resource_type", name)

    def type_name(self, number: int) -> str:
        """Return the resource type that has a number."""
        return str(self._text["resource_type"][number])

    def system(self, uri: str) -> int:
        """Return the number of a code system; 0 for none."""
        return self._number("system", clean(uri)) if uri else 0

    def key_kind(self, name: str) -> int:
        """Return the number of a kind of business key."""
        return self._number("key_kind", name)

    def flush(self, connection: sqlite3.Connection) -> None:
        """Write the rows of new words in the open transaction; `settle` forgets them once that is committed."""
        for table, rows in self._new.items():
            run_rows(connection, _SQL[f"{table}_insert"], rows)

    def settle(self) -> None:
        """The transaction that held the new words is committed."""
        self._new.clear()
