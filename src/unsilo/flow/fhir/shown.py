"""A stored version as FHIR shows it: version and time are put into the bytes, which are otherwise not parsed."""

from functools import lru_cache

from unsilo.kernel import Json, clock, json
from unsilo.storage import Stored

__all__ = ["resource_bytes", "with_meta"]

_OWN = b'"meta":{'


@lru_cache(maxsize=4096)
def _second(second: int) -> bytes:
    return clock.instant(second * 1_000_000)[:20].encode()


@lru_cache(maxsize=4096)
def _meta(version: int, updated: int) -> bytes:
    second, rest = divmod(updated, 1_000_000)
    return b'"meta":{"versionId":"%d","lastUpdated":"%b%03dZ"' % (version, _second(second), rest // 1000)


def _says(own: bytes, body: bytes) -> bool:
    """Tell whether a source's own meta, which reads `own` up to its first `}`, says a version or time itself."""
    # Whether the whole body says such words is asked only when that `}` may stand inside a string or another object.
    text = body if own.count(b'"') & 1 or b"{" in own or b"\\" in own else own
    return b'"versionId"' in text or b'"lastUpdated"' in text


def with_meta(kind: str, body: bytes, version: int, updated: int) -> bytes:
    """Return the JSON of a version with `meta.versionId` and `meta.lastUpdated` (FHIR R4 2.26.3.1)."""
    meta = _meta(version, updated)
    at = body.find(_OWN)
    if at < 0:
        start = b'{"resourceType":"%b"' % kind.encode()
        if body.startswith(start + b","):
            return start + b"," + meta + b"}" + body[len(start) :]
    elif body.find(b"{", 1, at) < 0:
        # The source's own meta (tags, security) stands before any nested object, so it is the resource's.
        inside = at + len(_OWN)
        own = body[inside : body.find(b"}", inside)]
        if not _says(own, body):
            return body[:at] + meta + (b"," if own else b"") + body[inside:]
    decoded: Json = json.decode(body)
    said = {"versionId": str(version), "lastUpdated": clock.instant(updated)}
    meant = decoded.get("meta")
    decoded["meta"] = {**(meant if isinstance(meant, dict) else {}), **said}
    return json.encode(decoded)


def resource_bytes(row: Stored) -> bytes:
    """Return the JSON of a stored version as `with_meta` makes it."""
    return with_meta(row.type, row.body, row.version, row.updated)
