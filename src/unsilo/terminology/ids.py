"""Sets of concepts as whole numbers, one bit a concept: unions and intersections cost microseconds at any size."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator

__all__ = ["Flags", "iterate", "members", "pack", "page", "single", "span", "unpack"]

_STEP = 1024
_ROWS = [tuple(n for n in range(8) if byte >> n & 1) for byte in range(256)]


def pack(ids: Iterable[int], size: int) -> int:
    """Return the set of ids, each between 0 and `size`."""
    flags = bytearray(size // 8 + 1)
    for number in ids:
        flags[number >> 3] |= 1 << (number & 7)
    return int.from_bytes(flags, "little")


def single(number: int) -> int:
    """Return the set of one id."""
    return 1 << number


def span(first: int, last: int) -> int:
    """Return the set of all ids from `first` to `last`."""
    return (1 << last + 1) - (1 << first) if last >= first else 0


def iterate(bits: int) -> Iterator[int]:
    """Yield the ids of a set in their order."""
    content = bits.to_bytes((bits.bit_length() + 7) // 8, "little")
    for at, byte in enumerate(content):
        if byte:
            base = at << 3
            for bit in _ROWS[byte]:
                yield base + bit


def members(bits: int) -> list[int]:
    """Return the ids of a set in their order."""
    return list(iterate(bits))


def page(bits: int, offset: int, count: int) -> list[int]:
    """Return `count` ids of a set from the `offset`-th on."""
    content = bits.to_bytes((bits.bit_length() + 7) // 8, "little")
    found: list[int] = []
    for start in range(0, len(content), _STEP):
        chunk = content[start : start + _STEP]
        here = int.from_bytes(chunk, "little").bit_count()
        if offset >= here:
            offset -= here
            continue
        for at, byte in enumerate(chunk, start):
            if byte:
                base = at << 3
                for bit in _ROWS[byte]:
                    if offset:
                        offset -= 1
                    else:
                        found.append(base + bit)
                        if len(found) >= count:
                            return found
    return found


def unpack(content: bytes, size: int) -> int:
    """Return the set that `storage` packed: an array of 32-bit ids, or after a zero byte a map of bits."""
    if len(content) % 4 == 1:
        return int.from_bytes(memoryview(content)[1:], "little")
    return pack(array("I", content), size)


class Flags:
    """A set that is asked about one concept at a time."""

    def __init__(self, bits: int) -> None:
        self._content = bits.to_bytes((bits.bit_length() + 7) // 8, "little")
        self._size = len(self._content)

    def has(self, number: int) -> bool:
        """Tell whether a concept belongs to the set."""
        at = number >> 3
        return at < self._size and bool(self._content[at] >> (number & 7) & 1)
