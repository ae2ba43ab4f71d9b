"""The rules about one person's results over time: what cannot have changed so far so soon."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from unsilo.kernel import Issue, Json, Where
from unsilo.validation.plausibility.moments import DAY, moment
from unsilo.validation.plausibility.person import NOBODY, Person
from unsilo.validation.plausibility.tables import Change, change_rows
from unsilo.validation.plausibility.values import first_loinc, in_unit, measured, unit_of

__all__ = ["changes"]

_YEAR = int(365.2425 * DAY)
_VOID = ("entered-in-error", "cancelled")
_MOST = 5000
"""Results of one kind that are compared."""


class _Point(NamedTuple):
    """One result: when (microseconds), which it is, its value in the rule's unit or as code, its words."""

    at: int
    number: int
    value: Decimal | str
    words: str
    date: str


@cache
def _by_code() -> dict[str, list[Change]]:
    found: dict[str, list[Change]] = {}
    for row in change_rows():
        for code in row.codes:
            found.setdefault(code, []).append(row)
    return found


def _coded(resource: Json) -> tuple[str, str] | None:
    concept = resource.get("valueCodeableConcept")
    codings = concept.get("coding") if isinstance(concept, dict) else None
    first = codings[0] if isinstance(codings, list) and codings and isinstance(codings[0], dict) else {}
    code = f"{first.get('system', '')}|{first.get('code', '')}"
    words = first.get("display") or (concept.get("text") if isinstance(concept, dict) else "") or first.get("code")
    return (code, str(words)[:60]) if first.get("code") else None


def _point(rule: Change, resource: Json, number: int, code: str) -> _Point | None:
    said = moment(resource, "effective")
    if said is None or resource.get("status") in _VOID:
        return None
    if rule.kind == "coded":
        found = _coded(resource)
        return None if found is None else _Point(said.bounds[0], number, found[0], found[1], said.text[:10])
    quantity = resource.get("valueQuantity")
    value = measured(quantity)
    if value is None or not isinstance(quantity, dict):
        return None
    unit = unit_of(quantity)
    same = in_unit(value, unit, rule.unit, code) if unit else None
    if same is None or same <= 0:
        return None
    words = f"{quantity['value']} {quantity.get('unit') or quantity.get('code') or ''}".strip()[:60]
    return _Point(said.bounds[0], number, same, words, said.text[:10])


def _beyond(rule: Change, one: Decimal | str, other: Decimal | str) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        # Codes of different systems cannot be compared.
        return str(one).partition("|")[0] == str(other).partition("|")[0] and one != other
    if rule.kind == "difference":
        return abs(one - other) > rule.limit
    return max(one, other) > rule.limit * min(one, other)


def _compare(rule: Change, points: list[_Point], person: Person) -> Iterable[tuple[int, Issue]]:
    """Compare each result with the one before it; between two that differ the later one is told."""
    points.sort()
    for before, after in pairwise(points):
        if after.at - before.at > rule.days * DAY or not _beyond(rule, before.value, after.value):
            continue
        if rule.age and (person.birth is None or before.at - person.birth[1] < rule.age * _YEAR):
            continue
        text = rule.sentence.format(value=after.words, former=before.words, date=before.date)
        hint = "look whether both are of the same person and in the unit that is said"
        yield after.number, Issue("warning", "business-rule", text, Where("Observation.value"), hint, rule.rule)


def changes(observations: Iterable[Json], person: Person = NOBODY) -> dict[int, list[Issue]]:
    """Return what cannot have changed so between results of one person, by the number of the Observation given."""
    points: dict[Change, list[_Point]] = {}
    known = _by_code()
    for number, resource in enumerate(observations):
        code = first_loinc(resource.get("code"), known)
        for rule in known[code] if code else ():
            found = _point(rule, resource, number, code)
            if found is not None:
                points.setdefault(rule, []).append(found)
    issues: dict[int, list[Issue]] = {}
    for rule, held in points.items():
        for number, issue in _compare(rule, held[:_MOST], person):
            if not any(each.text == issue.text for each in issues.get(number, ())):
                issues.setdefault(number, []).append(issue)
    return issues
