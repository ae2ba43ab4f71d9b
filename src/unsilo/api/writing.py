"""create, update, patch and delete over HTTP, with their conditional forms (FHIR R4 3.1.0.4 to 3.1.0.8)."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from unsilo.api import answers, form, take
from unsilo.api.ask import ID, Answer, Ask, Headers, Refused, parse_pairs
from unsilo.api.media import written_in
from unsilo.api.node import Node
from unsilo.fhir import codec
from unsilo.flow.fhir import write
from unsilo.flow.fhir.write import Written
from unsilo.kernel import Issue, Json, Limits, Where
from unsilo.storage import NotDurableError, Stored

__all__ = ["awaited", "create", "delete", "delete_where", "patch", "patch_where", "update", "update_where"]

_INLINE = 32_768
"""Bytes of a body up to which its checks and index run on the event loop."""


T = TypeVar("T")


async def awaited(node: Node, work: Callable[[], Future[T]], size: int) -> T:
    """Start a write and wait until it is durable; Refused with 503 when the store cannot take it."""
    busy(node)
    try:
        future = work() if size <= _INLINE else await asyncio.to_thread(work)
        return await node.arrivals.wait(future)
    except (NotDurableError, OSError, TimeoutError) as fault:
        text = f"not stored ({type(fault).__name__}): send it again"
        raise Refused([Issue("error", "exception", text, rule="http.store")], 503, {"retry-after": "2"}) from None


def busy(node: Node) -> None:
    """Refuse to write while too much waits for the writer: who is told soon can wait better than who hangs."""
    waiting = sum(node.store.waiting())
    most = node.settings.http.most_waiting
    if waiting > most:
        seconds = str(min(60, 1 + waiting // most))
        text = f"{waiting} jobs wait for the writer"
        issue = Issue("error", "throttled", text, hint=f"try again in {seconds} s", rule="http.busy")
        raise Refused([issue], 503, {"retry-after": seconds})


def answer(
    node: Node, ask: Ask, done: Written, unless_asked: str = "representation", *, place: bool = False
) -> Answer:  # fmt: skip
    """Return the answer to a write: body as `Prefer: return` says, without what is masked for this client; ETag,
    Last-Modified, and `Location` for what is new, or wherever `place` says that the client cannot know the id."""
    headers: Headers = []
    if done.id:
        if done.version:
            headers = [
                (b"etag", b'W/"%d"' % done.version),
                (b"last-modified", answers.http_date(done.updated // 1_000_000)),
            ]
        address = f"{ask.base}/{done.type}/{done.id}/_history/{done.version}".encode()
        if done.status == 201 or (place and done.status == 200):
            headers.append((b"location", address))
        elif done.status == 200 and done.body is not None:
            headers.append((b"content-location", address))
    if done.status >= 400:
        return answers.fail(done.issues, done.status, headers)
    wanted = ask.prefer.get("return", unless_asked)
    if wanted.lower() == "operationoutcome":
        said = done.issues or [Issue("information", "informational", "done", rule="http.done")]
        return Answer(200 if done.status == 204 else done.status, headers=headers, issues=said, at=done.updated)
    if wanted.lower() == "minimal" or done.body is None:
        return Answer(done.status, b"", headers, at=done.updated)
    row = Stored(0, done.type, done.id, done.version, 0, done.updated, 0, 0, 0, b"", done.body)
    shown = form.shown_as(node.predicate(ask), "")
    return Answer(done.status, shown(row), headers, at=done.updated)


def condition(ask: Ask, name: bytes) -> str:
    """Return the search of a condition's header as the client wrote it, without address and type."""
    said = ask.header(name)
    text = said.partition("?")[2] if "?" in said else said
    if text:
        parse_pairs(text)
    return text


def _query(ask: Ask) -> str:
    """Return the search of a conditional interaction; Refused when it has no criterion: that would be any resource."""
    criteria = _criteria(ask)
    if not criteria:
        issue = Issue("error", "required", "a conditional interaction needs search parameters", Where("http.query"),
                      "add one, such as identifier=system|value", "http.condition")  # fmt: skip
        raise Refused([issue], 412)
    return criteria


def _criteria(ask: Ask) -> str:
    """Return the search in the address, without what only says how to answer."""
    if not ask.query:
        return ""
    parts = [part for part in ask.query.decode("latin-1").split("&") if part]
    criteria = "&".join(part for part in parts if part.partition("=")[0] not in form.GENERAL)
    parse_pairs(criteria)
    return criteria


def _own_id(ask: Ask) -> None:
    if not ID.fullmatch(ask.id):
        text = "an id has 1 to 64 letters, digits, - and ."
        raise Refused([Issue("error", "value", text, Where(f"{ask.kind}.id"), rule="http.id")], 400)


def _match(ask: Ask) -> str | None:
    said = ask.header(b"if-match") or None
    if said is None and b"if-unmodified-since" in ask.headers:
        text, hint = "a write is conditional on a version, not on a time", 'If-Match: W/"version"'
        where = Where("http.If-Unmodified-Since")
        raise Refused([Issue("error", "not-supported", text, where, hint, "http.condition")], 400)
    return said


def _none_match(ask: Ask) -> str | None:
    return ask.header(b"if-none-match") or None


async def _resource(node: Node, ask: Ask) -> tuple[Json, int]:
    busy(node)
    bounds = node.settings.http
    resource = await take.resource(ask, bounds.limit_bytes, bounds.body_seconds)
    length = ask.header(b"content-length")
    return resource, int(length) if length.isascii() and length.isdigit() else 0


async def create(node: Node, ask: Ask) -> Answer:
    """Create with an id of the server's; `If-None-Exist` makes it conditional, and so does a query of the address."""
    unless, caller = condition(ask, b"if-none-exist"), node.client(ask)
    asked = _criteria(ask)
    if b"if-none-exist" in ask.headers and not unless:
        text = "If-None-Exist says no criterion"
        hint = "say one, such as identifier=system|value, or leave the header away"
        raise Refused([Issue("error", "required", text, Where("http.If-None-Exist"), hint, "http.condition")], 412)
    if unless and asked:
        text = "a condition stands in If-None-Exist or in the address, not in both"
        raise Refused([Issue("error", "structure", text, rule="http.condition")], 400)
    resource, size = await _resource(node, ask)
    unless = unless or asked
    done = await awaited(
        node, lambda: write.create(node.service, caller, ask.kind, resource, if_none_exist=unless), size
    )  # fmt: skip
    return answer(node, ask, done, place=True)


async def update(node: Node, ask: Ask) -> Answer:
    """Replace, or create with the client's id; `If-Match` and `If-None-Match` make it conditional."""
    form.known(ask)
    _own_id(ask)
    resource, size = await _resource(node, ask)
    caller, match, none = node.client(ask), _match(ask), _none_match(ask)
    done = await awaited(
        node,
        lambda: write.update(node.service, caller, ask.kind, ask.id, resource, if_match=match, if_none_match=none),
        size,
    )
    return answer(node, ask, done)


async def update_where(node: Node, ask: Ask) -> Answer:
    """Replace the one resource that a search finds, or create it."""
    query = _query(ask)
    resource, size = await _resource(node, ask)
    caller, match, none = node.client(ask), _match(ask), _none_match(ask)
    done = await awaited(
        node,
        lambda: write.update_conditional(
            node.service, caller, ask.kind, query, resource, if_match=match, if_none_match=none
        ),
        size,
    )  # fmt: skip
    return answer(node, ask, done)


async def _is_array(node: Node, ask: Ask) -> bool:
    """Tell whether the body is a JSON array; it can be read afterwards."""
    bounds = node.settings.http
    held = await take.content(ask, bounds.limit_bytes, bounds.body_seconds)
    return held is not None and held[:64].lstrip()[:1] == b"["


async def _patch(node: Node, ask: Ask) -> tuple[str, Any]:
    """Return kind and content of a patch by its Content-Type (FHIR R4 3.1.0.8)."""
    busy(node)
    said = ask.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if said == b"application/json" and ask.given is None and await _is_array(node, ask):
        said = b"application/json-patch+json"  # what some clients call it; a resource is never an array
    if said != b"application/json-patch+json":
        if ask.given is None and written_in(said) is None:
            text = "a patch is JSON Patch or a Parameters resource (FHIRPath Patch)"
            hint = "Content-Type: application/json-patch+json, application/fhir+json or application/fhir+xml"
            raise Refused([Issue("error", "not-supported", text, hint=hint, rule="http.content-type")], 415)
        return "fhirpath", (await _resource(node, ask))[0]
    bounds = node.settings.http
    content = ask.held if ask.held is not None else await take.body(ask, bounds.limit_bytes, bounds.body_seconds)
    # The strict reader takes one object: a patch is read as the value of one.
    wrapped = codec.decode(_WRAP + content + b"}", Limits(message_bytes=bounds.limit_bytes))
    if wrapped.value is None or len(wrapped.value) != 1:
        raise Refused([_unwrapped(issue) for issue in wrapped.issues] or [_NOT_ONE], 400)
    return "json", wrapped.value["patch"]


_WRAP = b'{"patch":'
_NOT_ONE = Issue("error", "structure", "a JSON Patch is one JSON array", rule="http.patch")


def _unwrapped(issue: Issue) -> Issue:
    """Return an issue with its place in the patch itself."""
    span = issue.where.span
    if span is not None:
        span = (max(0, span[0] - len(_WRAP)), max(0, span[1] - len(_WRAP)))
    where = Where(issue.where.path.removeprefix("/patch"), span)
    return Issue(issue.severity, issue.code, issue.text, where, "Send one JSON array (RFC 6902).", issue.rule)


async def patch(node: Node, ask: Ask) -> Answer:
    """Change by JSON Patch or FHIRPath Patch."""
    form.known(ask)
    _own_id(ask)
    kind, content = await _patch(node, ask)
    caller, match, none = node.client(ask), _match(ask), _none_match(ask)
    done = await awaited(
        node,
        lambda: write.patch(
            node.service, caller, ask.kind, ask.id, kind, content, if_match=match, if_none_match=none
        ),
        0,
    )  # fmt: skip
    return answer(node, ask, done)


async def patch_where(node: Node, ask: Ask) -> Answer:
    """Change the one resource that a search finds."""
    query = _query(ask)
    kind, content = await _patch(node, ask)
    caller, match, none = node.client(ask), _match(ask), _none_match(ask)
    done = await awaited(
        node,
        lambda: write.patch_conditional(
            node.service, caller, ask.kind, query, kind, content, if_match=match, if_none_match=none
        ),
        0,
    )  # fmt: skip
    return answer(node, ask, done)


async def delete(node: Node, ask: Ask) -> Answer:
    """Delete; what was deleted before is deleted still."""
    form.known(ask)
    _own_id(ask)
    caller, match = node.client(ask), _match(ask)
    done = await awaited(node, lambda: write.delete(node.service, caller, ask.kind, ask.id, if_match=match), 0)
    return answer(node, ask, done)


async def delete_where(node: Node, ask: Ask) -> Answer:
    """Delete what a search finds: one resource, or more where the setting allows it."""
    query, caller, match = _query(ask), node.client(ask), _match(ask)
    done = await awaited(
        node, lambda: write.delete_conditional(node.service, caller, ask.kind, query, if_match=match), 0
    )  # fmt: skip
    return answer(node, ask, done)
