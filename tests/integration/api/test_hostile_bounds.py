"""What is too large, too deep, too slow or too many, against a node in a process of its own with the default bounds.

Each is answered with a right status and in words, within bounded time and memory, and others are answered meanwhile.
"""

import contextlib
import gzip
import http.client
import json
import resource
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest

sys.path.insert(0, str(Path(__file__).parents[3]))

from bench._node import NodeProcess

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
FHIR = {"Content-Type": "application/fhir+json"}
_TESTED = b'{"op":"test","path":"/id","value":"ana"}'
_MEMORY = 1200
"""Megabytes that the node may take at worst; one body may have 64."""
SQL = (
    "'; DROP TABLE res; --",
    '" OR 1=1 --',
    "1) UNION SELECT body FROM res --",
    "$.a[0]",
    "$$x",
    "%00",
    "\\",
    "|",
    ",",
)


class Said(NamedTuple):
    """Status, content and the seconds that the answer took."""

    status: int
    content: bytes
    seconds: float

    @property
    def outcome(self) -> dict[str, Any]:
        """The first issue of the OperationOutcome."""
        said = json.loads(self.content)
        assert said["resourceType"] == "OperationOutcome", self.content[:300]
        return dict(said["issue"][0])


class Node:
    """A running node and requests to it."""

    def __init__(self, process: NodeProcess) -> None:
        self.process = process

    def ask(self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> Said:
        """Send one request over a connection of its own."""
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.process.http, timeout=120)
        with contextlib.closing(connection):
            # What is refused by its length alone is answered before all of it is sent.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.request(method, f"/fhir/{path}", body, headers or {})
            answer = connection.getresponse()
            return Said(answer.status, answer.read(), time.monotonic() - began)

    def memory(self) -> int:
        """Return the megabytes of memory that the node has had at most."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) // 1024
        return 0


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node with a Patient and circles of Organizations and Observations."""
    process = NodeProcess(tmp_path_factory.mktemp("node"))
    process.start()
    found = Node(process)
    try:
        found.ask("PUT", "Patient/ana", b'{"resourceType":"Patient","id":"ana"}', FHIR)
        for n in range(30):
            one = {
                "resourceType": "Organization",
                "id": f"o{n}",
                "partOf": {"reference": f"Organization/o{(n + 1) % 30}"},
            }
            assert found.ask("PUT", f"Organization/o{n}", json.dumps(one).encode(), FHIR).status == 201
        yield found
        assert found.memory() < _MEMORY
    finally:
        process.kill()


@contextlib.contextmanager
def neighbour(node: Node) -> Iterator[list[Said]]:
    """Read a Patient again and again while something else goes on; none may fail or wait for long."""
    over, found = threading.Event(), list[Said]()

    def read() -> None:
        while not over.is_set():
            found.append(node.ask("GET", "Patient/ana"))
            time.sleep(0.05)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join(60)
    assert found
    assert {said.status for said in found} == {200}
    assert max(said.seconds for said in found) < 30


def entries(count: int) -> bytes:
    """Return a batch of so many entries."""
    one = b'{"request":{"method":"GET","url":"Patient/ana"}}'
    return b'{"resourceType":"Bundle","type":"batch","entry":[' + b",".join([one] * count) + b"]}"


def nested(depth: int) -> bytes:
    """Return a Patient of some depth."""
    inner = b'[{"url":"u","extension":' * depth + b"[]" + b"}]" * depth
    return b'{"resourceType":"Patient","extension":' + inner + b"}"


def names(size: int) -> bytes:
    """Return a Patient with an array of about so many bytes."""
    one = b'{"family":"abcdefgh"}'
    return b'{"resourceType":"Patient","name":[' + b",".join([one] * (size // len(one))) + b"]}"


def contained(count: int) -> bytes:
    """Return an Observation whose contained resources refer to each other in a circle, and hold each other."""
    inner: dict[str, Any] = {"resourceType": "Patient", "id": "p"}
    for n in range(count):
        link = {"reference": f"#c{(n + 1) % count}"}
        inner = {"resourceType": "Observation", "id": f"c{n}", "hasMember": [link], "subject": {"reference": "#"},
                 "contained": [inner]}  # fmt: skip
    said = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": {"reference": "#c0"},
            "contained": [inner]}  # fmt: skip
    return json.dumps(said).encode()


CASES: dict[str, tuple[str, str, Callable[[], bytes], dict[str, str], set[int]]] = {
    "100,000 entries": ("POST", "", lambda: entries(100_000), FHIR, {413}),
    "depth 1,000": ("POST", "Patient", lambda: nested(1000), FHIR, {400}),
    "depth 100,000": ("POST", "Patient", lambda: nested(100_000), FHIR, {400}),
    "an array of 20 MB": ("POST", "Patient", lambda: names(20_000_000), FHIR, {201, 413, 422}),
    "100 MB": ("POST", "Patient", lambda: names(100_000_000), FHIR, {413}),
    "a gzip bomb": (
        "POST", "Patient", lambda: gzip.compress(b" " * 1_000_000_000, 9), {**FHIR, "Content-Encoding": "gzip"}, {413}),
    "a gzip bomb in gzip": (
        "POST", "Patient", lambda: gzip.compress(gzip.compress(b" " * 500_000_000)),
        {**FHIR, "Content-Encoding": "gzip"}, {400}),
    "contained in a circle": ("POST", "Observation", lambda: contained(20), FHIR, {201, 400, 422}),
    "billion laughs": (
        "POST", "Patient",
        lambda: b'<!DOCTYPE p [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><Patient xmlns="http://hl7.org/fhir">'
                b'<id value="&b;"/></Patient>', {"Content-Type": "application/fhir+xml"}, {400}),
    "deep XML": (
        "POST", "Patient", lambda: b'<Patient xmlns="http://hl7.org/fhir">' + b'<extension url="u">' * 50_000,
        {"Content-Type": "application/fhir+xml"}, {400}),
    "an endless number": (
        "POST", "Observation", lambda: b'{"resourceType":"Observation","valueQuantity":{"value":1' + b"0" * 5_000_000
        + b"}}", FHIR, {201, 400, 413, 422}),
    "a huge exponent": (
        "POST", "Observation", lambda: b'{"resourceType":"Observation","valueQuantity":{"value":1e999999999}}', FHIR,
        {400, 413, 422}),
    "one name of 5 MB": (
        "POST", "Patient", lambda: b'{"resourceType":"Patient","name":[{"family":"' + b"x" * 5_000_000 + b'"}]}', FHIR,
        {400, 413, 422}),
    "not UTF-8": ("POST", "Patient", lambda: b'{"resourceType":"Patient","name":[{"family":"\xff"}]}', FHIR, {400}),
    "half a surrogate": (
        "POST", "Patient", lambda: b'{"resourceType":"Patient","name":[{"family":"\\ud800"}]}', FHIR, {201, 400, 422}),
    "a patch of 100,000": (
        "PATCH", "Patient/ana", lambda: b"[" + b",".join([_TESTED] * 100_000) + b"]",
        {"Content-Type": "application/json-patch+json"}, {200, 400, 413, 422}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_large_and_deep_bodies(node: Node, case: str) -> None:
    """A right status with words, or it is stored; others are answered meanwhile; memory stays bounded."""
    method, path, content, headers, wanted = CASES[case]
    body = content()
    with neighbour(node):
        said = node.ask(method, path, body, headers)
    assert said.status in wanted, said.content[:500]
    if said.status >= 400:
        assert said.outcome["details"]["text"]
    assert said.seconds < 60
    assert node.memory() < _MEMORY


@pytest.mark.parametrize("kind", ["Patient", "Observation", "Encounter", "ValueSet", "Location", "RiskAssessment"])
def test_text_of_other_languages_in_every_parameter(node: Node, kind: str) -> None:
    """SQL and JSON paths in each parameter of a type are values like any: found nowhere, or refused."""
    statement = json.loads(node.ask("GET", "metadata").content)
    found = next(each for each in statement["rest"][0]["resource"] if each["type"] == kind)
    for parameter in found["searchParam"]:
        for text in SQL:
            for name in (parameter["name"], f"{parameter['name']}:{text}", f"{parameter['name']}.{text}"):
                said = node.ask("GET", f"{kind}?{quote(name)}={quote(text)}")
                assert said.status in (200, 400, 404), (name, text, said.content[:300])
                if said.status == 400:
                    assert said.outcome["severity"] == "error"
    assert json.loads(node.ask("GET", "Organization?_summary=count").content)["total"] == 30


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("Organization?_include:iterate=Organization:partof&_count=1", 200),
        ("Organization?_include:iterate=*&_revinclude:iterate=*&_count=1", 200),
        ("Organization?_include:iterate=Organization:partof&_revinclude:iterate=Organization:partof&_id=o0", 200),
        (f"Organization?{'partof.' * 50}name=x", 400),
        (f"Organization?{'_has:Organization:partof:' * 50}name=x", 400),
        (f"Organization?{'partof.' * 5}_id=o0", 200),
        (f"Patient?_id={','.join(f'x{n}' for n in range(10_000))}", 400),
        (f"Patient?identifier={','.join(f'x{n}' for n in range(7_000))}", 400),
        ("Organization?_count=1000000000", 200), ("Organization?_count=1e9", 400), ("Organization?_count=-1", 400),
        ("Organization?_page=AAAA", 400), ("Organization?_page=%00", 400), (f"Organization?_page={'A' * 4000}", 400),
        (f"Organization?_sort={','.join(['name'] * 1000)}", 400), (f"Patient?_filter={'not(' * 1000}", 400),
        ("Organization/_history?_page=AAAA", 400), ("Patient/ana/$everything?_page=AAAA", 400),
        ("Organization?name:contains=", 400), ("Patient?birthdate=99999999999", 400),
        ("Patient?birthdate=2020-13", 400),
        ("RiskAssessment?probability=1e999999999", 400), ("Observation?value-quantity=1e400||x", 200),
        ("Location?near=91|181|1e300|km", 400), ("Patient?_lastUpdated=gt", 400),
    ],
)  # fmt: skip
def test_hostile_searches(node: Node, query: str, wanted: int) -> None:
    """Loops end, lists and chains have bounds, forged pages are refused: with the place, and soon."""
    with neighbour(node):
        said = node.ask("GET", query)
    assert said.status == wanted, said.content[:500]
    if wanted == 400:
        assert said.outcome["details"]["text"]
    assert said.seconds < 30


def test_references_to_nowhere_are_kept(node: Node) -> None:
    """They come back as they went in and are found by what they say."""
    body = {"resourceType": "Observation", "id": "lost", "status": "final", "code": {"text": "x"},
            "subject": {"reference": "Patient/nowhere"}}  # fmt: skip
    assert node.ask("PUT", "Observation/lost", json.dumps(body).encode(), FHIR).status in (200, 201)
    kept = json.loads(node.ask("GET", "Observation/lost").content)
    assert kept["subject"] == {"reference": "Patient/nowhere"}
    assert json.loads(node.ask("GET", "Observation?subject=Patient/nowhere&_summary=count").content)["total"] == 1
    assert json.loads(node.ask("GET", "Observation?subject=Patient/nowhere&_include=*").content)["entry"][0]
    assert node.ask("GET", "Patient/nowhere").status == 404


def test_slow_bodies_and_heads_hold_nobody_up(node: Node) -> None:
    """A hundred clients that send a byte now and then: others are answered as if they were not there."""
    head = b"POST /fhir/Patient HTTP/1.1\r\nHost: a\r\nContent-Type: application/fhir+json\r\nContent-Length: 90\r\n"
    slow = [socket.create_connection(("127.0.0.1", node.process.http), 10) for _ in range(100)]
    try:
        for n, each in enumerate(slow):
            each.sendall(head[: 40 + n] if n % 2 else head + b"\r\n{")
        with neighbour(node) as found:
            for _ in range(5):
                for each in slow:
                    with contextlib.suppress(OSError):
                        each.sendall(b" ")
                time.sleep(0.2)
        assert len(found) > 5
    finally:
        for each in slow:
            each.close()


def test_ten_thousand_idle_connections(node: Node) -> None:
    """As many as the machine lets a process have (10,000 at most): held cheaply, others are answered."""
    most = min(10_000, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 500)
    before = node.memory()
    idle: list[socket.socket] = []
    try:
        for n in range(most):
            idle.append(socket.create_connection(("127.0.0.1", node.process.http), 30))
            if n % 500 == 0:
                assert node.ask("GET", "Patient/ana").status == 200
        with neighbour(node) as found:
            time.sleep(1)
        assert max(said.seconds for said in found) < 30
        for each in idle[:: max(1, most // 50)]:
            each.sendall(b"GET /fhir/Patient/ana HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert each.recv(65536).startswith(b"HTTP/1.1 200")
    finally:
        for each in idle:
            each.close()
    assert node.memory() - before < 400
    assert node.ask("GET", "Patient/ana").status == 200
