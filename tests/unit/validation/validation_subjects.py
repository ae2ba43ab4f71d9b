"""Valid resources of our own that mutations break, and profiles of our own that slicing is tried with."""

from typing import Any

Json = dict[str, Any]

DIV = '<div xmlns="http://www.w3.org/1999/xhtml"><p>Seen in clinic.</p></div>'
RANGE = "http://example.org/StructureDefinition/"


def patient() -> Json:
    """A Patient with most kinds of elements."""
    return {
        "resourceType": "Patient", "id": "p1", "meta": {"lastUpdated": "2026-03-01T10:00:00Z", "versionId": "1"},
        "text": {"status": "generated", "div": DIV},
        "extension": [{"url": "http://example.org/colour", "valueString": "blue"}],
        "identifier": [
            {"use": "official", "system": "urn:oid:1.2.36.146", "value": "777", "period": {"start": "2019-01-01"}}
        ],
        "active": True,
        "name": [{"use": "official", "family": "Okafor", "given": ["Ada", "Ngozi"], "_family": {"id": "f1"}}],
        "telecom": [{"system": "phone", "value": "+1 555 0100", "rank": 1}],
        "gender": "female", "birthDate": "1980-02-29", "deceasedBoolean": False,
        "address": [{"line": ["1 Low St"], "city": "Leeds", "period": {"start": "2015", "end": "2020-05"}}],
        "maritalStatus": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-MaritalStatus", "code": "M"}]
        },
        "multipleBirthInteger": 2,
        "contact": [{"name": {"family": "Okafor"}, "gender": "male"}],
        "communication": [{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "en-GB"}]}}],
        "generalPractitioner": [{"reference": "Practitioner/d1"}],
        "managingOrganization": {"reference": "#o1"},
        "contained": [{"resourceType": "Organization", "id": "o1", "name": "North Clinic"}],
    }  # fmt: skip


def observation() -> Json:
    """An Observation with a component and quantities."""
    return {
        "resourceType": "Observation", "id": "b1", "status": "final",
        "category": [
            {
                "coding": [
                    {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}
                ]
            }
        ],
        "code": {"coding": [{"system": "http://loinc.org", "code": "85354-9"}], "text": "Blood pressure"},
        "subject": {"reference": "Patient/p1"}, "effectiveDateTime": "2026-03-01T09:30:00+01:00",
        "issued": "2026-03-01T09:31:00.250Z", "performer": [{"reference": "Practitioner/d1"}],
        "referenceRange": [{"low": {"value": 90, "unit": "mm[Hg]"}, "text": "90 and above"}],
        "component": [
            {
                "code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]},
                "valueQuantity": {
                    "value": 127, "unit": "mmHg", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"
                },
            },
            {
                "code": {"coding": [{"system": "http://loinc.org", "code": "8462-4"}]},
                "dataAbsentReason": {
                    "coding": [
                        {"system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": "not-performed"}
                    ]
                },
            },
        ],
    }  # fmt: skip


def media() -> Json:
    """A Media with an attachment."""
    return {
        "resourceType": "Media", "id": "m1", "status": "completed",
        "content": {"contentType": "text/plain", "data": "aGVsbG8=", "size": 5},
    }  # fmt: skip


def document() -> Json:
    """A document Bundle."""
    return {
        "resourceType": "Bundle", "id": "d1", "type": "document", "timestamp": "2026-03-01T10:00:00Z",
        "identifier": {"system": "urn:ietf:rfc:3986", "value": "urn:uuid:0c1a5e3e-3c15-4d1b-9f6f-3a5d0e0b0c01"},
        "entry": [
            {
                "fullUrl": "urn:uuid:0c1a5e3e-3c15-4d1b-9f6f-3a5d0e0b0c02",
                "resource": {
                    "resourceType": "Composition", "status": "final", "date": "2026-03-01", "title": "Note",
                    "type": {"coding": [{"system": "http://loinc.org", "code": "11488-4"}]},
                    "subject": {"reference": "urn:uuid:0c1a5e3e-3c15-4d1b-9f6f-3a5d0e0b0c03"},
                    "author": [{"reference": "urn:uuid:0c1a5e3e-3c15-4d1b-9f6f-3a5d0e0b0c04"}],
                },
            },
            {
                "fullUrl": "urn:uuid:0c1a5e3e-3c15-4d1b-9f6f-3a5d0e0b0c03",
                "resource": {"resourceType": "Patient", "gender": "other"},
            },
            {
                "fullUrl": "urn:uuid:0c1a5e3e-3c15-4d1b-9f6f-3a5d0e0b0c04",
                "resource": {"resourceType": "Practitioner", "active": True},
            },
        ],
    }  # fmt: skip


def _structure(name: str, type_: str, elements: list[Json], context: list[Json] | None = None) -> Json:
    made: Json = {
        "resourceType": "StructureDefinition", "url": RANGE + name, "name": name, "status": "active",
        "kind": "complex-type" if type_ == "Extension" else "resource", "abstract": False, "type": type_,
        "baseDefinition": f"http://hl7.org/fhir/StructureDefinition/{type_}", "derivation": "constraint",
        "snapshot": {"element": elements},
    }  # fmt: skip
    if context:
        made["context"] = context
    return made


def pressure_profile(core: Json) -> Json:
    """A profile of Observation: two components told apart by code, a category pattern, no note, only a Quantity."""
    elements: list[Json] = []
    for element in core["snapshot"]["element"]:
        path = element["path"]
        if path == "Observation.category":
            element = {
                **element, "min": 1,
                "patternCodeableConcept": {"coding": [{
                    "system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs",
                }]},
            }  # fmt: skip
        if path == "Observation.note":
            element = {**element, "max": "0", "base": {"path": path, "min": 0, "max": "*"}}
        if path == "Observation.component":
            element = {
                **element, "min": 2,
                "slicing": {"discriminator": [{"type": "value", "path": "code"}], "rules": "closed", "ordered": True},
            }  # fmt: skip
        elements.append(element)
    for n, code in (("systolic", "8480-6"), ("diastolic", "8462-4")):
        id_ = f"Observation.component:{n}"
        elements += [
            {"id": id_, "path": "Observation.component", "sliceName": n, "min": 1, "max": "1",
             "type": [{"code": "BackboneElement"}]},
            {"id": f"{id_}.code", "path": "Observation.component.code", "min": 1, "max": "1",
             "type": [{"code": "CodeableConcept"}],
             "patternCodeableConcept": {"coding": [{"system": "http://loinc.org", "code": code}]}},
            {"id": f"{id_}.value[x]", "path": "Observation.component.value[x]", "min": 0, "max": "1",
             "type": [{"code": "Quantity"}]},
            {"id": f"{id_}.dataAbsentReason", "path": "Observation.component.dataAbsentReason", "min": 0, "max": "1",
             "type": [{"code": "CodeableConcept"}]},
        ]  # fmt: skip
    return _structure("pressure", "Observation", elements)


def colour_extension(core: Json) -> Json:
    """An extension for Patients only, with a string of one of two words."""
    elements = []
    for element in core["snapshot"]["element"]:
        path = element["path"]
        if path == "Extension.url":
            element = {**element, "fixedUri": RANGE + "colour"}
        if path == "Extension.extension":
            element = {**element, "max": "0", "base": {"path": path, "min": 0, "max": "*"}}
        if path == "Extension.value[x]":
            element = {**element, "min": 1, "type": [{"code": "code"}], "binding": {
                "strength": "required", "valueSet": "http://example.org/ValueSet/colours"}}  # fmt: skip
        elements.append(element)
    return _structure("colour", "Extension", elements, [{"type": "element", "expression": "Patient"}])


COLOURS: Json = {
    "resourceType": "ValueSet", "url": "http://example.org/ValueSet/colours", "status": "active",
    "compose": {"include": [{"system": "http://example.org/colours", "concept": [{"code": "red"}, {"code": "blue"}]}]},
}  # fmt: skip


class Own:
    """A package made of a few definitions."""

    def __init__(self, *definitions):
        self._known = {each["url"]: each for each in definitions}

    def structure(self, url):
        """Return a StructureDefinition."""
        found = self._known.get(url.partition("|")[0])
        return found if found and found["resourceType"] == "StructureDefinition" else None

    def value_set(self, url):
        """Return a ValueSet."""
        found = self._known.get(url.partition("|")[0])
        return found if found and found["resourceType"] == "ValueSet" else None

    def code_system(self, url):
        """There is none."""
