"""The HTTP source: `POST /ingest/{feed}` takes raw bytes and answers when they are durable."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Protocol

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from unsilo.config import Feed, Settings
from unsilo.fhir.outcome import operation_outcome
from unsilo.flow.receive import Ending, Reading, refuse
from unsilo.kernel import CATEGORIES, Issue, clock, json, worst
from unsilo.storage import Receipt

__all__ = ["Guard", "Node", "routes"]

Guard = Callable[[Request], Awaitable[Response | None]]
"""Decides whether a request may go on: None, or the answer that refuses it."""


class Node(Protocol):
    """What this source asks of the node."""

    settings: Settings

    def read(self, feed: Feed, content: bytes, headers: dict[str, str], found: tuple[Issue, ...]) -> Reading:
        """Read what receipt needs."""

    def keep(self, reading: Reading) -> "Future[list[Receipt]]":
        """Make the piece durable."""

    def ending(self, receipt: Receipt) -> "Future[Ending]":
        """Wait for the end of the processing."""


def _refuse(status: int, issues: list[Issue], **headers: str) -> Response:
    content = json.encode(operation_outcome(issues))
    return Response(content, status, headers, media_type="application/fhir+json")


_KEPT = 65_536
"""Bytes that are kept of a body which is too long."""


async def _body(request: Request, limit: int) -> tuple[bytes, bool]:
    """Return the body and True, or the beginning of one that is longer than `limit` bytes and False."""
    announced = request.headers.get("content-length", "")
    short = announced.isascii() and announced.isdigit() and int(announced) > limit
    held = bytearray()
    async for chunk in request.stream():
        held += chunk
        if len(held) > limit or (short and len(held) >= _KEPT):
            return bytes(held[:_KEPT]), False
    return bytes(held), len(held) <= limit and not short


def _said(feed: Feed, reading: Reading, receipts: list[Receipt], state: str, issues: list[Issue]) -> dict[str, object]:
    first = receipts[0]
    return {
        "id": first.id,
        "feed": feed.name,
        "state": state,
        "duplicate": first.duplicate,
        "reusedControlId": first.reused_control_id,
        "sha256": reading.whole.envelope.sha256,
        "received": clock.instant(reading.whole.envelope.received_at),
        "messages": [receipt.id for receipt in receipts[1:]],
        "issues": [
            {"severity": i.severity, "code": i.code, "text": i.text, "path": i.where.path, "hint": i.hint}
            for i in issues
        ],
    }


async def ingest(node: Node, request: Request) -> Response:
    """Take one piece: 202 with a receipt when it is durable, 200 when it was processed or known, 4xx when refused.

    `?wait=1` (or a feed that acknowledges after processing) answers when the processing has ended. A piece that is
    refused is kept all the same; the header `Unsilo-Message` gives its id. 503: not stored, send it again.
    """
    name = request.path_params["feed"]
    feed = node.settings.feeds.get(name)
    if feed is None:
        return _refuse(404, [Issue("error", "not-found", f"there is no feed {name[:64]!r}", rule="http.feed")])
    try:
        content, fits = await _body(request, feed.limit_bytes)
    except ClientDisconnect:
        return Response(status_code=400)
    headers = {"transport": "http", "remote": request.client.host if request.client else ""}
    for header in ("content-type", "x-file-name"):
        if header in request.headers:
            headers[header] = request.headers[header][:200]
    if not fits:
        return await _too_long(node, feed, content, headers)
    if not content.strip():
        return _refuse(400, [Issue("error", "required", "the body is empty", rule="http.empty")])
    reading = await asyncio.to_thread(node.read, feed, content, headers, ())
    try:
        receipts = await asyncio.wrap_future(node.keep(reading))
    except OSError as fault:
        return _not_stored(fault)
    except Exception as fault:  # noqa: BLE001 - whatever kept it from being durable, the sender must hear "not stored"
        return _not_stored(fault)
    first = receipts[0]
    state, issues = first.state, first.issues
    wait = feed.ack == "processed" or request.query_params.get("wait") == "1"
    if wait and state in ("queued", "batch"):
        state, issues = await _ended(node, receipts)
    if state in ("dead", "rejected", "held"):
        issue = worst(issues)
        status = CATEGORIES[issue.code].http if issue is not None else 422
        return _refuse(status if status >= 400 else 422, issues, **{"Unsilo-Message": first.id})
    status = 200 if first.duplicate or state not in ("queued", "batch") else 202
    return JSONResponse(_said(feed, reading, receipts, state, issues), status, {"Location": f"/messages/{first.id}"})


async def _too_long(node: Node, feed: Feed, beginning: bytes, headers: dict[str, str]) -> Response:
    """Keep the beginning of a body that is too long as evidence, and refuse it."""
    text = f"longer than the {feed.limit_bytes} bytes of its feed; its first {len(beginning)} are kept"
    issue = Issue("error", "too-long", text, hint="raise limit_bytes of the feed", rule="http.limit")
    answer = {"Connection": "close"}
    if beginning.strip():
        reading = await asyncio.to_thread(refuse, feed, beginning, (issue,), headers)
        try:
            answer["Unsilo-Message"] = (await asyncio.wrap_future(node.keep(reading)))[0].id
        except Exception as fault:  # noqa: BLE001 - whatever kept it from being durable, the sender must hear "not stored"
            return _not_stored(fault)
    return _refuse(413, [issue], **answer)


async def _ended(node: Node, receipts: list[Receipt]) -> tuple[str, list[Issue]]:
    """Wait for the end of all messages of a piece; a batch is as bad as its worst message."""
    waited = receipts[1:] or receipts
    endings = [await asyncio.wrap_future(node.ending(receipt)) for receipt in waited]
    bad = next((ending for ending in endings if ending.state not in ("done", "test")), None)
    if bad is not None:
        return bad.state, bad.issues
    return endings[0].state, [*receipts[0].issues, *(issue for ending in endings for issue in ending.issues)]


def _not_stored(fault: BaseException) -> Response:
    text = f"not stored ({type(fault).__name__}): send it again"
    return _refuse(503, [Issue("error", "exception", text, rule="http.store")], **{"Retry-After": "1"})


def routes(node: Node, guard: Guard) -> list[Route]:
    """Return the routes of this source; `guard` is asked first."""

    async def endpoint(request: Request) -> Response:
        refused = await guard(request)
        return refused if refused is not None else await ingest(node, request)

    return [Route("/ingest/{feed}", endpoint, methods=["POST"], name="ingest")]
