"""Health and figures: cheap, truthful, without a person's data in any label."""

import re

from starlette.testclient import TestClient

from unsilo.api.figures import METRICS, Requests


def test_health_and_readiness(http: TestClient) -> None:
    """The process answers; without workers it says that it is not ready, and why."""
    assert http.get("/healthz").text == "ok\n"
    answer = http.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["reasons"]


def test_metrics_are_prometheus_text(http: TestClient) -> None:
    """Every metric has help and type, every sample parses, counts are those of the store."""
    http.get("/fhir/Patient/ana-north")
    http.get("/fhir/Patient?identifier=secret-number")
    text = http.get("/metrics").text
    assert [name for name in METRICS if f"# TYPE {name} " not in text] == []
    sample = re.compile(r'[a-z_]+(\{([a-z_]+="[^"]*",?)*\})? -?[0-9.e+]+$')
    assert [line for line in text.splitlines() if not line.startswith("#") and not sample.match(line)] == []
    assert 'unsilo_messages{feed="north",state="queued"} 1' in text
    assert 'unsilo_resources{type="Patient"} 3' in text
    assert "unsilo_persons 2" in text
    assert 'unsilo_http_requests_total{route="/fhir/[type]/[id]",method="GET",status="200"} 1' in text
    assert "ana-north" not in text
    assert "secret-number" not in text


def test_odd_methods_and_labels_stay_bounded() -> None:
    """A made-up method becomes `other`; quotes in labels are escaped."""
    requests = Requests()
    requests.note('/a"b', "BREW", 200, 0.2)
    requests.note('/a"b', "GET", 200, 60.0)
    assert requests.count['/a"b', "other", 200] == 1
    lines = list(requests.lines())
    assert 'unsilo_http_request_seconds_bucket{route="/a\\"b",le="+Inf"} 2' in lines
