"""Marks of pages: where the next one begins, signed, so that a link cannot be made up or used for another address."""

import base64
import binascii
import hmac
from hashlib import sha256
from typing import Any

import msgspec

__all__ = ["mark", "unmark"]

_SIGNED = 12
_LONGEST = 2000


def _sign(key: bytes, scope: str, said: bytes) -> bytes:
    return hmac.new(key, scope.encode("utf-8", "surrogatepass") + b"\0" + said, sha256).digest()[:_SIGNED]


def mark(key: bytes, scope: str, place: tuple[Any, ...]) -> str:
    """Return a mark for a place, good for one `scope` only: the address and what was asked there."""
    said = msgspec.msgpack.encode(place)
    return base64.urlsafe_b64encode(_sign(key, scope, said) + said).decode().rstrip("=")


def unmark(key: bytes, scope: str, text: str) -> tuple[Any, ...] | None:
    """Return the place of a mark; None when this server did not make it for this scope."""
    if not text.isascii() or len(text) > _LONGEST:
        return None
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
        signed, said = raw[:_SIGNED], raw[_SIGNED:]
        if not hmac.compare_digest(signed, _sign(key, scope, said)):
            return None
        return tuple(msgspec.msgpack.decode(said, type=list[Any]))
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        return None
