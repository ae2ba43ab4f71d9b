"""The tables of batch matching: nicknames, words of streets, letters of other scripts, weights."""

import csv
from functools import cache
from importlib.resources import files
from math import log2
from typing import NamedTuple

__all__ = ["Weight", "latin", "roots", "street_word", "weights"]


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
    return list(csv.DictReader(files("unsilo.identity.batch").joinpath(name).read_text("utf-8").splitlines()))


@cache
def weights() -> dict[tuple[str, str], Weight]:
    """Return the weights by (field, level)."""
    return {
        (row["field"], row["level"]): Weight(float(row["m"]), float(row["u"]), row["says"])
        for row in _rows("weights.csv")
    }


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
