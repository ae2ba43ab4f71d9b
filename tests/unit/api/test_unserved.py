"""An address at which nothing is served says what is wrong with it, and repeats nothing else of it."""

import pytest
from starlette.testclient import TestClient

_SERVED = "GET /fhir/metadata says what is served"
_OPERATIONS = "GET /fhir/metadata says which operations there are, and of what"
_TYPES = "GET /fhir/metadata says which types there are"


@pytest.mark.parametrize(
    ("address", "text", "hint"),
    [
        ("Foo", "there is no resource type Foo in FHIR R4", _TYPES),
        ("patient/1", "there is no resource type patient in FHIR R4", "did you mean Patient?"),
        ("Observations?code=1", "there is no resource type Observations in FHIR R4", "did you mean Observation?"),
        (
            "MedicationOrder",
            "there is no resource type MedicationOrder in FHIR R4",
            "did you mean Medication or MedicationRequest or MedicationDispense?",
        ),
        ("Patient/1/$all-of-it", "there is no operation $all-of-it here", _OPERATIONS),
        ("Pateint/1/$everything", "there is no resource type Pateint in FHIR R4", "did you mean Patient?"),
        ("Patient/1/$a1", "nothing is served at this address", _SERVED),
        ("Patient/1/Foo", "nothing is served at this address", _SERVED),
        ("Müller/1", "nothing is served at this address", _SERVED),
        ("%FF", "nothing is served at this address", _SERVED),
        ("Pat%00ient", "nothing is served at this address", _SERVED),
        ("A" * 41, "nothing is served at this address", _SERVED),
        ("$nothing", "there is no operation $nothing here", _OPERATIONS),
    ],
)
def test_the_answer_names_the_type_that_was_asked_for(http: TestClient, address: str, text: str, hint: str) -> None:
    """404, what is wrong, and what may have been meant; a long or strange first part is not repeated."""
    for method in ("GET", "POST", "DELETE"):
        answer = http.request(method, f"/fhir/{address}")
        (issue,) = answer.json()["issue"]
        assert (answer.status_code, issue["code"]) == (404, "not-found")
        said = issue["details"]["text"] if "details" in issue else issue["diagnostics"]
        assert said == text, issue
        assert issue["diagnostics"] == hint, issue


def test_an_entry_of_a_batch_says_it_too(http: TestClient) -> None:
    """Each entry has its own answer."""
    bundle = {
        "resourceType": "Bundle", "type": "batch",
        "entry": [{"request": {"method": "GET", "url": "Pateint/1"}}],
    }  # fmt: skip
    found = http.post("/fhir", json=bundle, headers={"content-type": "application/fhir+json"}).json()
    assert "there is no resource type Pateint in FHIR R4" in str(found["entry"][0])
    assert "did you mean Patient?" in str(found["entry"][0])
