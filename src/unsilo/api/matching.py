"""Patient/$match: who of the stored persons a Patient may be; it stores nothing but that it was asked."""

import asyncio
from decimal import Decimal
from typing import Any

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
_NAMES = {"resource": "resource", "onlyCertainMatches": "valueBoolean", "count": "valueInteger"}


def _wrong(text: str, where: str, rule: str = "value") -> Refused:
    return Refused([Issue("error", "value", text, Where(where), rule=f"match.{rule}")], 400)


def _asked(said: Json) -> tuple[Json, bool, int]:
    """Return the Patient, `onlyCertainMatches` and `count` of a Parameters resource, or of a Patient alone."""
    if said.get("resourceType") == "Patient":
        return said, False, _MOST
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
    patient, certain, count = found.get("resource"), found.get("onlyCertainMatches", False), found.get("count", _MOST)
    if not isinstance(patient, dict) or patient.get("resourceType") != "Patient":
        raise _wrong("the parameter resource is a Patient", "Parameters.parameter", "resource")
    if not isinstance(certain, bool):
        raise _wrong("onlyCertainMatches is true or false", "Parameters.parameter", "parameter")
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise _wrong("count is a whole number from 1", "Parameters.parameter", "parameter")
    return patient, certain, min(count, _MOST)


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
    patient, certain, count = _asked(await take.resource(ask, bounds.limit_bytes, bounds.body_seconds))
    predicate = node.predicate(ask)
    if predicate.elements.get("Patient"):
        text = "a part of Patient is not shown to you, so you cannot ask who somebody is"
        return fail([Issue("error", "forbidden", text, rule="match.masked")], 403)
    entries: list[Json] = []
    for found in await asyncio.to_thread(likely, node.service.store, patient):
        if certain and found.grade != "certain":
            continue
        row = single.current(node.reads, predicate, "Patient", found.patient_id)
        if row is not None and row.state == 0 and len(entries) < count:
            entries.append(_entry(ask.base, found, json.decode(row.body)))
    shown = tuple(entry["resource"]["id"] for entry in entries)
    if not await node.note(ask, "match", "Patient/$match", shown):
        return not_recorded()
    bundle = {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries}
    if not entries:
        del bundle["entry"]
    return Answer(200, json.encode(bundle))
