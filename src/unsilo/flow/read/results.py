"""Measurements by test: newest value with flag and stated range, one series a unit, conflicts and copies named."""

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

import msgspec

from unsilo.flow.read.describe import concept_keys, title, value_text
from unsilo.flow.read.fact import Fact, Mark, happened, mark_of, void
from unsilo.flow.read.grouping import of_same_thing
from unsilo.flow.read.sections import kind_of
from unsilo.flow.read.words import When, codeable, number, quantity
from unsilo.kernel import Json

__all__ = ["FLAGS", "Flag", "Point", "Range", "Series", "Test", "by_test", "flag_of", "range_of"]


class Flag(NamedTuple):
    """An interpretation by letter, shape and words; `level` is 2 critical, 1 outside, 0 other."""

    letter: str
    shape: str
    words: str
    level: int
    computed: bool = False


FLAGS: dict[str, Flag] = {
    "H": Flag("H", "↑", "high", 1),
    "HH": Flag("HH", "↑↑", "critically high", 2),
    "HU": Flag("HU", "↑↑", "significantly high", 2),
    ">": Flag(">", "↑↑", "above what can be measured", 2),
    "L": Flag("L", "↓", "low", 1),
    "LL": Flag("LL", "↓↓", "critically low", 2),
    "LU": Flag("LU", "↓↓", "significantly low", 2),
    "<": Flag("<", "↓↓", "below what can be measured", 2),
    "A": Flag("A", "◆", "abnormal", 1),
    "AA": Flag("AA", "◆◆", "critically abnormal", 2),
    "POS": Flag("POS", "◆", "positive", 1),
    "R": Flag("R", "◆", "resistant", 1),
    "I": Flag("I", "◇", "intermediate", 1),
    "S": Flag("S", "", "susceptible", 0),
    "NEG": Flag("NEG", "", "negative", 0),
    "ND": Flag("ND", "", "not detected", 0),
    "DET": Flag("DET", "◆", "detected", 1),
    "U": Flag("U", "↗", "rising significantly", 0),
    "D": Flag("D", "↘", "falling significantly", 0),
    "B": Flag("B", "↗", "better", 0),
    "W": Flag("W", "↘", "worse", 0),
}
"""v3 ObservationInterpretation codes (FHIR R4 observation-interpretation), which HL7 table 0078 shares."""


class Range(NamedTuple):
    """The reference range as that source stated it; `low` and `high` only when they are numbers."""

    text: str
    low: Decimal | None
    high: Decimal | None


class Point(msgspec.Struct):
    """One measurement: the lead fact, its copies from other sources, and values of the same moment that differ."""

    fact: Fact
    when: When
    value: str
    number: Decimal | None
    unit: str
    comparator: str
    flag: Flag | None
    range: Range
    mark: Mark | None
    copies: list[Fact]
    rivals: list[Fact]


class Series(msgspec.Struct):
    """Points in one unit, oldest first, as they may be drawn on one axis."""

    unit: str
    points: list[Point]


class Test(msgspec.Struct):
    """One row of the results table: all measurements of one test, newest first."""

    key: str
    title: str
    kind: str
    points: list[Point]
    series: list[Series]
    withdrawn: list[Point]
    sources: list[tuple[str, int]]
    conflicts: int
    new: int

    @property
    def latest(self) -> Point:
        """Return the newest measurement that stands, or the newest withdrawn one when none stands."""
        return self.points[0] if self.points else self.withdrawn[0]

    @property
    def mixed(self) -> bool:
        """Return True when numbers came in more than one unit, so that no single line may be drawn."""
        return len([s for s in self.series if s.unit or len(self.series) == 1]) > 1


def _decimal(value: object) -> Decimal | None:
    if isinstance(value, Decimal):
        return value if value.is_finite() else None
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else None


_BETWEEN = re.compile(r"\s*(-?\d+(?:\.\d+)?)\s*(?:-|–|to)\s*(-?\d+(?:\.\d+)?)\s*\Z")
_ONE_SIDED = re.compile(r"\s*(<=?|≤|>=?|≥)\s*(-?\d+(?:\.\d+)?)\s*\Z")


def _bounds(text: str) -> tuple[Decimal | None, Decimal | None]:
    """Read `3.9-5.5`, `<5`, `>= 60` of a range sent as text, for drawing only; anything else has no numbers."""
    if len(text) > 40:
        return None, None
    if match := _BETWEEN.match(text):
        return Decimal(match[1]), Decimal(match[2])
    if match := _ONE_SIDED.match(text):
        bound = Decimal(match[2])
        return (None, bound) if match[1] in "<=≤" else (bound, None)
    return None, None


def range_of(resource: Json) -> Range:
    """Return the first reference range in words, `3.5–5.1 mmol/L` or as text (R4 Observation.referenceRange)."""
    for entry in resource.get("referenceRange") or ():
        low, high = entry.get("low") or {}, entry.get("high") or {}
        lows, highs = _decimal(low.get("value")), _decimal(high.get("value"))
        if entry.get("text"):
            text = str(entry["text"])
            return Range(text, *_bounds(text)) if lows is None and highs is None else Range(text, lows, highs)
        if lows is not None and highs is not None:
            unit = str(low.get("unit") or high.get("unit") or "")
            return Range(f"{number(lows)}–{number(highs)} {unit}".strip(), lows, highs)
        if lows is not None:
            return Range(f"≥ {quantity(low)}", lows, None)
        if highs is not None:
            return Range(f"≤ {quantity(high)}", None, highs)
    return Range("", None, None)


def flag_of(resource: Json, stated: Range) -> Flag | None:
    """Return the flag that was sent; failing that, one computed from the stated range and marked so; None if normal."""
    for concept in resource.get("interpretation") or ():
        for coding in concept.get("coding") or ():
            code = str(coding.get("code") or "")
            if code in ("N", "NEG", "ND", "S"):
                return None
            if code in FLAGS:
                return FLAGS[code]
        if words := codeable(concept):
            return Flag(words, "◆", words, 1)
    if resource.get("interpretation"):
        return None
    measured = resource.get("valueQuantity") or {}
    value = _decimal(measured.get("value"))
    if value is None or measured.get("comparator"):
        return None
    if stated.high is not None and value > stated.high:
        return Flag("", "↑", "above the stated range", 1, True)
    if stated.low is not None and value < stated.low:
        return Flag("", "↓", "below the stated range", 1, True)
    return None


def _point(fact: Fact) -> Point:
    resource = fact.resource
    measured = resource.get("valueQuantity") or {}
    stated = range_of(resource)
    return Point(
        fact,
        happened(resource),
        value_text(resource),
        _decimal(measured.get("value")) if isinstance(measured, dict) else None,
        str(measured.get("unit") or measured.get("code") or ""),
        str(measured.get("comparator") or ""),
        flag_of(resource, stated),
        stated,
        mark_of(fact),
        [],
        [],
    )


def _collapse(points: list[Point]) -> list[Point]:
    """Join the same value of the same moment from other places; keep differing ones side by side as rivals."""
    at: dict[tuple[int, str], list[Point]] = {}
    kept: list[Point] = []
    for point in points:
        if point.when.precision != "minute":
            kept.append(point)
            continue
        here = at.setdefault(point.when, [])
        twin = next((p for p in here if p.value == point.value), None)
        if twin is not None:
            twin.copies.append(point.fact)
            continue
        for other in here:
            if other.value and point.value:
                other.rivals.append(point.fact)
                point.rivals.append(other.fact)
        here.append(point)
        kept.append(point)
    return kept


def _kind(facts: list[Fact]) -> str:
    kinds = [kind_of(f.resource) for f in facts]
    return next((kind for kind in kinds if kind != "observation"), kinds[0])


def _test(facts: list[Fact]) -> Test:
    points = sorted((_point(f) for f in facts), key=lambda p: (p.when.at, p.fact.updated), reverse=True)
    standing = _collapse([p for p in points if not void(p.fact)])
    series: dict[str, list[Point]] = {}
    for point in reversed(standing):
        if point.number is not None:
            series.setdefault(point.unit, []).append(point)
    sources: dict[str, int] = {}
    for fact in facts:
        sources[fact.source] = sources.get(fact.source, 0) + 1
    lead = (standing or points)[0].fact
    keys = concept_keys(lead.resource)
    return Test(
        keys[0],
        title(lead.resource),
        _kind(facts),
        standing,
        [Series(unit, items) for unit, items in series.items()],
        [p for p in points if void(p.fact)],
        list(sources.items()),
        sum(1 for p in standing if p.rivals),
        sum(f.new for f in facts),
    )


def by_test(facts: Iterable[Fact]) -> list[Test]:
    """Return one Test a thing measured, the most recently measured first. Panels and long texts are left out."""
    measured = [f for f in facts if f.type == "Observation" and not is_text(f.resource) and not is_panel(f.resource)]
    rows = [_test(part) for part in of_same_thing(measured, _test_keys)]
    return sorted(rows, key=lambda t: (-t.latest.when.at, t.title))


def _test_keys(fact: Fact) -> list[str]:
    """Codes decide; equal words join only tests without any code, since glucose in urine is not glucose in blood."""
    keys = concept_keys(fact.resource)
    return [k for k in keys if not k.startswith("words|")] or keys


def is_panel(resource: Json) -> bool:
    """Return True for an Observation that only holds others together and states nothing itself."""
    return bool(resource.get("hasMember")) and not any(k.startswith("value") or k == "component" for k in resource)


def is_text(resource: Json) -> bool:
    """Return True for an Observation that is prose to be read, not a value for a table."""
    value = resource.get("valueString")
    return isinstance(value, str) and (len(value) > 60 or "\n" in value)
