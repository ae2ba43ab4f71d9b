"""Loads the annotated `.sql` files (`-- name: x` above each statement) and runs one statement over many rows."""

import re
import sqlite3
from collections.abc import Iterable, Sequence
from functools import lru_cache
from importlib.resources import files
from itertools import chain
from typing import Any

__all__ = ["ROWS_AT_ONCE", "load", "repeated", "run_flat", "run_rows", "split", "statements_of"]

_NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)
_TUPLE = re.compile(r"\(\?(?:, \?)*\)")

ROWS_AT_ONCE = 256
"""Rows bound to one statement: each step of sqlite3 gives up the interpreter lock, and getting it back can cost
milliseconds while other threads work, so many rows in one step are many times faster than as many steps."""
_FEWER = (64, 16, 4, 1)


def statements_of(text: str) -> dict[str, str]:
    """Return name -> SQL of one annotated file; ValueError when a name stands twice."""
    parts = _NAME.split(text)[1:]
    names = parts[::2]
    if len(names) != len(set(names)):
        raise ValueError("a statement name stands twice")
    return {name: body.strip().rstrip(";") for name, body in zip(names, parts[1::2], strict=True)}


@lru_cache(maxsize=64)
def load(name: str) -> dict[str, str]:
    """Return the statements of `sql/<name>.sql` by their names."""
    text = files("unsilo.storage").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
    return statements_of(text)


def split(script: str) -> list[str]:
    """Cut a script into whole statements (triggers stay whole)."""
    found: list[str] = []
    piece = ""
    for line in script.splitlines(keepends=True):
        piece += line
        if sqlite3.complete_statement(piece):
            found.append(piece.strip())
            piece = ""
    return found


@lru_cache(maxsize=256)
def repeated(sql: str, count: int) -> str:
    """Repeat the statement's single `(?, ?)` tuple `count` times."""
    found = _TUPLE.findall(sql)
    if len(found) != 1:
        raise ValueError("a statement for many rows has exactly one tuple of question marks")
    return sql.replace(found[0], ", ".join([found[0]] * count))


def run_rows(connection: Any, sql: str, rows: Iterable[Sequence[Any]]) -> int:
    """Run `sql` (with one `(?, ...)` tuple after VALUES) over all rows, many in one step; return how many."""
    todo = rows if isinstance(rows, list) else list(rows)
    if not isinstance(connection, sqlite3.Connection):  # PostgreSQL's takes all rows in one statement
        return int(connection.run_rows(sql, todo))
    whole = len(todo) - len(todo) % ROWS_AT_ONCE
    if whole:
        many = repeated(sql, ROWS_AT_ONCE)
        for start in range(0, whole, ROWS_AT_ONCE):
            connection.execute(many, list(chain.from_iterable(todo[start : start + ROWS_AT_ONCE])))
    rest = todo[whole:]
    for count in _FEWER:
        while len(rest) >= count:
            connection.execute(repeated(sql, count), list(chain.from_iterable(rest[:count])))
            rest = rest[count:]
    return len(todo)


def run_flat(connection: Any, sql: str, width: int, values: list[Any]) -> None:
    """Run `sql` over rows that stand in one list, `width` values each."""
    if not isinstance(connection, sqlite3.Connection):
        connection.run_flat(sql, width, values)
        return
    step = ROWS_AT_ONCE * width
    whole = len(values) - len(values) % step
    if whole:
        many = repeated(sql, ROWS_AT_ONCE)
        for start in range(0, whole, step):
            connection.execute(many, values[start : start + step])
    start = whole
    for count in _FEWER:
        while len(values) - start >= count * width:
            connection.execute(repeated(sql, count), values[start : start + count * width])
            start += count * width
