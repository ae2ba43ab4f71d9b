"""What PostgreSQL may say against a write, as what the store tells its callers."""

from psycopg import Error, OperationalError

from unsilo.storage.faults import NotDurableError, TooLongError

__all__ = ["ConflictError", "CutError", "fault_of"]

_CONFLICTS = {"40001", "40P01", "23505", "55P03", "25P02", "22012"}
"""Serialization failure, deadlock, a key that another transaction has just written, a lock, a failed transaction; and
the division by nothing in `change_res` when a row is no longer what was read."""
_FAULTY = ("53", "58", "57P", "08", "25006", "XX0")
"""Classes of SQLSTATE that speak of the server and not of the statement."""


class ConflictError(Exception):
    """Another transaction changed what this one read; it is run again."""


class CutError(NotDurableError):
    """The connection to the database was cut; nothing of what was not acknowledged is kept."""


def fault_of(error: Error, *, closed: bool) -> BaseException:
    """Return what is raised in the place of a driver's error; the error itself when the statement is at fault."""
    state = error.sqlstate or ""
    if closed or (isinstance(error, OperationalError) and not state):
        made: BaseException = CutError(f"the connection to the database was cut: {type(error).__name__}")
    elif state == "57014":
        made = TooLongError("more time than a search may take")
    elif state in _CONFLICTS:
        made = ConflictError(f"another transaction was first ({state})")
    elif state.startswith(_FAULTY):
        made = NotDurableError(f"the database refused to write ({state})")
    else:
        return error
    made.__cause__ = error
    return made
