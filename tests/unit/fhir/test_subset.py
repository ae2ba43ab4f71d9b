"""`_summary` and `_elements`: what is kept, what is marked, what never happens."""

from __future__ import annotations

import copy
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.fhir.made import resource
from unsilo.fhir.subset import SUBSETTED, subset, unknown
from unsilo.spec.model import types

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p",
    "text": {"status": "generated", "div": "<div/>"},
    "implicitRules": "http://x",
    "contained": [
        {"resourceType": "Organization", "id": "o", "partOf": {"reference": "#q"}},
        {"resourceType": "Organization", "id": "q"},
        {"resourceType": "Practitioner", "id": "d"},
    ],
    "extension": [{"url": "http://x", "valueCode": "c"}],
    "modifierExtension": [{"url": "http://y", "valueCode": "c"}],
    "active": True,
    "name": [{"family": "A", "extension": [{"url": "http://x", "valueCode": "c"}]}],
    "_birthDate": {"extension": [{"url": "http://absent", "valueCode": "unknown"}]},
    "maritalStatus": {"text": "M"},
    "generalPractitioner": [{"reference": "#d"}],
    "managingOrganization": {"reference": "#o"},
}


def names(found: dict[str, Any]) -> set[str]:
    """Return the names kept besides those that are always there."""
    return set(found) - {"resourceType", "id", "meta"}


def test_a_summary_keeps_what_r4_marks() -> None:
    """Summary elements at every depth; no narrative, no extension; what a value lacks stays said."""
    found = subset(PATIENT, "true")
    assert names(found) == {
        "implicitRules", "modifierExtension", "active", "name", "_birthDate", "managingOrganization", "contained",
    }  # fmt: skip
    assert found["name"] == [{"family": "A"}]
    assert [one["id"] for one in found["contained"]] == ["o", "q"]
    document = {"resourceType": "DocumentReference", "status": "current", "docStatus": "final"}
    document["content"] = [{"attachment": {"contentType": "text/plain", "data": "QQ==", "title": "t"}}]  # type: ignore[assignment]
    kept = subset(document, "true")
    assert kept["content"] == [{"attachment": {"contentType": "text/plain", "title": "t"}}]


def test_text_keeps_the_narrative_and_what_is_mandatory() -> None:
    """For an Observation that is status and code."""
    observation = {"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "c"}, "issued": "x"}
    assert names(subset(observation | {"text": PATIENT["text"]}, "text")) == {"status", "code", "text"}
    request = {"resourceType": "MedicationRequest", "medicationCodeableConcept": {"text": "m"}, "note": [{"text": "n"}]}
    assert names(subset(request, "text")) == {"medicationCodeableConcept"}


def test_data_leaves_out_the_narrative_only() -> None:
    """All else stays."""
    assert names(subset(PATIENT, "data")) == names(PATIENT) - {"text"}


def test_false_is_the_resource_itself() -> None:
    """Whole and not tagged."""
    assert subset(PATIENT, "false") is PATIENT


def test_named_elements_come_with_what_modifies_the_meaning() -> None:
    """Modifier and mandatory elements are kept; a stem names each type of a choice."""
    found = subset(PATIENT, ("maritalStatus", "birthDate"))
    assert names(found) == {"maritalStatus", "_birthDate", "active", "implicitRules", "modifierExtension"}
    observation = {"resourceType": "Observation", "status": "final", "code": {}, "valueString": "x", "issued": "y"}
    for name in ("value", "value[x]", "valueString", "Observation.value"):
        assert names(subset(observation, (name,))) == {"status", "code", "valueString"}
    assert names(subset(observation, ("Patient.name", "nothing", "valueQuantity"))) == {"status", "code"}


def test_what_is_contained_stays_as_far_as_it_is_cited() -> None:
    """No reference of the answer leads to nowhere; what nothing refers to is left out."""
    assert [one["id"] for one in subset(PATIENT, ("generalPractitioner",))["contained"]] == ["d"]
    assert "contained" not in subset(PATIENT, ("name",))
    assert len(subset(PATIENT, ("contained",))["contained"]) == 3
    loop = {"resourceType": "Patient", "managingOrganization": {"reference": "#a"}}
    loop["contained"] = [{"resourceType": "Organization", "id": "a", "partOf": {"reference": "#a"}}]  # type: ignore[assignment]
    assert len(subset(loop, "true")["contained"]) == 1


def test_the_tag_is_added_once() -> None:
    """Other tags and the rest of meta stay."""
    tagged = {"resourceType": "Patient", "meta": {"versionId": "3", "tag": [{"code": "x"}]}}
    found = subset(tagged, "true")
    assert found["meta"] == {"versionId": "3", "tag": [{"code": "x"}, SUBSETTED]}
    assert subset(found, "text")["meta"] == found["meta"]
    assert tagged["meta"] == {"versionId": "3", "tag": [{"code": "x"}]}


def test_resources_in_a_bundle_stay_whole() -> None:
    """A summary of a Bundle is one of the Bundle, not of what it carries."""
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": PATIENT}]}
    assert subset(bundle, "true")["entry"] == [{"resource": PATIENT}]


@pytest.mark.parametrize(
    ("kind", "given", "found"),
    [
        ("Patient", ["name", "Patient.name", "deceased", "deceased[x]", "deceasedBoolean", "Observation.code"], []),
        ("Patient", ["nam", "name", "value", "name.family"], ["nam", "value", "name.family"]),
        ("Patient", ["", "_name", "Patient.nam", "id"], ["", "_name", "Patient.nam"]),
        ("Resource", ["code", "valueQuantity", "nothing"], ["nothing"]),
        ("Nothing", ["id"], ["id"]),
    ],
)  # fmt: skip
def test_unknown_names_are_told(kind: str, given: list[str], found: list[str]) -> None:
    """A name with another type before it is that type's business."""
    assert unknown(kind, given) == found


MODES: list[Any] = ["true", "text", "data", ("name", "code", "value"), ()]


@given(st.integers(0, 2**32), st.sampled_from(MODES))
def test_a_subset_of_anything_is_a_part_of_it(seed: int, mode: Any) -> None:
    """Nothing is invented or changed, mandatory elements stay, the source stays, and twice is once."""
    made = resource(Random(seed))
    before = copy.deepcopy(made)
    found = subset(made, mode)
    assert made == before
    assert SUBSETTED in found["meta"]["tag"]
    assert part(found, made | {"meta": found["meta"]})
    for name, element in types.fields(made["resourceType"]).items():
        needed = element.min or (isinstance(mode, tuple) and element.modifier)
        if needed and (name in made or f"_{name}" in made):
            assert name in found or f"_{name}" in found
    assert subset(found, mode) == found


def part(found: Any, whole: Any) -> bool:
    """Whether a value is another with names left out, at any depth; lists keep their length."""
    if isinstance(found, dict) and isinstance(whole, dict):
        return all(name in whole and part(value, whole[name]) for name, value in found.items())
    if isinstance(found, list) and isinstance(whole, list) and len(found) == len(whole):
        return all(part(one, other) for one, other in zip(found, whole, strict=True))
    if isinstance(found, list) and isinstance(whole, list):
        return all(one in whole for one in found)
    return bool(found == whole)


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"resourceType": 1, "meta": "x", "contained": "y"},
        {"resourceType": "Nothing", "a": 1, "contained": [1, None, {"id": 2}]},
        {"resourceType": "Patient", "meta": {"tag": "x"}, "name": "text", "active": {"a": []}, "text": [[[]]]},
    ],
)
def test_garbage_is_answered(odd: dict[str, Any]) -> None:
    """What is no resource of R4 gives some part of itself, never an exception."""
    for mode in MODES:
        assert "meta" in subset(odd, mode)
