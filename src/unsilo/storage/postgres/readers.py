"""Reading connections to PostgreSQL, lent to one thread at a time; one that was cut is opened anew."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from queue import LifoQueue
from typing import Any

from unsilo.storage.connect import Readers
from unsilo.storage.postgres.faults import CutError
from unsilo.storage.postgres.session import MOMENT, Result, Session
from unsilo.storage.postgres.translate import translate
from unsilo.storage.render.postgres import POSTGRES

__all__ = ["SharedReaders"]


class SharedReaders(Readers):
    """Opened as they are needed: `most` for moments, and as many for single statements.

    A statement by itself is a moment by itself: without BEGIN and COMMIT around it, it takes half as long.
    """

    dialect = POSTGRES

    def __init__(self, dsn: str, most: int) -> None:
        self._dsn = dsn
        self._sessions: LifoQueue[Session | None] = LifoQueue()
        for _ in range(most):
            self._sessions.put(None)
        self._singles: LifoQueue[Session | None] = LifoQueue()
        self._alone: LifoQueue[Session | None] = LifoQueue()
        for _ in range(most):
            self._singles.put(None)
            self._alone.put(None)
        self._most = most

    def _open(self) -> Session:
        session = Session(self._dsn, reading=True)
        session.script(MOMENT)
        return session

    @contextmanager
    def _lend(self) -> Iterator[list[Session]]:
        """Lend a place with an open session in it, in a transaction that has seen nothing yet.

        Who finds it cut puts another there. The next transaction is begun while nobody waits for it; it has no
        snapshot until its first statement, so an idle one holds nothing back.
        """
        session = self._sessions.get()
        place: list[Session] = []
        try:
            if session is None or session.closed:
                session = None
                session = self._open()
            place.append(session)
            yield place
        finally:
            back = place[0] if place else session
            if back is not None and not back.closed:
                back.end()
            self._sessions.put(back)

    def _read(self, text: str, values: Sequence[Any]) -> Result:
        """Run one statement that is a transaction of its own."""
        session = self._singles.get()
        try:
            if session is not None and not session.closed:
                try:
                    return session.run(text, values)
                except CutError:  # reading twice does no harm
                    session.close()
            session = None
            session = Session(self._dsn, reading=True)
            return session.run(text, values)
        finally:
            self._singles.put(session)

    @contextmanager
    def moment(self, seconds: float = 0) -> Iterator[Callable[[str, Sequence[Any]], list[Any]]]:
        """Lend a way to run several statements that all see the same moment.

        TooLongError when one of them takes more than `seconds`, 0 for as long as they need.
        """
        with self._lend() as place:
            begun = False

            def ask(sql: str, values: Sequence[Any]) -> list[Any]:
                nonlocal begun
                try:
                    place[0].limit(seconds)
                    found = place[0].run(translate(sql), values)
                except CutError:
                    if begun:
                        raise
                    place[0] = self._open()  # it was cut while nobody used it
                    place[0].limit(seconds)
                    found = place[0].run(translate(sql), values)
                begun = True
                return found.fetchall()

            yield ask

    def alone(self, sql: str, values: Sequence[Any], seconds: float) -> list[Any]:
        """Run one statement that may take so many seconds, as `moment` says it.

        It has sessions of its own: the server keeps the plan of what is asked again and again, and the limit stays.
        """
        text = translate(sql)
        session = self._alone.get()
        try:
            if session is not None and not session.closed:
                try:
                    session.limit(seconds)
                    return session.run(text, values).fetchall()
                except CutError:  # reading twice does no harm
                    session.close()
            session = None
            session = Session(self._dsn, reading=True)
            session.limit(seconds)
            return session.run(text, values).fetchall()
        finally:
            self._alone.put(session)

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """Run one statement and return all its rows."""
        return self._read(translate(sql), values).fetchall()

    def row(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """Run one statement and return its first row or None."""
        return self._read(translate(sql), values).fetchone()

    def own(self, text: str, values: Sequence[Any] = ()) -> Result:
        """Run a statement in PostgreSQL's words."""
        return self._read(text, values)

    def close(self) -> None:
        """Close every connection; waits for those that are lent."""
        for queue in (self._sessions, self._singles, self._alone):
            for _ in range(self._most):
                session = queue.get()
                if session is not None:
                    session.close()
