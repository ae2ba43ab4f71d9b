"""Opens the store where the settings say it is: in files beside the node, or in a PostgreSQL database."""

import sqlite3
from pathlib import Path

from unsilo.storage.faults import Hooks, NotDurableError, NotOpenedError, StoreDamagedError, is_storage_fault
from unsilo.storage.store import Store
from unsilo.storage.store import open_store as open_files

__all__ = ["NoDriverError", "is_database", "open_store"]


class NoDriverError(NotOpenedError):
    """The settings name a PostgreSQL database and its driver is not installed: pip install 'unsilo[postgres]'."""


def is_database(address: str) -> bool:
    """Tell the address of a PostgreSQL database."""
    return address.startswith(("postgresql://", "postgres://"))


def _why(path: Path, fault: sqlite3.DatabaseError) -> Exception:
    """Return what a fault while opening says to whoever runs the node; a fault of the program stays what it is."""
    if not is_storage_fault(fault):
        return fault
    if fault.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StoreDamagedError(f"{path} is damaged ({fault}): `unsilo verify` says where, restore a backup")
    return NotOpenedError(f"{path} cannot be opened ({fault}): look at its permissions, the disk, and who else has it")


def open_store(
    directory: Path, *, readers: int = 2, group_ms: float = 2, hooks: Hooks | None = None, database: str = "",
    reserve: int | None = None,
) -> Store:  # fmt: skip
    """Open (or make) the store and bring it forward to this version.

    `database` is `postgresql://...`, or empty for the files of SQLite in `directory`. NotOpenedError when it cannot
    be: a newer unsilo wrote it, it is damaged, it may not be read. `group_ms` is how long a receipt may wait for
    company, `reserve` how many bytes of the disk are kept for when it is full (files only; None: this process has
    nothing to do with that).
    """
    if not is_database(database):
        try:
            return open_files(directory, readers=readers, group_ms=group_ms, hooks=hooks, reserve=reserve)
        except sqlite3.DatabaseError as fault:
            raise _why(directory / "unsilo.db", fault) from fault
    try:
        from unsilo.storage.postgres import open_database
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("psycopg"):
            raise NoDriverError(str(NoDriverError.__doc__)) from missing
        raise
    try:
        return open_database(database, directory, readers=readers, group_ms=group_ms, hooks=hooks)
    except NotDurableError as fault:
        raise ConnectionError("the database cannot be reached: see its address in `database`, and its log") from fault
