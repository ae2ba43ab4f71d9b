"""Ids: content-derived FHIR ids and time-ordered fresh ones."""

from hashlib import sha256
from secrets import token_bytes
from struct import Struct
from time import time_ns

__all__ = ["content_id", "content_ids", "fresh_id", "hash64"]

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


def content_ids(texts: list[str]) -> list[str]:
    """Return the `content_id` of each text: all their bits are spread to letters in one number, in half the time."""
    found: list[str] = []
    for at in range(0, len(texts), _TOGETHER):
        some = texts[at : at + _TOGETHER]
        digests = [sha256(text.encode("utf-8", "surrogatepass")).digest()[:16] for text in some]
        bits = int.from_bytes(_APART.join(digests), "big") << 32
        for low, high, shift in _SPREAD:
            bits = bits & low | (bits & high) << shift
        letters = bits.to_bytes(_SLOT * len(some), "big").translate(_LETTERS).decode("ascii")
        found += [letters[n : n + 26] for n in range(0, len(letters), _SLOT)]
    return found


_SLOT = 32
"""The bytes in which the letters of one of several ids are spread: one for each five bits."""
_TOGETHER = 32
_APART = bytes(_SLOT - 16)
_LETTERS = bytes.maketrans(bytes(range(32)), _ALPHABET.encode())


def _spread() -> list[tuple[int, int, int]]:
    """The steps that spread 160 bits over 32 bytes: of each piece the lower half stays, the upper one moves."""
    steps = []
    for half, width in ((80, 128), (40, 64), (20, 32), (10, 16), (5, 8)):
        low = sum(((1 << half) - 1) << at for at in range(0, _SLOT * 8 * _TOGETHER, 2 * width))
        steps.append((low, low << half, width - half))
    return steps


_SPREAD = _spread()


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
