"""Writes audit rows: by themselves in one statement that is its own transaction, or with what they tell of."""

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from unsilo.spec.r4 import type_number
from unsilo.storage.packing import scrub
from unsilo.storage.statements import load, repeated

__all__ = ["gather", "keep", "next_run", "write"]

_SQL, _AUDIT = load("resource"), load("audit")
_BOUND = 64
"""Rows up to which their values are bound, which takes half as long as to read them out of JSON."""
_RUN = 14
"""A run is what has the same number but for its last bits."""
_PATIENT = type_number("Patient")


def write(connection: Any, rows: Sequence[tuple[Any, ...]]) -> None:
    """Write rows (see `Writer.audit`), one for each person concerned.

    More than one statement would be more than one commit, and each step gives up the interpreter lock and waits for a
    busy event loop to get it back.
    """
    if not isinstance(connection, sqlite3.Connection):
        connection.audit(
            [
                (at, actor, action, 0, what, origin, reason, 0, outcome, patients)
                for at, actor, action, what, patients, origin, reason, outcome in rows
            ]
        )
        return
    if len(rows) <= _BOUND and not any([len(row[4]) > 1 for row in rows]):  # noqa: C419 - quicker
        values: list[Any] = []
        for at, actor, action, what, patients, origin, reason, outcome in rows:
            values += (at, actor, action, patients[0] if patients else None, what, origin, reason, outcome)
        try:
            connection.execute(repeated(_SQL["audit_bound"], len(rows)), values)
        except UnicodeEncodeError:  # a text that the store cannot hold: cleaned below
            pass
        else:
            return
    said = msgspec.json.encode([scrub(row) for row in rows]).decode()
    connection.execute(_SQL["audit_alone"], (said, _PATIENT))


def keep(connection: Any, rows: Sequence[tuple[Any, ...]]) -> None:
    """Write rows in the open transaction: (at, actor, action, person, what, origin, reason, mid, outcome, [Patients]).

    One step for all: each step gives up the interpreter lock, and a busy event loop takes it.
    """
    if isinstance(connection, sqlite3.Connection):
        connection.execute(_SQL["audit"], (msgspec.json.encode(rows).decode(), _PATIENT))
    else:
        connection.audit(rows)


def next_run(connection: sqlite3.Connection) -> int | None:
    """Return the number of the oldest whole run of audit rows that is not gathered, None when there is none."""
    run, newest = connection.execute(_AUDIT["next_run"]).fetchone()
    return int(run) if newest >= ((run + 1) << _RUN) - 1 else None


def gather(connection: sqlite3.Connection, run: int) -> None:
    """Note of which persons the rows of a run tell, in one statement that is its own transaction."""
    connection.execute(_AUDIT["gather"], (run,))
