"""A person's International Patient Summary as a document Bundle (HL7 IPS 1.1; FHIR R4 documents.html)."""

import csv
from functools import cache
from html import escape
from importlib.resources import files
from typing import NamedTuple

from unsilo import __version__
from unsilo.flow.fhir.everything import Reads, facts
from unsilo.flow.read.describe import particulars as particulars_of
from unsilo.flow.read.describe import title, value_text
from unsilo.flow.read.fact import Fact, happened
from unsilo.flow.read.grouping import Group, group
from unsilo.flow.read.same import DOMAIN, PLAIN, codes_of
from unsilo.flow.read.sections import kind_of
from unsilo.flow.read.words import say_when
from unsilo.kernel import Json, clock, content_id, json
from unsilo.policy import masked
from unsilo.policy.predicate import Predicate
from unsilo.storage import Stored
from unsilo.terminology.same import Reader

__all__ = ["PROFILE", "SECTIONS", "SummarySection", "summary"]

PROFILE = "http://hl7.org/fhir/uv/ips/StructureDefinition/Bundle-uv-ips"
_COMPOSITION = "http://hl7.org/fhir/uv/ips/StructureDefinition/Composition-uv-ips"
_ABSENT = "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips"
_LOINC = "http://loinc.org"
_MOST_RESULTS = 100
"""Observations of a section, the newest: a summary is read, a record is searched."""
_OVER = frozenset(("entered-in-error", "refuted", "cancelled", "not-done", "draft"))


class SummarySection(NamedTuple):
    """One section: `types` may name a kind of Observation (`Observation:vitals`); `absent` is said when it is empty."""

    key: str
    title: str
    loinc: str
    display: str
    required: bool
    types: tuple[str, ...]
    absent: str
    absent_display: str


@cache
def _sections() -> tuple[SummarySection, ...]:
    text = files("unsilo.flow.fhir").joinpath("summary_sections.csv").read_text("utf-8")
    return tuple(
        SummarySection(
            row["key"], row["title"], row["loinc"], row["display"], row["required"] == "yes",
            tuple(row["types"].split()), row["absent"], row["absent_display"],
        )
        for row in csv.DictReader(text.splitlines())
    )  # fmt: skip


SECTIONS: tuple[SummarySection, ...] = _sections()


_WRONG = (AttributeError, KeyError, TypeError, ValueError)
"""What reading a resource of wrong shape raises: it is stored as it came, and here said by its name alone."""


def _belongs(section: SummarySection, resource: Json) -> bool:
    kind = str(resource.get("resourceType"))
    if kind not in section.types:
        try:
            return f"{kind}:{kind_of(resource)}" in section.types
        except _WRONG:
            return False
    return True


def _said(resource: Json, *names: str) -> set[str]:
    found: set[str] = set()
    for name in names:
        value = resource.get(name)
        if isinstance(value, str):
            found.add(value)
        elif isinstance(value, dict):
            found |= {str(coding.get("code")) for coding in value.get("coding") or () if isinstance(coding, dict)}
    return found


def _holds(resource: Json) -> bool:
    """Tell whether a summary may say it: what was wrong, never happened or is only drafted is no part of it."""
    return _said(resource, "status", "verificationStatus").isdisjoint(_OVER)


class _Thing(NamedTuple):
    """What one row of the narrative says: a resource, and the other names under which sources have the same."""

    resource: Json
    also: str = ""


def _row(thing: _Thing) -> str:
    resource = thing.resource
    try:
        particulars = "; ".join(f"{name}: {text}" for name, text in particulars_of(resource) if text)
        cells = [title(resource), value_text(resource), particulars, say_when(happened(resource)), thing.also]
    except _WRONG:
        cells = [f"{resource.get('resourceType')}/{resource.get('id')}"]
    return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"


def _things(rows: list[tuple[Stored, Json]], reader: Reader) -> list[_Thing]:
    """Return a row for each thing: statements that are one are one row, those that disagree stay a row each."""
    facts = [Fact(row.type, row.id, row.version, row.updated, "", resource) for row, resource in rows]
    if not all(fact.type in DOMAIN for fact in facts):
        return [_Thing(resource) for _, resource in rows]
    try:
        groups = group(facts, reader)
    except _WRONG:
        return [_Thing(resource) for _, resource in rows]
    found: list[_Thing] = []
    for each in groups:
        if each.verdict == "conflict":
            found += [_Thing(fact.resource, each.why) for fact in each.facts]
        else:
            found.append(_Thing(each.lead.resource, _also(each)))
    return found


def _also(each: Group) -> str:
    names = dict.fromkeys(" ".join((title(fact.resource), *codes_of(fact))) for fact in each.facts)
    own = " ".join((title(each.lead.resource), *codes_of(each.lead)))
    others = [name for name in names if name != own]
    return f"also as: {'; '.join(others)}" if others else ""


def _at(resource: Json) -> int:
    try:
        return happened(resource).at
    except _WRONG:
        return 0


def _narrative(rows: list[_Thing], empty: str) -> Json:
    inside = f"<table>{''.join(map(_row, rows))}</table>" if rows else f"<p>{escape(empty)}</p>"
    return {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{inside}</div>'}


def _absent(section: SummarySection, patient: str) -> Json:
    """Return the resource by which a required section says that nothing is known."""
    concept = {"coding": [{"system": _ABSENT, "code": section.absent, "display": section.absent_display}]}
    subject = {"reference": f"Patient/{patient}"}
    id_ = content_id("summary", patient, section.key)
    if section.key == "allergies":
        clinical = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical"
        status = {"coding": [{"system": clinical, "code": "active"}]}
        return {"resourceType": "AllergyIntolerance", "id": id_, "clinicalStatus": status, "code": concept,
                "patient": subject}  # fmt: skip
    if section.key == "problems":
        status = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "active"}]}
        return {"resourceType": "Condition", "id": id_, "clinicalStatus": status, "code": concept, "subject": subject}
    return {"resourceType": "MedicationStatement", "id": id_, "status": "unknown", "medicationCodeableConcept": concept,
            "subject": subject}  # fmt: skip


def _decoded(predicate: Predicate, row: Stored) -> Json:
    resource: Json = json.decode(row.body)
    hidden = predicate.elements.get(row.type)
    if hidden:
        resource = masked(resource, hidden)
    said = {"versionId": str(row.version), "lastUpdated": clock.instant(row.updated)}
    meta = resource.get("meta")
    resource["meta"] = {**(meta if isinstance(meta, dict) else {}), **said}
    return resource


def _referred(resources: list[Json]) -> list[str]:
    """Return `Type/id` of what is referred to, in order, without doubles."""
    found: dict[str, None] = {}
    waiting: list[object] = list(reversed(resources))
    while waiting:
        item = waiting.pop()
        if isinstance(item, dict):
            reference = item.get("reference")
            if isinstance(reference, str) and reference.count("/") == 1:
                found[reference] = None
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
    return list(found)


_AROUND = frozenset(("Practitioner", "PractitionerRole", "Organization", "Medication", "Device", "Location"))


def summary(
    reads: Reads, predicate: Predicate, patient: Stored, base: str, now: int, reader: Reader = PLAIN
) -> tuple[Json, list[Stored]]:
    """Return the document Bundle for a source Patient and the stored resources that it holds.

    It covers what all linked records of the person say. A required section without facts says that nothing is
    known, which is not that there is nothing. The narrative has one row for what `reader` tells to be one fact; the
    entries hold every statement.
    """
    kinds = frozenset(kind.partition(":")[0] for section in SECTIONS for kind in section.types)
    stored = facts(reads, predicate, patient.id, kinds)
    rows = [(row, _decoded(predicate, row)) for row in stored]
    rows = [(row, resource) for row, resource in rows if _holds(resource)]
    rows.sort(key=lambda pair: (-_at(pair[1]), pair[0].rid))
    used: list[Stored] = [patient]
    shown: list[Json] = []
    sections: list[Json] = []
    for section in SECTIONS:
        own = [(row, resource) for row, resource in rows if _belongs(section, resource)][:_MOST_RESULTS]
        resources = [resource for _, resource in own]
        if not own and not section.required:
            continue
        entries = resources or [_absent(section, patient.id)]
        used += [row for row, _ in own]
        shown += entries
        sections.append(
            {
                "title": section.title,
                "code": {"coding": [{"system": _LOINC, "code": section.loinc, "display": section.display}]},
                "text": _narrative(_things(own, reader), section.absent_display),
                "entry": [{"reference": f"{r['resourceType']}/{r['id']}"} for r in entries],
            }
        )
    around = _around(reads, predicate, [_decoded(predicate, patient), *shown])
    used += [row for row, _ in around]
    author: Json = {"resourceType": "Device", "id": content_id("summary", "unsilo"), "status": "active"}
    author["deviceName"] = [{"name": f"unsilo {__version__}", "type": "manufacturer-name"}]
    composition = {
        "resourceType": "Composition", "id": content_id("summary", patient.id, str(now)),
        "meta": {"profile": [_COMPOSITION]}, "status": "final",
        "type": {"coding": [{"system": _LOINC, "code": "60591-5", "display": "Patient summary Document"}]},
        "subject": {"reference": f"Patient/{patient.id}"}, "date": clock.instant(now),
        "author": [{"reference": f"Device/{author['id']}"}], "title": "International Patient Summary",
        "section": sections,
    }  # fmt: skip
    entries = [composition, _decoded(predicate, patient), author, *_once(shown), *(resource for _, resource in around)]
    bundle = {
        "resourceType": "Bundle", "id": composition["id"], "meta": {"profile": [PROFILE]},
        "identifier": {"system": "urn:ietf:rfc:3986", "value": f"{base}/Bundle/{composition['id']}"},
        "type": "document", "timestamp": clock.instant(now),
        "entry": [{"fullUrl": f"{base}/{r['resourceType']}/{r['id']}", "resource": r} for r in entries],
    }  # fmt: skip
    return bundle, used


def _once(resources: list[Json]) -> list[Json]:
    return list({f"{r['resourceType']}/{r['id']}": r for r in resources}.values())


def _around(reads: Reads, predicate: Predicate, resources: list[Json]) -> list[tuple[Stored, Json]]:
    held = {f"{r['resourceType']}/{r['id']}" for r in resources}
    found = []
    for reference in _referred(resources):
        kind, _, id_ = reference.partition("/")
        if reference in held or kind not in _AROUND:
            continue
        row = reads.read(predicate, kind, id_)
        if row is not None and row.state == 0:
            found.append((row, _decoded(predicate, row)))
    return found
