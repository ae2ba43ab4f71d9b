"""A reading connection's statements through libpq itself: a cursor of the driver costs three times what it carries."""

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg import pq
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result

__all__ = ["Direct"]

_MOST_PREPARED = 400
_WORTH = 3
"""Times that a statement comes before the server is asked to keep it."""
_BINARY = pq.Format.BINARY
_GOOD = (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK)


class Direct:
    """Runs statements of a connection that nobody else runs any on, and keeps those that come again prepared.

    Values and rows are adapted as the connection says. Raises psycopg's errors.
    """

    def __init__(self, raw: psycopg.Connection[Any]) -> None:
        self._pg = raw.pgconn
        self._adapt = Transformer(raw)
        self._names: dict[tuple[str, tuple[int, ...]], bytes] = {}
        self._seen: dict[tuple[str, tuple[int, ...]], int] = {}

    def run(self, text: str, values: Sequence[Any]) -> list[Any]:
        """Return the rows of a statement."""
        adapt = self._adapt
        given: Any = adapt.dump_sequence(values, [PyFormat.AUTO] * len(values))
        types: tuple[int, ...] = adapt.types or ()
        name = self._names.get((text, types)) or self._prepared(text, types)
        if name:
            found = self._pg.exec_prepared(name, given, adapt.formats, _BINARY)
        else:
            found = self._pg.exec_params(text.encode(), given, types, adapt.formats, _BINARY)
        if found.status not in _GOOD:
            raise error_from_result(found)
        adapt.set_pgresult(found)
        return adapt.load_rows(0, found.ntuples, tuple)

    def _prepared(self, text: str, types: tuple[int, ...]) -> bytes:
        """Return the name of a statement that has now come often enough, b"" for one that has not."""
        key = (text, types)
        times = self._seen[key] = self._seen.get(key, 0) + 1
        if times < _WORTH:
            if len(self._seen) > 4 * _MOST_PREPARED:
                self._seen.clear()
            return b""
        if len(self._names) >= _MOST_PREPARED:
            self._names.clear()
            self._checked(self._pg.exec_(b"DEALLOCATE ALL"))
        name = b"u%d" % len(self._names)
        self._checked(self._pg.prepare(name, text.encode(), types))
        self._names[key] = name
        return name

    @staticmethod
    def _checked(found: Any) -> None:
        if found.status not in _GOOD:
            raise error_from_result(found)
