"""Binary over HTTP: stored ones and the originals of messages, as raw content or as FHIR (FHIR R4 binary.html#rest)."""

import asyncio
import base64
import binascii
import re

from unsilo.api import answers, take, writing
from unsilo.api.ask import ID, Answer, Ask, Refused
from unsilo.api.media import written_in
from unsilo.api.node import Node
from unsilo.api.reading import not_recorded, one
from unsilo.api.trail import patients_in
from unsilo.flow.fhir import read as single
from unsilo.kernel import Issue, Json, clock, json
from unsilo.policy import Everything, Predicate
from unsilo.storage import MessageRow, Stored

__all__ = ["create", "read", "update", "vread"]

_KIND = re.compile(r"[a-z0-9!#$&^_.+-]{1,64}/[a-z0-9!#$&^_.+-]{1,64}")
_MEDIA = {"hl7v2": "x-application/hl7-v2+er7", "ccda": "application/xml", "fhir": "application/fhir+json"}
_SAFE = [
    (b"x-content-type-options", b"nosniff"), (b"content-disposition", b"attachment"),
    (b"content-security-policy", b"sandbox"),
]  # fmt: skip
"""Foreign content is never shown as a page of this site."""


def _as_fhir(ask: Ask) -> bool:
    """Tell whether the client asks for the resource rather than its content: only FHIR's own media types say so."""
    if ask.query and ask.control("_format") is not None:
        return True
    return b"fhir" in ask.headers.get(b"accept", b"").lower()


async def read(node: Node, ask: Ask) -> Answer:
    """Return a Binary: a stored one, else the original of a message."""
    row = single.current(node.reads, node.predicate(ask), "Binary", ask.id)
    if row is None:
        return await _original(node, ask)
    return await _stored(node, ask, row)


async def vread(node: Node, ask: Ask) -> Answer:
    """Return one version of a stored Binary."""
    return await _stored(node, ask, single.version(node.reads, node.predicate(ask), "Binary", ask.id, ask.version))


async def _stored(node: Node, ask: Ask, row: Stored | None) -> Answer:
    answer = await one(node, ask, row, "vread" if ask.version else "read")
    if answer.status != 200 or row is None or _as_fhir(ask):
        return answer
    said = json.decode(answer.body)
    try:
        content = base64.b64decode(str(said.get("data", "")), validate=False)
    except (binascii.Error, ValueError):
        return answer  # what is no base64 can only be shown as it came
    kind = str(said.get("contentType", "application/octet-stream"))
    if not kind.isascii() or not kind.isprintable():
        kind = "application/octet-stream"
    return Answer(200, content, [*answer.headers, *_SAFE], kind.encode())


def _open(reads: single.Reads, predicate: Predicate, rows: list[Stored]) -> bool:
    """Tell whether an original may be shown: it says all that its resources say, so each must be open and unmasked."""
    if predicate.elements:
        return False
    if isinstance(predicate.allow, Everything):
        return predicate.tenant == 0
    seen = {(row.type, row.id) for row in rows}
    return bool(seen) and all(single.current(reads, predicate, kind, id_) is not None for kind, id_ in seen)


async def _original(node: Node, ask: Ask) -> Answer:
    """Return the bytes of a message as they came, or as a Binary resource."""
    id_ = ask.id
    message = await asyncio.to_thread(node.store.message, id_) if ID.fullmatch(id_) else None
    rows = [] if message is None else await asyncio.to_thread(node.store.effects, message.mid)
    if message is None or not _open(node.reads, node.predicate(ask), rows):
        return await one(node, ask, None, "read")
    if message.removed_on:
        text = f"the original was removed by retention on {clock.instant(message.removed_on)[:10]}"
        return answers.failed(410, "not-found", text, "removed")
    try:
        content = await asyncio.to_thread(node.store.content, id_)
    except ValueError:
        return answers.failed(500, "exception", "the stored bytes do not match their hash", "damaged")
    if content is None:
        return await one(node, ask, None, "read")
    if not await node.note(ask, "read", f"Binary/{id_}", patients_in(rows)):
        return not_recorded()
    headers = [(b"etag", b'"%b"' % message.sha256.encode())]
    media = _media(message)
    if _as_fhir(ask):
        data = base64.b64encode(content).decode()
        binary = {"resourceType": "Binary", "id": id_, "contentType": media, "data": data}
        return Answer(200, json.encode(binary), headers)
    return Answer(200, content, [*headers, *_SAFE], media.encode())


def _media(message: MessageRow) -> str:
    return _MEDIA.get(message.format, "application/octet-stream")


async def _taken(node: Node, ask: Ask) -> None:
    """Make a Binary of content that is no FHIR resource (FHIR R4 binary.html#rest)."""
    said = ask.headers.get(b"content-type", b"")
    if ask.given is not None or written_in(said) is not None:
        return
    kind = said.decode("latin-1").partition(";")[0].strip().lower()
    if not _KIND.fullmatch(kind):
        text = "the content needs a Content-Type"
        raise Refused([Issue("error", "not-supported", text, rule="http.content-type")], 415)
    content = await take.body(ask, node.settings.http.limit_bytes, node.settings.http.body_seconds)
    binary: Json = {"resourceType": "Binary"}
    if ask.id:
        binary["id"] = ask.id
    binary["contentType"] = kind
    context = ask.header(b"x-security-context")
    if context:
        binary["securityContext"] = {"reference": context[:200]}
    binary["data"] = base64.b64encode(content).decode()
    ask.given = binary


async def create(node: Node, ask: Ask) -> Answer:
    """Create a Binary of a resource or of raw content."""
    await _taken(node, ask)
    return await writing.create(node, ask)


async def update(node: Node, ask: Ask) -> Answer:
    """Replace a Binary by a resource or by raw content."""
    await _taken(node, ask)
    return await writing.update(node, ask)
