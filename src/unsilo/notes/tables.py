"""The reviewed tables of this room, read once."""

import csv
from functools import cache
from importlib.resources import files
from typing import NamedTuple

__all__ = [
    "Heading", "Measure", "Rule", "Sense", "Vocabulary", "capitals", "cell_rules", "confidence",
    "document_kinds", "headings", "measures", "names", "rows", "rules", "senses", "units_shown", "units_written",
    "vocabularies", "word_roles",
]  # fmt: skip


def rows(name: str) -> list[dict[str, str]]:
    """Return the rows of a table by the names of its columns."""
    text = files(__package__).joinpath("tables", f"{name}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


class _Roles(NamedTuple):
    skip: frozenset[str]
    modifier: frozenset[str]
    stems: dict[str, str]


@cache
def word_roles() -> _Roles:
    """Return the words that may stand inside a term without being part of it, and the odd stems."""
    said = {row["word"]: row["role"] for row in rows("words")}
    stems = {word: role[5:] for word, role in said.items() if role.startswith("stem:")}
    return _Roles(
        frozenset(w for w, role in said.items() if role == "skip"),
        frozenset(w for w, role in said.items() if role == "modifier"),
        stems,
    )


@cache
def capitals() -> frozenset[str]:
    """Return the abbreviations that are words too, and mean a concept only in capitals."""
    return frozenset(row["term"] for row in rows("capitals"))


class Rule(NamedTuple):
    """One row of `context.csv`: a phrase, what it says of concepts `before` or `after` it, and how many words far."""

    id: str
    phrase: str
    says: str
    where: str
    reach: int
    who: str


@cache
def rules() -> tuple[Rule, ...]:
    """Return the context rules (ConText: Harkema et al., J Biomed Inform 2009), longest phrases first."""
    found = []
    for row in rows("context"):
        for number, phrase in enumerate(row["phrases"].split(";")):
            id_ = row["id"] if number == 0 else f"{row['id']}.{number}"
            found.append(Rule(id_, phrase, row["says"], row["where"], int(row["reach"] or 0), row["who"]))
    return tuple(found)


class Heading(NamedTuple):
    """A kind of section: its key, LOINC code, what it says of everything in it, and its names."""

    key: str
    loinc: str
    says: str
    names: tuple[str, ...]


@cache
def headings() -> tuple[Heading, ...]:
    """Return the kinds of sections."""
    return tuple(Heading(r["key"], r["loinc"], r["says"], tuple(r["names"].split(";"))) for r in rows("headings"))


class Sense(NamedTuple):
    """One meaning of an abbreviation, with the words that decide for it."""

    kind: str
    code: str
    meaning: str
    cues: frozenset[str]


@cache
def senses() -> dict[str, list[Sense]]:
    """Return the meanings of ambiguous abbreviations, by the abbreviation."""
    found: dict[str, list[Sense]] = {}
    for row in rows("abbreviations"):
        cues = frozenset(row["cues"].split())
        found.setdefault(row["short"], []).append(Sense(row["kind"], row["code"], row["meaning"], cues))
    return found


class Measure(NamedTuple):
    """What can be measured: its LOINC code, the plausible range, its units, the one that goes without saying."""

    code: str
    low: float
    high: float
    units: tuple[str, ...]
    implied: str
    alone: str


@cache
def measures() -> dict[str, tuple[Measure, tuple[str, ...]]]:
    """Return the measures with their names, by code."""
    return {
        r["code"]: (
            Measure(r["code"], float(r["low"]), float(r["high"]), tuple(r["units"].split()), r["implied"], r["alone"]),
            tuple(r["names"].split(";")),
        )
        for r in rows("measures")
    }


@cache
def names(table: str) -> list[tuple[str, str, tuple[str, ...]]]:
    """Return (code, course, terms) of a table of terms."""
    return [
        (row.get("code") or row.get("substance") or "", row.get("course", ""), tuple(row["terms"].split(";")))
        for row in rows(table)
    ]


class Vocabulary(NamedTuple):
    """Which concepts of a code system are taken into the dictionary, and as what."""

    system: str
    kind: str
    codes: str
    tags: tuple[str, ...]
    words: int


@cache
def vocabularies() -> tuple[Vocabulary, ...]:
    """Return what is taken of loaded terminologies, the preferred ones first."""
    return tuple(
        Vocabulary(
            r["system"], r["kind"], r["codes"], tuple(r["tags"].split(";")) if r["tags"] else (), int(r["words"])
        )
        for r in rows("vocabularies")
    )


@cache
def cell_rules() -> dict[str, str]:
    """Return what a word in a table's heading says of the cells below."""
    return {row["word"]: row["says"] for row in rows("columns")}


@cache
def units_written(place: str) -> dict[str, str]:
    """Return UCUM codes by what is written for them behind a `dose` or a `measure`, before the common table is asked.

    Spellings of measures are in small letters.
    """
    return {row["written"]: row["code"] for row in rows("units") if row["place"] == place}


_BRACED = {
    "[iU]": "units",
    "[drp]": "drops",
    "[lb_av]": "lb",
    "[degF]": "°F",
    "Cel": "°C",
    "{tbl}": "tablet",
    "ug": "mcg",
}


def units_shown(unit: str) -> str:
    """Return a UCUM unit in the words that readers use."""
    return _BRACED.get(unit) or unit.strip("{}").replace("[Hg]", "Hg").replace("[iU]", "IU")


@cache
def confidence() -> dict[str, float]:
    """Return how often what was found in a way was right on reviewed sentences."""
    return {row["way"]: float(row["right"]) for row in rows("confidence")}


@cache
def document_kinds() -> list[dict[str, str]]:
    """Return the rows by which documents are tagged."""
    return rows("document_kinds")
