"""Stored JSON as FHIR answers: version and time are put into the bytes, which are otherwise not parsed."""

from collections.abc import Iterable, Sequence
from functools import lru_cache

from unsilo.kernel import Json, clock, json
from unsilo.storage import Stored

__all__ = ["bundle", "entry", "resource"]


@lru_cache(maxsize=4096)
def _second(second: int) -> bytes:
    return clock.instant(second * 1_000_000)[:20].encode()


@lru_cache(maxsize=64)
def _start(base: str, kind: str) -> bytes:
    return f'{{"fullUrl":"{base}/{kind}/'.encode()


def _meta(row: Stored) -> bytes:
    second, rest = divmod(row.updated, 1_000_000)
    return b'"meta":{"versionId":"%d","lastUpdated":"%b%03dZ"' % (row.version, _second(second), rest // 1000)


def resource(row: Stored) -> bytes:
    """Return the JSON of a stored version with `meta.versionId` and `meta.lastUpdated` (FHIR R4 2.26.3.1)."""
    meta = _meta(row)
    body = row.body
    head, has_meta, tail = body.partition(b'"meta":{')
    if not has_meta:
        start = b'{"resourceType":"%b"' % row.type.encode()
        if body.startswith(start + b","):
            return start + b"," + meta + b"}" + body[len(start) :]
    elif b"{" not in head[1:] and b'"versionId"' not in body and b'"lastUpdated"' not in body:
        # The source's own meta (tags, security) stands before any nested object, so it is the resource's.
        return head + meta + (b"" if tail.startswith(b"}") else b",") + tail
    decoded: Json = json.decode(body)
    said = {"versionId": str(row.version), "lastUpdated": clock.instant(row.updated)}
    meant = decoded.get("meta")
    decoded["meta"] = {**(meant if isinstance(meant, dict) else {}), **said}
    return json.encode(decoded)


def entry(row: Stored, base: str, tail: bytes = b',"search":{"mode":"match"}', content: bytes | None = None) -> bytes:
    """Return one Bundle entry; `tail` is what follows the resource, `content` the resource as it is to be shown."""
    url = _start(base, row.type) + row.id.encode()
    if row.state == 1:
        return url + b'"' + tail + b"}"
    return b'%b","resource":%b%b}' % (url, resource(row) if content is None else content, tail)


def bundle(
    kind: str, entries: Iterable[bytes], *, total: int | None = None, links: Sequence[tuple[str, str]] = (),
    id_: str = "", at: int = 0,
) -> bytes:  # fmt: skip
    """Return a Bundle of ready entries; `links` are (relation, url)."""
    head: Json = {"resourceType": "Bundle"}
    if id_:
        head["id"] = id_
    if at:
        head["meta"] = {"lastUpdated": clock.instant(at)}
    head["type"] = kind
    if total is not None:
        head["total"] = total
    if links:
        head["link"] = [{"relation": relation, "url": url} for relation, url in links]
    content = json.encode(head)
    joined = b",".join(entries)
    return content[:-1] + b',"entry":[' + joined + b"]}" if joined else content
