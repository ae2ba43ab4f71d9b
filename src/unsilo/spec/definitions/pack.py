"""A pack: many definitions in one file of zstd frames, read one block at a time.

Frames: the index, then the blocks, then a skippable frame that holds the sizes of the frames before it. The index is
JSON, `{key: [block, start, length]}`, positions in the uncompressed block. So `zstd -dc FILE` shows all there is.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.resources.abc import Traversable
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

import msgspec
import zstandard

from unsilo.kernel import json

__all__ = ["Pack", "contents", "write"]

_BLOCK: Final = 384 * 1024
_SKIPPABLE: Final = 0x184D2A50
_LARGEST: Final = 64 * 1024 * 1024


class Pack:
    """A pack opened for reading; blocks are decompressed when asked for and the last few kept."""

    def __init__(self, file: Traversable | Path) -> None:
        self._bytes = file.read_bytes()
        (count,) = struct.unpack("<I", self._bytes[-4:])
        sizes = struct.unpack(f"<{count}I", self._bytes[-4 - 4 * count : -4])
        self._starts = [0, *accumulate(sizes)]
        self._block = lru_cache(maxsize=4)(self._frame)
        self.index: dict[str, tuple[int, int, int]] = msgspec.json.decode(
            self._frame(0), type=dict[str, tuple[int, int, int]]
        )

    def _frame(self, number: int) -> bytes:
        frame = self._bytes[self._starts[number] : self._starts[number + 1]]
        return zstandard.ZstdDecompressor().decompress(frame, max_output_size=_LARGEST)

    def raw(self, key: str) -> bytes | None:
        """Return the JSON text stored under a key."""
        place = self.index.get(key)
        if place is None:
            return None
        block, start, length = place
        return self._block(block)[start : start + length]

    def get(self, key: str) -> Any:
        """Return the value stored under a key, a new copy each time, with Decimals; None where there is none."""
        raw = self.raw(key)
        return None if raw is None else json.decode(raw)


def write(path: Path, entries: Mapping[str, Any] | Iterable[tuple[str, Any]]) -> None:
    """Write entries (key, JSON value) in their order, at the highest compression."""
    pairs = entries.items() if isinstance(entries, Mapping) else entries
    blocks: list[bytearray] = [bytearray()]
    index: dict[str, tuple[int, int, int]] = {}
    for key, value in pairs:
        raw = json.encode(value)
        if blocks[-1] and len(blocks[-1]) + len(raw) > _BLOCK:
            blocks.append(bytearray())
        index[key] = (len(blocks), len(blocks[-1]), len(raw))
        blocks[-1] += raw
    compressor = zstandard.ZstdCompressor(level=22, write_content_size=True)
    frames = [compressor.compress(bytes(content)) for content in (msgspec.json.encode(index), *blocks)]
    sizes = struct.pack(f"<{len(frames) + 1}I", *map(len, frames), len(frames))
    path.write_bytes(b"".join(frames) + struct.pack("<II", _SKIPPABLE, len(sizes)) + sizes)


def contents(path: Path) -> dict[str, bytes]:
    """Return all entries of a pack as JSON text: what packs are compared by, since compressors differ by version."""
    pack = Pack(path)
    return {key: raw for key in pack.index if (raw := pack.raw(key)) is not None}
