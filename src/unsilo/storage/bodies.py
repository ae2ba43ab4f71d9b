"""Resources and their keys compressed with what a store has learned of its own: small, and unpacked in microseconds.

A packed value begins with `{` (JSON as it is), with RAW (anything else as it is), or with PACKED and the number of the
dictionary that it was packed with. Dictionaries have random numbers, so that stores in one process do not mix.
"""

import random
import threading
from collections.abc import Callable, Iterable
from typing import Final

import zstandard

__all__ = ["Dictionary", "ask", "ask_no_more", "learn", "pack", "pack_all", "raw", "register", "unpack", "unpack_all"]

RAW: Final = b"\xff"
PACKED: Final = b"\x02"
_HEAD: Final = 5
_LEVEL: Final = 3
_BYTES: Final = 32 * 1024
_SMALLEST: Final = 64
"""Values of fewer bytes are kept as they are."""
_LARGEST: Final = 1 << 30

Source = Callable[[], Iterable[tuple[int, bytes]]]

_known: dict[int, zstandard.ZstdCompressionDict] = {}
_sources: list[Source] = []
_local = threading.local()


class Dictionary:
    """A dictionary that new values are packed with."""

    def __init__(self, number: int, content: bytes) -> None:
        self.number = number
        self._head = PACKED + number.to_bytes(4, "big")
        learned = zstandard.ZstdCompressionDict(content)
        learned.precompute_compress(level=_LEVEL)
        parameters = zstandard.ZstdCompressionParameters.from_level(
            _LEVEL, format=zstandard.FORMAT_ZSTD1_MAGICLESS, write_dict_id=False, write_checksum=False
        )  # fmt: skip
        self._compressor = zstandard.ZstdCompressor(dict_data=learned, compression_params=parameters)

    def pack(self, value: bytes) -> bytes:
        """Pack a value; only the writer does this, one at a time."""
        return self._head + self._compressor.compress(value)

    def pack_all(self, values: list[bytes]) -> list[bytes]:
        """Pack many values in one step, which gives up the interpreter lock once."""
        if not values:
            return []
        buffers: list[bytes | bytearray | memoryview] = list(values)
        made = self._compressor.multi_compress_to_buffer(buffers)
        return [self._head + made[n].tobytes() for n in range(len(values))]


def pack(value: bytes, dictionary: Dictionary | None) -> bytes:
    """Return what the store keeps of a value."""
    if dictionary is not None and len(value) >= _SMALLEST:
        packed = dictionary.pack(value)
        if len(packed) < len(value):
            return packed
    return raw(value)


def raw(value: bytes) -> bytes:
    """Return what the store keeps of a value that is not packed (yet)."""
    return value if not value or value[:1] == b"{" else RAW + value


def pack_all(kept: list[bytes], dictionary: Dictionary | None) -> list[bytes]:
    """Return kept values, those that are not packed (`raw`) packed where that makes them smaller."""
    if dictionary is None:
        return kept
    todo = [n for n, value in enumerate(kept) if len(value) >= _SMALLEST and value[:1] != PACKED]
    plain = [kept[n][1:] if kept[n][:1] == RAW else kept[n] for n in todo]
    done = list(kept)
    for n, value, packed in zip(todo, plain, dictionary.pack_all(plain), strict=True):
        if len(packed) < len(value):
            done[n] = packed
    return done


def unpack(kept: bytes) -> bytes:
    """Return a value byte for byte as it was packed. KeyError when its dictionary is in no open store."""
    head = kept[:1]
    if head == b"{" or not kept:
        return kept
    if head == RAW:
        return kept[1:]
    return _unpacker(kept[1:_HEAD])(kept[_HEAD:], _LARGEST)


def unpack_all(kept: list[bytes]) -> list[bytes]:
    """Return many values as `unpack` does; what undoes a dictionary is looked for once where the next has the same."""
    done: list[bytes] = []
    head, undo = b"", None
    for value in kept:
        if undo is not None and value[:_HEAD] == head:
            done.append(undo(value[_HEAD:], _LARGEST))
        else:
            done.append(unpack(value))
            if value[:1] == PACKED:
                head, undo = value[:_HEAD], _unpacker(value[1:_HEAD])
    return done


def _unpacker(number: bytes) -> Callable[[bytes, int], bytes]:
    """Return what undoes the packing with a dictionary, whose number is in four bytes; each thread has its own."""
    undo: dict[bytes, Callable[[bytes, int], bytes]] | None = getattr(_local, "undo", None)
    if undo is None:
        undo = _local.undo = {}
    found = undo.get(number)
    if found is None:
        found = undo[number] = zstandard.ZstdDecompressor(
            dict_data=_dictionary(int.from_bytes(number, "big")), format=zstandard.FORMAT_ZSTD1_MAGICLESS
        ).decompress
    return found


def _dictionary(number: int) -> zstandard.ZstdCompressionDict:
    if number not in _known:  # another process has learned it meanwhile
        for source in _sources:
            for each, content in source():
                register(each, content)
    return _known[number]


def register(number: int, content: bytes) -> None:
    """Let values that were packed with a dictionary be unpacked in this process."""
    if number not in _known:
        _known[number] = zstandard.ZstdCompressionDict(content)


def ask(source: Source) -> None:
    """Ask a store for its dictionaries when an unknown one is met."""
    _sources.append(source)


def ask_no_more(source: Source) -> None:
    """Ask this store no more: it is closed."""
    if source in _sources:
        _sources.remove(source)


def learn(samples: list[bytes | bytearray | memoryview]) -> tuple[int, bytes] | None:
    """Return (number, content) of a dictionary for values like these; None when they teach nothing."""
    try:
        content = zstandard.train_dictionary(_BYTES, samples).as_bytes()
    except zstandard.ZstdError:
        return None
    return random.SystemRandom().randrange(1, 1 << 32), content
