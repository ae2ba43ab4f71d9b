"""How issues, lineage, unread fields and index images become compact blobs, and back."""

import threading
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import msgspec
import zstandard

from unsilo.kernel import Issue, Lineage
from unsilo.storage.bodies import PACKED, Dictionary
from unsilo.storage.bodies import unpack as unpack_body
from unsilo.storage.rows import Unconsumed

__all__ = [
    "clean", "keep_lineage", "pack_issues", "pack_keys", "pack_lineage", "pack_unconsumed", "plain_lineage", "scrub",
    "squeeze", "unpack_body", "unpack_issues", "unpack_keys", "unpack_lineage", "unpack_unconsumed", "unsqueeze",
    "unsqueeze_small",
]  # fmt: skip

_encode = msgspec.msgpack.Encoder().encode
_issues = msgspec.msgpack.Decoder(list[Issue])
_keys = msgspec.msgpack.Decoder(list[tuple[str, str]])
_lineage = msgspec.msgpack.Decoder(list[Lineage])
_unconsumed = msgspec.msgpack.Decoder(list[Unconsumed])
unsqueeze_small = unpack_body
_local = threading.local()
_ZSTD = b"\x28"  # how a frame of zstd begins; an encoded lineage begins as an array of MessagePack
_LARGEST = 1 << 30  # what SQLite can hold in one value


def squeeze(content: bytes, level: int = 3) -> bytes:
    """Compress with zstd; the result says its own length."""
    tools: dict[int, zstandard.ZstdCompressor] | None = getattr(_local, "compressors", None)
    if tools is None:
        tools = _local.compressors = {}
    tool = tools.get(level)
    if tool is None:
        tool = tools[level] = zstandard.ZstdCompressor(level=level, write_checksum=False)
    return bytes(tool.compress(content))


def unsqueeze(packed: bytes) -> bytes:
    """Undo `squeeze`; zstandard.ZstdError when damaged."""
    tool = getattr(_local, "decompressor", None)
    if tool is None:
        tool = _local.decompressor = zstandard.ZstdDecompressor()
    return bytes(tool.decompress(packed, max_output_size=_LARGEST))


def clean(text: str) -> str:
    """Return text that UTF-8 can hold: a lone surrogate (possible in foreign JSON) becomes `?`."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def scrub(value: Any) -> Any:
    """Return the value with every text cleaned; only for what the encoder refused."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list | tuple):
        return [scrub(part) for part in value]
    if isinstance(value, dict):
        return {scrub(k): scrub(v) for k, v in value.items()}
    if isinstance(value, msgspec.Struct):
        return scrub(msgspec.to_builtins(value))
    return value


def _pack(value: Any) -> bytes:
    try:
        return _encode(value)
    except UnicodeEncodeError:
        return _encode(scrub(value))


def pack_issues(issues: Sequence[Issue]) -> bytes:
    """Encode issues; none at all is the empty blob."""
    return _pack(list(issues)) if issues else b""


def unpack_issues(blob: bytes) -> list[Issue]:
    """Decode what `pack_issues` made."""
    return _issues.decode(blob) if blob else []


def pack_keys(keys: Sequence[tuple[str, str]]) -> bytes:
    """Encode business keys as they were sent."""
    return _pack(list(keys)) if keys else b""


def unpack_keys(blob: bytes) -> list[tuple[str, str]]:
    """Decode what `pack_keys` made."""
    return _keys.decode(blob) if blob else []


def pack_lineage(lineage: Sequence[Lineage]) -> bytes:
    """Encode the lineage of one resource version; a worker process may do this and hand over the bytes.

    It is made small when it is written: of what changes nothing, which is the most of a message, none is kept.
    """
    return _pack(list(lineage)) if lineage else b""


def keep_lineage(encoded: list[bytes], dictionary: Dictionary | None) -> list[bytes]:
    """Return what the store keeps of encoded lineages."""
    return [squeeze(each) for each in encoded] if dictionary is None else dictionary.pack_all(encoded)


def plain_lineage(blob: bytes) -> bytes:
    """Return what `pack_lineage` made of what is kept of it."""
    if blob[:1] == _ZSTD:
        return unsqueeze(blob)
    return unpack_body(blob) if blob[:1] == PACKED else blob


def unpack_lineage(blob: bytes) -> list[Lineage]:
    """Decode what `pack_lineage` made, kept or not yet."""
    return _lineage.decode(plain_lineage(blob)) if blob else []


def pack_unconsumed(fields: Sequence[Unconsumed]) -> bytes:
    """Encode the source fields that nothing read."""
    if isinstance(fields, list) or not fields:
        return squeeze(_pack(fields)) if fields else b""
    whole = bytearray(b"\xdd" + len(fields).to_bytes(4, "big"))  # an array of MessagePack, of so many items
    for part in _parts(fields):
        items = _pack(part)
        whole += items[1 if len(part) < 16 else 3 :]  # without the head of their own array
    return squeeze(bytes(whole))


def _parts(fields: Sequence[Unconsumed]) -> Iterator[list[Unconsumed]]:
    """A long list in pieces: of a large message it is not held as a whole."""
    rows = iter(fields)
    while part := list(islice(rows, 1000)):
        yield part


def unpack_unconsumed(blob: bytes) -> list[Unconsumed]:
    """Decode what `pack_unconsumed` made."""
    return _unconsumed.decode(unsqueeze(blob)) if blob else []
