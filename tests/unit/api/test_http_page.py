"""The HTTP reference names what is served."""

from pathlib import Path

from starlette.testclient import TestClient

from unsilo.api.figures import METRICS

PAGE = (Path(__file__).parents[3] / "docs" / "reference" / "http.md").read_text("utf-8")


def test_every_metric_is_documented() -> None:
    """Each metric stands on the page with its type and meaning."""
    assert [name for name, (kind, text) in METRICS.items() if f"| `{name}` | {kind}; {text} |" not in PAGE] == []


def test_every_address_of_the_page_is_served(http: TestClient) -> None:
    """The addresses that the page names answer with something else than 404 for the address."""
    for address in ("/fhir/metadata", "/healthz", "/readyz", "/metrics"):
        assert address in PAGE
        assert http.get(address).status_code in (200, 503)
