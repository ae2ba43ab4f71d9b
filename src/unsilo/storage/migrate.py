"""Brings a database forward through the numbered migrations, with its data in place."""

import sqlite3
from collections.abc import Callable
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from unsilo.kernel import clock
from unsilo.storage.faults import StoreTooNewError
from unsilo.storage.renew import extract_anew, is_current, renew
from unsilo.storage.statements import load, split

__all__ = ["APPLICATION_ID", "migrate", "migrations", "refresh", "version_of"]

APPLICATION_ID = 0x756E7369
"""`unsi` in the file header, so that `file` and we know an unsilo store."""

_AFTER: dict[int, Callable[[sqlite3.Connection], None]] = {6: renew}
"""What a migration does with the data after its script, in the same transaction."""


def migrations() -> list[tuple[int, str, str]]:
    """Return (number, name, script) of every migration, in order; they are numbered from 1 without a gap."""
    found = []
    for entry in files("unsilo.storage").joinpath("migrations").iterdir():
        if entry.name.endswith(".sql"):
            number, _, name = entry.name.removesuffix(".sql").partition("_")
            found.append((int(number), name, entry.read_text(encoding="utf-8")))
    return sorted(found)


def version_of(connection: sqlite3.Connection) -> int:
    """Return the number of the last migration that the database has, 0 for an empty one."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def refresh(connection: sqlite3.Connection) -> int:
    """Extract the search keys of all resources again when this version extracts others; return of how many."""
    if is_current(connection):
        return 0
    connection.execute("BEGIN IMMEDIATE")
    try:
        done = 0 if is_current(connection) else extract_anew(connection)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return done


def migrate(connection: sqlite3.Connection, path: Path, steps: list[tuple[int, str, str]] | None = None) -> list[int]:
    """Apply what is missing, each migration in a transaction of its own; return the numbers applied.

    StoreTooNewError when the database has a migration that this version does not know.
    """
    steps = migrations() if steps is None else steps
    newest = steps[-1][0] if steps else 0
    have = version_of(connection)
    if have > newest:
        raise StoreTooNewError(
            f"{path} has schema {have}, this unsilo knows up to {newest}: install the newer unsilo or restore a backup"
        )
    applied = []
    sql = load("migration")
    for number, name, script in steps:
        if number <= have:
            continue
        connection.execute("BEGIN IMMEDIATE")
        try:
            if version_of(connection) >= number:  # another process was first
                connection.execute("ROLLBACK")
                continue
            for statement in split(script):
                connection.execute(statement)
            if number in _AFTER:
                _AFTER[number](connection)
            connection.execute(sql["table"])
            row = (number, name, clock.now(), sha256(script.encode()).hexdigest())
            connection.execute(sql["record"], row)
            connection.execute(f"PRAGMA user_version = {number:d}")
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID:d}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        applied.append(number)
    return applied
