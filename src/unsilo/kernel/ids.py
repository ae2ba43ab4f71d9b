"""Ids: content-derived FHIR ids and time-ordered fresh ones."""

from base64 import b32encode
from hashlib import sha256
from secrets import token_bytes
from time import time_ns

__all__ = ["content_id", "fresh_id", "hash64"]


def content_id(*parts: str) -> str:
    """Return the FHIR id (26 characters of `[a-z2-7]`, 128 bits) that the same parts always give (FHIR R4 `id`)."""
    digest = sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).digest()[:16]
    return b32encode(digest)[:26].decode("ascii").lower()


def fresh_id() -> str:
    """Return a new id whose first characters grow with time (48 bits of milliseconds, 80 random bits)."""
    raw = (time_ns() // 1_000_000).to_bytes(6, "big") + token_bytes(10)
    return b32encode(raw)[:26].decode("ascii").lower()


def hash64(*parts: str) -> int:
    """Return a signed 64-bit hash of the parts, stable across processes and versions."""
    digest = sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
