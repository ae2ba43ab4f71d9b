"""A stored version as FHIR shows it: version and time are put into the bytes, which are otherwise not parsed."""

from functools import lru_cache

from unsilo.kernel import Json, clock, json
from unsilo.storage import Stored

__all__ = ["resource_bytes", "with_meta"]

_OWN = b'"meta":{'
_SHORT = 512
"""Bytes of a source's own meta up to which it is remembered."""


@lru_cache(maxsize=4096)
def _second(second: int) -> bytes:
    return clock.instant(second * 1_000_000)[:20].encode()


@lru_cache(maxsize=4096)
def _meta(version: int, updated: int) -> bytes:
    second, rest = divmod(updated, 1_000_000)
    return b'"meta":{"versionId":"%d","lastUpdated":"%b%03dZ"' % (version, _second(second), rest // 1000)


@lru_cache(maxsize=4096)
def _says(own: bytes) -> bool | None:
    """Tell whether a source's own meta, which reads `own` up to its first `}`, says a version or time itself.

    None when that `}` may stand inside a string or another object: then the whole body is to be asked.
    """
    if own.count(b'"') & 1 or b"{" in own or b"\\" in own:
        return None
    return b'"versionId"' in own or b'"lastUpdated"' in own


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
        says = (_says if len(own) <= _SHORT else _says.__wrapped__)(own)  # profiles and tags, the same in most
        if says is None:
            says = b'"versionId"' in body or b'"lastUpdated"' in body
        if not says:
            return body.replace(_OWN, meta + b"," if own else meta, 1)
    decoded: Json = json.decode(body)
    said = {"versionId": str(version), "lastUpdated": clock.instant(updated)}
    meant = decoded.get("meta")
    decoded["meta"] = {**(meant if isinstance(meant, dict) else {}), **said}
    return json.encode(decoded)


def resource_bytes(row: Stored) -> bytes:
    """Return the JSON of a stored version as `with_meta` makes it."""
    return with_meta(row.type, row.body, row.version, row.updated)
