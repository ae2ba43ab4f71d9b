"""What the tables of the way outward call `$name`: values that no path alone can give.

Each function gets the builder's record, the node at hand and its resource, and returns values.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error
from collections.abc import Callable
from typing import Any

from unsilo.kernel import Json
from unsilo.mapping.outward.record import Record, codings, items, read
from unsilo.mapping.outward.tables import vocabularies
from unsilo.mapping.outward.values import say

__all__ = ["NOBODY", "SOURCES", "is_plain", "medication", "members", "party"]

_RACE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race"
_ETHNICITY = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-ethnicity"
_LONGEST_NOTE = 1_000_000
Source = Callable[[Record, Any, Json], list[Any]]
NOBODY: Json = {"reference": ""}
"""An author who is not named: only when it was said is known."""


def medication(record: Record, node: Any, _resource: Json) -> list[Any]:
    """The medicine of a request, statement or dispense: its concept, or that of the Medication it refers to."""
    concept = node.get("medicationCodeableConcept")
    if concept is None:
        held = node.get("medicationReference")
        target = record.resolve(held)
        if target is not None:
            record.note(target, target.keys())
            concept = target.get("code")
        elif isinstance(held, dict) and isinstance(held.get("display"), str):
            concept = {"text": held["display"]}
    return [concept] if isinstance(concept, dict) else []


def _refuted(_record: Record, _node: Any, resource: Json) -> list[Any]:
    known = vocabularies()["NoKnown"]
    none = any(coding.get("code") in known for coding in codings(resource, "code.coding"))
    refuted = any(coding.get("code") == "refuted" for coding in codings(resource, "verificationStatus.coding"))
    return ["true"] if (none and resource["resourceType"] == "AllergyIntolerance") or refuted else []


def _substance(_record: Record, node: Any, resource: Json) -> list[Any]:
    known = vocabularies()["NoKnown"]
    none = any(coding.get("code") in known for coding in codings(resource, "code.coding"))
    return [] if none else [node]


def _allergy_type(_record: Record, node: Any, _resource: Json) -> list[Any]:
    known, types = vocabularies()["NoKnown"], vocabularies()["AllergyType"]
    found = next((known[c["code"]] for c in codings(node, "code.coding") if c.get("code") in known), None)
    category = next(iter(items(node.get("category"))), "")
    kind = node.get("type", "")
    for key in (f"{category} {kind}".strip(), category, kind, ""):
        found = found or types.get(key)
    assert found is not None  # noqa: S101 - the table has a row for nothing said
    return [{"code": found[0], "system": f"urn:oid:{found[1]}", "display": found[2]}]


def _ended(_record: Record, _node: Any, resource: Json) -> list[Any]:
    """When a concern ended: required once it is completed, unknown where it is not said."""
    if not any(coding.get("code") == "resolved" for coding in codings(resource, "clinicalStatus.coding")):
        return []
    return [value for _, value in read(resource, "abatement[x]")][:1] or [None]


def _timings(node: Any) -> list[Json]:
    """The timing of one dosage, or of the first of an order."""
    return codings(node, "timing" if "timing" in node else "dosageInstruction[1].timing")


def _course(_record: Record, node: Any, _resource: Json) -> list[Any]:
    """Since when a medicine is taken: the dose's bounds or its only moment, the statement's time."""
    found = [bounds for timing in _timings(node) for bounds in codings(timing, "repeat.boundsPeriod")]
    moments = [moment for timing in _timings(node) for moment in read(timing, "event")]
    effective = [value for _, value in read(node, "effective[x]")]
    return (found + (moments if len(moments) == 1 else []) + effective)[:1]


def _needed(_record: Record, node: Any, _resource: Json) -> list[Any]:
    found = read(node, "dosageInstruction[1].asNeededCodeableConcept")
    if found:
        return found[:1]
    return [{"text": "as needed"}] if True in read(node, "dosageInstruction[1].asNeededBoolean") else []


def _later_doses(_record: Record, node: Any, _resource: Json) -> list[Any]:
    """The dosages after the first: the steps of a taper."""
    return codings(node, "dosageInstruction")[1:]


def _events(_record: Record, node: Any, _resource: Json) -> list[Any]:
    """The repetition of a dose that names events of the day."""
    return [repeat for timing in _timings(node) for repeat in codings(timing, "repeat") if repeat.get("when")]


def _deadly(_record: Record, node: Any, _resource: Json) -> list[Any]:
    """That a relative died of a condition."""
    return [True] if node.get("contributedToDeath") is True else []


def _why_not(_record: Record, node: Any, _resource: Json) -> list[Any]:
    """Why something was not done."""
    return read(node, "statusReason") if node.get("status") == "not-done" else []


def _fills(_record: Record, node: Any, _resource: Json) -> list[Any]:
    """CDA counts all fills, FHIR the repeats after the first."""
    return [number + 1 for number in read(node, "numberOfRepeatsAllowed") if isinstance(number, int)]


def _dispensed(record: Record, node: Any, _resource: Json) -> list[Any]:
    if node.get("resourceType") == "MedicationDispense":
        return [node]
    found = []
    for one in record.of("MedicationDispense"):
        if any(record.resolve(held) is node for held in items(one.get("authorizingPrescription"))):
            record.note(one, ["authorizingPrescription", "subject", "context"])
            found.append(one)
    return found


def members(record: Record, node: Any, _resource: Json) -> list[Any]:
    """The observations that an organizer holds: a report's, a group's, one's own; components become observations."""
    if node.get("resourceType") == "DiagnosticReport":
        targets = (record.resolve(held) for held in items(node.get("result")))
        given = [one for one in targets if one is not None and one["resourceType"] == "Observation"]
    else:
        given = record.groups.get(id(node), [node])
    found: list[Json] = []
    for one in given:
        parts = [part for part in items(one.get("component")) if isinstance(part, dict)]
        record.note(one, ["component"] if parts else [])
        if not parts or any(key.startswith("value") for key in one):
            found.append(one)
        shared = {key: one[key] for key in one if key in _SHARED or key.startswith("effective")}
        for number, part in enumerate(parts):
            found.append({**shared, **part, "id": f"{one.get('id', '')}#{number}"})
    return found


_SHARED = ("resourceType", "status", "category", "subject", "performer")


def _range(_record: Record, node: Any, _resource: Json) -> list[Any]:
    return [node] if "low" in node or "high" in node else []


def _visit(_record: Record, node: Any, _resource: Json) -> list[Any]:
    """An encounter's type with its class as a translation; the class alone where no type is said."""
    types = [one for one in items(node.get("type")) if isinstance(one, dict)]
    kind = node.get("class")
    concept: Json = {"coding": [coding for one in types for coding in items(one.get("coding"))]}
    if isinstance(kind, dict) and "code" in kind:
        concept["coding"].append(kind)
    text = next((one["text"] for one in types if isinstance(one.get("text"), str)), None)
    if text:
        concept["text"] = text
    return [concept] if concept["coding"] or text else []


def _manufacturer(record: Record, node: Any, _resource: Json) -> list[Any]:
    return [name for _, held in party(record, node.get("manufacturer")) for name in [say(held.get("name"))] if name]


def _specimens(record: Record, node: Any, _resource: Json) -> list[Any]:
    """The specimens of a report or a result, as far as the document holds them: number and sort."""
    found = []
    for reference in items(node.get("specimen")):
        target = record.resolve(reference)
        if target is not None and target.get("resourceType") == "Specimen" and target.keys() & {"identifier", "type"}:
            record.note(target, ["identifier", "type"])
            found.append(target)
    return found


# -- people and organisations ----------------------------------------------------------------------------------------


def party(record: Record, reference: Any) -> list[tuple[str, Json]]:
    """Whom a Reference names: (type, resource), with no more than a name where the resource is not at hand."""
    target = record.resolve(reference)
    if target is None:
        if not isinstance(reference, dict):
            return []
        named = reference.get("identifier")
        text = reference.get("display")
        body: Json = {"identifier": [named]} if isinstance(named, dict) else {}
        kind = str(reference.get("reference", "")).split("?")[0].split("/")[-2:-1]
        if isinstance(text, str):
            body["name"] = text
        return [(kind[0] if kind else str(reference.get("type", "")), body)] if body else []
    if target["resourceType"] == "PractitionerRole":
        person, organisation = record.resolve(target.get("practitioner")), record.resolve(target.get("organization"))
        body = {**(person or {}), "role": target.get("code") or target.get("specialty")}
        if organisation is not None:
            body["organisation"] = organisation.get("name")
            record.note(organisation, organisation.keys())
        record.note(target, target.keys())
        if person is not None:
            record.note(person, person.keys())
        return [("Practitioner", body)]
    record.note(target, target.keys())
    return [(target["resourceType"], target)]


def _party(name: str) -> Source:
    def values(record: Record, node: Any, _resource: Json) -> list[Any]:
        return [value for _, held in party(record, node) for value in read(held, name)]

    return values


def _party_person(record: Record, node: Any, _resource: Json) -> list[Any]:
    for kind, held in party(record, node):
        if kind not in ("Organization", "Location"):
            names = read(held, "name")
            return [{"text": one} if isinstance(one, str) else one for one in names[:1]]
    return []


def _party_organisation(record: Record, node: Any, _resource: Json) -> list[Any]:
    for kind, held in party(record, node):
        return [held["name"]] if kind == "Organization" and "name" in held else read(held, "organisation")
    return []


# -- times, notes, the patient -----------------------------------------------------------------------------------------


def _of_resource(*names: str) -> Source:
    def values(_record: Record, _node: Any, resource: Json) -> list[Any]:
        return [value for name in names for value in read(resource, name)][:1]

    return values


def _when(_record: Record, node: Any, _resource: Json) -> list[Any]:
    dates = read(node, "date") + [value for _, value in read(node, "effective[x]")] + read(node, "issued")
    return [one.get("start") if isinstance(one, dict) else one for one in dates][:1]


def _note(_record: Record, node: Any, _resource: Json) -> list[Any]:
    """A note is coded as one, with the kind of document as translation (C-CDA Note Activity)."""
    kind = node.get("type") or node.get("code") or {}
    own = {"system": "http://loinc.org", "code": "34109-9", "display": "Note"}
    return [{"coding": [own, *items(kind.get("coding"))], "text": say(kind) or "Note"}]


def _note_type(_record: Record, node: Any, _resource: Json) -> list[Any]:
    return [node.get("type") or node.get("code") or {"text": "Note"}]


def _note_text(record: Record, node: Any, _resource: Json) -> list[Any]:
    """The words of a note; what is no plain text is named by its title or kind, and stands in the entry."""
    found = []
    files = [*read(node, "content.attachment"), *read(node, "presentedForm")]
    others = [one for one in files if not is_plain(one)]
    if all(isinstance(one.get("data"), str) for one in files) and len(others) < 2:
        record.note(node, ["content", "presentedForm"])
    for held in files:
        if is_plain(held):
            try:
                found.append(b64decode(held["data"]).decode("utf-8", "replace"))
                continue
            except (Error, ValueError):
                pass
        found.append(held.get("title") or f"({str(held.get('contentType', '')).partition(';')[0] or 'a file'})")
    return found + read(node, "conclusion")


def is_plain(attachment: Json) -> bool:
    """True for an Attachment that is text which a narrative can hold."""
    kind, data = str(attachment.get("contentType", "")).partition(";")[0], attachment.get("data")
    return kind == "text/plain" and isinstance(data, str) and len(data) <= _LONGEST_NOTE


def _somebody(name: str, time: str) -> Source:
    """Who said something, or nobody where only the time is known: also where whom the reference means is not here."""

    def values(record: Record, node: Any, resource: Json) -> list[Any]:
        named = [one for one in read(node, name) if party(record, one)]
        record.note(resource, [each for each, there in ((name, named), (time, read(node, time))) if there])
        return named or ([NOBODY] if read(node, time) else [])

    return values


def _author(_record: Record, node: Any, _resource: Json) -> list[Any]:
    return [*items(node.get("author")), *items(node.get("performer"))][:3] or [NOBODY]


def _extension(url: str, *names: str) -> Source:
    def values(_record: Record, _node: Any, resource: Json) -> list[Any]:
        inner = [e for e in read(resource, "extension") if e.get("url") == url]
        return [
            part["valueCoding"] for one in inner for name in names for part in read(one, "extension")
            if part.get("url") == name and isinstance(part.get("valueCoding"), dict)
        ]  # fmt: skip

    return values


def _part(source: Source, part: slice) -> Source:
    return lambda record, node, resource: source(record, node, resource)[part]


def _language(_record: Record, node: Any, _resource: Json) -> list[Any]:
    return [coding["code"] for coding in codings(node, "language.coding") if isinstance(coding.get("code"), str)][:1]


def _deceased(_record: Record, node: Any, _resource: Json) -> list[Any]:
    return ["true"] if "deceasedDateTime" in node or node.get("deceasedBoolean") is True else []


def _udi(_record: Record, node: Any, _resource: Json) -> list[Any]:
    """A device's UDI as the FDA's root has it, else its identifiers."""
    texts = [text for text in read(node, "udiCarrier.carrierHRF") if isinstance(text, str)]
    if texts:
        return [{"system": "urn:oid:2.16.840.1.113883.3.3719", "value": texts[0]}]
    return read(node, "identifier")


def _organizer(_record: Record, node: Any, _resource: Json) -> list[Any]:
    return read(node, "identifier") if node.get("resourceType") == "DiagnosticReport" else []


def _nothing(_record: Record, _node: Any, _resource: Json) -> list[Any]:
    return []


_race = _extension(_RACE, "ombCategory", "detailed")
_ethnicity = _extension(_ETHNICITY, "ombCategory", "detailed")

SOURCES: dict[str, tuple[Source, tuple[str, ...]]] = {
    "$own": (_nothing, ()),
    "$fresh": (_nothing, ()),
    "$negated": (_refuted, ("verificationStatus",)),
    "$substance": (_substance, ("code",)),
    "$allergy-type": (_allergy_type, ("category", "type")),
    "$code": (lambda _record, node, _resource: read(node, "code"), ("code",)),
    "$ended": (_ended, ()),
    "$mood": (_of_resource("resourceType"), ()),
    "$medication": (medication, ("medicationCodeableConcept", "medicationReference")),
    "$course": (_course, ("effectivePeriod", "effectiveDateTime")),
    "$needed": (_needed, ()),
    "$fills": (_fills, ()),
    "$later-doses": (_later_doses, ()),
    "$events": (_events, ()),
    "$deadly": (_deadly, ()),
    "$why-not": (_why_not, ("statusReason",)),
    "$dispensed": (_dispensed, ()),
    "$members": (members, ("result", "hasMember")),
    "$organizer": (_organizer, ()),
    "$range": (_range, ()),
    "$visit": (_visit, ("type", "class")),
    "$specimens": (_specimens, ("specimen",)),
    "$manufacturer": (_manufacturer, ("manufacturer",)),
    "$party-id": (_party("identifier"), ()),
    "$party-code": (_part(_party("role"), slice(1)), ()),
    "$party-addr": (_part(_party("address"), slice(1)), ()),
    "$party-telecom": (_party("telecom"), ()),
    "$party-person": (_party_person, ()),
    "$party-organization": (_party_organisation, ()),
    "$party-name": (_part(_party("name"), slice(1)), ()),
    "$place-code": (_part(_party("type"), slice(1)), ()),
    "$recorded": (_of_resource("recordedDate"), ("recordedDate",)),
    "$ordered": (_of_resource("authoredOn", "dateAsserted"), ("authoredOn", "dateAsserted")),
    "$noted": (lambda record, _node, resource: _when(record, resource, resource), ()),
    "$when": (_when, ("date", "effectiveDateTime", "effectivePeriod", "issued")),
    "$note": (_note, ("type", "code", "category")),
    "$type": (_note_type, ()),
    "$text": (_note_text, ("conclusion",)),
    "$recorder": (_somebody("recorder", "recordedDate"), ()),
    "$requester": (_somebody("requester", "authoredOn"), ()),
    "$author": (_author, ("author", "performer")),
    "$race": (_part(_race, slice(1)), ("extension",)),
    "$race-more": (_part(_race, slice(1, None)), ()),
    "$races": (_race, ("extension",)),
    "$ethnicity": (_part(_ethnicity, slice(1)), ("extension",)),
    "$ethnicities": (_ethnicity, ("extension",)),
    "$language": (_language, ()),
    "$deceased": (_deceased, ("deceasedBoolean", "deceasedDateTime")),
    "$device": (_udi, ("udiCarrier", "identifier")),
    "$member": (
        lambda _record, node, _resource: [{"system": "", "value": v} for v in read(node, "subscriberId")],
        ("subscriberId",),
    ),
}
"""By name: the function, and which elements of the resource it carries."""
