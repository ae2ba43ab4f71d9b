"""What a client says comes back in no error and in no log: it may be a patient's data."""

import json
import logging
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from tests.integration.served import Served, served

pytestmark = pytest.mark.slow
FHIR = {"Content-Type": "application/fhir+json"}
PATCH = {"Content-Type": "application/json-patch+json"}
SECRET = "Zzyzxfamily"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A node with one Patient."""
    with served(tmp_path_factory.mktemp("node")) as found:
        found.http.put("Patient/ana", json={"resourceType": "Patient", "id": "ana"}, headers=FHIR)
        yield found


@pytest.mark.parametrize("kind", ["Patient", "Observation", "Encounter", "ValueSet", "Location", "RiskAssessment"])
def test_values_of_searches(node: Served, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    """Each parameter of a type with values and modifiers that do not fit: refused without the value."""
    caplog.set_level(logging.DEBUG, "unsilo")
    statement = node.http.get("metadata").json()
    found = next(each for each in statement["rest"][0]["resource"] if each["type"] == kind)
    refused = 0
    for parameter in found["searchParam"]:
        for value in (SECRET, f"gt{SECRET}", f"{SECRET}|{SECRET}|{SECRET}", f"1|{SECRET}", f"{SECRET}${SECRET}"):
            for modifier in ("", ":missing", ":of-type", ":identifier"):
                answer = node.http.get(f"{kind}?{parameter['name']}{modifier}={quote(value)}")
                assert answer.status_code in (200, 400), answer.text[:300]
                if answer.status_code == 400:
                    refused += 1
                    assert SECRET not in answer.text
    assert refused
    assert not [each for each in caplog.records if each.name.startswith("unsilo") and SECRET in each.getMessage()]


@pytest.mark.parametrize(
    ("method", "path", "body", "headers"),
    [
        ("POST", "Patient", {"resourceType": SECRET}, FHIR),
        ("PUT", f"Patient?birthdate={SECRET}", {"resourceType": "Patient"}, FHIR),
        ("PATCH", "Patient/ana", [{"op": "test", "path": "/id", "value": SECRET}], PATCH),
        ("PATCH", "Patient/ana", [{"op": SECRET, "path": "/id"}], PATCH),
        ("PATCH", "Patient/ana", [{"op": "remove", "path": f"/{SECRET}"}], PATCH),
        ("POST", "", {"resourceType": "Bundle", "type": SECRET}, FHIR),
        ("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": [
            {"request": {"method": SECRET, "url": "Patient"}}]}, FHIR),
        ("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": [
            {"resource": {"resourceType": "Patient"},
             "request": {"method": "POST", "url": "Patient", "ifNoneExist": f"birthdate={SECRET}"}}]}, FHIR),
    ],
)  # fmt: skip
def test_values_of_writes(
    node: Served, method: str, path: str, body: object, headers: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:  # fmt: skip
    """A body that is refused is not repeated."""
    caplog.set_level(logging.DEBUG, "unsilo")
    answer = node.http.request(method, path, content=json.dumps(body).encode(), headers=headers)
    assert 400 <= answer.status_code < 500
    assert SECRET not in answer.text
    assert not [each for each in caplog.records if each.name.startswith("unsilo") and SECRET in each.getMessage()]
