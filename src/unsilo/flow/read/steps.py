"""The steps from received bytes to a stored fact, each in words, with what a curious reader may want beneath."""

from datetime import tzinfo

import msgspec

from unsilo.flow.read.describe import concept
from unsilo.flow.read.fact import Fact
from unsilo.flow.read.provenance import Leaf, Origin
from unsilo.flow.read.words import When, say_when
from unsilo.storage import Source as Record
from unsilo.storage import Stored

__all__ = ["Step", "steps"]

_FORMATS = {"hl7v2": "HL7 v2", "ccda": "C-CDA", "fhir": "FHIR R4 JSON"}
_SYSTEMS: dict[str, str] = {
    "http://loinc.org": "LOINC", "http://snomed.info/sct": "SNOMED CT",
    "http://www.nlm.nih.gov/research/umls/rxnorm": "RxNorm", "http://hl7.org/fhir/sid/cvx": "CVX",
    "http://hl7.org/fhir/sid/icd-10-cm": "ICD-10-CM", "http://hl7.org/fhir/sid/icd-9-cm": "ICD-9-CM",
    "http://unitsofmeasure.org": "UCUM", "http://terminology.hl7.org/CodeSystem/v3-ActCode": "HL7 v3 ActCode",
}  # fmt: skip


class Step(msgspec.Struct):
    """One step: a title, a sentence, and (label, words) pairs that may stay folded."""

    title: str
    words: str
    more: list[tuple[str, str]] = []


def steps(
    fact: Fact,
    stored: Stored,
    origins: list[Origin],
    leaves: list[Leaf],
    records: list[Record],
    names: dict[str, str],
    zone: tzinfo,
) -> list[Step]:
    """Return the steps in order: received, read, mapped, coded, linked, stored."""
    found = []
    for place, origin in enumerate(origins):
        own = [leaf for leaf in leaves if leaf.origin == place]
        found += _from(origin, own, names.get(origin.feed, origin.feed), zone)
    if not origins:
        moment = say_when(When(stored.updated, "minute"), zone)
        found.append(Step("Received", f"as FHIR R4 by the FHIR interface on {moment}, kept as it was sent."))
    found.append(_codes(fact))
    linked = _link(fact, records, zone)
    if linked is not None:
        found.append(linked)
    moment = say_when(When(stored.updated, "minute"), zone)
    more = [("Resource", fact.ref), ("Version", str(stored.version))]
    if stored.clock:
        more.append(("Event time", say_when(When(stored.clock, "minute"), zone)))
    found.append(Step("Stored", f"as version {stored.version} on {moment}.", more))
    return found


def _from(origin: Origin, leaves: list[Leaf], name: str, zone: tzinfo) -> list[Step]:
    received = say_when(When(origin.received, "minute"), zone)
    size = f"{len(origin.content)} bytes" if origin.content is not None else "bytes since removed"
    more = [("Message", origin.envelope), ("Feed", origin.feed), ("SHA-256", origin.sha256)]
    more += [(key.replace("_", " ").capitalize(), value) for key, value in origin.headers.items()]
    kind = _FORMATS.get(origin.format, origin.format)
    what = " ".join(part for part in (kind, origin.type, origin.control_id) if part)
    placed = sum(leaf.span is not None for leaf in leaves)
    rules = list(dict.fromkeys(leaf.rule for leaf in leaves if leaf.rule))
    return [
        Step("Received", f"from {name} on {received}, {size}, kept unchanged.", more),
        Step("Read", f"as {what}."),
        Step(
            "Mapped",
            f"{len(leaves)} elements, {placed} of them read from a place in the original, by {len(rules)} rules.",
            [("Mapping", origin.digest), ("Rules", ", ".join(rules))],
        ),
    ]


def _codes(fact: Fact) -> Step:
    codings = concept(fact.resource).get("coding") or []
    if not codings and isinstance(kind := fact.resource.get("class"), dict):
        codings = [kind]  # an Encounter that says no more than inpatient or ambulatory
    said = [
        f"{_SYSTEMS.get(str(c.get('system')), c.get('system') or 'no system')} {c['code']}"
        + (f" “{c['display']}”" if c.get("display") else "")
        for c in codings
        if c.get("code")
    ]
    if not said:
        return Step("Code", "No code was sent; the words stand as they came.")
    return Step("Code", "; ".join(said) + ".")


def _link(fact: Fact, records: list[Record], zone: tzinfo) -> Step | None:
    if fact.type == "Patient":
        owner = fact.id
    else:
        reference = fact.resource.get("subject") or fact.resource.get("patient") or {}
        owner = str(reference.get("reference") or "").removeprefix("Patient/")
    record = next((r for r in records if r.patient_id == owner), None)
    if record is None:
        return None
    moment = say_when(When(record.at, "minute"), zone)
    more = [("Source record", f"Patient/{record.patient_id}"), ("Rule", record.rule), ("By", record.actor)]
    return Step("Put with this person", f"{record.reason or 'by its record number'} ({moment})", more)
