"""A stored version as FHIR shows it: version and time are put into the bytes, which are otherwise not parsed."""

from functools import lru_cache

from unsilo.kernel import Json, clock, json
from unsilo.storage import Stored

__all__ = ["resource_bytes"]


@lru_cache(maxsize=4096)
def _second(second: int) -> bytes:
    return clock.instant(second * 1_000_000)[:20].encode()


def _meta(row: Stored) -> bytes:
    second, rest = divmod(row.updated, 1_000_000)
    return b'"meta":{"versionId":"%d","lastUpdated":"%b%03dZ"' % (row.version, _second(second), rest // 1000)


def resource_bytes(row: Stored) -> bytes:
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
