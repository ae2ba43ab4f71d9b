"""A person's record as a C-CDA R2.1 Continuity of Care Document."""

from __future__ import annotations

from collections import Counter

from unsilo.kernel import Issue, Json
from unsilo.kernel.clock import instant
from unsilo.mapping.outward.builder import Builder
from unsilo.mapping.outward.element import Element, write
from unsilo.mapping.outward.narrative import Narrative
from unsilo.mapping.outward.record import Made, Record, codings, items, lost, misshapen, read
from unsilo.mapping.outward.sources import members, party
from unsilo.mapping.outward.systems import uuid_of
from unsilo.mapping.outward.tables import Section, sections
from unsilo.mapping.outward.times import stamp
from unsilo.mapping.outward.values import say

__all__ = ["to_ccda"]

_CCD = "2.16.840.1.113883.10.20.22.1.2"
_US = "2.16.840.1.113883.10.20.22.1.1"
_LOINC = "2.16.840.1.113883.6.1"
_ALWAYS = frozenset({"resourceType", "id", "meta", "text", "implicitRules", "language", "contained"})
"""Elements that say nothing of the person."""
_AROUND = frozenset({"subject", "patient", "encounter", "context", "beneficiary"})
"""References that the document itself makes: whose it is; to the visit they are not carried."""
_BESIDE = frozenset({"Practitioner", "PractitionerRole", "Organization", "Location", "Medication", "Patient"})
"""Types that stand in a document where something refers to them."""


def to_ccda(record: Record, at: int, custodian: str = "") -> Made:
    """Return the document of one person made at `at` (microseconds), and an Issue for each thing it does not carry.

    `custodian` is the name of who keeps the record. The same record gives the same bytes at the same time.
    """
    builder = Builder(record)
    root = Element("ClinicalDocument")
    root.add("realmCode", {"code": "US"})
    root.add("typeId", {"root": "2.16.840.1.113883.1.3", "extension": "POCD_HD000040"})
    for template in (_US, _CCD):
        root.add("templateId", {"root": template, "extension": "2015-08-01"})
        root.add("templateId", {"root": template})
    now = stamp(instant(at))
    patient = record.patient
    root.add("id", {"root": uuid_of(f"document {patient.get('id', '')} {now}")})
    code = {"code": "34133-9", "codeSystem": _LOINC, "codeSystemName": "LOINC"}
    root.add("code", {**code, "displayName": "Summary of episode note"})
    names = [say(name) for name in read(patient, "name")[:1]]
    root.add("title", text="Continuity of care document" + (f": {names[0]}" if names and names[0] else ""))
    root.add("effectiveTime", {"value": now})
    root.add("confidentialityCode", {"code": _secret(record), "codeSystem": "2.16.840.1.113883.5.25"})
    root.add("languageCode", {"code": "en-US"})
    builder.entry("patient-role", root.add("recordTarget").add("patientRole"), patient)
    _author(root, now)
    _custodian(builder, root, record, custodian)
    for one in read(patient, "contact"):
        builder.entry("contact", root.add("participant"), one, patient)
    record.note(patient, ["contact"])
    _event(root, record, now)
    body = root.add("component").add("structuredBody")
    carried = 0
    for section in sections():
        carried += _section(builder, body, section)
    return Made([write(root)], carried + 1, _lost(record))


def _secret(record: Record) -> str:
    """The highest confidentiality of what is in the document (v3 Confidentiality), N where nothing says more."""
    codes = {c.get("code") for one in (record.patient, *record.resources) for c in codings(one, "meta.security")}
    return next((code for code in ("V", "R") if code in codes), "N")


def _author(root: Element, now: str) -> None:
    author = root.add("author")
    author.add("time", {"value": now})
    who = author.add("assignedAuthor")
    who.add("id", {"nullFlavor": "NA"})
    who.add("addr", {"nullFlavor": "NA"})
    who.add("telecom", {"nullFlavor": "NA"})
    device = who.add("assignedAuthoringDevice")
    device.add("manufacturerModelName", text="unsilo")
    device.add("softwareName", text="unsilo")


def _custodian(builder: Builder, root: Element, record: Record, name: str) -> None:
    keeper = root.add("custodian").add("assignedCustodian").add("representedCustodianOrganization")
    managing = record.patient.get("managingOrganization")
    if not name and party(record, managing):
        builder.entry("organization", keeper, managing, record.patient)
        record.note(record.patient, ["managingOrganization"])
    else:
        keeper.add("id", {"root": uuid_of(f"custodian {name}")})
        keeper.add("name", text=name or "unsilo")
    for tag in ("telecom", "addr"):
        if not keeper.all(tag):
            keeper.add(tag, {"nullFlavor": "NI"})


def _event(root: Element, record: Record, now: str) -> None:
    """The time that the document covers: from the first to the last dated thing."""
    event = root.add("documentationOf").add("serviceEvent", {"classCode": "PCPR"})
    times = sorted(
        text for one in record.resources for name in ("effectiveDateTime", "performedDateTime", "onsetDateTime")
        for text in [stamp(one.get(name))] if text
    )  # fmt: skip
    interval = event.add("effectiveTime")
    interval.add("low", {"value": times[0]} if times else {"nullFlavor": "UNK"})
    interval.add("high", {"value": now})


def _section(builder: Builder, body: Element, section: Section) -> int:
    record = builder.record
    found = [one for kind in section.types for one in record.of(kind) if _belongs(section, one, record)]
    tops, count = _tops(section, found, record)
    if not tops and not section.required:
        return 0
    outer = body.add("component")
    held = outer.add("section", {} if tops else {"nullFlavor": "NI"})
    for template in section.templates:
        root, _, extension = template.partition(":")
        held.add("templateId", {"root": root, **({"extension": extension} if extension else {})})
    held.add("code", {"code": section.loinc, "codeSystem": _LOINC, "displayName": section.display})
    held.add("title", text=section.title)
    place = len(held.kids)
    builder.narrative = narrative = Narrative(section, record)
    for one in tops:
        entry = Element("entry", {"typeCode": "DRIV"})
        builder.entry(section.entry, entry.add(_TAGS.get(section.entry, "observation")), one)
        held.kids.append(entry)
    text = Element("text")
    narrative.write(text)
    held.kids[place:place] = text.kids
    return count


_TAGS = {
    "allergy": "act", "problem": "act", "coverage": "act", "note": "act",
    "medication": "substanceAdministration", "immunization": "substanceAdministration",
    "administered": "substanceAdministration",
    "procedure": "procedure", "encounter": "encounter", "device": "supply",
    "result-organizer": "organizer", "vital-organizer": "organizer", "family": "organizer",
}  # fmt: skip
"""The element of an entry."""


def _belongs(section: Section, one: Json, record: Record) -> bool:
    if one.get("status") == "entered-in-error":
        return False
    kind = one["resourceType"]
    if kind == "Observation":
        return _place(one) == section.where
    if kind == "DiagnosticReport":
        return not one.get("result")
    if kind == "MedicationDispense":
        return not any(record.resolve(held) for held in items(one.get("authorizingPrescription")))
    return True


def _place(one: Json) -> str:
    codes = {coding.get("code") for coding in codings(one, "category.coding")}
    return next((name for name in ("vital-signs", "social-history") if name in codes), "results")


def _tops(section: Section, found: list[Json], record: Record) -> tuple[list[Json], int]:
    """What the entries of a section are made of: reports with their results, vital signs of one time, single things."""
    for one in found:
        record.note(one, ["category", *_AROUND])
    if section.name == "results":
        reports = [
            one
            for one in record.of("DiagnosticReport")
            if one.get("result") and one.get("status") != "entered-in-error"
        ]
        within: set[int] = set()
        for report in reports:
            record.note(report, ["category", *_AROUND])
            within |= {id(record.resolve(held)) for held in report["result"]}
        alone = [one for one in found if id(one) not in within and not _panel(one)]
        for one in found:
            if _panel(one):
                record.note(one, one.keys())
        return reports + alone, len(reports) + len(found)
    if section.name == "vital-signs":
        groups: dict[str, list[Json]] = {}
        for one in found:
            if _panel(one):  # its members stand in the document, each with its own time
                record.note(one, one.keys())
                continue
            key = repr([value for _, value in read(one, "effective[x]")])
            groups.setdefault(key, []).append(one)
        for group in groups.values():
            record.groups[id(group[0])] = group
        return [group[0] for group in groups.values()], len(found)
    if section.name == "social-history":
        return [part for one in found for part in members(record, one, one)], len(found)
    return found, len(found)


def _panel(one: Json) -> bool:
    """True for an Observation that has nothing but members."""
    return bool(one.get("hasMember")) and not any(key.startswith("value") for key in one) and "component" not in one


def _lost(record: Record) -> list[Issue]:
    """Name what the document does not carry: whole resources by type, and elements of those that it does carry."""
    types: Counter[str] = Counter()
    names: Counter[str] = Counter()
    for one in (record.patient, *record.resources):
        used = record.used.get(id(one))
        kind = one["resourceType"]
        if used is None:
            if kind not in _BESIDE:
                types[kind] += 1
            continue
        for name in one:
            if name not in used and name not in _ALWAYS and not name.startswith("_"):
                names[f"{kind}.{name}"] += 1
    issues = misshapen(record)
    issues += [
        lost(kind, f"{count} {kind} of this person {_have(count)} no place in the document", "outward.ccda.resource")
        for kind, count in sorted(types.items())
    ]
    issues += [
        lost(
            name, f"{name} is not in the document ({count} {'times' if count > 1 else 'time'})", "outward.ccda.element"
        )
        for name, count in sorted(names.items())
    ]
    return issues


def _have(count: int) -> str:
    return "have" if count > 1 else "has"
