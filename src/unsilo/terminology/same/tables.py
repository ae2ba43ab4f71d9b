"""The reviewed tables by which facts of different systems are told to be the same or only near."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from unsilo.terminology.same.text import fold, tokens

__all__ = [
    "Phrase",
    "Row",
    "Rule",
    "allergens",
    "axes",
    "forms",
    "medicines",
    "phrases",
    "problems",
    "rules",
    "salts",
    "vaccines",
]


class Rule(NamedTuple):
    """One rule: its `outcome` (`same`, `related`, `different`), how strong it is (1 strongest), and its ground."""

    rule: str
    outcome: str
    strength: int
    words: str
    ground: str


class Row(NamedTuple):
    """One reviewed row: its id and name, the codes and names that mean it, and the families it belongs to."""

    row: str
    name: str
    codes: tuple[str, ...]
    names: tuple[str, ...]
    families: tuple[str, ...]
    source: str
    says: tuple[tuple[str, str], ...] = ()
    """What a brand says beyond its ingredients: (axis, value)."""


class Phrase(NamedTuple):
    """Words that say a value of an axis (`side`, `course`, `route`); an empty axis is noise."""

    words: tuple[str, ...]
    axis: str
    value: str
    row: str


_SYSTEMS = {
    "snomed": "http://snomed.info/sct",
    "icd10cm": "http://hl7.org/fhir/sid/icd-10-cm",
    "icd9cm": "http://hl7.org/fhir/sid/icd-9-cm",
    "cvx": "http://hl7.org/fhir/sid/cvx",
}


def _read(name: str) -> list[dict[str, str]]:
    text = files(__package__).joinpath(f"{name}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def _many(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(";") if part.strip())


def _codes(row: dict[str, str]) -> tuple[str, ...]:
    return tuple(f"{url}|{code}" for column, url in _SYSTEMS.items() for code in row.get(column, "").split())


@cache
def rules() -> dict[str, Rule]:
    """Return the rules by their ids."""
    return {
        row["rule"]: Rule(row["rule"], row["outcome"], int(row["strength"] or 9), row["words"], row["ground"])
        for row in _read("rules")
    }


@cache
def problems() -> tuple[Row, ...]:
    """Return the rows of conditions."""
    return tuple(
        Row(row["row"], row["name"], _codes(row), (row["name"], *_many(row["names"])), (row["family"],), row["source"])
        for row in _read("problems")
    )


@cache
def vaccines() -> tuple[Row, ...]:
    """Return the rows of vaccines."""
    return tuple(
        Row(r["row"], r["name"], _codes(r), (r["name"], *_many(r["names"])), _many(r["families"]), r["source"])
        for r in _read("vaccines")
    )


@cache
def allergens() -> tuple[Row, ...]:
    """Return the rows of allergens."""
    return tuple(
        Row(r["row"], r["name"], (), (r["name"], *_many(r["names"])), _many(r["classes"]), r["source"])
        for r in _read("allergens")
    )


@cache
def medicines() -> dict[str, Row]:
    """Return the rows of medicines by each folded name; `families` are the ingredients."""
    found: dict[str, Row] = {}
    for r in _read("medicines"):
        names = (r["ingredients"], *_many(r["names"]))
        says = tuple(tuple(part.split("=", 1)) for part in _many(r["says"]))
        parts = tuple(sorted(r["ingredients"].split("+")))
        # A row that says more than its ingredients is that of its brands alone.
        row = Row(r["row"], r["ingredients"], (), names, parts, r["source"], says)  # type: ignore[arg-type]
        for name in names[1:] if says else names:
            found.setdefault(fold(name), row)
    return found


@cache
def salts() -> tuple[frozenset[str], frozenset[str]]:
    """Return the words of salts, and the elements whose name before such a word is the substance itself."""
    kinds = {row["kind"]: frozenset(_many(row["words"])) for row in _read("salts")}
    return kinds["salt"], kinds["element"]


def _phrases(name: str, column: str, split: bool) -> dict[str, tuple[Phrase, ...]]:
    found: dict[str, list[Phrase]] = {}
    for row in _read(name):
        for phrase in _many(row[column]):
            words = tokens(phrase) if split else tuple(fold(phrase).split())
            found.setdefault(words[0], []).append(Phrase(words, row["axis"], row["value"], row["row"]))
    return {first: tuple(sorted(some, key=lambda p: -len(p.words))) for first, some in found.items()}


@cache
def phrases() -> tuple[dict[str, str], ...]:
    """Return the rows of `axes.csv` as they stand."""
    return tuple(_read("axes"))


@cache
def axes() -> dict[str, tuple[Phrase, ...]]:
    """Return the phrases that qualify a condition, longest first, by their first word."""
    return _phrases("axes", "phrases", True)


@cache
def forms() -> dict[str, tuple[Phrase, ...]]:
    """Return the phrases that say a medicine's form, longest first, by their first word."""
    return _phrases("forms", "words", False)
