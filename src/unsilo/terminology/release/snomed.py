"""SNOMED CT: Release Format 2, the snapshot, from a zip or folder (SNOMED International, RF2 specification)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from unsilo.terminology.model import Edition, MapGroup, MapRow, Property, Sink
from unsilo.terminology.release.files import Files

__all__ = ["CONCEPT_FILE", "load"]

URL = "http://snomed.info/sct"
CONCEPT_FILE = r"x?sct2_Concept_(Snapshot|Delta|Full)_.*\.txt"
_IS_A = "116680003"
_FSN, _SYNONYM, _DEFINITION = "900000000000003001", "900000000000013009", "900000000000550004"
_PREFERRED = "900000000000548007"
_US = "900000000000509007"
_STATED = "900000000000010007"
_TAG = re.compile(r" \([^()]*\)$")
_ASSOCIATIONS = {
    "900000000000523009": "POSSIBLY_EQUIVALENT_TO", "900000000000524003": "MOVED_TO",
    "900000000000525002": "MOVED_FROM", "900000000000526001": "REPLACED_BY", "900000000000527005": "SAME_AS",
    "900000000000528000": "WAS_A", "900000000000529008": "SIMILAR_TO", "900000000000530003": "ALTERNATIVE",
    "900000000000531004": "REFERS_TO", "1186921001": "POSSIBLY_REPLACED_BY", "1186924009": "PARTIALLY_EQUIVALENT_TO",
}  # fmt: skip
"""Historical associations by their reference set."""
_MAPS = {
    "447562003": "http://hl7.org/fhir/sid/icd-10", "6011000124106": "http://hl7.org/fhir/sid/icd-10-cm",
    "446608001": "http://terminology.hl7.org/CodeSystem/icd-o-3", "900000000000497000": "urn:oid:2.16.840.1.113883.6.6",
}  # fmt: skip
"""Systems that map reference sets lead to."""
_CORRELATIONS = {
    "447557004": "equivalent", "447558009": "wider", "447559001": "narrower", "447560006": "inexact",
}  # fmt: skip
"""What a map's row says of its two ends (exact match, narrow to broad, broad to narrow, partial overlap); the rest
say nothing of it."""
_MODULES = {"INT": "900000000000207008", "US1000124": "731000124108", "GB1000000": "999000041000000102",
            "GB1000001": "999000011000001104", "AU1000036": "32506021000036107", "CA1000087": "20611000087101",
            "NL1000146": "11000146104", "ES": "449081005", "SE1000052": "45991000052106",
            "DK1000005": "554471000005108", "BE1000172": "11000172109", "CH1000195": "2011000195101",
            "IN1000189": "1121000189102", "NZ1000210": "21000210109"}  # fmt: skip
"""Edition modules by the part of file names that says country and namespace."""


def _snapshot(kind: str) -> str:
    return rf"x?(sct2|der2)_{kind}Snapshot(-[A-Za-z-]+)?_.*\.txt"


def _version(files: Files) -> str:
    name = files.one(_snapshot("Concept_"), "snapshot of concepts (sct2_Concept_Snapshot_*.txt)").rpartition("/")[2]
    found = re.search(r"_([A-Z]{2,3}\d*)_(\d{8})", name)
    module = _MODULES.get(found[1], _MODULES["INT"]) if found else _MODULES["INT"]
    return f"{URL}/{module}/version/{found[2] if found else '00000000'}"


def _preferred(files: Files) -> dict[str, str]:
    """Return the language reference sets in which a description is preferred, by its id."""
    found: dict[str, str] = {}
    for name in files.find(_snapshot("cRefset_Language")):
        for _, row in files.columns(name, ("active", "refsetId", "referencedComponentId", "acceptabilityId")):
            if row[0] == "1" and row[3] == _PREFERRED:
                known = found.get(row[2])
                found[row[2]] = f"{known} {row[1]}" if known else row[1]
    return found


def _descriptions(files: Files) -> Iterator[list[str]]:
    """Yield (id, conceptId, languageCode, typeId, term) of active descriptions and text definitions."""
    names = [*files.find(_snapshot("Description_")), *files.find(_snapshot("TextDefinition_"))]
    for name in names:
        for _, row in files.columns(name, ("active", "id", "conceptId", "languageCode", "typeId", "term")):
            if row[0] == "1":
                yield row[1:]


def load(files: Files, sink: Sink) -> Edition:
    """Hand a snapshot over. TerminologyError when a file lacks that it cannot do without."""
    version = _version(files)
    files.one(_snapshot("Description_"), "snapshot of descriptions (sct2_Description_Snapshot*.txt)")
    files.one(_snapshot("Relationship_"), "snapshot of relationships (sct2_Relationship_Snapshot*.txt)")
    preferred = _preferred(files)
    displays: dict[str, tuple[int, str]] = {}
    definitions: dict[str, str] = {}
    for number, code, language, kind, term in _descriptions(files):
        if kind == _DEFINITION:
            definitions.setdefault(code, term)
            continue
        sets = preferred.get(number, "")
        grade = (kind == _SYNONYM) * bool(sets) * (2 + (_US in sets) * 2 + (language == "en")) + (kind == _FSN)
        if grade > displays.get(code, (0, ""))[0]:
            displays[code] = (grade, _TAG.sub("", term) if kind == _FSN else term)
    for name in ("moduleId", "definitionStatusId", "effectiveTime"):
        sink.property(Property(name))
    for name in files.find(_snapshot("Concept_")):
        columns = ("id", "active", "effectiveTime", "moduleId", "definitionStatusId")
        for _, (code, active, time, module, status) in files.columns(name, columns):
            sink.concept(code, displays.get(code, (0, code))[1], active == "1", definitions.get(code, ""))
            sink.value(code, "moduleId", module)
            sink.value(code, "definitionStatusId", status)
            sink.value(code, "effectiveTime", time)
    displays.clear()
    for number, code, language, kind, term in _descriptions(files):
        sink.term(code, term, language, kind, preferred.get(number, ""))
    preferred.clear()
    _relationships(files, sink)
    _refsets(files, sink)
    return Edition(
        URL, version, "SNOMED CT", "SNOMED CT is copyright of SNOMED International; use needs a licence.",
        language="en", value_set=URL + "?fhir_vs",
    )  # fmt: skip


def _relationships(files: Files, sink: Sink) -> None:
    columns = ("active", "sourceId", "destinationId", "relationshipGroup", "typeId", "characteristicTypeId")
    for name in files.find(_snapshot("Relationship_")):
        for number, (active, source, target, group, kind, how) in files.columns(name, columns):
            if active != "1" or how == _STATED:
                continue
            if kind == _IS_A:
                sink.parent(source, target)
            elif group.isdigit():
                sink.relation(source, kind, target, int(group))
            else:
                files.notes.say("a relationship group is no number", name, number)
    for name in files.find(_snapshot("RelationshipConcreteValues_")):
        concrete = ("active", "sourceId", "value", "relationshipGroup", "typeId")
        for _, (active, source, value, group, kind) in files.columns(name, concrete):
            if active == "1" and group.isdigit():
                said = value.removeprefix("#") if value[:1] == "#" else value.strip('"')
                sink.value(source, kind, said, int(group))


def _refsets(files: Files, sink: Sink) -> None:
    maps: dict[str, int] = {}
    for name in files.find(_snapshot(r"[a-z]*Refset_[A-Za-z]*")):
        if "Language" in name or "MRCM" in name:
            continue
        columns = ("active", "refsetId", "referencedComponentId", "targetComponentId?", "mapTarget?", "mapAdvice?",
                   "correlationId?")  # fmt: skip
        for _, (active, refset, code, target, mapped, advice, correlation) in files.columns(name, columns):
            if active != "1":
                continue
            association = _ASSOCIATIONS.get(refset)
            if association is not None and target:
                sink.successor(code, association, target)
            elif mapped:
                if refset not in maps:
                    maps[refset] = len(maps) + 1
                    url = f"{URL}?fhir_cm={refset}"
                    goal = _MAPS.get(refset, f"urn:sctid:{refset}")
                    sink.group(MapGroup(maps[refset], url, "", f"SNOMED CT map {refset}", URL, goal))
                how = _CORRELATIONS.get(correlation, "relatedto")
                sink.map(MapRow(maps[refset], code, mapped, how, "", advice))
                sink.member(refset, code)
            elif code.isdigit() and len(code) > 5 and code[-2] == "0":  # partition 00 or 10: a concept
                sink.member(refset, code)
