"""Common spellings of units that are not UCUM, by a reviewed table; what is not in it is not guessed."""

from __future__ import annotations

import csv
import re
from functools import cache, lru_cache
from importlib import resources
from typing import Literal, NamedTuple

from unsilo.units.unit import canonical

__all__ = ["Alias", "How", "Normalised", "aliases", "fold", "normalise", "reason"]

How = Literal["exact", "alias", "none"]

_LONGEST = 200
_NOTE = re.compile(r"\{[^}]*\}")
_DECIMAL = re.compile(r"[0-9]\.[0-9]")


class Normalised(NamedTuple):
    """The UCUM code for a text and how it was found; with "none" the code is empty."""

    code: str
    how: How


class Alias(NamedTuple):
    """One row of `aliases.csv`. An empty `code` says that the spelling has more than one meaning; `note` names them.

    `place` is "whole" for a spelling of a whole unit, "part" for one that may also stand between solidi, "inside" for
    one that may only stand there. `case` is "exact" where case or spacing decide the meaning, otherwise "any".
    """

    spelling: str
    code: str
    place: str
    case: str
    note: str


class _Tables(NamedTuple):
    """The rows by spelling, whole texts and parts apart; `homographs` are parts that UCUM reads as something else."""

    whole: dict[str, Alias]
    whole_folded: dict[str, Alias]
    part: dict[str, Alias]
    part_folded: dict[str, Alias]
    homographs: frozenset[str]


def fold(text: str) -> str:
    """Return the text without white space and case; micro and multiplication signs become `u` and `x`."""
    return "".join(text.casefold().split()).replace("\u00b5", "u").replace("\u03bc", "u").replace("\u00d7", "x")


@cache
def aliases() -> tuple[Alias, ...]:
    """All rows of the table, in its order."""
    text = resources.files(__package__).joinpath("aliases.csv").read_text(encoding="utf-8")
    rows = csv.reader(text.splitlines())
    next(rows)
    return tuple(Alias(*row) for row in rows)


@cache
def _tables() -> _Tables:
    tables = _Tables({}, {}, {}, {}, frozenset())
    homographs = set()
    for row in aliases():
        exact = row.case == "exact"
        key = row.spelling if exact else fold(row.spelling)
        if row.place != "inside":
            (tables.whole if exact else tables.whole_folded)[key] = row
        if row.place != "whole":
            (tables.part if exact else tables.part_folded)[key] = row
            if exact and canonical(row.spelling) is not None:
                homographs.add(row.spelling)
    return tables._replace(homographs=frozenset(homographs))


def _has_decimal(text: str) -> bool:
    """True for `1.73`, which UCUM reads as 1 times 73 and its writer did not mean so; annotations may hold anything."""
    return _DECIMAL.search(_NOTE.sub("", text)) is not None


def _part(text: str, tables: _Tables) -> str | None:
    """Return the code for what stands between two solidi; None when unknown or of more than one meaning."""
    row = tables.part.get(text)
    if row is None:
        if canonical(text) is not None and not _has_decimal(text):
            return text
        row = tables.part_folded.get(fold(text))
    return row.code if row is not None and row.code else None


def _quotient(text: str, tables: _Tables) -> str | None:
    first, *rest = text.split("/")
    codes = [_part(part.strip(), tables) for part in rest]
    head = _part(first.strip(), tables) if first.strip() else ""
    if not rest or head is None or None in codes:
        return None
    code = "/".join([head, *(str(code) for code in codes)])
    return code if canonical(code) is not None else None


def _row(text: str, tables: _Tables) -> Alias | None:
    """Return the row of a whole text. A folded row is asked only for what is not UCUM as it stands."""
    row = tables.whole.get(text)
    if row is None and canonical(text) is None:
        row = tables.whole_folded.get(fold(text))
    return row


@lru_cache(4096)
def normalise(text: str) -> Normalised:
    """Return the UCUM code that a reported unit stands for, and how it was found: "exact", "alias" or "none".

    "exact" is UCUM as it stands (white space around it aside). "alias" comes from `aliases.csv`, as a whole or part by
    part between solidi (`mcg/kg/hr`). Spellings that are UCUM for something never meant in a health record (`K/uL` is
    kelvin per microlitre) are in the table too and come before UCUM. Everything else is "none".
    """
    text = text.strip()
    if not text or len(text) > _LONGEST:
        return Normalised("", "none")
    tables = _tables()
    row = _row(text, tables)
    if row is not None:
        return Normalised(row.code, "alias") if row.code else Normalised("", "none")
    plain = not _has_decimal(text) and tables.homographs.isdisjoint(part.strip() for part in text.split("/"))
    if plain and canonical(text) is not None:
        return Normalised(text, "exact")
    code = _quotient(text, tables)
    return Normalised("", "none") if code is None else Normalised(code, "alias")


def reason(text: str) -> str:
    """Return the note of the row that decided about a text: why it is read so, or why it is not read; else ""."""
    row = _row(text.strip(), _tables())
    return row.note if row is not None else ""
