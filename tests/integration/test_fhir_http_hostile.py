"""Hostile requests over a real socket: a right status, words, bounded time and memory, others unharmed."""

import contextlib
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.served import Served, served
from unsilo.api import bundling
from unsilo.config import Settings

FHIR = {"Content-Type": "application/fhir+json"}
HTTP = type(Settings().http)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A node with small bounds and one Patient."""
    bounds = HTTP(body_seconds=1, limit_bytes=2_000_000, limit_entries=100, keep_alive_seconds=2)
    with served(tmp_path_factory.mktemp("node"), http=bounds) as found:
        found.http.put("Patient/ana", json={"resourceType": "Patient", "id": "ana"}, headers=FHIR)
        yield found


def outcome(answer: object) -> str:
    """The text of the OperationOutcome that an answer is."""
    said = answer.json()  # type: ignore[attr-defined]
    assert said["resourceType"] == "OperationOutcome"
    return " ".join(issue["details"]["text"] for issue in said["issue"])


def raw(node: Served, content: bytes, wait: float = 10) -> bytes:
    """Send bytes and return what comes back until the connection ends or falls silent."""
    held = b""
    with socket.create_connection(("127.0.0.1", node.port), wait) as sock, contextlib.suppress(OSError):
        for at in range(0, len(content), 4096):
            sock.sendall(content[at : at + 4096])
        while part := sock.recv(65536):
            held += part
    return held


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "Patient/a%0a", {"resourceType": "Patient", "id": "a\n"}, 400),
        ("PUT", "Patient/\u0660", {"resourceType": "Patient", "id": "\u0660"}, 400),
        ("PUT", "Patient/" + "a" * 65, {"resourceType": "Patient", "id": "a" * 65}, 400),
        ("PUT", "Patient/b", {"resourceType": "Patient", "id": "c"}, 400),
        ("PUT", "Patient/b", {"resourceType": "Observation", "id": "b"}, 400),
        ("PUT", "Patient/b", {"resourceType": "Patient"}, 400), ("POST", "Patient", {"resourceType": "Basic"}, 400),
        ("POST", "Patient", {"resourceType": 5}, 400), ("POST", "Patient", {}, 400), ("POST", "Patient", [], 400),
        ("POST", "Nothing", {"resourceType": "Nothing"}, 404), ("DELETE", "Patient/a%00b", None, 400),
        ("DELETE", "Patient", None, 412),
        ("PATCH", "Patient/ana", {"resourceType": "Patient"}, 422), ("DELETE", "Patient?colour=red", None, 400),
        ("PUT", "Patient?colour=red", {"resourceType": "Patient"}, 400), ("POST", "Patient/ana/$unknown", {}, 404),
        ("POST", "Patient?identifier=%ff", {"resourceType": "Patient"}, 400),
    ],
)  # fmt: skip
def test_wrong_writes_are_refused_in_words(
    node: Served, method: str, path: str, body: object, status: int
) -> None:  # fmt: skip
    """Ids that are none, bodies of another type or id, conditions without a criterion: nothing is stored."""
    content = None if body is None else json.dumps(body).encode()
    answer = node.http.request(method, path, content=content, headers=FHIR if content else {})
    assert answer.status_code == status, answer.text
    assert outcome(answer)


@pytest.mark.parametrize(
    "header", ["If-Match", "If-None-Match", "If-None-Exist", "Prefer", "X-Purpose", "If-Modified-Since"]
)
@pytest.mark.parametrize(
    "text", ["'; DROP TABLE res; --", "$.a[0]", 'W/"99999999999999999999"', "\u00ff" * 50, "a" * 9000, "=&%00"]
)
def test_text_in_headers_is_only_text(node: Served, header: str, text: str) -> None:
    """SQL, JSON paths, huge numbers and long values in headers change nothing and break nothing."""
    body = json.dumps({"resourceType": "Patient", "id": "ana"}).encode()
    headers = [(b"content-type", b"application/fhir+json"), (header.encode(), text.encode("latin-1"))]
    for method, path in (("GET", "Patient/ana"), ("PUT", "Patient/ana"), ("POST", "Patient")):
        content = None if method == "GET" else body
        answer = node.http.request(method, path, content=content, headers=headers)  # type: ignore[arg-type]
        assert answer.status_code in (200, 201, 304, 400, 412)
    assert node.http.get("Patient/ana").status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        "name=';DROP TABLE res;--", "identifier=$.x|'", "_count=1000000000", "_page=AAAA", "_page=" + "A" * 3000,
        "name=" + ",".join(["x"] * 10_000), "_include:iterate=*&_include=*&_revinclude=*",
        "general-practitioner." * 50 + "name=x", "_has:Observation:patient:" * 50 + "code=x", "_sort=" + "name," * 500,
        "_filter=" + "(" * 500, "_elements=" + "a," * 3000, "birthdate=%00", "name:exact:contains=x", "_type=Patient",
        "_summary=count&_count=0", "&".join(["name=x"] * 400),
    ],
)  # fmt: skip
def test_hostile_searches_end_soon(node: Served, query: str) -> None:
    """Each search is answered or refused in words, and the next request is answered too."""
    answer = node.http.get(f"Patient?{query}")
    assert answer.status_code in (200, 400, 403, 413, 414)
    assert answer.json()["resourceType"] in ("Bundle", "OperationOutcome")
    assert node.http.get("Patient/ana").status_code == 200


def test_page_links_of_others_are_refused(node: Served) -> None:
    """A mark belongs to its search: changed, moved to another search or to another address it is 400."""
    for n in range(3):
        node.http.post("Basic", json={"resourceType": "Basic", "code": {"text": str(n)}}, headers=FHIR)
    bundle = node.http.get("Basic?_count=1").json()
    following = next(link["url"] for link in bundle["link"] if link["relation"] == "next")
    assert node.http.get(following).status_code == 200
    mark = following.rpartition("_page=")[2]
    for forged in (
        f"Basic?_count=1&_id=x&_page={mark}",
        f"Patient?_count=1&_page={mark}",
        f"Basic?_page={mark[:-2]}AA",
    ):
        answer = node.http.get(forged)
        assert answer.status_code == 400
        assert "page" in outcome(answer)


def test_slow_bodies_end(node: Served) -> None:
    """A body that stops coming is 408, and others are answered meanwhile."""
    head = b"POST /fhir/Patient HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/fhir+json\r\n"
    head += b"Content-Length: 100\r\n\r\n{"
    with ThreadPoolExecutor(4) as pool:
        slow = [pool.submit(raw, node, head) for _ in range(4)]
        assert node.http.get("Patient/ana").status_code == 200
        for each in slow:
            assert each.result().startswith(b"HTTP/1.1 408")


def test_long_bodies_and_many_entries_are_refused(node: Served) -> None:
    """20 MB, too many entries and depth 1,000 are 413 or 400 with words."""
    long = node.http.post(
        "Patient", content=b'{"resourceType":"Patient","name":[' + b"1," * 10_000_000 + b"1]}", headers=FHIR
    )
    assert long.status_code == 413
    entries = [{"request": {"method": "GET", "url": "Patient/ana"}}] * 101
    many = node.http.post("", json={"resourceType": "Bundle", "type": "batch", "entry": entries}, headers=FHIR)
    assert many.status_code == 413
    assert "100" in outcome(many)
    deep = b'{"resourceType":"Patient","extension":' + b'[{"extension":' * 1000 + b"[]" + b"}]" * 1000 + b"}"
    answer = node.http.post("Patient", content=deep, headers=FHIR)
    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (400, "too-costly")


def test_idle_connections_do_not_hurt(node: Served) -> None:
    """Hundreds of silent connections are held cheaply, others are served, and all are closed in time."""
    idle = [socket.create_connection(("127.0.0.1", node.port), 5) for _ in range(400)]
    try:
        used = []
        for sock in idle[:100]:
            sock.sendall(b"GET /fhir/Patient/ana HTTP/1.1\r\nHost: localhost\r\n\r\n")
            used.append(sock)
        for sock in used:
            assert sock.recv(65536).startswith(b"HTTP/1.1 200")
        assert node.http.get("Patient/ana").status_code == 200
        used[0].settimeout(10)
        while used[0].recv(65536):
            pass  # what was left of the answer; then the server closes
    finally:
        for sock in idle:
            sock.close()


def test_heads_and_requests_that_are_none(node: Served) -> None:
    """Endless headers are 431, garbage ends the connection, an unknown method is 405."""
    assert raw(node, b"GET /fhir/Patient HTTP/1.1\r\n" + b"X-A: " + b"b" * 200_000)[:12] in (b"HTTP/1.1 431", b"")
    assert raw(node, b"\x00\xff\r\n\r\n", 3)[:12] in (b"HTTP/1.1 400", b"")
    brew = raw(node, b"PROPFIND /fhir/Patient HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert brew.startswith(b"HTTP/1.1 405")
    encoded = raw(node, b"GET /fhir/Patient/%61na HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert encoded.startswith(b"HTTP/1.1 200")
    slash = raw(node, b"GET /fhir/Patient%2fana HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert slash.startswith(b"HTTP/1.1 404")


def test_errors_repeat_no_patient_data(node: Served, caplog: pytest.LogCaptureFixture) -> None:
    """A value that was sent does not come back in an error, a header or the log."""
    secret = "Zzyzxfamily"
    for answer in (
        node.http.get(f"Patient/{secret}!"), node.http.get(f"Patient/_history?_since={secret}"),
        node.http.get(f"Patient?birthdate={secret}"), node.http.get(f"Observation?value-quantity={secret}"),
        node.http.post("Patient", content=f'{{"resourceType":"Patient","name":"{secret}'.encode(), headers=FHIR),
        node.http.get("Patient/ana", headers={"X-Request-Id": f"<{secret}>"}),
    ):  # fmt: skip
        assert secret not in answer.headers.get("x-request-id", "")
        if answer.status_code >= 400:
            assert secret not in answer.text
    assert secret not in caplog.text


def test_small_questions_have_no_endless_answers(node: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Bundle of many searches stops being answered when its answer has grown too large, and says so."""
    monkeypatch.setattr(bundling, "_MOST_ANSWER", 5_000)
    entries = [{"request": {"method": "GET", "url": "metadata?mode=terminology"}}] * 100
    said = node.http.post("", json={"resourceType": "Bundle", "type": "batch", "entry": entries}, headers=FHIR).json()
    found = [entry["response"]["status"][:3] for entry in said["entry"]]
    assert (found[0], found[-1], len(found)) == ("200", "413", 100)
