"""Ids from content, as `kernel.content_id` makes them, for the one place that makes dozens for each message."""

from __future__ import annotations

from hashlib import sha256
from struct import Struct

__all__ = ["SEP", "content_id"]

SEP = "\x1f"
"""Stands between the parts of a key (`kernel.content_id` joins with it)."""

_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]
_HALVES = Struct(">QQ")


def content_id(kind: str, key: str) -> str:
    """Return what `kernel.content_id(kind, *key.split(SEP))` returns: 26 characters of base 32."""
    high, low = _HALVES.unpack(sha256(f"{kind}{SEP}{key}".encode("utf-8", "surrogatepass")).digest()[:16])
    a, b, p = high >> 4, ((high & 15) << 64 | low) << 2, _PAIRS
    return (
        f"{p[a >> 50]}{p[a >> 40 & 1023]}{p[a >> 30 & 1023]}{p[a >> 20 & 1023]}{p[a >> 10 & 1023]}{p[a & 1023]}"
        f"{p[b >> 60]}{p[b >> 50 & 1023]}{p[b >> 40 & 1023]}{p[b >> 30 & 1023]}{p[b >> 20 & 1023]}"
        f"{p[b >> 10 & 1023]}{p[b & 1023]}"
    )
