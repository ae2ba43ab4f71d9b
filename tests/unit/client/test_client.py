"""The client pages, decodes exactly, keeps its token to itself and says what went wrong."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from unsilo.client import Client, ClientError


class Node(BaseHTTPRequestHandler):
    """A little server that answers like a node."""

    protocol_version = "HTTP/1.1"
    asked: list[tuple[str, str, str]] = []  # noqa: RUF012

    def do_GET(self) -> None:
        """Answer by path."""
        Node.asked.append((self.command, self.path, self.headers.get("Authorization", "")))
        if self.path.startswith("/fhir/Observation?_count=1&page=2"):
            self.say(200, b'{"resourceType":"Bundle","entry":[{"resource":{"id":"b"}}]}')
        elif self.path.startswith("/fhir/Observation?") and "_summary=count" in self.path:
            self.say(200, b'{"resourceType":"Bundle","total":2}')
        elif self.path.startswith("/fhir/Observation?"):
            link = {"relation": "next", "url": "http://elsewhere.example/fhir/Observation?_count=1&page=2"}
            body = {"entry": [{"resource": {"id": "a"}}], "link": [link]}
            self.say(200, json.dumps(body).encode())
        elif self.path == "/fhir/Observation/exact":
            self.say(200, b'{"valueQuantity":{"value":1.00}}')
        elif self.path == "/fhir/Observation/..%2Fsecret/_history/2":
            self.say(200, b'{"id":"quoted"}')
        elif self.path == "/fhir/Binary/raw":
            self.say(200, b"MSH|^~\\&|\xff", "application/octet-stream")
        elif self.path == "/fhir/Observation/odd":
            self.say(200, b"[]")
        else:
            issue = {"details": {"text": "there is no such thing"}, "diagnostics": "look elsewhere"}
            self.say(404, json.dumps({"resourceType": "OperationOutcome", "issue": [issue]}).encode())

    def do_POST(self) -> None:
        """Take a message."""
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.say(202, json.dumps({"id": f"kept {len(content)}"}).encode())

    def say(self, status: int, content: bytes, kind: str = "application/fhir+json") -> None:
        """Send an answer."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_args: object) -> None:
        """Stay silent."""


@pytest.fixture
def base() -> Iterator[str]:
    """The address of a running node."""
    Node.asked.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Node)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_search_pages_and_never_leaves_its_host(base: str) -> None:
    """The next page is asked from the same node, whatever host the link names."""
    with Client(base, "secret") as node:
        assert [r["id"] for r in node.search("Observation", _count=1)] == ["a", "b"]
    assert [a[2] for a in Node.asked] == ["Bearer secret"] * 2


def test_count_read_and_original(base: str) -> None:
    """Counts are numbers, decimals keep their digits, originals are bytes."""
    with Client(base) as node:
        assert node.count("Observation", code="x") == 2
        value = node.read("Observation", "exact")["valueQuantity"]["value"]
        assert isinstance(value, Decimal)
        assert str(value) == "1.00"
        assert node.original("raw") == b"MSH|^~\\&|\xff"
        assert node.ingest("north", b"MSH|") == {"id": "kept 4"}


def test_ids_are_quoted(base: str) -> None:
    """An odd id cannot leave its place in the path."""
    with Client(base) as node:
        assert node.read("Observation", "../secret", 2) == {"id": "quoted"}


def test_errors_say_what_the_server_said(base: str) -> None:
    """A refusal carries status, text and outcome; an odd answer and a dead server are errors of the same kind."""
    with Client(base) as node:
        with pytest.raises(ClientError, match="no such thing look elsewhere") as met:
            node.read("Patient", "x")
        assert met.value.status == 404
        assert met.value.outcome["resourceType"] == "OperationOutcome"
        with pytest.raises(ClientError, match="not a JSON object"):
            node.read("Observation", "odd")
    with Client("http://127.0.0.1:9") as gone, pytest.raises(ClientError, match=r"reached|answer"):
        gone.capabilities()
    with pytest.raises(ClientError, match="not an http"):
        Client("ftp://x")


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, base: str) -> None:
    """UNSILO_URL and UNSILO_TOKEN are the defaults."""
    monkeypatch.setenv("UNSILO_URL", base + "/")
    monkeypatch.setenv("UNSILO_TOKEN", "from-outside")
    with Client() as node:
        node.read("Observation", "exact")
    assert Node.asked[-1][2] == "Bearer from-outside"


def test_the_client_imports_nothing_of_the_server() -> None:
    """A notebook loads the client without starlette, lxml or the rooms of the server."""
    code = "import sys, unsilo.client; print(*sorted(m for m in sys.modules if m.startswith('unsilo')))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert out == ["unsilo", "unsilo.client", "unsilo.client.client"]
