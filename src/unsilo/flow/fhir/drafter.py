"""A drafting process: reads transactions from its standard input, answers with drafts, ends when the input ends."""

import gc
import os
import signal
import sys
from typing import BinaryIO

import msgspec

from unsilo.flow.fhir.ahead import Ahead, ahead
from unsilo.flow.work.worker import bound_memory, sweep, word
from unsilo.kernel import Limits
from unsilo.validation.form import Form
from unsilo.validation.library import validator

__all__ = ["Hello", "decode_answer", "main", "serve"]


class Hello(msgspec.Struct, array_like=True):
    """The first word: the bounds of a Bundle, and whether what is written must have the form of its type."""

    bytes: int
    entries: int
    form: bool


_hello = msgspec.msgpack.Decoder(Hello)
_encode = msgspec.msgpack.Encoder().encode
decode_answer = msgspec.msgpack.Decoder(Ahead | None).decode


def serve(source: BinaryIO, sink: BinaryIO) -> None:
    """Answer every transaction in order until the source ends; each word has its length in front (4 bytes)."""
    first = word(source)
    if first is None:
        return
    hello = _hello.decode(first)
    limits = Limits(message_bytes=hello.bytes)
    form = Form(validator().shapes) if hello.form else None
    gc.collect()
    gc.freeze()
    gc.disable()
    _say(sink, b"")
    done = 0
    while (content := word(source)) is not None:
        try:
            answer = _encode(ahead(content, limits, hello.entries, form))
        except Exception:  # noqa: BLE001 - the node does it itself then, and says what is wrong
            answer = _encode(None)
        _say(sink, answer)
        done += 1
        sweep(done)


def _say(sink: BinaryIO, content: bytes) -> None:
    sink.write(len(content).to_bytes(4, "big") + content)
    sink.flush()


def main() -> None:
    """Run as `python -m unsilo.flow.fhir.drafter`; when to end is the parent's business, whose pipe closes."""
    for each in (signal.SIGINT, signal.SIGTERM):  # they go to the whole group: a terminal, a service manager
        signal.signal(each, signal.SIG_IGN)
    bound_memory()
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not get between the words
    serve(source, sink)


if __name__ == "__main__":
    main()
