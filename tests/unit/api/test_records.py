"""A person's whole record and its summary: complete, in pages, as the predicate allows, audited."""

from starlette.testclient import TestClient

from tests.unit.api.conftest import ids


def test_everything_of_a_person(http: TestClient) -> None:
    """All source Patients, the asked one first, and all facts; by type, and in pages."""
    bundle = http.get("/fhir/Patient/ana-brigid/$everything").json()
    assert bundle["total"] == 8
    assert ids(bundle)[:2] == ["ana-brigid", "ana-north"]
    assert len(ids(http.get("/fhir/Patient/ana-brigid/$everything?_type=Observation").json())) == 6
    page = http.get("/fhir/Patient/ana-brigid/$everything?_count=5").json()
    following = http.get(next(link["url"] for link in page["link"] if link["relation"] == "next")).json()
    assert len(ids(page)) == 5
    assert len(ids(following)) == 3
    assert http.get("/fhir/Patient/nobody/$everything").status_code == 404
