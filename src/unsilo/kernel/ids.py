"""Ids: content-derived FHIR ids and time-ordered fresh ones."""

from hashlib import sha256
from secrets import token_bytes
from struct import Struct
from time import time_ns

__all__ = ["content_id", "fresh_id", "hash64"]

_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]
"""Base 32 (RFC 4648) of ten bits, in small letters: `base64.b32encode` takes twice as long, and ids come by dozens."""
_HALVES = Struct(">QQ")
_FIRST = Struct(">QQ16x").unpack
"""The halves of the first 128 bits of a SHA-256."""


def content_id(*parts: str) -> str:
    """Return the FHIR id (26 characters of `[a-z2-7]`, 128 bits) that the same parts always give (FHIR R4 `id`)."""
    text = "\x1f".join(parts)
    high, low = _FIRST(sha256(text.encode() if text.isascii() else text.encode("utf-8", "surrogatepass")).digest())
    return _said(high, low)


def _said(high: int, low: int) -> str:
    """Return 128 bits in base 32."""
    a, b, p = high >> 4, ((high & 15) << 64 | low) << 2, _PAIRS
    return (
        f"{p[a >> 50]}{p[a >> 40 & 1023]}{p[a >> 30 & 1023]}{p[a >> 20 & 1023]}{p[a >> 10 & 1023]}{p[a & 1023]}"
        f"{p[b >> 60]}{p[b >> 50 & 1023]}{p[b >> 40 & 1023]}{p[b >> 30 & 1023]}{p[b >> 20 & 1023]}"
        f"{p[b >> 10 & 1023]}{p[b & 1023]}"
    )


def fresh_id() -> str:
    """Return a new id whose first characters grow with time (48 bits of milliseconds, 80 random bits)."""
    return _said(*_HALVES.unpack((time_ns() // 1_000_000).to_bytes(6, "big") + token_bytes(10)))


def hash64(*parts: str) -> int:
    """Return a signed 64-bit hash of the parts, stable across processes and versions."""
    digest = sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
