"""What the tables of this room say: which identifiers identify a person, and which names and dates mean nobody."""

import csv
from functools import cache
from importlib.resources import files
from typing import NamedTuple

__all__ = ["GENERATIONS", "IdentifierType", "identifier_type", "is_placeholder_date", "is_placeholder_name"]

GENERATIONS: dict[str, str] = {
    "jr": "Jr", "junior": "Jr", "sr": "Sr", "senior": "Sr", "ii": "II", "2nd": "II", "iii": "III", "3rd": "III",
    "iv": "IV", "4th": "IV", "v": "V",
}  # fmt: skip


class IdentifierType(NamedTuple):
    """One row of `identifier_types.csv` (HL7 table 0203): does it name a person, and has a person only one of it?"""

    identifies: bool
    one_per_authority: bool
    name: str


_UNTYPED = IdentifierType(True, True, "medical record number")  # what an authority numbers people by
_OTHER = IdentifierType(False, False, "identifier")


def _rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(files("unsilo.identity").joinpath(name).read_text("utf-8").splitlines()))


@cache
def _types() -> dict[str, IdentifierType]:
    return {
        row["code"]: IdentifierType(row["identifies"] == "yes", row["one_per_authority"] == "yes", row["name"])
        for row in _rows("identifier_types.csv")
    }


@cache
def _names() -> tuple[frozenset[str], frozenset[str]]:
    rows = _rows("placeholder_names.csv")
    return (
        frozenset(row["text"] for row in rows if row["where"] in ("any", "family")),
        frozenset(row["text"] for row in rows if row["where"] in ("any", "given")),
    )


@cache
def _dates() -> frozenset[str]:
    return frozenset(row["date"] for row in _rows("placeholder_dates.csv"))


def identifier_type(code: str) -> IdentifierType:
    """Return what an identifier of this HL7 table 0203 code is worth; no code counts as a record number."""
    if not code:
        return _UNTYPED
    if code.startswith("NN") and len(code) == 5:  # NNFRA, NNSWE ...: one national person number per country
        return _types()["NNxxx"]
    return _types().get(code, _OTHER)


def is_placeholder_name(family: str, given: tuple[str, ...]) -> bool:
    """Say whether folded name parts stand for nobody in particular (Doe, Unknown, Baby Boy)."""
    families, givens = _names()
    return family in families or any(part in givens for part in given) or "".join(given) in givens


def is_placeholder_date(date: str) -> bool:
    """Say whether a full ISO date is a system's filler rather than somebody's birthday."""
    return date in _dates()
