"""`POST /ingest/{feed}`: durable before the answer, refused with an OperationOutcome, never stored twice."""

import json
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from flow_node import Node, adt, replace, settings, with_node
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from unsilo.config import Settings
from unsilo.sources.http import routes

Answer = tuple[int, dict[str, str], Any]


async def post(
    app: Starlette, path: str, body: bytes, headers: dict[str, str] | None = None, chunks: int = 1
) -> Answer:
    """Call the application as a server would, in this loop."""
    size = max(1, -(-len(body) // chunks))
    parts = [body[at : at + size] for at in range(0, len(body), size)] or [b""]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        part = parts.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(parts)}

    async def send(message: Any) -> None:
        sent.append(message)

    path, _, query = path.partition("?")
    scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": query.encode(),
        "headers": [(k.lower().encode(), v.encode()) for k, v in (headers or {}).items()], "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80), "scheme": "http", "root_path": "", "http_version": "1.1",
        "asgi": {"version": "3.0"},
    }  # fmt: skip
    await app(scope, receive, send)
    content = b"".join(message.get("body", b"") for message in sent)
    found = {k.decode(): v.decode() for k, v in sent[0]["headers"]}
    return sent[0]["status"], found, json.loads(content) if content else None


async def nobody(_request: Request) -> Response | None:
    """Let everybody in."""
    return None


def with_app(
    config: Settings, scenario: Callable[[Node, Starlette], Awaitable[None]], *, workers: bool = False
) -> None:
    """Run a scenario against the source's routes over a node."""

    async def run(node: Node) -> None:
        await scenario(node, Starlette(routes=routes(node.service, nobody)))

    with_node(config, run, workers=workers)


def test_a_message_is_taken_with_a_receipt(tmp_path: Path) -> None:
    """202 and the id; the same bytes again 200, marked as duplicate, one row."""

    async def scenario(node: Node, app: Starlette) -> None:
        status, headers, receipt = await post(app, "/ingest/adt", adt("1"), chunks=3)
        assert (status, receipt["state"], receipt["duplicate"]) == (202, "queued", False)
        assert headers["location"].endswith(receipt["id"])
        assert node.service.store.content(receipt["id"]) == adt("1")
        status, _, again = await post(app, "/ingest/adt", adt("1"))
        assert (status, again["duplicate"], again["id"]) == (200, True, receipt["id"])
        assert len(node.service.store.search_messages()) == 1

    with_app(settings(tmp_path), scenario)


def test_what_is_refused_says_why_and_is_kept(tmp_path: Path) -> None:
    """Garbage is 4xx with an OperationOutcome and the id under which it is kept."""

    async def scenario(node: Node, app: Starlette) -> None:
        status, headers, outcome = await post(app, "/ingest/adt", b"garbage")
        assert 400 <= status < 500
        assert outcome["resourceType"] == "OperationOutcome"
        assert node.service.store.content(headers["unsilo-message"]) == b"garbage"
        assert (await post(app, "/ingest/none", b"x"))[0] == 404
        assert (await post(app, "/ingest/adt", b"  "))[0] == 400

    with_app(settings(tmp_path), scenario)


def test_a_body_over_the_limit_is_cut_off_and_its_beginning_kept(tmp_path: Path) -> None:
    """413 by its announced length, and while streaming when nothing was announced; never processed, but found."""

    async def scenario(node: Node, app: Starlette) -> None:
        big = adt("1") + b"x" * 200_000
        for headers, chunks in (({"content-length": str(len(big))}, 1), ({}, 20)):
            status, said, outcome = await post(app, "/ingest/adt", big, headers, chunks=chunks)
            assert (status, outcome["issue"][0]["code"]) == (413, "too-long")
            kept = node.service.store.content(said["unsilo-message"])
            assert kept
            assert len(kept) <= 65_536
            assert big.startswith(kept)
        assert {row.state for row in node.service.store.search_messages()} == {"rejected"}
        assert (await post(app, "/ingest/adt", adt("1")))[0] == 202
        assert (await post(app, "/ingest/adt", b" " * 9000))[0] == 413

    with_app(settings(tmp_path, limit_bytes=4096), scenario)


def test_waiting_gives_the_end_of_the_processing(tmp_path: Path) -> None:
    """?wait=1 answers 200 with state done; a message that cannot be mapped is 4xx."""

    async def scenario(_node: Node, app: Starlette) -> None:
        status, _, receipt = await post(app, "/ingest/adt?wait=1", adt("1"))
        assert (status, receipt["state"]) == (200, "done")
        nothing = b"MSH|^~\\&|A|B|C|D|20260101||ZZZ^Z99|2|P|2.5\rZZ1|1\r"
        status, _, outcome = await post(app, "/ingest/adt?wait=1", nothing)
        assert (status, outcome["resourceType"]) == (422, "OperationOutcome")

    with_app(settings(tmp_path), scenario, workers=True)


def test_a_store_that_cannot_write_answers_503(tmp_path: Path) -> None:
    """Not stored is said as such, with Retry-After; the next one is taken."""

    async def scenario(node: Node, app: Starlette) -> None:
        receive_all = node.service.store.receive_all

        def broken(_incoming: Any) -> Any:
            future: Future[Any] = Future()
            future.set_exception(OSError(28, "No space left on device"))
            return future

        node.service.store.receive_all = broken
        status, headers, _ = await post(app, "/ingest/adt", adt("1"))
        assert (status, headers["retry-after"]) == (503, "1")
        node.service.store.receive_all = receive_all
        assert (await post(app, "/ingest/adt", adt("1")))[0] == 202

    with_app(settings(tmp_path), scenario)


def test_fhir_and_ccda_by_http(tmp_path: Path) -> None:
    """A FHIR Bundle becomes resources; a DOCTYPE in XML is refused."""
    config = settings(tmp_path)
    one = config.feeds["adt"]
    feeds = {
        "adt": one, "f": replace(one, name="f", format="fhir", transport="http"),
        "c": replace(one, name="c", format="ccda", transport="http"),
    }  # fmt: skip

    async def scenario(node: Node, app: Starlette) -> None:
        patient = {
            "resourceType": "Patient",
            "identifier": [{"system": "urn:x", "value": "7"}],
            "birthDate": "1970-01-01",
        }
        bundle = {
            "resourceType": "Bundle",
            "type": "collection",
            "entry": [{"fullUrl": "urn:uuid:1", "resource": patient}],
        }
        status, _, receipt = await post(app, "/ingest/f?wait=1", json.dumps(bundle).encode())
        assert (status, receipt["state"]) == (200, "done"), receipt
        assert node.service.store.counts().resources["Patient"] == 1
        evil = b'<!DOCTYPE a [<!ENTITY x "y">]><ClinicalDocument xmlns="urn:hl7-org:v3">&x;</ClinicalDocument>'
        assert (await post(app, "/ingest/c", evil))[0] >= 400
        assert (await post(app, "/ingest/f", b'{"resourceType":"Patient","a":NaN}'))[0] >= 400

    with_app(replace(config, feeds=feeds), scenario, workers=True)
