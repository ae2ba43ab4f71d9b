"""Stored JSON as FHIR answers: version and time are put into the bytes, which are otherwise not parsed."""

from collections.abc import Iterable

from unsilo.kernel import Json, clock, json
from unsilo.storage import Stored

__all__ = ["bundle", "entry", "resource"]


def resource(row: Stored) -> bytes:
    """Return the JSON of a stored version with `meta.versionId` and `meta.lastUpdated` (FHIR R4 2.26.3.1)."""
    meta = b'"meta":{"versionId":"%d","lastUpdated":"%s"' % (row.version, clock.instant(row.updated).encode())
    body = row.body
    head, has_meta, tail = body.partition(b'"meta":{')
    if not has_meta:
        start = b'{"resourceType":"%s"' % row.type.encode()
        if body.startswith(start + b","):
            return start + b"," + meta + b"}" + body[len(start) :]
    elif b"{" not in head[1:] and b'"versionId"' not in body and b'"lastUpdated"' not in body:
        # The source's own meta (tags, security) stands before any nested object, so it is the resource's.
        return head + meta + (b"" if tail.startswith(b"}") else b",") + tail
    decoded: Json = json.decode(body)
    said = {"versionId": str(row.version), "lastUpdated": clock.instant(row.updated)}
    decoded["meta"] = {**decoded.get("meta", {}), **said}
    return json.encode(decoded)


def entry(row: Stored, base: str, tail: bytes = b',"search":{"mode":"match"}') -> bytes:
    """Return one Bundle entry; `tail` is what follows the resource."""
    url = json.encode(f"{base}/{row.type}/{row.id}")
    if row.state == 1:
        return b'{"fullUrl":' + url + tail + b"}"
    return b'{"fullUrl":' + url + b',"resource":' + resource(row) + tail + b"}"


def bundle(
    kind: str, entries: Iterable[bytes], *, total: int | None = None, links: Iterable[tuple[str, str]] = ()
) -> bytes:
    """Return a Bundle of ready entries; `links` are (relation, url)."""
    head: Json = {"resourceType": "Bundle", "type": kind}
    if total is not None:
        head["total"] = total
    listed = [{"relation": relation, "url": url} for relation, url in links]
    if listed:
        head["link"] = listed
    content = json.encode(head)
    joined = b",".join(entries)
    return content[:-1] + b',"entry":[' + joined + b"]}" if joined else content
