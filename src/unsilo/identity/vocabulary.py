"""The tables of matching: nicknames, words of streets, letters of other scripts, weights, relations."""

import csv
from functools import cache
from importlib.resources import files
from math import log2
from typing import NamedTuple

__all__ = ["Relation", "Weight", "latin", "relations", "roots", "street_word", "weights"]


class Weight(NamedTuple):
    """One row of `weights.csv`: how often a level occurs in pairs of one person (`m`) and of two persons (`u`)."""

    m: float
    u: float
    says: str

    @property
    def bits(self) -> float:
        """Return log2(m / u): how much more usual the level is within one person."""
        return log2(self.m / self.u)


def _rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(files("unsilo.identity").joinpath(name).read_text("utf-8").splitlines()))


@cache
def weights() -> dict[tuple[str, str], Weight]:
    """Return the weights by (field, level)."""
    return {
        (row["field"], row["level"]): Weight(float(row["m"]), float(row["u"]), row["says"])
        for row in _rows("weights.csv")
    }


class Relation(NamedTuple):
    """People who are near each other: `per_row` of them a row, `u` is how often a (field, level) occurs among them.

    0 stands for as often as within one person.
    """

    name: str
    per_row: float
    says: str
    u: dict[tuple[str, str], float]


@cache
def relations() -> tuple[Relation, ...]:
    """Return the relations in which two persons look like one; `m` in `relations.csv` means as within one person."""
    found = {
        row["relation"]: Relation(row["relation"], float(row["per_row"]), row["says"], {})
        for row in _rows("relation_priors.csv")
    }
    for row in _rows("relations.csv"):
        for field, level in weights():
            if field == row["field"] and row["level"] in ("", level):
                found[row["relation"]].u[field, level] = 0.0 if row["u"] == "m" else float(row["u"])
    return tuple(found.values())


@cache
def _roots() -> dict[str, tuple[str, ...]]:
    found: dict[str, set[str]] = {}
    for row in _rows("nicknames.csv"):
        for short in row["nicknames"].split():
            found.setdefault(short, {short}).add(row["name"])
    return {short: tuple(sorted(names)) for short, names in found.items()}


def roots(first: str) -> tuple[str, ...]:
    """Return the formal names that a folded first name may stand for, itself among them."""
    return _roots().get(first) or ((first,) if first else ())


@cache
def _street_words() -> dict[str, str]:
    return {short: row["word"] for row in _rows("street_words.csv") for short in row["short"].split()}


def street_word(word: str) -> str:
    """Return the short form of a word that streets are written with, other words unchanged."""
    return _street_words().get(word, word)


@cache
def latin() -> dict[int, str]:
    """Return the letters of Greek and Cyrillic as Latin ones, for `str.translate`."""
    return {ord(row["letter"]): row["latin"] for row in _rows("letters.csv")}
