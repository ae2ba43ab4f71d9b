"""The rules about quantities: outside what a living body can have, in a unit that cannot fit, a dose beyond any."""

from __future__ import annotations

from collections.abc import Container, Iterator
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any

from unsilo import units
from unsilo.kernel import Issue, Json, Where
from unsilo.validation.plausibility.moments import DAY, moment
from unsilo.validation.plausibility.person import Person
from unsilo.validation.plausibility.tables import Limit, dose_rows, limit_rows

__all__ = ["DOSED", "doses", "first_loinc", "in_unit", "measured", "results", "unit_of"]

LOINC, UCUM = "http://loinc.org", "http://unitsofmeasure.org"
_VOID = ("entered-in-error", "cancelled")
_YEAR = int(365.2425 * DAY)
_BARE = frozenset(("{score}", "{INR}", "[pH]"))
"""Units that are left out as often as not."""
_UNITS = frozenset(("unit", "code"))


@cache
def _limits() -> dict[str, list[Limit]]:
    found: dict[str, list[Limit]] = {}
    for row in limit_rows():
        for code in row.codes:
            found.setdefault(code, []).append(row)
    return found


def first_loinc(concept: Any, known: Container[str]) -> str:
    """Return the first LOINC code of a CodeableConcept that is among `known`; empty when none is."""
    codings = concept.get("coding") if isinstance(concept, dict) else None
    for coding in codings if isinstance(codings, list) else ():
        if isinstance(coding, dict) and coding.get("system") == LOINC:
            code = coding.get("code")
            if isinstance(code, str) and code in known:
                return code
    return ""


def unit_of(quantity: Json) -> str:
    """Return the UCUM code of a quantity's unit, also of a common spelling; empty when it is not known."""
    if quantity.get("system") == UCUM and isinstance(code := quantity.get("code"), str):
        return code if units.canonical(code) is not None else ""
    for name in ("unit", "code"):
        if isinstance(text := quantity.get(name), str) and text:
            return _spelled(text)
    return ""


@lru_cache(4096)
def _spelled(text: str) -> str:
    return units.normalise(text).code


def measured(quantity: Any) -> Decimal | None:
    """Return the number of a quantity that says one as it is, not that it is less or more."""
    value = quantity.get("value") if isinstance(quantity, dict) and "comparator" not in quantity else None
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    number = Decimal(value)
    return number if number.is_finite() and abs(number.adjusted()) < 30 else None


@lru_cache(8192)
def in_unit(value: Decimal, unit: str, target: str, code: str) -> Decimal | None:
    """Return a value in another unit, across mass and amount of what a LOINC code measures; None when it cannot be."""
    return (
        units.convert(value, unit, target).value
        if units.comparable(unit, target)
        else (units.convert_analyte(value, unit, target, code).value)
    )


@lru_cache(4096)
def _bounds(row: Limit, unit: str, code: str) -> tuple[Decimal, Decimal] | None:
    """Return a row's limits in another unit; None when they cannot be said in it."""
    if unit == row.unit or (row.unit in _BARE and units.comparable(unit, "1")):
        return row.low, row.high
    low, high = in_unit(row.low, row.unit, unit, code), in_unit(row.high, row.unit, unit, code)
    return None if low is None or high is None else (min(low, high), max(low, high))


@lru_cache(4096)
def _fits(unit: str, other: str) -> bool:
    """Tell whether a unit may be one of a quantity that is measured in another: also where mass stands for amount,
    and where both are units of activity, which are written in many ways."""
    if "U" in unit and "U" in other:
        return True
    return bool(units.convert_analyte(Decimal(1), unit, other, "calcium").value)


def _quantities(resource: Json) -> Iterator[tuple[str, Json, Any]]:
    """Yield (path, holder of the code, quantity) of an Observation and its components."""
    if "valueQuantity" in resource:
        yield "Observation.value", resource, resource["valueQuantity"]
    parts = resource.get("component")
    for n, part in enumerate(parts if isinstance(parts, list) else []):
        if isinstance(part, dict) and "valueQuantity" in part:
            yield f"Observation.component[{n}].value", part, part["valueQuantity"]


def _words(quantity: Json) -> str:
    return f"{quantity.get('value')} {quantity.get('unit') or quantity.get('code') or ''}".strip()[:60]


def _begun(name: str) -> str:
    return name[:1].upper() + name[1:]


def _old_enough(row: Limit, resource: Json, person: Person) -> bool:
    if not row.age:
        return True
    said = moment(resource, "effective")
    return person.birth is not None and said is not None and said.bounds[0] - person.birth[1] >= row.age * _YEAR


def _limit(row: Limit, code: str, quantity: Json, value: Decimal, path: str) -> Issue | None:
    unit = unit_of(quantity) or (row.unit if row.unit in _BARE and not (quantity.keys() & _UNITS) else "")
    bounds = _bounds(row, unit, code) if unit else None
    if bounds is None:
        if not unit or _fits(unit, row.unit):
            return None
        text = f"{_begun(row.name)} cannot be measured in {_words({**quantity, 'value': ''})}."
        hint = f"a unit such as {row.unit} fits; look whether code and unit belong together"
        return Issue("warning", "business-rule", text, Where(path), hint, "plausible.unit")
    if bounds[0] <= value <= bounds[1]:
        return None
    side, bound = ("below", row.low) if value < bounds[0] else ("above", row.high)
    shown = f"{bound} {row.unit}".partition(" {")[0]
    text = f"{_begun(row.name)} of {_words(quantity)} is {side} what a living body can have ({shown})."
    hint = "look whether value, unit and code belong together"
    return Issue("warning", "business-rule", text, Where(path), hint, "plausible.limit")


def results(resource: Json, person: Person) -> list[Issue]:
    """Return what cannot be about the values of an Observation."""
    found: list[Issue] = []
    if resource.get("status") in _VOID:
        return found
    known = _limits()
    for path, holder, quantity in _quantities(resource):
        code = first_loinc(holder.get("code"), known)
        value = measured(quantity) if code else None
        if value is None:
            continue
        for row in known[code]:
            if _old_enough(row, resource, person):
                issue = _limit(row, code, quantity, value, path)
                if issue is not None:
                    found.append(issue)
                    break
    return found


DOSED = {
    "MedicationRequest": "dosageInstruction", "MedicationDispense": "dosageInstruction",
    "MedicationStatement": "dosage", "MedicationAdministration": "dosage",
}  # fmt: skip


def _doses(resource: Json, element: str) -> Iterator[tuple[str, Any]]:
    """Yield (path, quantity) of each single dose (FHIR R4 dosage.html, medicationadministration.html)."""
    kind, held = resource["resourceType"], resource.get(element)
    if isinstance(held, dict):
        yield f"{kind}.{element}.dose", held.get("dose")
    for n, dosage in enumerate(held if isinstance(held, list) else []):
        rows = dosage.get("doseAndRate") if isinstance(dosage, dict) else None
        for m, row in enumerate(rows if isinstance(rows, list) else []):
            if isinstance(row, dict):
                path = f"{kind}.{element}[{n}].doseAndRate[{m}].dose"
                wide = row.get("doseRange")
                yield path, row.get("doseQuantity")
                yield f"{path}.high", wide.get("high") if isinstance(wide, dict) else None


@lru_cache(1024)
def _is_kind(unit: str, other: str) -> bool:
    """Tell whether a dose in a unit is of the kind; a mole is a number too (UCUM), but no count of tablets."""
    return units.comparable(unit, other) and (other != "1" or units.ratio(unit, other) == 1)


def doses(resource: Json) -> list[Issue]:
    """Return the single doses of a medication that no body is given."""
    found: list[Issue] = []
    element = DOSED.get(resource["resourceType"])
    if element is None or resource.get("status") in _VOID:
        return found
    hint = "look whether value and unit belong together"
    for path, quantity in _doses(resource, element):
        value = measured(quantity)
        if value is None:
            continue
        if value < 0:
            text = f"A dose of {_words(quantity)} is less than nothing."
            found.append(Issue("warning", "business-rule", text, Where(path), hint, "plausible.dose.negative"))
            continue
        unit = unit_of(quantity) or ("1" if not quantity.get("code") and not quantity.get("unit") else "")
        for row in dose_rows() if unit else ():
            if _is_kind(unit, row.unit) and (units.compare(value, unit, row.high, row.unit) or 0) > 0:
                text = row.sentence.format(value=_words(quantity))
                found.append(Issue("warning", "business-rule", text, Where(path), hint, row.rule))
    return found
