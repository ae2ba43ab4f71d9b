"""What can go wrong between a write and its durability, and the hooks through which tests make it go wrong."""

import errno
import sqlite3
from collections.abc import Callable

import msgspec

__all__ = [
    "Hooks", "NotDurableError", "NotOpenedError", "StaleVersionError", "StoreDamagedError", "StoreTooNewError",
    "TooLongError", "is_full", "is_storage_fault",
]  # fmt: skip


class NotDurableError(Exception):
    """The disk did not take it: nothing of this was acknowledged or kept; send it again."""


class StaleVersionError(Exception):
    """The resource has changed since it was read; read it again and decide anew."""


class TooLongError(Exception):
    """A search took longer than it may; narrow it, or ask for fewer at a time."""


class NotOpenedError(Exception):
    """The store cannot be opened, for a reason outside the program; the text names it and says what to do."""


class StoreTooNewError(NotOpenedError):
    """This store was written by a newer version of unsilo; install that version, or restore an older backup."""


class StoreDamagedError(NotOpenedError):
    """A file of this store is damaged, or is none of a store; restore a backup."""


def _nothing(_name: str) -> None:
    return None


class Hooks(msgspec.Struct):
    """Called around each commit with `journal` or `main`; a test raises from them what a disk would raise."""

    before_commit: Callable[[str], None] = _nothing
    after_commit: Callable[[str], None] = _nothing


_FAULTS = {
    sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL,
}  # fmt: skip


def is_storage_fault(error: BaseException) -> bool:
    """Tell a fault of disk or file (EIO, ENOSPC, lock, damage) from a fault of the program."""
    if isinstance(error, OSError | NotDurableError):
        return True
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(error, sqlite3.Error) and isinstance(code, int) and (code & 0xFF) in _FAULTS


def is_full(error: BaseException) -> bool:
    """Tell whether a write failed because there is no room (ENOSPC, or EDQUOT of a quota)."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL
