"""Slices told apart by type, profile, reference and existence; slices of slices; slices that are not there at all."""

from typing import Any

import pytest
from validation_subjects import Own

from unsilo.spec import definitions as core
from unsilo.spec.packages.snapshot import snapshot
from unsilo.spec.r4 import resource_types
from unsilo.validation import Options
from unsilo.validation.library import Library
from unsilo.validation.validator import Validator

Json = dict[str, Any]
R4, OWN = "http://hl7.org/fhir/StructureDefinition/", "http://example.org/"


def _element(id_: str, **said: Any) -> Json:
    path = ".".join(step.partition(":")[0] for step in id_.split("."))
    slice_name = id_.rpartition(".")[2].partition(":")[2]
    return {"id": id_, "path": path, **({"sliceName": slice_name} if slice_name else {}), **said}


def _by(kind: str, path: str, rules: str = "open", **more: Any) -> Json:
    return {"discriminator": [{"type": kind, "path": path}], "rules": rules, **more}


def _refers(*targets: str) -> list[Json]:
    return [{"code": "Reference", "targetProfile": [R4 + each for each in targets]}]


PROFILES: dict[str, tuple[str, list[Json]]] = {
    "component-types": (R4 + "Observation", [
        _element("Observation.component", slicing=_by("type", "value")),
        _element("Observation.component:number", min=1, max="1"),
        _element("Observation.component:number.value[x]", min=1, type=[{"code": "Quantity"}]),
        _element("Observation.component:concept", min=0, max="1"),
        _element("Observation.component:concept.value[x]", min=1, type=[{"code": "CodeableConcept"}]),
        _element("Observation.component:words", min=0, max="1"),
        _element("Observation.component:words.value[x]", min=1, type=[{"code": "string"}]),
    ]),
    "laboratory": (R4 + "Observation", [
        _element("Observation.category", slicing=_by("value", "coding.system")),
        _element("Observation.category:lab", min=1, max="*"),
        _element("Observation.category:lab.coding.system", min=1, fixedUri="http://example.org/lab"),
    ]),
    "laboratory-kinds": (OWN + "laboratory", [
        _element("Observation.category:lab", slicing=_by("value", "coding.code", "closed")),
        _element("Observation.category:lab/chemistry", min=1, max="1"),
        _element("Observation.category:lab/chemistry.coding.code", min=1, fixedCode="chemistry"),
        _element("Observation.category:lab/blood", min=0, max="1"),
        _element("Observation.category:lab/blood.coding.code", min=1, fixedCode="blood"),
    ]),
    "identifiers": (R4 + "Patient", [
        _element("Patient.identifier", slicing=_by("exists", "system", "closed")),
        _element("Patient.identifier:known", min=1, max="*"),
        _element("Patient.identifier:known.system", min=1),
        _element("Patient.identifier:other", min=0, max="1"),
        _element("Patient.identifier:other.system", max="0"),
        _element("Patient.identifier:other.value", min=1),
    ]),
    "performers": (R4 + "Observation", [
        _element("Observation.performer", slicing=_by("type", "resolve()")),
        _element("Observation.performer:person", min=1, max="1", type=_refers("Practitioner")),
        _element("Observation.performer:house", min=0, max="1", type=_refers("Organization")),
    ]),
    "gendered": (R4 + "Patient", [_element("Patient.gender", min=1)]),
    "named": (R4 + "Patient", [_element("Patient.name", min=1)]),
    "report": (R4 + "Bundle", [
        _element("Bundle.entry", slicing=_by("type", "resource")),
        _element("Bundle.entry:person", min=1, max="1"),
        _element("Bundle.entry:person.resource", min=1,
                 type=[{"code": "Patient", "profile": [OWN + "gendered", OWN + "named"]}]),
        _element("Bundle.entry:result", min=0, max="1"),
        _element("Bundle.entry:result.resource", min=1, type=[{"code": "Observation"}]),
    ]),
    "report-by-profile": (R4 + "Bundle", [
        _element("Bundle.entry", slicing=_by("profile", "resource")),
        _element("Bundle.entry:person", min=1, max="1"),
        _element("Bundle.entry:person.resource", min=1, type=[{"code": "Patient", "profile": [OWN + "gendered"]}]),
    ]),
    "people": (R4 + "Bundle", [_element("Bundle.entry.resource", type=[{"code": "Patient"}, {"code": "Person"}])]),
    "origin": (R4 + "Extension", [
        _element("Extension.extension", slicing=_by("value", "url")),
        _element("Extension.extension:place", min=1, max="1"),
        _element("Extension.extension:place.url", fixedUri="place"),
        _element("Extension.extension:place.value[x]", min=1, type=[{"code": "code"}]),
        _element("Extension.url", fixedUri=OWN + "origin"),
        _element("Extension.value[x]", max="0"),
    ]),
    "with-origin": (R4 + "Patient", [
        _element("Patient.extension", slicing=_by("value", "url")),
        _element("Patient.extension:origin", min=1, max="1",
                 type=[{"code": "Extension", "profile": [OWN + "origin"]}]),
    ]),
    "measured": (R4 + "Observation", [
        _element("Observation.value[x]", slicing=_by("type", "$this", "closed")),
        _element("Observation.value[x]:valueQuantity", min=1, max="1", type=[{"code": "Quantity"}]),
        _element("Observation.value[x]:valueQuantity.system", min=1, fixedUri="http://unitsofmeasure.org"),
    ]),
    "names": (R4 + "Patient", [
        _element("Patient.name", slicing=_by("value", "use", "openAtEnd", ordered=True)),
        _element("Patient.name:official", min=1, max="1"),
        _element("Patient.name:official.use", min=1, fixedCode="official"),
        _element("Patient.name:usual", min=0, max="1"),
        _element("Patient.name:usual.use", min=1, fixedCode="usual"),
    ]),
}  # fmt: skip


@pytest.fixture(scope="module")
def val() -> Validator:
    """A validator with the profiles above, their snapshots made from differentials."""
    made: dict[str, Json] = {}
    for name, (base, elements) in PROFILES.items():
        above = made.get(base) or core.structure(base)
        assert above is not None
        definition: Json = {
            "resourceType": "StructureDefinition", "url": OWN + name, "name": name, "type": above["type"],
            "baseDefinition": base, "derivation": "constraint", "differential": {"element": elements},
        }  # fmt: skip
        lookup = {**made}
        definition["snapshot"] = {
            "element": snapshot(definition, above, lambda url, known=lookup: known.get(url) or core.structure(url))  # type: ignore[misc]
        }
        made[OWN + name] = definition
    return Validator(Library(Own(*made.values()), core), resource_types())


def _observation(**more: Any) -> Json:
    return {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, **more}


def _patient(**more: Any) -> Json:
    return {"resourceType": "Patient", **more}


def _bundle(*resources: Json) -> Json:
    address = "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e"
    entries = [{"fullUrl": f"{address}{n}", "resource": each} for n, each in enumerate(resources)]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries}


def _category(*codes: str) -> list[Json]:
    return [{"coding": [{"system": "http://example.org/lab", "code": code}]} for code in codes]


def _names(*uses: str) -> Json:
    return _patient(name=[{"use": use, "text": "t"} for use in uses])


NUMBER, CONCEPT, WORDS, YES = (
    {"code": {"text": "c"}, name: value}
    for name, value in (
        ("valueQuantity", {"value": 1}),
        ("valueCodeableConcept", {"text": "v"}),
        ("valueString", "s"),
        ("valueBoolean", True),
    )
)
HELD = [{"resourceType": "Practitioner", "id": "a"}, {"resourceType": "Organization", "id": "b", "name": "n"}]
PERSON = _patient(gender="male")


def _origin(*parts: Json) -> Json:
    return _patient(extension=[{"url": OWN + "origin", "extension": list(parts)}])


PLACE = {"url": "place", "valueCode": "z"}


@pytest.mark.parametrize(
    ("profile", "resource", "expected"),
    [
        ("component-types", _observation(component=[NUMBER, CONCEPT, WORDS]), []),
        ("component-types", _observation(component=[NUMBER, YES, YES]), []),
        ("component-types", _observation(component=[NUMBER, CONCEPT, CONCEPT]), [("Observation", "slice.max")]),
        ("component-types", _observation(component=[CONCEPT]), [("Observation", "slice.min")]),
        ("component-types", _observation(), [("Observation", "slice.min")]),
        ("laboratory-kinds", _observation(category=_category("chemistry", "blood")), []),
        ("laboratory-kinds", _observation(category=_category("blood")), [("Observation", "slice.min")]),
        ("laboratory-kinds", _observation(category=_category("chemistry", "chemistry")),
         [("Observation", "slice.max")]),
        ("laboratory-kinds", _observation(category=_category("chemistry", "urine")),
         [("Observation.category[1]", "slice.closed")]),
        ("identifiers", _patient(identifier=[{"system": "http://a", "value": "1"}, {"value": "2"}]), []),
        ("identifiers", _patient(identifier=[{"value": "2"}]), [("Patient", "slice.min")]),
        ("identifiers", _patient(identifier=[{"system": "http://a"}, {"use": "usual"}]),
         [("Patient.identifier[1]", "cardinality.min")]),
        ("performers", _observation(contained=HELD, performer=[{"reference": "#a"}, {"reference": "#b"}]), []),
        ("performers", _observation(performer=[{"reference": "Practitioner/1"}]), []),
        ("performers", _observation(performer=[{"reference": "Practitioner/1"}, {"reference": "Practitioner/2"}]),
         [("Observation", "slice.max")]),
        ("performers", _observation(contained=HELD[1:], performer=[{"reference": "#b"}]),
         [("Observation", "slice.min")]),
        ("report", _bundle(PERSON, _observation()), []),
        ("report", _bundle(_patient(name=[{"text": "n"}])), []),  # one of two profiles is enough
        ("report", _bundle(_patient(active=True)), [("Bundle.entry[0].resource", "profile.none")]),
        ("report", _bundle(_observation()), [("Bundle", "slice.min")]),
        ("report", _bundle(PERSON, _observation(), _observation()), [("Bundle", "slice.max")]),
        ("report-by-profile", _bundle(PERSON, _patient(active=True)), []),
        ("report-by-profile", _bundle(_patient(active=True)), [("Bundle", "slice.min")]),
        ("people", _bundle(PERSON, {"resourceType": "Person", "gender": "male"}), []),
        ("people", _bundle(_observation()), [("Bundle.entry[0].resource", "structure.type")]),
        ("people", _bundle({"gender": "male"}), [("Bundle.entry[0].resource", "structure.type")]),
        ("with-origin", _origin(PLACE), []),
        ("with-origin", _patient(active=True), [("Patient", "slice.min")]),
        ("with-origin", _origin({"url": "other", "valueCode": "z"}), [("Patient.extension[0]", "slice.min")]),
        ("with-origin", _origin(PLACE, PLACE), [("Patient.extension[0]", "slice.max")]),
        ("measured", _observation(valueQuantity={"value": 1, "system": "http://unitsofmeasure.org", "code": "g"}), []),
        ("measured", _observation(valueQuantity={"value": 1, "system": "http://x"}),
         [("Observation.value.ofType(Quantity).system", "value.fixed")]),
        ("measured", _observation(valueString="x"),
         [("Observation", "slice.min"), ("Observation.value.ofType(string)", "cardinality.max")]),
        ("measured", _observation(), [("Observation", "slice.min")]),
        ("names", _names("official", "usual", "old"), []),
        ("names", _names("usual", "official"), [("Patient.name[1]", "slice.order")]),
        ("names", _names("official", "old", "usual"), [("Patient.name[2]", "slice.order")]),
    ],
)  # fmt: skip
def test_slices(val: Validator, profile: str, resource: Json, expected: list[tuple[str, str]]) -> None:
    """Each fault at its place, and nothing against what meets the profile."""
    found = val.validate(resource, Options(profiles=(OWN + profile,)))
    errors = {(issue.where.path, issue.rule) for issue in found if issue.severity == "error"}
    assert errors == set(expected)
