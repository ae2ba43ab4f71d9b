"""Writes audit rows by themselves, in one statement that is its own transaction."""

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from unsilo.spec.r4 import type_number
from unsilo.storage.packing import scrub
from unsilo.storage.statements import load, repeated

__all__ = ["write"]

_SQL = load("resource")
_BOUND = 64
"""Rows up to which their values are bound, which takes half as long as to read them out of JSON."""
_PATIENT = type_number("Patient")


def write(connection: Any, rows: Sequence[tuple[Any, ...]]) -> None:
    """Write rows (see `Writer.audit`), one for each person concerned.

    More than one statement would be more than one commit, and each step gives up the interpreter lock and waits for a
    busy event loop to get it back.
    """
    here = isinstance(connection, sqlite3.Connection)
    if here and len(rows) <= _BOUND and not any([len(row[4]) > 1 for row in rows]):  # noqa: C419 - quicker
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
