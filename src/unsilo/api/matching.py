"""Patient/$match: who of the stored persons a Patient may be; it stores nothing but that it was asked."""

import asyncio
from decimal import Decimal
from typing import Any, NamedTuple

from unsilo.api import form, take
from unsilo.api.answers import fail
from unsilo.api.ask import Answer, Ask, Refused
from unsilo.api.node import Node
from unsilo.api.reading import not_recorded
from unsilo.flow.fhir import read as single
from unsilo.flow.fhir.match import Likely, likely
from unsilo.kernel import Issue, Json, Where, json

__all__ = ["match"]

_GRADE = "http://hl7.org/fhir/StructureDefinition/match-grade"
_REASON = "urn:unsilo:match-reason"
_MOST = 50
_NAMES = {
    "resource": "resource", "onlyCertainMatches": "valueBoolean", "onlySingleMatch": "valueBoolean",
    "count": "valueInteger",
}  # fmt: skip


def _wrong(text: str, where: str, rule: str = "value") -> Refused:
    return Refused([Issue("error", "value", text, Where(where), rule=f"match.{rule}")], 400)


class _Asked(NamedTuple):
    """The Patient and how the answer is wanted: certain ones only, one or none, how many at most."""

    patient: Json
    certain: bool = False
    single: bool = False
    most: int = _MOST


def _asked(said: Json) -> _Asked:
    """Read a Parameters resource, or a Patient alone."""
    if said.get("resourceType") == "Patient":
        return _Asked(said)
    rows = said.get("parameter")
    if said.get("resourceType") != "Parameters" or not isinstance(rows, list):
        raise _wrong("$match takes a Parameters resource with a Patient", "Parameters", "parameters")
    found: dict[str, Any] = {}
    for n, row in enumerate(rows):
        where = f"Parameters.parameter[{n}]"
        name = row.get("name") if isinstance(row, dict) else None
        if not isinstance(name, str) or name not in _NAMES:
            raise _wrong(f"known: {', '.join(_NAMES)}", f"{where}.name", "parameter")
        if name in found:
            raise _wrong("the parameter stands twice", where, "parameter")
        found[name] = row.get(_NAMES[name])
    patient, count = found.get("resource"), found.get("count", _MOST)
    if not isinstance(patient, dict) or patient.get("resourceType") != "Patient":
        raise _wrong("the parameter resource is a Patient", "Parameters.parameter", "resource")
    certain, alone = found.get("onlyCertainMatches", False), found.get("onlySingleMatch", False)
    for name, value in (("onlyCertainMatches", certain), ("onlySingleMatch", alone)):
        if not isinstance(value, bool):
            raise _wrong(f"{name} is true or false", "Parameters.parameter", "parameter")
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise _wrong("count is a whole number from 1", "Parameters.parameter", "parameter")
    return _Asked(patient, certain, alone, min(count, _MOST))


def _single(entries: list[Json]) -> list[Json]:
    """Return the one that is meant: the only certain one, or the only one; where several may be, none."""
    certain = [entry for entry in entries if entry["search"]["extension"][0]["valueCode"] == "certain"]
    chosen = certain or entries
    return chosen if len(chosen) == 1 else []


def _entry(base: str, found: Likely, resource: Json) -> Json:
    return {
        "fullUrl": f"{base}/Patient/{found.patient_id}",
        "resource": resource,
        "search": {
            "extension": [
                {"url": _GRADE, "valueCode": found.grade},
                {"url": _REASON, "valueString": found.reason},
            ],
            "mode": "match",
            "score": Decimal(str(found.score)),
        },
    }


async def match(node: Node, ask: Ask) -> Answer:
    """Answer who it may be, the likeliest first, one source Patient a person (FHIR R4 patient-operation-match)."""
    form.known(ask)
    bounds = node.settings.http
    asked = _asked(await take.resource(ask, bounds.limit_bytes, bounds.body_seconds))
    predicate = node.predicate(ask)
    if predicate.elements.get("Patient"):
        text = "a part of Patient is not shown to you, so you cannot ask who somebody is"
        return fail([Issue("error", "forbidden", text, rule="match.masked")], 403)
    entries: list[Json] = []
    for found in await asyncio.to_thread(likely, node.service.store, asked.patient):
        if asked.certain and found.grade != "certain":
            continue
        row = single.current(node.reads, predicate, "Patient", found.patient_id)
        if row is not None and row.state == 0 and (asked.single or len(entries) < asked.most):
            entries.append(_entry(ask.base, found, json.decode(row.body)))
    if asked.single:
        entries = _single(entries)
    shown = tuple(entry["resource"]["id"] for entry in entries)
    if not await node.note(ask, "match", "Patient/$match", shown):
        return not_recorded()
    bundle = {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries}
    if not entries:
        del bundle["entry"]
    return Answer(200, json.encode(bundle))
