"""Patient/$match: who somebody may be, how sure that is and why, without storing anything."""

from typing import Any

import pytest
from starlette.testclient import TestClient

GRADE = "http://hl7.org/fhir/StructureDefinition/match-grade"
LENA: dict[str, Any] = {
    "resourceType": "Patient", "name": [{"family": "Wiśniewska", "given": ["Magdalena"]}], "birthDate": "1971-08-30",
    "gender": "female", "telecom": [{"system": "phone", "value": "518-555-0142"}],
    "address": [{"line": ["9 Canal Street"], "city": "Troy", "state": "NY", "postalCode": "12180"}],
}  # fmt: skip


def asked(patient: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Return the Parameters of the operation."""
    rows: list[dict[str, Any]] = [{"name": "resource", "resource": patient}]
    for name, value in more.items():
        rows.append({"name": name, ("valueBoolean" if isinstance(value, bool) else "valueInteger"): value})
    return {"resourceType": "Parameters", "parameter": rows}


@pytest.fixture(scope="module")
def known(http: TestClient) -> TestClient:
    """A store that knows Magdalena and her twin."""
    twin = {**LENA, "name": [{"family": "Wiśniewska", "given": ["Agnieszka"]}]}
    for n, patient in enumerate((LENA, twin)):
        answer = http.put(f"/fhir/Patient/lena-{n}", json={**patient, "id": f"lena-{n}"})
        assert answer.status_code == 201, answer.text
    return http


def grades(bundle: dict[str, Any]) -> list[tuple[str, str]]:
    """Return (id, grade) of the answers in their order."""
    return [
        (entry["resource"]["id"], next(e["valueCode"] for e in entry["search"]["extension"] if e["url"] == GRADE))
        for entry in bundle.get("entry", [])
    ]


def test_a_slip_and_another_script_are_found(known: TestClient) -> None:
    """A name without its accents and a move are certain; the twin is not; scores fall; each has a reason."""
    said = {**LENA, "name": [{"family": "Wisniewska", "given": ["Magdalena"]}], "address": []}
    bundle = known.post("/fhir/Patient/$match", json=asked(said)).json()
    assert bundle["type"] == "searchset"
    assert grades(bundle)[0] == ("lena-0", "certain")
    assert all(grade != "certain" for _, grade in grades(bundle)[1:])
    scores = [entry["search"]["score"] for entry in bundle["entry"]]
    assert scores == sorted(scores, reverse=True)
    reasons = [e["valueString"] for entry in bundle["entry"] for e in entry["search"]["extension"] if e["url"] != GRADE]
    assert len(reasons) == len(scores)
    assert "the same birth date" in reasons[0]


def test_only_certain_and_count(known: TestClient) -> None:
    """`onlyCertainMatches` leaves the doubtful out, `count` bounds the answer."""
    bundle = known.post("/fhir/Patient/$match", json=asked(LENA, onlyCertainMatches=True)).json()
    assert grades(bundle) == [("lena-0", "certain")]
    assert len(known.post("/fhir/Patient/$match", json=asked(LENA, count=1)).json()["entry"]) == 1


def test_nothing_is_stored(known: TestClient) -> None:
    """Asking changes no version and makes no Patient; who is unknown gives an empty Bundle."""
    before = known.get("/fhir/Patient?_summary=count").json()["total"]
    nobody = {"resourceType": "Patient", "name": [{"family": "Qvist", "given": ["Zebulon"]}], "birthDate": "1933-02-01"}
    bundle = known.post("/fhir/Patient/$match", json=asked(nobody)).json()
    assert (bundle["total"], bundle.get("entry")) == (0, None)
    assert known.get("/fhir/Patient?_summary=count").json()["total"] == before


@pytest.mark.parametrize(
    "body",
    [
        {"resourceType": "Parameters"}, {"resourceType": "Parameters", "parameter": [{"name": "resource"}]},
        {"resourceType": "Observation"}, asked(LENA, count=0), asked(LENA, count=True), asked(LENA, limit=1),
        {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": {"resourceType": "Group"}}]},
        {"resourceType": "Parameters", "parameter": [1, None]},
        {"resourceType": "Parameters", "parameter": asked(LENA)["parameter"] * 2},
    ],
)  # fmt: skip
def test_wrong_parameters_are_told(known: TestClient, body: dict[str, Any]) -> None:
    """What is no Patient, or no such parameter, is a 400 with its place."""
    answer = known.post("/fhir/Patient/$match", json=body)
    assert answer.status_code == 400
    assert answer.json()["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize(
    "patient",
    [
        {}, {"name": "x"}, {"name": [{"family": 1, "given": [2]}], "birthDate": 3, "address": [{"line": "x"}]},
        {"name": [{"family": "x" * 10_000, "given": ["\u202e😀"] * 200}], "telecom": [{"system": "phone"}] * 300},
        {"birthDate": "0000-00-00"}, {"birthDate": "9999-12-31", "identifier": [{"system": "", "value": ""}]},
    ],
)  # fmt: skip
def test_a_strange_patient_is_answered(known: TestClient, patient: dict[str, Any]) -> None:
    """Whatever its elements hold, the answer is a Bundle."""
    answer = known.post("/fhir/Patient/$match", json=asked({"resourceType": "Patient", **patient}))
    assert answer.status_code in (200, 400), answer.text
