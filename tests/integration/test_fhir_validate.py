"""$validate over HTTP: bare resources and Parameters, modes, profiles, the stored resource, what is no request."""

import pytest

from tests.integration.served import served

PATIENT = {"resourceType": "Patient", "gender": "female", "name": [{"family": "Okafor"}]}


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """A node with one Patient."""
    with served(tmp_path_factory.mktemp("node")) as found:
        assert found.http.put("Patient/p1", json={**PATIENT, "id": "p1", "birthDate": "1980"}).status_code == 201
        yield found


def _errors(answer):
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert said["resourceType"] == "OperationOutcome"
    return [i.get("expression", [""])[0] for i in said["issue"] if i["severity"] in ("error", "fatal")]


def test_a_bare_resource(node):
    """What is right has no error, what is wrong is told at its place; the status is 200 either way."""
    assert _errors(node.http.post("Patient/$validate", json=PATIENT)) == []
    assert _errors(node.http.post("Patient/$validate", json={**PATIENT, "gender": "f"})) == ["Patient.gender"]
    assert _errors(node.http.post("Observation/$validate", json=PATIENT)) == ["resourceType"]


@pytest.mark.parametrize(
    ("wrong", "place", "said"),
    [
        ({"birthDate": "31/12/1980"}, "Patient.birthDate", "is not a date (YYYY, YYYY-MM or YYYY-MM-DD)"),
        ({"name": "Okafor"}, "Patient.name", "name must be an array"),
        ({"colour": "blue"}, "Patient", "'colour' is not an element of Patient"),
        ({"active": "yes"}, "Patient.active", "must be true or false"),
    ],
)
def test_what_has_not_the_form_of_its_type_is_not_stored(node, wrong, place, said):
    """By default so, written alone or with others: 400, with the place and no value of it; a wrong code is stored."""
    before = node.http.get("Patient", params={"_summary": "count"}).json()["total"]
    body = {**PATIENT, **wrong}
    entry = {"resource": body, "request": {"method": "POST", "url": "Patient"}}
    many = {"resourceType": "Bundle", "type": "transaction", "entry": [entry, {**entry, "resource": PATIENT}]}
    for answer in (node.http.post("Patient", json=body), node.http.post("", json=many)):
        assert answer.status_code == 400
        (issue,) = answer.json()["issue"]
        assert issue["details"]["text"] == said
        assert issue["expression"][0].endswith(place.removeprefix("Patient"))
    assert node.http.get("Patient", params={"_summary": "count"}).json()["total"] == before
    assert node.http.put("Patient/p2", json={**PATIENT, "id": "p2", "gender": "f"}).status_code in (200, 201)


def test_parameters_with_mode_and_profile(node):
    """A Parameters resource carries the resource, the mode and a profile; a profile that is not here is an error."""
    body = {"resourceType": "Parameters", "parameter": [
        {"name": "resource", "resource": PATIENT}, {"name": "mode", "valueCode": "create"},
        {"name": "profile", "valueUri": "http://example.org/none"},
    ]}  # fmt: skip
    assert _errors(node.http.post("Patient/$validate", json=body)) == ["Patient"]
    assert _errors(node.http.post("Patient/$validate?mode=create", json=PATIENT)) == []


def test_an_instance(node):
    """GET checks the stored resource; an update must say its id; a deletion needs something to delete."""
    assert _errors(node.http.get("Patient/p1/$validate")) == []
    assert _errors(node.http.post("Patient/p1/$validate?mode=update", json=PATIENT)) == ["Patient.id"]
    assert _errors(node.http.post("Patient/p1/$validate?mode=update", json={**PATIENT, "id": "p1"})) == []
    assert _errors(node.http.get("Patient/p1/$validate?mode=delete")) == []
    assert _errors(node.http.get("Patient/p9/$validate?mode=delete")) == ["Patient"]
    assert _errors(node.http.get("Patient/p9/$validate")) == ["Patient"]
    assert _errors(node.http.post("Patient/p1/$validate?mode=create", json=PATIENT)) == ["Patient"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("Patient/$validate?mode=destroy", PATIENT),
        ("Patient/$validate?colour=blue", PATIENT),
        ("Patient/$validate", {"resourceType": "Parameters", "parameter": [{"name": "colour", "valueCode": "x"}]}),
        ("Patient/$validate", {"resourceType": "Parameters", "parameter": ["resource"]}),
    ],
)
def test_what_is_no_request_is_refused(node, path, body):
    """400 with the place."""
    answer = node.http.post(path, json=body)
    assert answer.status_code == 400
    assert answer.json()["issue"][0]["severity"] == "error"


def test_it_is_listed_among_the_operations(node):
    """The CapabilityStatement names $validate."""
    said = node.http.get("metadata").json()
    types = {row["type"]: row for row in said["rest"][0]["resource"]}
    assert "validate" in [each["name"] for each in types["Observation"].get("operation", ())]


def _doubts(answer):
    rules = [i.get("details", {}).get("coding", [{}])[0].get("code", "") for i in answer.json()["issue"]]
    return [i for i, rule in zip(answer.json()["issue"], rules, strict=True) if rule.startswith("plausible.")]


def test_plausibility_is_told_when_it_is_asked_for(node):
    """A result before the birth of the stored Patient is a warning; not asked for, it is not looked at."""
    early = {
        "resourceType": "Observation", "status": "final", "code": {"text": "x"}, "effectiveDateTime": "1979-01-01",
        "subject": {"reference": "Patient/p1"},
    }  # fmt: skip
    (found,) = _doubts(node.http.post("Observation/$validate?plausibility=true", json=early))
    assert (found["severity"], found["expression"]) == ("warning", ["Observation.effectiveDateTime"])
    assert "1980" in found["details"]["text"]
    body = {"resourceType": "Parameters", "parameter": [
        {"name": "resource", "resource": early}, {"name": "plausibility", "valueBoolean": True}]}  # fmt: skip
    assert len(_doubts(node.http.post("Observation/$validate", json=body))) == 1
    assert _doubts(node.http.post("Observation/$validate", json=early)) == []
    nobody = {**early, "subject": {"reference": "Patient/p9"}}
    assert _doubts(node.http.post("Observation/$validate?plausibility=true", json=nobody)) == []


def test_a_doubt_tells_no_birth_that_is_masked(tmp_path):
    """Who does not see birth dates hears nothing that follows from them."""
    with served(tmp_path, policies={"*": {"elements": {"Patient": ["birthDate"]}}}) as masked:
        masked.http.post("Patient", json=PATIENT)
        masked.http.put("Patient/p1", json={**PATIENT, "id": "p1", "birthDate": "1980"})
        early = {"resourceType": "Observation", "effectiveDateTime": "1979", "subject": {"reference": "Patient/p1"}}
        assert _doubts(masked.http.post("Observation/$validate?plausibility=true", json=early)) == []
