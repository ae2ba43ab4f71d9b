"""The words between the dispatcher and its worker processes: length-prefixed MessagePack over pipes."""

import msgspec

from unsilo.config import Feed
from unsilo.flow.live_feed import NONE, Published
from unsilo.flow.process import Processed
from unsilo.flow.shapes.watch import Delta
from unsilo.kernel import Envelope
from unsilo.terminology.maps import Snapshot

__all__ = [
    "Done", "Fault", "Hello", "Job", "Ready", "Unframer", "decode_answer", "decode_hello", "decode_job",
    "decode_processed", "done", "encode",
]  # fmt: skip


class Hello(msgspec.Struct, array_like=True, tag=True):
    """The first word: the feeds, where compiled maps are kept, and the overlays in use."""

    feeds: list[Feed]
    cache: str
    overlays: Published = NONE


class Job(msgspec.Struct, array_like=True, tag=True):
    """One message to process; decisions about codes and overlays come along where the worker does not have them yet.

    `again` tells that the message was processed before.
    """

    mid: int
    envelope: Envelope
    maps: Snapshot | None = None
    overlays: Published | None = None
    again: bool = False


class Fault(msgspec.Struct, array_like=True, tag=True):
    """The program failed on this message: exception class and place, without any content."""

    mid: int
    text: str


class Ready(msgspec.Struct, array_like=True, tag=True):
    """The worker has started; `broken` names feeds whose map cannot be compiled, and why."""

    broken: dict[str, str]


class Done(msgspec.Struct, array_like=True, tag=True):
    """The message was processed; `shape` is what passed of its feed since the worker last said so.

    What it became stays packed until it goes to the store (`decode_processed`); `failed` is said here too.
    """

    mid: int
    failed: bool
    processed: msgspec.Raw
    shape: Delta | None = None


_encoder = msgspec.msgpack.Encoder()
decode_hello = msgspec.msgpack.Decoder(Hello).decode
decode_job = msgspec.msgpack.Decoder(Job).decode
decode_processed = msgspec.msgpack.Decoder(Processed).decode
decode_answer = msgspec.msgpack.Decoder(Done | Fault | Ready).decode


def done(processed: Processed, shape: Delta | None = None) -> Done:
    """Return the word that a message was processed."""
    return Done(processed.mid, processed.failed, msgspec.Raw(_encoder.encode(processed)), shape)


def encode(word: Hello | Job | Fault | Done | Ready) -> bytearray:
    """Return a word with its length in front (4 bytes, big end first), made once: it may be large."""
    told = bytearray(4)
    _encoder.encode_into(word, told, 4)
    told[:4] = (len(told) - 4).to_bytes(4, "big")
    return told


class Unframer:
    """Cuts words out of the bytes of a pipe."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes and return the words that are complete now."""
        self._held += data
        words, at = [], 0
        while len(self._held) - at >= 4:
            size = int.from_bytes(self._held[at : at + 4], "big")
            if len(self._held) - at - 4 < size:
                break
            with memoryview(self._held) as held:
                words.append(bytes(held[at + 4 : at + 4 + size]))
            at += 4 + size
        del self._held[:at]
        return words
