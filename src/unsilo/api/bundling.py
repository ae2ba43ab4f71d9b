"""batch and transaction over HTTP (FHIR R4 3.1.0.11): an entry is answered as the same request would be alone."""

import asyncio
import base64
import binascii
from collections.abc import Iterable
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from unsilo.api import answers, bodies, form, take, writing
from unsilo.api.access import Client
from unsilo.api.ask import Answer, Ask, Refused
from unsilo.api.node import Node
from unsilo.fhir.outcome import operation_outcome
from unsilo.flow.fhir.drafting import Drafting
from unsilo.flow.fhir.outcome import Written
from unsilo.flow.fhir.transaction import Answers, transaction, transaction_ahead
from unsilo.kernel import Issue, Json, Where, clock, json

__all__ = ["bundle"]

_ORDER = {"DELETE": 0, "POST": 1, "PUT": 2, "PATCH": 2, "GET": 3, "HEAD": 3}
"""In this order the entries of a Bundle are processed (FHIR R4 3.1.0.11.2)."""

_READING = 3
_AT_ONCE = 64
_MOST_ANSWER = 128 * 1024 * 1024
"""Bytes of an answer after which the entries that are left are not answered any more."""
_CONDITIONS = {
    "ifNoneMatch": b"if-none-match", "ifModifiedSince": b"if-modified-since", "ifMatch": b"if-match",
    "ifNoneExist": b"if-none-exist",
}  # fmt: skip


def _wrong(text: str, where: str, status: int = 400, code: Any = "structure") -> Refused:
    return Refused([Issue("error", code, text, Where(where), rule="http.bundle")], status)


async def bundle(node: Node, ask: Ask) -> Answer:
    """Take a Bundle of type batch or transaction."""
    form.known(ask)
    writing.busy(node)
    bounds = node.settings.http
    content = await take.content(ask, bounds.limit_bytes, bounds.body_seconds)
    if content is not None and _plain(node, ask, content):
        caller = node.client(ask)
        done = await writing.awaited(node, lambda: transaction_ahead(node.service, caller, node.drafting, content), 0)
        if isinstance(done, Written):
            return answers.fail(done.issues, done.status)
        if done is not None:
            return Answer(200, bodies.bundle("transaction-response", _found(node, ask, done)))
    said = await take.resource(ask, bounds.limit_bytes, bounds.body_seconds)
    if said.get("resourceType") != "Bundle":
        raise _wrong("a Bundle is expected here", "Bundle")
    entries = said.get("entry", [])
    if not isinstance(entries, list):
        raise _wrong("entry is a list", "Bundle.entry")
    if len(entries) > bounds.limit_entries:
        text = f"more than {bounds.limit_entries} entries"
        raise _wrong(text, "Bundle.entry", 413, "too-costly")
    if said.get("type") == "batch":
        return await _batch(node, ask, entries)
    if said.get("type") == "transaction":
        return await _transaction(node, ask, said, entries)
    raise _wrong("type is batch or transaction", "Bundle.type", 422, "not-supported")


def _request(entry: Any, n: int) -> tuple[str, str, Json]:
    where = f"Bundle.entry[{n}].request"
    request = entry.get("request") if isinstance(entry, dict) else None
    if not isinstance(request, dict):
        raise _wrong("an entry has a request", where)
    method, url = request.get("method"), request.get("url")
    if method not in _ORDER:
        raise _wrong(f"method is one of {', '.join(_ORDER)}", f"{where}.method")
    if not isinstance(url, str) or len(url) > 32_000:
        raise _wrong("url is the address, relative to the base", f"{where}.url")
    return str(method), url, request


def _inner(ask: Ask, entry: Any, n: int) -> Ask:
    """Return the request that an entry stands for."""
    method, url, request = _request(entry, n)
    if "://" in url.partition("?")[0]:
        if not url.startswith(ask.base + "/"):
            raise _wrong("the address is of another server", f"Bundle.entry[{n}].request.url")
        url = url[len(ask.base) + 1 :]
    path, _, query = url.lstrip("/").partition("?")
    headers = [(name, value) for name, value in ask.headers.items() if name in (b"host", b"prefer", b"x-purpose")]
    headers += [(to, str(request[name]).encode()) for name, to in _CONDITIONS.items() if name in request]
    resource = entry.get("resource")
    content: bytes | None = None
    if method == "PATCH" and isinstance(resource, dict) and resource.get("resourceType") == "Binary":
        content = _content(resource, n)
        headers.append((b"content-type", str(resource.get("contentType", "")).encode()))
    scope = {
        **ask.scope, "method": method, "headers": headers, "query_string": query.encode(),
        "raw_path": b"/fhir/" + path.encode(),
    }  # fmt: skip

    async def receive() -> Json:
        return {"type": "http.request", "body": content or b"", "more_body": False}

    inner = Ask(scope, receive)
    inner.prefer = {"return": "minimal", **ask.prefer}
    inner.base = ask.base
    inner.given = resource if isinstance(resource, dict) and content is None else None
    return inner


def _content(binary: Json, n: int) -> bytes:
    """Return what a Binary holds: a JSON Patch travels in one (FHIR R4 http.html#patch)."""
    try:
        return base64.b64decode(str(binary.get("data", "")), validate=True)
    except (binascii.Error, ValueError):
        raise _wrong("the data of the Binary is no base64", f"Bundle.entry[{n}].resource.data") from None


async def _one(node: Node, ask: Ask, entry: Any, n: int) -> bytes:
    """Answer one entry; what is wrong with it is its own answer."""
    try:
        inner = _inner(ask, entry, n)
    except Refused as refused:
        return _entry(answers.fail(refused.issues, refused.status))
    answer = await node.within(ask, inner)
    if inner.method == "HEAD":
        answer.body = b""
    return _entry(answer)


def _entry(answer: Answer) -> bytes:
    response: Json = {"status": _status(answer.status)}
    for name, value in answer.headers:
        if name == b"location":
            response["location"] = value.decode()
        elif name == b"etag":
            response["etag"] = value.decode()
    if answer.at:
        response["lastModified"] = clock.instant(answer.at)
    if answer.issues is not None:
        response["outcome"] = operation_outcome(answer.issues)
    said = b'{"response":' + json.encode(response)
    if answer.body and not answer.type:
        said += b',"resource":' + answer.body
    return said + b"}"


def _status(code: int) -> str:
    try:
        return f"{code} {HTTPStatus(code).phrase}"
    except ValueError:
        return str(code)


async def _batch(node: Node, ask: Ask, entries: list[Any]) -> Answer:
    """Answer each entry by itself: deletions, creations, changes, readings, a group of them at a time."""
    done: list[bytes] = [b""] * len(entries)
    for step in range(_READING + 1):
        await _some(node, ask, entries, [n for n, entry in enumerate(entries) if _step(entry) == step], done)
    return Answer(200, bodies.bundle("batch-response", done))


def _step(entry: Any) -> int:
    request = entry.get("request") if isinstance(entry, dict) else None
    return _ORDER.get(str(request.get("method")), 3) if isinstance(request, dict) else 3


async def _some(node: Node, ask: Ask, entries: list[Any], which: Iterable[int], done: list[bytes]) -> None:
    waiting = list(which)
    room = _MOST_ANSWER - sum(map(len, done))
    for start in range(0, len(waiting), _AT_ONCE):
        group = waiting[start : start + _AT_ONCE]
        if room < 0:  # small questions may have large answers: a Bundle of searches must not fill the memory
            for n in group:
                done[n] = _entry(_too_much())
            continue
        found = await asyncio.gather(*(_one(node, ask, entries[n], n) for n in group))
        for n, answer in zip(group, found, strict=True):
            done[n] = answer
            room -= len(answer)


def _too_much() -> Answer:
    text = f"the answers before this one have {_MOST_ANSWER} bytes already"
    return answers.failed(413, "too-costly", text, "answer", hint="ask in smaller Bundles")


async def _transaction(node: Node, ask: Ask, said: Json, entries: list[Any]) -> Answer:
    """Do all that the Bundle writes, or nothing; what it reads is read after that."""
    if any(_step(entry) < _READING for entry in entries) and not Client(ask.actor, ask.scopes).may("write"):
        await node.trail.deny(ask.actor, "transaction", "transaction", ask.origin)
        raise _wrong("the token is not good for write", "Bundle.entry", 403, "forbidden")
    caller = node.client(ask)
    size = len(entries) << 10
    done = await writing.awaited(node, lambda: transaction(node.service, caller, said), size)
    if isinstance(done, Written):
        return answers.fail(done.issues, done.status)
    found = _found(node, ask, done)
    await _some(node, ask, entries, [n for n, one in enumerate(done) if one is None], found)
    return Answer(200, bodies.bundle("transaction-response", found))


def _plain(node: Node, ask: Ask, content: bytes) -> bool:
    """Tell whether a drafting process may make a body ready: what it writes needs no look at the client's rights."""
    return (
        Drafting.pays(content) and Client(ask.actor, ask.scopes).may("write")
        and not node.predicate(ask).elements and node.service.judge.way(ask.actor) in ("off", "form")
    )  # fmt: skip


def _found(node: Node, ask: Ask, done: Answers) -> list[bytes]:
    """Return the answer's entries, empty for what is read afterwards."""
    if ask.prefer.get("return", "minimal") == "minimal":
        base = json.encode(ask.base)[1:-1]
        return [b"" if one is None else _stored(base, one) or _answered(node, ask, one) for one in done]
    return [b"" if one is None else _answered(node, ask, one) for one in done]


def _answered(node: Node, ask: Ask, one: Written) -> bytes:
    return _entry(writing.answer(node, ask, one, "minimal", place=True))


_STORED = {
    status: f'{{"response":{{"status":"{_status(status)}",'.encode() + rb'"etag":"W/\"%d\"","location":'
    b'"%b/%b/%b/_history/%d","lastModified":"%b"}}'
    for status in (200, 201)
}  # fmt: skip
_instant = lru_cache(maxsize=64)(lambda at: clock.instant(at).encode())


def _stored(base: bytes, one: Written) -> bytes:
    """Return what `_answered` says of an entry that stored something without a word about it, b"" for any other."""
    form = _STORED.get(one.status)
    if form is None or one.issues or not one.version or not one.updated:
        return b""
    return form % (one.version, base, one.type.encode(), one.id.encode(), one.version, _instant(one.updated))
