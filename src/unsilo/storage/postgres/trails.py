"""Audit rows as arrays, one a column: the statement is the same whatever the number of rows, and keeps its plan."""

from collections.abc import Sequence
from typing import Any

from unsilo.spec.r4 import type_number
from unsilo.storage.postgres.translate import own

__all__ = ["recorded"]

_SQL = own("resource")
_PATIENT = type_number("Patient")


def recorded(rows: Sequence[Sequence[Any]]) -> tuple[str, list[Any]]:
    """Return the statement that writes rows, one for each person concerned, and its values.

    A row is (at, actor, action, person, what, origin, reason, mid, outcome, [Patient ids]); its own person counts
    where its Patients are of none. Rows of one Patient each, which most are, need no look for persons named twice.
    """
    *columns, patients = [list(column) for column in zip(*rows, strict=True)]
    if any(len(each) > 1 for each in patients):
        numbered = [(n, one) for n, each in enumerate(patients, 1) for one in each]
        who = [list(column) for column in zip(*numbered, strict=True)]
        return _SQL["audit_who"], [*columns, *who, _PATIENT]
    ones = [each[0] if each else "" for each in patients]
    return _SQL["audit_each"], [*columns, ones, _PATIENT]
