"""Bodies are bounded in size, unpacked size and time, and what is wrong with them has its place."""

import asyncio
import gzip
import tracemalloc
from typing import Any

import pytest

from unsilo.api import take
from unsilo.api.ask import Ask, Refused


def ask(chunks: list[bytes], headers: dict[str, str] | None = None, pause: float = 0) -> Ask:
    """A request whose body comes in chunks; an empty list is a client that goes away."""
    waiting = list(chunks)

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(pause)
        if not waiting:
            return {"type": "http.disconnect"}
        body = waiting.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(waiting)}

    said = {"content-type": "application/fhir+json", **(headers or {})}
    scope = {
        "type": "http", "method": "POST", "headers": [(k.encode(), v.encode()) for k, v in said.items()],
        "query_string": b"", "client": ("127.0.0.1", 1), "path": "/fhir/Patient",
    }  # fmt: skip
    return Ask(scope, receive)


def status(chunks: list[bytes], headers: dict[str, str] | None = None, limit: int = 1000, pause: float = 0) -> int:
    """The status of the refusal, 0 when there is none."""
    found: Refused | None = None
    try:
        asyncio.run(take.resource(ask(chunks, headers, pause), limit, 0.2 if pause else 30))
    except Refused as refused:
        found = refused
    if found is None:
        return 0
    assert found.issues
    assert all(issue.text for issue in found.issues)
    return found.status


def test_a_body_in_pieces_is_one() -> None:
    """Chunks are joined; packed ones unpacked; XML is read too."""
    body = b'{"resourceType":"Patient","active":true}'
    assert status([body[:5], body[5:20], body[20:]]) == 0
    assert status([gzip.compress(body)], {"content-encoding": "gzip"}) == 0
    patient = b'<Patient xmlns="http://hl7.org/fhir"><active value="true"/></Patient>'
    found = asyncio.run(take.resource(ask([patient], {"content-type": "application/fhir+xml"}), 1000, 30))
    assert found == {"resourceType": "Patient", "active": True}


@pytest.mark.parametrize(
    ("chunks", "headers", "code"),
    [
        ([b"x" * 1001], {}, 413), ([b"x" * 600, b"x" * 600], {}, 413), ([b"{}"], {"content-length": "99999"}, 413),
        ([b"{}"], {"content-length": "9" * 400}, 413), ([b"{"], {}, 400), ([b""], {}, 400), ([b"[]"], {}, 400),
        ([b"\xff"], {}, 400), ([b'{"a":1,"a":2}'], {}, 400), ([b'{"a":NaN}'], {}, 400),
        ([b'{"a":' + b"[" * 400 + b"]" * 400 + b"}"], {}, 400), ([b"{}"], {"content-type": "text/plain"}, 415),
        ([b"{}"], {"content-type": ""}, 415), ([b"{}"], {"content-encoding": "br"}, 415),
        ([b"{}"], {"content-encoding": "gzip"}, 400), ([gzip.compress(b"{}")[:-3]], {"content-encoding": "gzip"}, 400),
        ([gzip.compress(b"{}") * 2], {"content-encoding": "gzip"}, 400),
        ([b"<Patient"], {"content-type": "application/fhir+xml"}, 400),
        ([b'<!DOCTYPE a [<!ENTITY b "c">]><Patient xmlns="http://hl7.org/fhir"/>'],
         {"content-type": "application/fhir+xml"}, 400),
    ],
)  # fmt: skip
def test_wrong_bodies_are_refused(chunks: list[bytes], headers: dict[str, str], code: int) -> None:
    """Too long 413, not what it says it is 400, of another kind 415."""
    assert status(chunks, headers) == code


def test_a_small_body_may_not_hold_gigabytes() -> None:
    """A gzip bomb is refused without unpacking more than the limit."""
    bomb = gzip.compress(b" " * 50_000_000)
    tracemalloc.start()
    assert status([bomb], {"content-encoding": "gzip"}, limit=100_000) == 413
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


def test_deep_and_broad_bodies_are_answered() -> None:
    """Depth 1,000 and an array of 20 MB are answered, not suffered."""
    deep = b'{"resourceType":"Patient","extension":' + b'[{"extension":' * 1000 + b"[]" + b"}]" * 1000 + b"}"
    assert status([deep], limit=64_000_000) == 400
    broad = b'{"resourceType":"Patient","name":[' + b"{}," * 7_000_000 + b"{}]}"
    assert status([broad], limit=16_000_000) == 413


def test_a_body_that_never_ends_is_408() -> None:
    """A client that sends a byte now and then is told that it is too slow."""
    assert status([b" "] * 1000, pause=0.02) == 408


def test_a_client_that_goes_away_is_no_fault() -> None:
    """A closed connection ends the request."""
    with pytest.raises(take.GoneError):
        asyncio.run(take.resource(ask([]), 1000, 1))
