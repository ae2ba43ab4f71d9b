"""The tables of the simulator: names with weights, short forms, other spellings, and the rates of slips."""

import csv
from functools import cache
from importlib.resources import files
from itertools import accumulate
from typing import NamedTuple

from unsilo.kernel import Issue

__all__ = ["ORIGINS", "Draws", "census", "families", "givens", "rates", "respellings", "settings", "shorts"]

ORIGINS = {
    "white": 0.58, "black": 0.13, "hispanic": 0.18, "chinese": 0.02, "vietnamese": 0.01, "korean": 0.01,
    "indian": 0.025, "arabic": 0.025, "slavic": 0.02,
}  # fmt: skip
"""Origin of a person's names, by share of the population."""


class Draws(NamedTuple):
    """Names and the running sums of their weights, for `random.choices(names, cum_weights=sums)`."""

    names: list[str]
    sums: list[int]


def _rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(files("unsilo.identity.simulate").joinpath(name).read_text("utf-8").splitlines()))


def _draws(pairs: list[tuple[str, int]]) -> Draws:
    kept = [(name, weight) for name, weight in pairs if weight > 0]
    return Draws([name for name, _ in kept], list(accumulate(weight for _, weight in kept)))


def _falling(names: str) -> list[tuple[str, int]]:
    """Weigh a list of names by their place: the first is the most usual."""
    return [(name, 1000 // (place + 3)) for place, name in enumerate(names.split())]


@cache
def _foreign() -> dict[tuple[str, str], str]:
    return {(row["origin"], row["part"]): row["names"] for row in _rows("foreign_names.csv")}


@cache
def families(origin: str) -> Draws:
    """Return the family names of an origin; those of the census by the share of their bearers."""
    if (origin, "family") in _foreign():
        return _draws(_falling(_foreign()[origin, "family"]))
    return _draws([(row["name"], int(row["weight"]) * int(row[origin])) for row in _rows("surnames.csv")])


@cache
def givens(origin: str, sex: str) -> Draws:
    """Return the given names of an origin and a sex (`m` or `f`); the census' own where none are listed."""
    if (origin, sex) in _foreign():
        return _draws(_falling(_foreign()[origin, sex]))
    return _draws([(row["name"], int(row["weight"])) for row in _rows("given_names.csv") if row["sex"] == sex])


@cache
def census() -> tuple[dict[str, float], dict[str, float]]:
    """Return the share of the population that bears a given name, and that of a family name."""
    given: dict[str, float] = {}
    for row in _rows("given_names.csv"):
        given[row["name"]] = given.get(row["name"], 0.0) + int(row["weight"]) / 200_000
    return given, {row["name"]: int(row["weight"]) / 100_000 for row in _rows("surnames.csv")}


@cache
def shorts() -> dict[str, list[str]]:
    """Return the short forms of given names."""
    return {row["name"]: row["short"].split() for row in _rows("short_names.csv")}


@cache
def respellings() -> dict[str, list[str]]:
    """Return other spellings of names that came from another script."""
    groups = [row["group"].split() for row in _rows("respellings.csv")]
    return {name: [other for other in group if other != name] for group in groups for name in group}


@cache
def rates() -> dict[str, float]:
    """Return the rates by setting, as `rates.csv` has them."""
    return {row["setting"]: float(row["value"]) for row in _rows("rates.csv")}


def settings(texts: list[str]) -> tuple[dict[str, float], list[Issue]]:
    """Return the rates with `name=value` texts laid over, and an Issue for each text that names no rate from 0 to 1."""
    found, issues = dict(rates()), []
    for text in texts:
        name, _, value = text.partition("=")
        try:
            rate = float(value)
        except ValueError:
            rate = -1.0
        if name in found and 0 <= rate <= 1:
            found[name] = rate
        else:
            known = "a name of rates.csv, = and a number from 0 to 1"
            issues.append(Issue("error", "value", f"{text} is no rate", hint=known, rule="simulate.rate"))
    return found, issues
