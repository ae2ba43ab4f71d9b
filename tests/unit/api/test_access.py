"""Who may do what: scopes, policies, audit of what is denied, pages of other sites, and a store that is busy."""

from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.unit.api.conftest import app_of
from unsilo.api import trail
from unsilo.config import Settings
from unsilo.flow.service import Service
from unsilo.kernel import seal
from unsilo.storage import Incoming, NotDurableError
from unsilo.storage.faults import TooLongError

FHIR = {"Content-Type": "application/fhir+json"}


def token(service: Service, name: str, *scopes: str) -> dict[str, str]:
    """The header of a new token."""
    secret, kept = service.store.users.add_token(name, list(scopes))
    kept.result()
    return {"Authorization": f"Bearer {secret}"}


def away(service: Service) -> TestClient:
    """A client from elsewhere."""
    return TestClient(app_of(service), base_url="http://node.example", client=("10.0.0.9", 4000))


def test_scopes_open_what_they_say(service: Service) -> None:
    """A reader does not write, a writer does not read, neither sees plans; entries of a Bundle need theirs too."""
    reader, writer = token(service, "reader", "read"), token(service, "writer", "write")
    patient = {"resourceType": "Patient"}
    entries = [{"request": {"method": "POST", "url": "Patient"}, "resource": patient}]
    with away(service) as http:
        assert http.post("/fhir/Patient", json=patient, headers={**FHIR, **reader}).status_code == 403
        assert http.post("/fhir/Patient", json=patient, headers={**FHIR, **writer}).status_code == 201
        assert http.get("/fhir/Patient", headers=writer).status_code == 403
        assert http.get("/fhir/Patient?__explain=1", headers=reader).status_code == 403
        assert http.get("/fhir/metadata").status_code == 200
        assert http.post("/fhir", json={}, headers=FHIR).status_code == 401
        for kind, status in (("batch", 200), ("transaction", 403)):
            body = {"resourceType": "Bundle", "type": kind, "entry": entries}
            answer = http.post("/fhir", json=body, headers={**FHIR, **reader})
            assert answer.status_code == status
            if kind == "batch":
                assert answer.json()["entry"][0]["response"]["status"].startswith("403")
    denied = [row for row in service.store.audit_rows(limit=50) if row.outcome == "denied"]
    assert {row.actor for row in denied} >= {"client:reader", "client:writer", "unknown"}


def test_policies_narrow_what_a_token_sees(tmp_path: Path) -> None:
    """What the policy hides is not read, found, counted, listed or part of a record; masked elements are left out."""
    policies: dict[str, Any] = {
        "narrow": {"allow": {"not": {"types": ["Basic"]}}, "elements": {"Patient": ["birthDate"]}}
    }
    node = Service(Settings(data=tmp_path, policies=policies))
    narrow, full = token(node, "narrow", "read", "write"), token(node, "full", "*")
    with away(node) as http:
        http.put("/fhir/Basic/b", json={"resourceType": "Basic", "id": "b", "code": {"text": "x"}},
                 headers={**FHIR, **full})  # fmt: skip
        person = {"resourceType": "Patient", "id": "p", "birthDate": "1980-05-17", "gender": "female"}
        http.put("/fhir/Patient/p", json=person, headers={**FHIR, **full})
        for path in ("Basic/b", "Basic/b/_history", "Basic/b/_history/1", "Basic/b/$meta"):
            assert http.get(f"/fhir/{path}", headers=full).status_code == 200
            assert http.get(f"/fhir/{path}", headers=narrow).status_code == 404
        assert http.get("/fhir/Basic?_summary=count", headers=narrow).json()["total"] == 0
        assert http.get("/fhir/_history", headers=narrow).json()["total"] == 1
        assert http.delete("/fhir/Basic/b", headers=narrow).status_code == 204  # as of what has never been there
        assert http.get("/fhir/Basic/b", headers=full).status_code == 200
        hidden = http.put("/fhir/Basic/b", json={"resourceType": "Basic", "id": "b"}, headers={**FHIR, **narrow})
        assert hidden.status_code == 409
        for path in ("Patient/p", "Patient", "Patient/p/_history", "Patient/p/$everything", "Patient/p/$summary"):
            assert "1980-05-17" in http.get(f"/fhir/{path}", headers=full).text
            shown = http.get(f"/fhir/{path}", headers=narrow)
            assert shown.status_code == 200
            assert "1980-05-17" not in shown.text
            assert "female" in shown.text
        assert http.get("/fhir/Patient?birthdate=1980-05-17", headers=narrow).status_code == 403
        writes = [
            ("POST", "Patient", {"resourceType": "Patient"}, {"If-None-Exist": "_id=p"}),
            ("POST", "Patient/p/$meta-add", {"resourceType": "Parameters", "parameter": [
                {"name": "meta", "valueMeta": {"tag": [{"code": "t"}]}}]}, {}),
            ("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": [
                {"resource": {"resourceType": "Patient"},
                 "request": {"method": "POST", "url": "Patient", "ifNoneExist": "_id=p"}}]}, {}),
        ]  # fmt: skip
        for method, path, body, more in writes:
            asked = {**FHIR, **narrow, **more, "Prefer": "return=representation"}
            shown = http.request(method, f"/fhir/{path}", json=body, headers=asked)
            assert shown.status_code in (200, 403)
            assert "1980-05-17" not in shown.text
    node.store.close()


def test_an_original_is_shown_only_to_who_may_see_all_that_it_says(tmp_path: Path) -> None:
    """A message whose resources are hidden, or whose elements are masked, has no original for this client."""
    policies: dict[str, Any] = {
        "some": {"allow": {"types": ["Patient"]}}, "masked": {"elements": {"Patient": ["birthDate"]}},
    }  # fmt: skip
    node = Service(Settings(data=tmp_path, policies=policies))
    envelope = seal("north", "hl7v2", b"MSH|^~\\&|A\r", 1)
    node.store.receive(Incoming(envelope=envelope, type="ADT^A01", control_id="1", state="queued")).result()
    headers = {name: token(node, name, "read") for name in ("some", "masked", "full")}
    with away(node) as http:
        found = {
            name: http.get(f"/fhir/Binary/{envelope.id}", headers=each).status_code for name, each in headers.items()
        }
    assert found == {"some": 404, "masked": 404, "full": 200}
    node.store.close()


def test_what_cannot_be_recorded_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the audit trail cannot be written, nothing of a person leaves."""
    node = Service(Settings(data=tmp_path, open_network=True))
    with away(node) as http:
        http.put("/fhir/Patient/p", json={"resourceType": "Patient", "id": "p"}, headers=FHIR)

        def full(_rows: object) -> "Future[None]":
            future: Future[None] = Future()
            future.set_exception(NotDurableError("no space"))
            return future

        monkeypatch.setattr(node.store, "audit_many", full)
        for path in ("Patient/p", "Patient", "Patient/p/_history", "Patient/p/$everything", "Patient/p/$summary"):
            answer = http.get(f"/fhir/{path}")
            assert (answer.status_code, answer.json()["resourceType"]) == (503, "OperationOutcome")
            assert answer.headers["retry-after"]
    node.store.close()


def test_a_busy_writer_says_when_to_come_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Above the bound a write is refused at once; reading goes on."""
    node = Service(Settings(data=tmp_path, open_network=True))
    with away(node) as http:
        monkeypatch.setattr(node.store, "waiting", lambda: (6000, 10))
        answer = http.post("/fhir/Patient", json={"resourceType": "Patient"}, headers=FHIR)
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1
        assert http.get("/fhir/Patient").status_code == 200
    node.store.close()


def test_a_search_that_takes_too_long_ends_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What looked cheap is done apart, and what takes too long there is refused with a hint; others are answered."""
    node = Service(Settings(data=tmp_path, open_network=True))
    app = app_of(node)
    quick, tries = node.store.guarded.search, []

    def slow(plan: Any) -> Any:
        tries.append(plan.seconds)
        raise TooLongError

    with TestClient(app, base_url="http://node.example", client=("10.0.0.9", 4000)) as http:
        monkeypatch.setattr(app.fhir.reads, "search", slow)  # type: ignore[attr-defined]
        assert http.get("/fhir/Patient?_id=x").status_code == 200
        assert tries[0] < 1
        monkeypatch.setattr(node.store.guarded, "search", slow)
        answer = http.get("/fhir/Patient?_id=x")
        assert (answer.status_code, answer.json()["issue"][0]["code"]) == (413, "too-costly")
        monkeypatch.setattr(node.store.guarded, "search", quick)
        assert http.get("/fhir/Patient/x").status_code == 404
    node.store.close()


def test_pages_of_other_sites(tmp_path: Path) -> None:
    """An origin of the settings may call, with a preflight that needs no token; another may not."""
    node = Service(Settings(data=tmp_path, http=type(Settings().http)(cors=["https://app.example"])))
    bearer = token(node, "app", "read")
    with away(node) as http:
        asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "GET"}
        preflight = http.options("/fhir/Patient", headers=asked)
        assert preflight.status_code == 204
        assert preflight.headers["access-control-allow-origin"] == "https://app.example"
        assert "Authorization" in preflight.headers["access-control-allow-headers"]
        answer = http.get("/fhir/Patient", headers={**bearer, "Origin": "https://app.example"})
        assert "ETag" in answer.headers["access-control-expose-headers"]
        for origin in ("https://evil.example", "null", "https://app.example.evil"):
            other = http.get("/fhir/Patient", headers={**bearer, "Origin": origin})
            assert "access-control-allow-origin" not in other.headers
    node.store.close()


def test_a_flood_of_refusals_leaves_few_rows(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused requests are recorded, but not each of thousands in one second."""
    monkeypatch.setattr(trail, "time", SimpleNamespace(monotonic=lambda: 5.0))
    before = len(service.store.audit_rows(limit=1000))
    with away(service) as http:
        for _ in range(100):
            http.get("/fhir/Patient/x")
    assert len(service.store.audit_rows(limit=1000)) - before == 10
