"""The table of survivorship: how each element of a Patient is taken, what makes two values the same, what decides."""

import csv
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files

import msgspec

__all__ = ["CRITERIA", "Rule", "fields", "rules"]

CRITERIA: dict[str, str] = {
    "live": "of a record that is in use",
    "trusted": "of the source that is trusted most",
    "frequent": "stated by most sources",
    "complete": "says most",
    "recent": "changed last",
}
"""What may decide, with the words for a page; `live` goes before all others."""


class Rule(msgspec.Struct, frozen=True):
    """One row: `take` is `one` (a single value survives), `all` (different ones stand side by side) or `each` (one
    for each extension address); `same` names what makes two values one; `criteria` decide in their order."""

    field: str
    element: str
    take: str
    same: str
    criteria: tuple[str, ...]


@cache
def _shipped() -> tuple[Rule, ...]:
    text = files("unsilo.flow.golden").joinpath("rules.csv").read_text("utf-8")
    return tuple(
        Rule(row["field"], row["element"], row["take"], row["same"], tuple(row["criteria"].split(";")))
        for row in csv.DictReader(text.splitlines())
    )


def fields() -> tuple[str, ...]:
    """Return the elements that have a rule, as settings name them (`birthDate`, `deceased`)."""
    return tuple(rule.element.removesuffix("[x]") for rule in _shipped())


def rules(own: Mapping[str, Sequence[str]]) -> tuple[Rule, ...]:
    """Return the table with the criteria that an operator chose for single elements."""
    return tuple(
        msgspec.structs.replace(rule, criteria=tuple(own[name])) if (name := rule.element.removesuffix("[x]")) in own
        else rule
        for rule in _shipped()
    )  # fmt: skip
