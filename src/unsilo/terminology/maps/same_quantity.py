"""LOINC codes that measure one thing on one specimen as mass and as amount, so that their values may be converted."""

import csv
from functools import cache
from importlib.resources import files

__all__ = ["displays", "same_quantity"]


@cache
def _rows() -> list[list[str]]:
    text = files(__package__).joinpath("same_quantity.csv").read_text(encoding="utf-8")
    return list(csv.reader(text.splitlines()))[1:]


@cache
def _lead() -> dict[str, str]:
    return {code: row[0] for row in _rows() for code in (row[0], row[2])}


def same_quantity(code: str) -> str:
    """Return the code that stands for all that measure the same as this one: the one by mass, else itself."""
    return _lead().get(code, code)


def displays() -> dict[str, str]:
    """Every code of the table with its name."""
    return {code: name for row in _rows() for code, name in (row[:2], row[2:])}
