"""Lossless JSON: numbers keep their digits (`1.00` stays `1.00`), duplicate keys and NaN are refused by the codec."""

from decimal import Decimal
from typing import Any

import msgspec

__all__ = ["Json", "decode", "encode"]

Json = dict[str, Any]

_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")


def decode(content: bytes | str) -> Any:
    """Decode trusted JSON (our own store's); numbers with a point become Decimal. msgspec.DecodeError when malformed.

    Foreign JSON goes through `fhir.codec`, which also refuses duplicate keys, deep nesting and huge numbers.
    """
    return _decoder.decode(content)


def encode(value: Any) -> bytes:
    """Encode compactly; Decimal keeps its digits."""
    return _encoder.encode(value)
