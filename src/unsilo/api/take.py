"""Bodies of requests: bounded in size, time and unpacked size, then read as FHIR JSON or XML."""

import asyncio
import zlib

from unsilo.api.ask import Ask, Refused
from unsilo.api.media import Media, written_in
from unsilo.api.whole import WHOLE, Whole
from unsilo.fhir import codec
from unsilo.fhir import xml as xml_codec
from unsilo.kernel import Issue, Json, Limits, Where

__all__ = ["GoneError", "body", "content", "resource"]

_IN_LOOP = 32_768
"""Bytes up to which a body is read on the event loop itself."""


class GoneError(Exception):
    """The client closed the connection before its request was complete."""


def _refuse(code: str, text: str, rule: str, status: int, hint: str = "", **headers: str) -> Refused:
    issue = Issue("error", code, text, Where(), hint, f"http.{rule}")  # type: ignore[arg-type] # written below
    return Refused([issue], status, headers)


def _too_long(limit: int) -> Refused:
    text, hint = f"the body is longer than {limit} bytes", "send smaller pieces"
    return _refuse("too-long", text, "limit", 413, hint, connection="close")


async def _gather(ask: Ask, limit: int) -> bytes:
    announced = ask.headers.get(b"content-length", b"")
    if announced.isdigit() and (len(announced) > 15 or int(announced) > limit):
        raise _too_long(limit)
    first = await ask.receive()
    if first["type"] == "http.disconnect":
        raise GoneError
    if not first.get("more_body"):
        content: bytes = first.get("body", b"")
        if len(content) > limit:
            raise _too_long(limit)
        return content
    held = bytearray(first.get("body", b""))
    while True:
        event = await ask.receive()
        if event["type"] == "http.disconnect":
            raise GoneError
        held += event.get("body", b"")
        if len(held) > limit:
            raise _too_long(limit)
        if not event.get("more_body"):
            return bytes(held)


def _unpacked(content: bytes, limit: int) -> bytes:
    """Unpack gzip or zlib, never further than the limit: a small body may hold gigabytes."""
    unpacker = zlib.decompressobj(47)
    try:
        found = unpacker.decompress(content, limit + 1)
    except zlib.error:
        raise _refuse("structure", "the body is not what its Content-Encoding says", "packed", 400) from None
    if len(found) > limit or unpacker.unconsumed_tail:
        raise _too_long(limit)
    if not unpacker.eof or unpacker.unused_data:
        raise _refuse("structure", "the packed body is cut short or goes on after its end", "packed", 400)
    return found


async def body(ask: Ask, limit: int, seconds: float) -> bytes:
    """Return the whole body, unpacked; Refused when it is too slow (408), too long (413) or packed otherwise (415)."""
    packed = ask.headers.get(b"content-encoding", b"identity").strip().lower()
    if packed not in (b"identity", b"", b"gzip", b"x-gzip", b"deflate"):
        raise _refuse("not-supported", "the body is packed in an unknown way", "packed", 415, "gzip or none")
    whole: Whole | None = ask.scope.get(WHOLE)
    here = whole.body() if whole is not None else None
    try:
        if here is None:
            if whole is not None and whole.gone:
                raise GoneError
            async with asyncio.timeout(seconds):
                content = await _gather(ask, limit)
        elif len(here) > limit:
            raise _too_long(limit)
        else:
            content = here
    except TimeoutError:
        text = f"the body did not come within {seconds:g} seconds"
        raise _refuse("throttled", text, "slow", 408, "send it again, faster", connection="close") from None
    if packed not in (b"identity", b"") and content:
        return await asyncio.to_thread(_unpacked, content, limit)
    return content


def media(ask: Ask) -> Media:
    """Return the form that the Content-Type names; Refused with 415 when it is none of FHIR's."""
    said = ask.headers.get(b"content-type", b"")
    found = written_in(said)
    if found is None:
        text = "the body's Content-Type is not FHIR JSON or XML" if said else "the body has no Content-Type"
        hint = "Content-Type: application/fhir+json or application/fhir+xml"
        raise _refuse("not-supported", text, "content-type", 415, hint)
    return found


def _read(content: bytes, xml: bool, limits: Limits) -> Json:
    result = (xml_codec if xml else codec).decode(content, limits)
    if result.value is None:
        raise Refused(result.issues, 413 if any(i.code == "too-long" for i in result.issues) else 400)
    value: Json = result.value
    return value


async def content(ask: Ask, limit: int, seconds: float) -> bytes | None:
    """Return the body as it came, which `resource` can read afterwards; None when it is no JSON."""
    form = media(ask)
    ask.held = await body(ask, limit, seconds)
    return None if form.xml else ask.held


async def resource(ask: Ask, limit: int, seconds: float) -> Json:
    """Return the resource that is the body; Refused when it is none, with the place of the fault."""
    if ask.given is not None:
        return ask.given
    form = media(ask)
    content = ask.held if ask.held is not None else await body(ask, limit, seconds)
    limits = Limits(message_bytes=limit)
    if len(content) <= _IN_LOOP:
        return _read(content, form.xml, limits)
    return await asyncio.to_thread(_read, content, form.xml, limits)
