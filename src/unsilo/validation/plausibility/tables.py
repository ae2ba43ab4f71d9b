"""The tables of this room, read once."""

from __future__ import annotations

import csv
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import NamedTuple

__all__ = ["Change", "Dose", "Limit", "Moment", "change_rows", "dose_rows", "limit_rows", "moment_rows"]


class Moment(NamedTuple):
    """One row of `times.csv`: `days` is how far beyond the time must lie; `statuses`, if any, when the rule holds."""

    rule: str
    check: str
    resource: str
    element: str
    other: str
    statuses: frozenset[str]
    days: int
    sentence: str


class Limit(NamedTuple):
    """One row of `limits.csv`: what a quantity can be in a living body, from an age in years on."""

    codes: tuple[str, ...]
    name: str
    unit: str
    low: Decimal
    high: Decimal
    age: int

    def __hash__(self) -> int:
        """Of the name alone: rows are keys of what is remembered, and that of all their parts takes longer than it."""
        return hash(self.name)


class Dose(NamedTuple):
    """One row of `doses.csv`: the largest single dose in the kind of unit."""

    rule: str
    unit: str
    high: Decimal
    sentence: str


class Change(NamedTuple):
    """One row of `changes.csv`: how far a result may be from the one before it within some days, from an age on."""

    rule: str
    codes: tuple[str, ...]
    name: str
    unit: str
    kind: str
    limit: Decimal
    days: int
    age: int
    sentence: str

    def __hash__(self) -> int:
        """Of the rule alone, for the same reason."""
        return hash(self.rule)


def _rows(name: str) -> list[dict[str, str]]:
    text = files(__package__).joinpath(name).read_text("utf-8")
    return list(csv.DictReader(text.splitlines()))


def _codes(text: str) -> tuple[str, ...]:
    return tuple(text.split(";"))


@cache
def moment_rows() -> tuple[Moment, ...]:
    """Return the rules about times."""
    return tuple(
        Moment(
            f"plausible.{row['rule']}", row["check"], row["resource"], row["element"], row["other"],
            frozenset(filter(None, row["statuses"].split("|"))), int(row["days"]), row["sentence"],
        )
        for row in _rows("times.csv")
    )  # fmt: skip


@cache
def limit_rows() -> tuple[Limit, ...]:
    """Return the limits of quantities."""
    return tuple(
        Limit(
            _codes(row["loinc"]), row["name"], row["unit"], Decimal(row["low"]), Decimal(row["high"]),
            int(row["age"] or 0),
        )
        for row in _rows("limits.csv")
    )  # fmt: skip


@cache
def dose_rows() -> tuple[Dose, ...]:
    """Return the limits of single doses."""
    return tuple(
        Dose(f"plausible.{row['rule']}", row["unit"], Decimal(row["high"]), row["sentence"])
        for row in _rows("doses.csv")
    )


@cache
def change_rows() -> tuple[Change, ...]:
    """Return the limits of changes."""
    return tuple(
        Change(
            f"plausible.{row['rule']}", _codes(row["loinc"]), row["name"], row["unit"], row["kind"],
            Decimal(row["limit"] or 0), int(row["days"]), int(row["age"] or 0), row["sentence"],
        )
        for row in _rows("changes.csv")
    )  # fmt: skip
