"""One connection to PostgreSQL that takes the store's statements, and guards what a transaction has read."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, ClassVar

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.types.numeric import Int8BinaryDumper, NumericBinaryLoader

from unsilo.storage.postgres.direct import Direct
from unsilo.storage.postgres.faults import CutError, fault_of
from unsilo.storage.postgres.trails import recorded
from unsilo.storage.postgres.translate import Bulk, bulk, own, translate
from unsilo.storage.postgres.values import array, fitting
from unsilo.storage.statements import load

__all__ = ["MOMENT", "Result", "Session", "connect"]

MOMENT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
"""Begins a transaction whose statements all see what the first one saw."""
_NEXT = f"COMMIT;{MOMENT}".encode()

_SAVEPOINT, _BACK = "SAVEPOINT job", "ROLLBACK TO job"
_ENDS = {"COMMIT", "ROLLBACK"}
_SILENT = ("INSERT", "UPDATE", "DELETE", "SAVEPOINT", "RELEASE")
"""Statements that give no row: they are sent with the next one that does, or that ends the transaction."""
_RES = load("resource")
_READ = {_RES["current"], _RES["current_many"]}
_OWN = own("resource")

_SETTINGS = {
    "plan_cache_mode": "force_generic_plan",  # the renderer has chosen the way: planning again is half of a search
    "jit": "off",
    "join_collapse_limit": "1",  # the renderer says in which order tables are met
    "random_page_cost": "1.1",  # and has counted, so rows are few: by their index
    "enable_seqscan": "off",  # also in a plan that was made while the tables were empty, and is kept
    "synchronous_commit": "on",
    "client_encoding": "UTF8",
    "standard_conforming_strings": "on",
    "bytea_output": "hex",
    "lock_timeout": "30s",
}


class _Whole(NumericBinaryLoader):
    """Sums of whole numbers come as `numeric`."""

    def load(self, data: Any) -> Any:
        """Return the number as what it is."""
        return int(super().load(data))


class Result:
    """The rows of a statement, as sqlite3's cursors give them."""

    __slots__ = ("_at", "_rows")

    def __init__(self, rows: list[Any]) -> None:
        self._rows = rows
        self._at = 0

    def fetchone(self) -> Any:
        """Return the next row or None."""
        if self._at >= len(self._rows):
            return None
        self._at += 1
        return self._rows[self._at - 1]

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""
        rows, self._at = self._rows[self._at :] if self._at else self._rows, len(self._rows)
        return rows

    def fetchmany(self, size: int) -> list[Any]:
        """Return some rows."""
        rows = self._rows[self._at : self._at + size]
        self._at += len(rows)
        return rows

    def __iter__(self) -> Iterator[Any]:
        return iter(self.fetchall())


def connect(dsn: str, *, reading: bool = False) -> psycopg.Connection[Any]:
    """Open a connection as the store needs it; transactions are begun and ended by hand. CutError when it cannot."""
    try:
        raw = psycopg.connect(
            dsn, autocommit=True, application_name="unsilo", cursor_factory=psycopg.RawCursor, connect_timeout=10
        )
        settings = _SETTINGS | ({"default_transaction_read_only": "on"} if reading else {})
        raw.execute(";".join(f"SET {name} = '{value}'" for name, value in settings.items()))
    except psycopg.Error as error:  # its text names the host and the user
        raise CutError("the database cannot be reached") from error
    raw.prepare_threshold = None  # see Direct
    raw.adapters.register_dumper(int, Int8BinaryDumper)
    raw.adapters.register_loader("numeric", _Whole)
    return raw


class Session:
    """Runs SQLite's statements on PostgreSQL.

    What `current` reads is remembered with its version: writing a resource's row fails with ConflictError unless the
    row is still what the transaction has read, so no update is lost whatever other processes do.
    """

    _columns: ClassVar[dict[str, dict[str, dict[str, str]]]] = {}
    _bulks: ClassVar[dict[tuple[str, str], Bulk | None]] = {}

    def __init__(self, dsn: str, *, reading: bool = False) -> None:
        self._dsn = dsn
        self.raw = connect(dsn, reading=reading)
        self._direct = Direct(self.raw)
        self._bases: dict[int, tuple[int, int, int]] = {}
        self._owned: set[int] = set()
        self._queue: list[tuple[str, Sequence[Any]]] = []
        self._ending = False
        self._begun = False
        self._seconds: float = 0
        self.failed = False

    # What sqlite3's connections offer.

    def execute(self, sql: str, values: Sequence[Any] = ()) -> Result:
        """Run one statement of the store."""
        if sql.startswith("ROLLBACK"):
            self._owned.clear()
            if self._undone(sql):
                return Result([])
        elif self._begun and sql.startswith(_SILENT) and "RETURNING" not in sql:
            self.later(translate(sql), values)
            return Result([])
        if sql in _ENDS:
            self._begun = False
        found = self.run(translate(sql), values)
        if sql in _READ:
            for row in found._rows:
                if row[0] not in self._owned:
                    self._bases[row[0]] = (row[3], row[11], row[6])
        return found

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one statement over many rows."""
        todo = list(rows)
        if not todo:
            return
        made = self._bulk(sql)
        if made is not None:
            self.many(made, todo)
            return
        text = translate(sql)
        self._by_driver(lambda cursor: cursor.executemany(text, [fitting(row) for row in todo]))

    def run_rows(self, sql: str, rows: list[Sequence[Any]]) -> int:
        """Run an INSERT over many rows in one statement."""
        if sql == _RES["write"]:
            self._write(rows)
        elif rows:
            made = self._bulk(sql)
            if made is None:
                self.executemany(sql, rows)
            else:
                self.many(made, rows)
        return len(rows)

    def run_flat(self, sql: str, width: int, values: list[Any]) -> None:
        """Run an INSERT over rows that stand in one list, `width` values each."""
        made = self._bulk(sql)
        if made is None or made.unique:
            self.run_rows(sql, list(zip(*[values[n::width] for n in range(width)], strict=True)))
        elif values:
            arrays = [array(kind, values[n::width]) for n, kind in enumerate(made.types)]
            self.later(made.text, arrays)

    def audit(self, rows: Sequence[Sequence[Any]]) -> None:
        """Write audit rows (see `recorded`), in the open transaction or in one of their own."""
        text, values = recorded(rows)
        if self._begun:
            self.later(text, values)
        else:
            self.run(text, values)

    @property
    def in_transaction(self) -> bool:
        """Tell whether a transaction is open."""
        return not self.raw.closed and not self._ending and self.raw.info.transaction_status != TransactionStatus.IDLE

    @property
    def closed(self) -> bool:
        """Tell whether the connection is gone."""
        return self.raw.closed

    def close(self) -> None:
        """Close the connection."""
        self.raw.close()

    # PostgreSQL's own.

    def begin(self, text: str) -> Any:
        """Begin a transaction with the first of its statements in the same turn; return that one's first row."""
        self._bases.clear()
        self._owned.clear()
        self._queue = [("BEGIN", ())]
        self._begun = True
        return self.run(text).fetchone()

    def _undone(self, sql: str) -> bool:
        """Drop what waits and would be undone; tell whether the savepoint itself was still waiting."""
        marks = [n for n, (text, _) in enumerate(self._queue) if text == _SAVEPOINT]
        if sql != _BACK or not marks:
            self._queue.clear()
            return False
        del self._queue[marks[-1] + 1 :]
        return True

    def later(self, text: str, values: Sequence[Any] = ()) -> None:
        """Send a statement together with the next one that is asked for its rows."""
        self._queue.append((text, fitting(values)))

    def end(self) -> None:
        """End a reading transaction and begin the next; the answers are taken before its first statement."""
        self._queue.clear()
        try:
            self.raw.pgconn.send_query(_NEXT)
            self.raw.pgconn.flush()
            self._ending = True
        except psycopg.Error:
            self.raw.close()

    def limit(self, seconds: float) -> None:
        """Let no statement from now on take more than so many seconds, 0 for as long as they need."""
        if seconds != self._seconds:
            self.run(f"SET statement_timeout = {int(seconds * 1000):d}")
            self._seconds = seconds

    def run(self, text: str, values: Sequence[Any] = ()) -> Result:
        """Run a statement in PostgreSQL's words, behind what waits."""
        queue, self._queue = self._queue, []
        try:
            self._begun_anew()
            return Result(self._direct.run(text, fitting(values), queue))
        except psycopg.Error as error:
            raise self._fault(error) from error

    def _begun_anew(self) -> None:
        """Take the answers of `end`."""
        if self._ending:
            self._ending = False
            while self.raw.pgconn.get_result() is not None:
                pass

    def _fault(self, error: psycopg.Error) -> BaseException:
        self.failed = True
        self._seconds = -1  # what was set in this transaction is as it was before
        return fault_of(error, closed=self.raw.closed)

    def script(self, text: str) -> None:
        """Run a script of many statements that binds nothing."""
        self._by_driver(lambda cursor: cursor.execute(text))

    def _by_driver(self, act: Callable[[Any], Any]) -> None:
        """Send what waits, and act on a cursor of the driver."""
        if self._queue:
            self.run("SELECT 1")
        try:
            self._begun_anew()
            act(self.raw.cursor())
        except psycopg.Error as error:
            raise self._fault(error) from error

    def columns(self) -> dict[str, dict[str, str]]:
        """Return table -> column -> type; read once."""
        known = self._columns.get(self._dsn)
        if known is None:
            known = {}
            rows = self.run(own("store")["columns"]).fetchall()
            for table, of_table in groupby(rows, lambda row: str(row[0])):
                known[table] = {name: kind for _, name, kind in of_table}
            self._columns[self._dsn] = known
        return known

    def _bulk(self, sql: str) -> Bulk | None:
        key = (self._dsn, sql)
        if key not in self._bulks:
            self._bulks[key] = bulk(sql, self.columns())
        return self._bulks[key]

    def many(self, made: Bulk, rows: Sequence[Sequence[Any]]) -> None:
        """Run one statement over many rows at once, together with what comes next."""
        if made.unique:
            rows = [*{tuple(row[n] for n in made.unique): row for row in rows}.values()]
            rows.sort(key=lambda row: tuple(row[n] for n in made.unique))  # two writers meet their rows in one order
        columns = zip(*rows, strict=True)
        self.later(made.text, [array(kind, column) for kind, column in zip(made.types, columns, strict=True)])

    def _write(self, rows: list[Sequence[Any]]) -> None:
        """Write rows of `res`: new ones, and those that are still what was read."""
        new, known, mine = [], [], []
        for row in rows:
            rid = row[0]
            if rid in self._owned:
                mine.append(row)
            elif (base := self._bases.get(rid)) is not None:
                known.append((*row, *base))
            else:
                new.append(row)
        types = tuple(self.columns()["res"][name] for name in _NAMES)
        if new:
            self.many(Bulk(_OWN["insert_res"], types), new)
        for some, name, more in ((known, "change_res", ("integer", "integer", "bigint")), (mine, "change_mine", ())):
            if some:
                self.many(Bulk(_OWN[name], (*types, *more)), some)
        self._owned.update(row[0] for row in rows)


_NAMES = (
    "rid", "type", "fhir_id", "version", "top", "t", "updated", "state", "clock", "rank", "mid", "digest", "body",
    "idx",
)  # fmt: skip
