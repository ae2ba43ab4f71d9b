"""Measurements by test: newest value with flag and stated range, one series a unit, conflicts and copies named."""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from unsilo.fhir import present
from unsilo.flow.read.describe import concept, title, value_text
from unsilo.flow.read.fact import Fact, Mark, mark_of, void
from unsilo.flow.read.flags import Flag, Range, decimal_of, flag_of, range_of
from unsilo.flow.read.grouping import of_same_thing
from unsilo.flow.read.joined import Conversion, joining
from unsilo.flow.read.words import When
from unsilo.kernel import Json
from unsilo.terminology.maps.same_quantity import same_quantity

__all__ = ["Point", "Series", "Test", "by_test", "is_panel", "is_text"]

LOINC = "http://loinc.org"


class Point(msgspec.Struct):
    """One measurement: the lead fact, its copies from other sources, and values of the same moment that differ.

    `beside` are values of the same moment that speak of other parts of the same report, as of another unit of blood.

    What is read of the fact is worked out when it is asked for: most points of a long record are only counted.
    """

    fact: Fact
    copies: list[Fact] = []
    rivals: list[Fact] = []
    beside: list[Fact] = []

    @property
    def when(self) -> When:
        """Return the moment of the measurement."""
        return self.fact.when

    @property
    def value(self) -> str:
        """Return the value with its unit, in words."""
        memo = self.fact.memo
        if "value" not in memo:
            memo["value"] = value_text(self.fact.resource)
        return str(memo["value"])

    @property
    def number(self) -> Decimal | None:
        """Return the number, when the value is one."""
        memo = self.fact.memo
        if "number" not in memo:
            memo["number"] = decimal_of(_measured(self.fact).get("value"))
        return memo["number"]  # type: ignore[no-any-return]

    @property
    def unit(self) -> str:
        """Return the unit as sent."""
        measured = _measured(self.fact)
        return str(measured.get("unit") or measured.get("code") or "")

    @property
    def comparator(self) -> str:
        """Return `<`, `<=`, `>=` or `>`, or nothing."""
        return str(_measured(self.fact).get("comparator") or "")

    @property
    def range(self) -> Range:
        """Return the range as stated with this measurement."""
        memo = self.fact.memo
        if "range" not in memo:
            memo["range"] = range_of(self.fact.resource)
        return memo["range"]  # type: ignore[no-any-return]

    @property
    def flag(self) -> Flag | None:
        """Return the flag; see `flag_of`."""
        memo = self.fact.memo
        if "flag" not in memo:
            memo["flag"] = flag_of(self.fact.resource, self.range)
        return memo["flag"]  # type: ignore[no-any-return]

    @property
    def mark(self) -> Mark | None:
        """Return how the measurement stands."""
        return mark_of(self.fact)


def _measured(fact: Fact) -> Json:
    found = fact.resource.get("valueQuantity")
    return found if isinstance(found, dict) else {}


class Converted(Point):
    """A measurement said in another unit for drawing; `value` stays what was reported."""

    shown: Decimal = Decimal(0)
    bounds: tuple[Decimal | None, Decimal | None] = (None, None)

    @property
    def number(self) -> Decimal | None:
        """Return the number in the other unit."""
        return self.shown

    @property
    def range(self) -> Range:
        """Return the range as stated, its bounds in the other unit."""
        return Range(range_of(self.fact.resource).text, *self.bounds)


class Series(msgspec.Struct):
    """Points in one unit, oldest first, as they may be drawn on one axis."""

    unit: str
    points: list[Point]

    @property
    def said(self) -> str:
        """Return the unit in words."""
        return present.unit(self.unit)


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
    conversion: Conversion | None = None

    def converted(self, point: Point) -> str:
        """Return a value in the unit that all are drawn in, in words; nothing where it was reported so."""
        if self.conversion is None or point.number is None or point.unit == self.conversion.unit:
            return ""
        number = self.conversion.value(point.number, point.unit)
        return "" if number is None else f"{point.comparator}{number} {self.conversion.unit}"

    @property
    def latest(self) -> Point:
        """Return the newest measurement that stands, or the newest withdrawn one when none stands."""
        return self.points[0] if self.points else self.withdrawn[0]

    @property
    def before(self) -> list[Point]:
        """Return the other measurements, newest first, but for those that are told beside the newest one."""
        told = {fact.ref for fact in (*self.latest.rivals, *self.latest.beside)}
        return [point for point in self.points[1:] if point.fact.ref not in told]

    @property
    def mixed(self) -> bool:
        """Return True when numbers came in more than one unit, so that no single line may be drawn."""
        return len([s for s in self.series if s.unit or len(self.series) == 1]) > 1


def _collapse(points: list[Point]) -> list[Point]:
    """Join the same value of the same moment from other places; keep differing ones side by side as rivals.

    What a source says of several parts of a report stays several, the same value or not.
    """
    at: dict[tuple[int, str], list[Point]] = {}
    kept: list[Point] = []
    for point in points:
        if point.when.precision != "minute":
            kept.append(point)
            continue
        here = at.setdefault(point.when, [])
        twin = next((p for p in here if p.value == point.value and not _apart(p, point)), None) if here else None
        if twin is not None:
            twin.copies.append(point.fact)
            continue
        for other in here:
            if _apart(other, point):
                other.beside.append(point.fact)
                point.beside.append(other.fact)
            elif other.value and point.value:
                other.rivals.append(point.fact)
                point.rivals.append(other.fact)
        here.append(point)
        kept.append(point)
    return kept


def _apart(one: Point, other: Point) -> bool:
    """Tell whether one source says two results of two parts (HL7 v2 OBX-4)."""
    parts = one.fact.part, other.fact.part
    return all(parts) and parts[0] != parts[1] and one.fact.source == other.fact.source


def _kind(facts: list[Fact]) -> str:
    kinds = [f.kind for f in facts]
    return next((kind for kind in kinds if kind != "observation"), kinds[0])


def _moment(fact: Fact) -> tuple[int, int]:
    return fact.when.at, fact.updated


def _test(facts: list[Fact]) -> Test:
    withdrawn: list[Point] = []
    living: list[Point] = []
    for fact in sorted(facts, key=_moment, reverse=True):
        (withdrawn if void(fact) else living).append(Point(fact))
    standing = _collapse(living)
    series: dict[str, list[Point]] = {}
    for point in reversed(standing):
        if point.number is not None:
            series.setdefault(point.unit, []).append(point)
    conversion = joining(series, _loinc(facts)) if len(series) > 1 else None
    if conversion is not None:
        series = {conversion.unit: _joined(series, conversion)}
    sources: dict[str, int] = {}
    for fact in facts:
        sources[fact.source] = sources.get(fact.source, 0) + 1
    lead = (standing or withdrawn)[0].fact
    return Test(
        _test_keys(lead)[0],
        title(lead.resource),
        _kind(facts),
        standing,
        [Series(unit, items) for unit, items in series.items()],
        withdrawn,
        list(sources.items()),
        sum(1 for p in standing if p.rivals),
        sum(f.new for f in facts),
        conversion,
    )


def _loinc(facts: list[Fact]) -> list[str]:
    """Return the LOINC codes of some facts, each once."""
    codings = [c for fact in facts for c in concept(fact.resource).get("coding") or ()]
    return list(dict.fromkeys(str(c["code"]) for c in codings if c.get("system") == LOINC and c.get("code")))


def _joined(series: dict[str, list[Point]], conversion: Conversion) -> list[Point]:
    """Return the points of all units in one, oldest first."""
    found: list[Point] = []
    for unit, points in series.items():
        for point in points:
            number = conversion.value(point.number, unit) if point.number is not None else None
            if unit == conversion.unit or number is None:
                found.append(point)
                continue
            low, high = (None if b is None else conversion.value(b, unit) for b in point.range[1:])
            whole = point.fact, point.copies, point.rivals, point.beside
            found.append(Converted(*whole, shown=number, bounds=(low, high)))
    return sorted(found, key=lambda point: (point.when.at, point.fact.updated))


def by_test(facts: Iterable[Fact]) -> list[Test]:
    """Return one Test a thing measured, the most recently measured first. Panels and long texts are left out."""
    measured = [f for f in facts if f.type == "Observation" and _is_measured(f)]
    rows = [_test(part) for part in of_same_thing(measured, _test_keys)]
    return sorted(rows, key=lambda t: (-t.latest.when.at, t.title))


def _test_keys(fact: Fact) -> list[str]:
    """Codes decide; equal words join only tests without any code, since glucose in urine is not glucose in blood."""
    memo = fact.memo
    if "test" not in memo:
        codings = concept(fact.resource).get("coding") or ()
        coded = [_named(c["system"], c["code"]) for c in codings if c.get("code") and c.get("system")]
        memo["test"] = coded or fact.keys
    return memo["test"]  # type: ignore[no-any-return]


def _named(system: object, code: object) -> str:
    """Return `system|code`; of LOINC's codes for mass and amount of one thing the one that stands for both."""
    return f"{system}|{same_quantity(str(code)) if system == LOINC else code}"


def _is_measured(fact: Fact) -> bool:
    if "measured" not in fact.memo:
        fact.memo["measured"] = not is_text(fact.resource) and not is_panel(fact.resource)
    return bool(fact.memo["measured"])


def is_panel(resource: Json) -> bool:
    """Return True for an Observation that only holds others together and states nothing itself."""
    return bool(resource.get("hasMember")) and not any(k.startswith("value") or k == "component" for k in resource)


def is_text(resource: Json) -> bool:
    """Return True for an Observation that is prose or an attachment to be read, not a value for a table."""
    value = resource.get("valueString")
    if isinstance(value, str):
        return len(value) > 60 or "\n" in value
    extensions = resource.get("extension")
    if not extensions:
        return False
    return any("valueAttachment" in e for e in extensions if isinstance(e, dict))
