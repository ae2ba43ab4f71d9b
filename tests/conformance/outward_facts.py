"""Coded facts of resources with their date and value, to be compared before and after a way out and back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

__all__ = ["KINDS", "Fact", "facts", "kept"]

KINDS = frozenset(
    {
        "AllergyIntolerance", "Condition", "DiagnosticReport", "DocumentReference", "Encounter", "FamilyMemberHistory",
        "Goal", "Immunization", "MedicationDispense", "MedicationRequest", "Observation", "Procedure",
    }
)  # fmt: skip
_CODES = ("code", "vaccineCode", "medicationCodeableConcept", "type")
_TIMES = (
    "effectiveDateTime", "effectiveInstant", "onsetDateTime", "performedDateTime", "occurrenceDateTime", "authoredOn",
    "whenHandedOver", "date", "issued",
)  # fmt: skip
_PERIODS = ("effectivePeriod", "performedPeriod", "onsetPeriod", "period", "context")


class Fact(NamedTuple):
    """One coded fact: type, (system, code), the moments that it names, and the value of an Observation."""

    kind: str
    code: tuple[str | None, str]
    times: frozenset[Any]
    value: Any


def _moment(text: Any) -> Any:
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except (ValueError, AttributeError):
        return text
    return int(found.timestamp()) if found.tzinfo else text


def _times(resource: dict[str, Any]) -> frozenset[Any]:
    found = {_moment(resource[name]) for name in _TIMES if name in resource}
    for name in _PERIODS:
        held = resource.get(name) or {}
        held = held.get("period", held)
        if "start" in held:
            found.add(_moment(held["start"]))
    return frozenset(found)


def _value(node: dict[str, Any]) -> Any:
    for name, value in node.items():
        if name == "valueQuantity":
            amount = str(Decimal(str(value["value"])).normalize()) if "value" in value else ""
            return amount, value.get("comparator", "")
        if name == "valueCodeableConcept":
            codes = [(one.get("system"), one["code"]) for one in value.get("coding", ()) if "code" in one]
            return tuple(sorted(codes[:1], key=str)) or value.get("text")
        if name.startswith("value"):
            return " ".join(str(_moment(value)).split()) if isinstance(value, str) else str(value)
    return None


def facts(resources: list[dict[str, Any]], every: bool) -> Iterator[Fact]:
    """The facts of resources: by `every` coding, else by the first of each."""
    for resource in resources:
        kind = resource["resourceType"]
        if kind not in KINDS:
            continue
        parts = [resource, *resource.get("component", ())] if kind == "Observation" else [resource]
        for part in parts:
            codes = list(_coded(part))
            value = _value(part) if kind == "Observation" else None
            for code in codes if every else codes[:1]:
                if kind != "Observation" or value is not None or every:
                    yield Fact(kind, code, _times(resource), value)


def _coded(node: dict[str, Any]) -> Iterator[tuple[str | None, str]]:
    for name in _CODES:
        held = node.get(name)
        for concept in held if isinstance(held, list) else [held]:
            for coding in concept.get("coding", ()) if isinstance(concept, dict) else ():
                if "code" in coding:
                    yield coding.get("system"), coding["code"]


def kept(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> tuple[list[Fact], list[Fact]]:
    """Which facts came back in a resource of their type, with their date and value, and which did not.

    A report that is nothing but a note comes back as the document reference of that note.
    """
    there: dict[Any, list[Fact]] = {}
    for fact in facts(after, True):
        there.setdefault((fact.kind, fact.code), []).append(fact)
    found, missing = [], []
    for fact in facts(before, False):
        held = there.get((fact.kind, fact.code), [])
        if fact.kind == "DiagnosticReport":
            held = held + there.get(("DocumentReference", fact.code), [])
        same = any((not fact.times or fact.times & one.times) and fact.value in (None, one.value) for one in held)
        (found if same else missing).append(fact)
    return found, missing
