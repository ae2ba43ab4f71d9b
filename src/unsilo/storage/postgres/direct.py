"""A connection's statements through libpq itself: a cursor of the driver costs three times what it carries."""

import select
from collections.abc import Sequence
from typing import Any, NamedTuple

import psycopg
from psycopg import pq
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result

__all__ = ["Direct", "Told"]

_MOST_PREPARED = 400
_WORTH = 3
"""Times that a statement comes before the server is asked to keep it."""
_KEPT = ("INSERT", "UPDATE", "DELETE", "WITH", "SELECT")
"""Statements that are worth being kept."""
_BINARY = pq.Format.BINARY
_GOOD = (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK)

Told = tuple[str, Sequence[Any]]
"""A statement and its values."""


class _Ready(NamedTuple):
    """A statement with its values as they go over the wire; `name` is empty when the server does not keep it."""

    text: str
    name: bytes
    values: Any
    types: tuple[int, ...]
    formats: Any


class Direct:
    """Runs statements of a connection, and keeps those that come again prepared; nobody else prepares any on it.

    Values and rows are adapted as the connection says. Raises psycopg's errors.
    """

    def __init__(self, raw: psycopg.Connection[Any]) -> None:
        self._raw = raw
        self._pg = raw.pgconn
        self._adapt = Transformer(raw)
        self._socket = select.poll()
        self._socket.register(self._pg.socket, select.POLLIN)
        self._names: dict[tuple[str, tuple[int, ...]], bytes] = {}
        self._seen: dict[tuple[str, tuple[int, ...]], int] = {}

    def run(self, text: str, values: Sequence[Any], before: Sequence[Told] = ()) -> list[Any]:
        """Return the rows of a statement; those `before` it are sent in the same turn and their rows are not asked."""
        if len(self._names) >= _MOST_PREPARED:
            self._names.clear()
            self._checked(self._pg.exec_(b"DEALLOCATE ALL"))
        last = self._ready(text, values)
        found = self._turn([*(self._ready(*each) for each in before), last]) if before else self._alone(last)
        if not found.nfields:
            return []
        self._adapt.set_pgresult(found)
        return self._adapt.load_rows(0, found.ntuples, tuple)

    def _ready(self, text: str, values: Sequence[Any]) -> _Ready:
        adapt = self._adapt
        given: Any = adapt.dump_sequence(values, [PyFormat.AUTO] * len(values))
        types: tuple[int, ...] = adapt.types or ()
        formats = adapt.formats
        name = self._names.get((text, types))
        if name is None:
            name = self._prepared(text, types) if text.startswith(_KEPT) else b""
        return _Ready(text, name, given, types, formats)

    def _alone(self, each: _Ready) -> Any:
        if each.name:
            return self._checked(self._pg.exec_prepared(each.name, each.values, each.formats, _BINARY))
        return self._checked(self._pg.exec_params(each.text.encode(), each.values, each.types, each.formats, _BINARY))

    def _turn(self, statements: list[_Ready]) -> Any:
        """Send statements together and return the answer of the last; the first that fails is raised.

        None of those behind one that fails is run (PostgreSQL manual, libpq pipeline mode).
        """
        pg = self._pg
        pg.enter_pipeline_mode()
        try:
            for each in statements:
                if each.name:
                    pg.send_query_prepared(each.name, each.values, each.formats, _BINARY)
                else:
                    pg.send_query_params(each.text.encode(), each.values, each.types, each.formats, _BINARY)
            pg.pipeline_sync()
            self._sent()
            answers = self._answers()
            pg.exit_pipeline_mode()
        except BaseException:  # nobody knows what of it was done: the connection is given up
            self._raw.close()
            raise
        for answer in answers:
            self._checked(answer)
        return answers[-1]

    def _sent(self) -> None:
        """Put everything on its way, taking what comes meanwhile, so that neither side waits for the other."""
        pg = self._pg
        if not pg.flush():
            return
        self._socket.modify(pg.socket, select.POLLIN | select.POLLOUT)
        try:
            while pg.flush():
                for _, what in self._socket.poll():
                    if what & ~select.POLLOUT:
                        pg.consume_input()
        finally:
            self._socket.modify(pg.socket, select.POLLIN)

    def _answer(self) -> Any:
        """Return what comes next; whoever waits here, perhaps for another's lock, leaves other threads running."""
        pg = self._pg
        while pg.is_busy():
            self._socket.poll()
            pg.consume_input()
        return pg.get_result()

    def _answers(self) -> list[Any]:
        """Return the answers of a turn, one for each statement."""
        answers: list[Any] = []
        ended = False
        while True:
            answer = self._answer()
            if answer is None:  # ends a statement's answer; twice, nothing comes any more
                if ended:
                    raise psycopg.OperationalError("the connection was lost")
                ended = True
                continue
            ended = False
            if answer.status == pq.ExecStatus.PIPELINE_SYNC:
                return answers
            answers.append(answer)

    def _prepared(self, text: str, types: tuple[int, ...]) -> bytes:
        """Return the name of a statement that has now come often enough, b"" for one that has not."""
        key = (text, types)
        times = self._seen[key] = self._seen.get(key, 0) + 1
        if times < _WORTH:
            if len(self._seen) > 4 * _MOST_PREPARED:
                self._seen.clear()
            return b""
        name = b"u%d" % len(self._names)
        self._checked(self._pg.prepare(name, text.encode(), types))
        self._names[key] = name
        return name

    @staticmethod
    def _checked(found: Any) -> Any:
        if found.status not in _GOOD:
            raise error_from_result(found)
        return found
