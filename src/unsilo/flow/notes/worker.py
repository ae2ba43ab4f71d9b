"""A process that reads notes: resources come on its standard input, what was read goes to its standard output."""

import os
import re
import signal
import sys
from pathlib import Path
from typing import BinaryIO

import msgspec

from unsilo.flow.notes.texts import texts
from unsilo.flow.notes.words import dictionary_of
from unsilo.flow.work.worker import bound_memory, word
from unsilo.kernel import Json, json
from unsilo.notes import Derived, Dictionary, derived, read

__all__ = ["Asked", "Told", "facts_of", "main", "put_word", "serve"]

_MARKUP = re.compile(r"<[^<>]*>?|[^<>]*>")
_NICE = 10


class Asked(msgspec.Struct):
    """A version of a resource whose texts are to be read."""

    ref: str
    version: int
    body: bytes


class Told(msgspec.Struct):
    """What was read, and the dictionary's version; `fault` names the class of what went wrong, if anything."""

    ref: str
    version: int
    dictionary: str
    facts: list[Derived]
    fault: str = ""


def facts_of(resource: Json, ref: str, version: int, dictionary: Dictionary) -> list[Derived]:
    """Return the facts in all texts of a resource."""
    found = []
    for text in texts(resource):
        for fact in read(text.plain, dictionary, text.heading).facts:
            one = derived(ref, version, text.path, text.source, fact)
            if text.path.endswith(".div"):
                one.before, one.after = (_MARKUP.sub(" ", part) for part in (one.before, one.after))
            found.append(one)
    return found


def put_word(sink: BinaryIO, value: object) -> None:
    """Write one word: its length (4 bytes, big end first), then itself."""
    body = msgspec.msgpack.encode(value)
    sink.write(len(body).to_bytes(4, "big") + body)
    sink.flush()


def serve(source: BinaryIO, sink: BinaryIO, dictionary: Dictionary) -> None:
    """Answer every resource in order until the source ends."""
    while (said := word(source)) is not None:
        asked = msgspec.msgpack.decode(said, type=Asked)
        told = Told(asked.ref, asked.version, dictionary.version, [])
        try:
            told.facts = facts_of(json.decode(asked.body), asked.ref, asked.version, dictionary)
        except Exception as fault:  # noqa: BLE001 - whatever a text does to the program, the next one must be read
            told.fault = type(fault).__name__
        put_word(sink, told)


def main() -> None:
    """Run as `python -m unsilo.flow.notes.worker FOLDER`; when to end is the parent's business, whose pipe closes."""
    for each in (signal.SIGINT, signal.SIGTERM):  # they go to the whole group: a terminal, a service manager
        signal.signal(each, signal.SIG_IGN)
    os.nice(_NICE)
    bound_memory()
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(source, sink, dictionary_of(Path(sys.argv[1])))


if __name__ == "__main__":
    main()
