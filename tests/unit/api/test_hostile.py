"""Wrong and hostile requests get a clear OperationOutcome, never a crash or somebody else's data."""

import pytest
from starlette.testclient import TestClient

from unsilo.api.figures import Requests
from unsilo.api.front import Front
from unsilo.api.routes import routes
from unsilo.config import Settings
from unsilo.flow.service import Service


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("Observation?colour=red", 400), ("Observation?code=", 400),
        ("Observation?date=soon", 400), ("Observation?date=ge", 400), ("Observation?_count=-1", 400),
        ("Observation?_count=1e9", 400),         ("Observation?code=a|b|c", 400), ("Observation?_format=ttl", 406),
        ("Observation?_after=x", 400), ("Observation?_after=99999999999999999999", 400),
        ("Observation?code=%ff", 400), ("Observation?code=%00", 400),
        ("Observation?" + "&".join(["code=x"] * 160), 400), ("Observation?" + "&".join(["code=x"] * 300), 400),
        ("Observation?code=" + ",".join(["x"] * 600), 400), ("Nothing", 404), ("patient/ana-north", 404),
        ("Patient//_history", 404), ("Patient/ana-north/_history/x", 404),
        ("Patient/ana-north/_history/99999999999999999999", 404), ("Patient/%2e%2e%2f", 404),
        ("Patient/" + "a" * 5000, 404), ("Patient/ana%20north", 404), ("Patient/ana%00", 404),
        ("Patient/%F0%9F%92%89", 404),
        ("Binary/..%2f..%2fetc%2fpasswd", 404), ("Observation/glucose-1/$everything", 404),
        ("Patient/ana-north/$everything?_type=Nope", 400), ("Patient/ana-north/$everything?x=1", 400),
        ("Patient/ana-north?colour=red", 400), ("Patient/ana-north?_format=json&_format=xml", 400),
        ("Patient/ana-north?_summary=most", 400), ("Patient/ana-north?_elements=,", 400),
        ("Patient/ana-north?_elements=colour", 400), ("Patient/_history?_since=soon", 400),
        ("Patient/_history?_page=made-up", 400), ("Patient/_history?_count=x", 400), ("metadata?mode=other", 400),
        ("Patient/ana-north%0a", 404), ("Patient/ana٠", 404), ("Patient/" + "a" * 65, 404),
    ],
)  # fmt: skip
def test_wrong_requests_are_refused_in_words(http: TestClient, path: str, status: int) -> None:
    """The status fits and the body is an OperationOutcome with a text."""
    answer = http.get(f"/fhir/{path}")
    assert answer.status_code == status
    outcome = answer.json()
    assert outcome["resourceType"] == "OperationOutcome"
    assert all(issue["details"]["text"] for issue in outcome["issue"])


def test_the_unknown_parameter_is_named(http: TestClient) -> None:
    """Nothing is silently ignored; asked leniently, the answer holds a warning instead."""
    answer = http.get("/fhir/Observation?colour=red&code=14749-6")
    assert "colour" in answer.json()["issue"][0]["details"]["text"]
    lenient = http.get("/fhir/Observation?colour=red&code=14749-6", headers={"Prefer": "handling=lenient"}).json()
    assert [e["search"]["mode"] for e in lenient["entry"]] == ["match", "outcome"]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "Patient/ana-north", "PUT"),
        ("PUT", "metadata", "GET"),
        ("DELETE", "", "POST"),
        ("BREW", "Patient", "POST"),
    ],
)
def test_methods_that_are_not_served_are_405(http: TestClient, method: str, path: str, allowed: str) -> None:
    """The answer says which methods there are."""
    answer = http.request(method, f"/fhir/{path}", content=b"{}")
    assert answer.status_code == 405
    assert allowed in answer.headers["allow"]
    assert answer.json()["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/fhir+xml", 200), ("text/html", 406), ("text/turtle", 406), ("application/fhir+xml;q=0", 406),
        ("application/json;q=0", 406), ("*/*", 200),
        ("application/fhir+json; fhirVersion=4.0", 200), ("text/html, application/xhtml+xml, */*;q=0.8", 200),
        ("", 200), (";;;,,,", 406),
    ],
)  # fmt: skip
def test_accept_is_honoured(http: TestClient, accept: str, status: int) -> None:
    """JSON and XML are served, and who can read neither is told."""
    assert http.get("/fhir/Observation", headers={"Accept": accept}).status_code == status


def test_huge_counts_are_bounded(http: TestClient) -> None:
    """A count beyond all bounds gives a page of the largest size."""
    assert http.get("/fhir/Observation?_count=1000000000").status_code == 200


def client(service: Service, remote: str = "10.0.0.9", base: str = "http://node.example") -> TestClient:
    """A client from elsewhere."""
    return TestClient(Front(service, Requests(), routes=routes(service)), base_url=base, client=(remote, 4000))


def test_other_machines_need_a_token(service: Service) -> None:
    """Without a token loopback only; a token opens what its scopes say, and nothing once revoked."""
    users = service.store.users
    secret, kept = users.add_token("lab", ["metrics"])
    kept.result()
    full, kept = users.add_token("all", ["*"])
    kept.result()
    with client(service) as away:
        assert away.get("/fhir/Patient").status_code == 401
        assert "Bearer" in away.get("/fhir/Patient").headers["www-authenticate"]
        assert away.get("/metrics").status_code == 401
        assert away.get("/healthz").status_code == 200
        lab, every = {"Authorization": f"Bearer {secret}"}, {"Authorization": f"bearer {full}"}
        assert away.get("/metrics", headers=lab).status_code == 200
        assert away.get("/fhir/Patient", headers=lab).status_code == 403
        assert away.get("/fhir/Patient", headers=every).status_code == 200
        for wrong in ("Bearer nonsense", "Bearer ", "Basic dTpw", "Bearer \u00ff", "Bearer " + "x" * 9000):
            answer = away.get("/fhir/Patient", headers={"Authorization": wrong.encode("latin-1")})
            assert answer.status_code == 401
        users.revoke_token("all").result()
        assert away.get("/fhir/Patient", headers=every).status_code == 401
    rows = service.store.audit_rows()
    assert any(row.actor == "client:all" and row.outcome == "success" for row in rows)
    assert any(row.actor == "client:lab" and row.outcome == "denied" for row in rows)
    assert rows[0].outcome == "denied"


def test_a_wrong_token_is_refused_even_on_this_machine(http: TestClient) -> None:
    """Who shows a token is judged by it."""
    assert http.get("/fhir/Patient", headers={"Authorization": "Bearer wrong"}).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example:8080"}, {"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "null"}, {"Host": ""}, {"Host": "127.0.0.1.evil.example"}, {"Host": "[oops"},
        {"X-Forwarded-For": "10.0.0.9"}, {"Forwarded": "for=10.0.0.9"}, {"X-Real-IP": "10.0.0.9"}, {"Via": "1.1 gate"},
    ],
)  # fmt: skip
def test_neither_pages_of_other_sites_nor_a_proxy_lend_loopback(http: TestClient, headers: dict[str, str]) -> None:
    """A web page in a local browser is no program of this machine, nor is who comes through a proxy on it."""
    assert http.get("/fhir/Patient", headers=headers).status_code in (400, 401)


def test_open_network_is_a_decision_of_the_operator(tmp_path: object) -> None:
    """With the setting, machines without a token are answered, and the audit says from where."""
    node = Service(Settings(data=tmp_path, open_network=True))  # type: ignore[arg-type]
    with client(node) as away:
        assert away.get("/fhir/Patient").status_code == 200
    node.store.close()
