"""The dictionaries shared by all processes: a new word gets its number from the database at once."""

from collections.abc import Callable
from typing import Any

from unsilo.storage.counters import Counters
from unsilo.storage.names import Names
from unsilo.storage.pending import Pending
from unsilo.storage.postgres.session import Session
from unsilo.storage.postgres.translate import own

__all__ = ["BlockCounters", "SharedNames"]

_SQL = own("names")
_RES = own("resource")
_BLOCK = 256


class SharedNames(Names):
    """A word's number is committed before it is used, by a connection of its own, and never changes."""

    def __init__(self, side: Callable[[], Session]) -> None:
        super().__init__()
        self._side = side

    def _number(self, table: str, word: Any) -> int:
        known = self._known[table]
        number = known.get(word)
        if number is None:
            session = self._side()
            row = session.run(_SQL[f"{table}_find"], (word,)).fetchone()
            if row is None:  # another process wrote it between the two halves of the statement
                row = session.run(_SQL[f"{table}_find"], (word,)).fetchone()
            number = known[word] = int(row[0])
            self._text[table][number] = word
        return number

    def feed_name(self, number: int) -> str:
        """Return the feed that has a number, also one that another process has just made."""
        if number not in self._text["feed"]:
            self.load(self._side())  # type: ignore[arg-type] # what it needs of a connection, a session has
        return super().feed_name(number)

    def flush(self, connection: Any) -> None:
        """Do nothing: new words are written when they are met."""


class BlockCounters(Counters):
    """Row numbers come from a sequence in blocks, so that no two processes give out the same."""

    def __init__(self, side: Callable[[], Session]) -> None:
        super().__init__()
        self._side = side
        self._last = 0

    def remember(self, group: Pending) -> None:
        """Remember what no other process changes: not which version is current."""
        super().remember(group)
        self.heads.clear()

    def next_rid(self) -> int:
        """Return a row number that nobody else has."""
        if self.rid >= self._last:
            first = int(self._side().run(_RES["rid_block"]).fetchone()[0])
            self.rid, self._last = first, first + _BLOCK - 1
            return self.rid
        self.rid += 1
        return self.rid
