"""FHIR reads and searches over a real store: exact, versioned, paged, audited."""

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from tests.unit.api.conftest import ids
from unsilo.flow.service import Service
from unsilo.kernel import seal
from unsilo.spec import r4


def test_read_gives_the_resource_with_its_version(http: TestClient) -> None:
    """Current version with ETag, Last-Modified and meta; known to the client it is 304."""
    answer = http.get("/fhir/Observation/glucose-1")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/fhir+json")
    assert answer.headers["etag"] == 'W/"2"'
    body = answer.json()
    assert next(iter(body)) == "resourceType"
    assert body["status"] == "amended"
    assert body["meta"] == {"versionId": "2", "lastUpdated": "2026-02-02T02:40:05.000Z", "tag": [{"code": "x"}]}
    again = http.get("/fhir/Observation/glucose-1", headers={"If-None-Match": 'W/"2"'})
    assert (again.status_code, again.content) == (304, b"")
    since = {"If-Modified-Since": answer.headers["last-modified"]}
    assert http.get("/fhir/Observation/glucose-1", headers=since).status_code == 304
    assert http.get("/fhir/Observation/glucose-1", headers={"If-Modified-Since": "yesterday"}).status_code == 200


def test_head_is_get_without_body(http: TestClient) -> None:
    """HEAD has the headers of GET."""
    answer = http.head("/fhir/Patient/ana-north")
    assert answer.status_code == 200
    assert answer.headers["etag"] == 'W/"1"'


def test_former_versions_and_history_stay(http: TestClient) -> None:
    """vread gives the former body, history both, the newest first."""
    assert http.get("/fhir/Observation/glucose-1/_history/1").json()["status"] == "final"
    assert http.get("/fhir/Observation/glucose-1/_history/7").status_code == 404
    bundle = http.get("/fhir/Observation/glucose-1/_history").json()
    assert (bundle["type"], bundle["total"]) == ("history", 2)
    assert [e["request"]["method"] for e in bundle["entry"]] == ["PUT", "POST"]
    assert bundle["entry"][0]["response"]["etag"] == 'W/"2"'


def test_deleted_is_gone_not_unknown(http: TestClient) -> None:
    """A deleted resource answers 410, its history shows the deletion and what was there."""
    assert http.get("/fhir/Observation/glucose-9").status_code == 410
    bundle = http.get("/fhir/Observation/glucose-9/_history").json()
    assert [("resource" in e, e["request"]["method"]) for e in bundle["entry"]] == [(False, "DELETE"), (True, "POST")]
    assert http.get("/fhir/Observation/glucose-9/_history/1").json()["id"] == "glucose-9"


def test_a_patient_stands_for_the_whole_person(http: TestClient) -> None:
    """A search by one source Patient finds what all records of the person hold."""
    for name in ("patient", "subject"):
        found = http.get("/fhir/Observation", params={name: "Patient/ana-brigid", "_total": "accurate"}).json()
        assert found["total"] == 6
    assert http.get("/fhir/Observation?patient=other&_summary=count").json()["total"] == 1
    assert "entry" not in http.get("/fhir/Observation?patient=nobody").json()


def test_search_by_code_date_and_list(http: TestClient) -> None:
    """Tokens with and without system, date prefixes, alternatives; all parameters must hold."""
    assert len(ids(http.get("/fhir/Observation?code=http://loinc.org|14749-6").json())) == 1
    assert len(ids(http.get("/fhir/Observation?code=14749-6,2345-7").json())) == 7
    assert ids(http.get("/fhir/Observation?date=ge2026-01-05&date=lt2026-01-06").json()) == ["glucose-5"]
    assert ids(http.get("/fhir/Observation?_id=glucose-2,glucose-3&status=final").json()) == ["glucose-3", "glucose-2"]
    assert ids(http.get("/fhir/Observation?_lastUpdated=gt2026-02-02T02:40:01Z").json()) == ["glucose-1"]


def test_patient_search_by_identifier_name_and_birth_date(http: TestClient) -> None:
    """Accents and case do not matter; source records are returned with their own ids."""
    assert ids(http.get("/fhir/Patient?identifier=urn:oid:2.999.1|N1").json()) == ["ana-north"]
    assert set(ids(http.get("/fhir/Patient?name=SIMIC&birthdate=1980-05-17").json())) == {"ana-north", "ana-brigid"}
    assert ids(http.get("/fhir/Patient", params={"family": "Qui", "gender": "female"}).json()) == ["other"]


def test_pages_hold_everything_once(http: TestClient) -> None:
    """Following next visits each match once; the search can be posted as a form too."""
    url, seen = "/fhir/Observation?_count=3", []
    while url:
        bundle = http.get(url).json()
        seen += ids(bundle)
        url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), "")
    assert sorted(seen) == [f"glucose-{n}" for n in range(1, 8)]
    posted = http.post("/fhir/Observation/_search", data={"code": "14749-6"}).json()
    assert ids(posted) == ["glucose-6"]


def test_original_bytes(http: TestClient) -> None:
    """A Binary is the message to the byte, never shown as a page of this site."""
    envelope = seal("north", "hl7v2", b"MSH|^~\\&|A\r\xff", 0)
    answer = http.get(f"/fhir/Binary/{envelope.id}")
    assert answer.content == envelope.content
    assert answer.headers["content-disposition"] == "attachment"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert http.get("/fhir/Binary/none").status_code == 404


def test_capability_statement_lists_what_is_there(http: TestClient) -> None:
    """Every type of R4, the parameters that are served, and the version of FHIR."""
    statement = http.get("/fhir/metadata").json()
    rows = {row["type"]: row for row in statement["rest"][0]["resource"]}
    assert set(rows) == r4.resource_types()
    assert statement["fhirVersion"] == "4.0.1"
    assert {"identifier", "birthdate"} <= {p["name"] for p in rows["Patient"]["searchParam"]}


def test_every_reading_leaves_an_audit_row(http: TestClient, service: Service) -> None:
    """Read, search and history say who, what and whose; what finds nothing leaves a row without a person."""
    before = len(service.store.audit_rows(limit=1000))
    http.get("/fhir/Observation/glucose-6", headers={"X-Purpose": "TREAT"})
    http.get("/fhir/Observation?code=2345-7")
    http.get("/fhir/Observation/glucose-6/_history")
    http.get("/fhir/Observation?code=none")
    rows = service.store.audit_rows(limit=1000)
    rows = rows[: len(rows) - before]
    assert [(r.actor, r.action) for r in reversed(rows)] == [
        ("loopback", "read"), ("loopback", "search"), ("loopback", "search"), ("loopback", "history"),
        ("loopback", "search"),
    ]  # fmt: skip
    assert rows[0].person == 0
    person = service.store.person_of("ana-north")
    assert rows[-1].person == person
    assert rows[-1].what == "Observation/glucose-6"
    assert rows[-1].reason == "TREAT"


def test_a_new_version_is_seen_at_once(http: TestClient, restate: Callable[[int, str], None]) -> None:
    """What was committed a moment ago is what a read gives."""
    restate(2, "corrected")
    assert http.get("/fhir/Observation/glucose-2").json()["status"] == "corrected"


@pytest.mark.parametrize("path", ["Patient/ana-north", "Observation?code=x", "metadata"])
def test_answers_are_never_cached(http: TestClient, path: str) -> None:
    """A person's data must not stay in a cache on the way."""
    assert http.get(f"/fhir/{path}").headers["cache-control"] == "no-store"
