"""The shape of an HL7 v2 message: type, segments, fields, components, and the codes of fields with few values."""

import csv
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from importlib.resources import files
from operator import itemgetter
from typing import Any

from unsilo.flow.shapes.part import ALL, LONGEST, Form, Key, Part
from unsilo.formats.hl7v2 import Message
from unsilo.formats.hl7v2.message import HEADERS

__all__ = ["V2"]

_MOST_SEGMENTS = 2_000
"""A message of more segments is counted by its first ones."""
_WIDE = 65_536
_KIND = 64
_TEXT, _MORE = 0x80, 0x81
"""What stands for a byte of text, and for one that follows another."""
_MASK = int.from_bytes(bytes((_TEXT,)) * _WIDE, "big")
_USUAL = ("|", "^", "~", "&")


@cache
def coded_fields() -> dict[str, tuple[int, ...]]:
    """Return the fields with few values by segment (`coded_fields.csv`)."""
    found: dict[str, list[int]] = {}
    text = files("unsilo.flow.shapes").joinpath("coded_fields.csv").read_text("utf-8")
    for row in csv.DictReader(text.splitlines()):
        found.setdefault(row["segment"], []).append(int(row["field"]))
    return {name: tuple(numbers) for name, numbers in found.items()}


@cache
def _getters() -> dict[str, tuple[int, Callable[[Any], Any]]]:
    """Return by segment how many fields it takes to have all coded ones, and what takes its name and those."""
    return {name: (max(numbers) + 1, itemgetter(0, *numbers)) for name, numbers in coded_fields().items()}


@lru_cache(maxsize=64)
def _table(marks: tuple[str, ...]) -> bytes:
    """Return the table that makes delimiters the usual ones, and every other byte a byte of text."""
    table = bytearray((_TEXT,)) * 256
    for mark, usual in zip((*marks, "\r"), b"|^~&\r", strict=True):
        if ord(mark) < 256:
            table[ord(mark)] = usual
    return bytes(table)


def _outline(text: bytes) -> bytes:
    """Return delimiters with one byte for each text between them: which fields are valued, not how long they are.

    Bytes of text that follow another are found for all at once, as bits of one large number.
    """
    if len(text) > _WIDE:
        return b"".join(_outline(text[at : at + _WIDE]) for at in range(0, len(text), _WIDE))
    number = int.from_bytes(text, "big")
    content = number & _MASK
    follows = content & (content >> 8)
    return (number | (follows >> 7)).to_bytes(len(text), "big").translate(None, bytes((_MORE,)))


@lru_cache(maxsize=1024)
def _coded(names: tuple[str, ...]) -> list[tuple[str, int, Callable[[Any], Any]]]:
    """Return name, least fields and getter of the segments that have coded fields."""
    return [(name, *_getters()[name]) for name in dict.fromkeys(names) if name in _getters()]


def _parts(message: Message) -> list[Part]:
    segments = message.segments[:_MOST_SEGMENTS]
    marks = (message.field_sep, message.component_sep, message.repetition_sep, message.subcomponent_sep)
    text = "\r".join([segment.raw for segment in segments]).encode("utf-8", "surrogatepass")
    whole = text.count(b"\r") == len(segments) - 1
    if not whole:  # a segment that goes on over lines
        text = "\r".join([segment.raw.replace("\r", " ") for segment in segments]).encode("utf-8", "surrogatepass")
    names = tuple([segment.name for segment in segments])
    parts: list[Part] = [("message", segments[0].field(9)[:_KIND], names, _outline(text.translate(_table(marks))))]
    for name, least, take in _coded(names):
        for segment in message.all(name)[:_MOST_SEGMENTS]:
            fields = segment.cut or segment.fields
            if not whole:
                fields = [name, *fields[1:]]
            parts.append(take(fields) if len(fields) >= least else take([*fields, *[""] * (least - len(fields))]))
    return parts if marks == _USUAL else [(*part, marks) for part in parts]


@lru_cache(maxsize=4096)
def _line(name: str, line: bytes) -> tuple[Key, ...]:
    """Return the fields and components of one segment."""
    found = []
    first = 1 if name in HEADERS else 0
    for number, field in enumerate(line.split(b"|")[1:], 1 + first):
        if not field or (first and number < 3):
            continue
        key = f"field {name}-{number}"
        found.append(Key(key, f"segments {name}"))
        whole = set()
        for repetition in field.split(b"~"):
            components = repetition.split(b"^")
            if len(components) > 1:
                whole |= {at for at, component in enumerate(components, 1) if component}
        found += [Key(f"component {name}-{number}.{at}", key) for at in sorted(whole)]
    return tuple(found)


def _keys(part: Part) -> Iterator[Key]:
    if part[0] != "message" or not isinstance(part[3], bytes):
        yield from _codes(part)
        return
    mark = str(part[4][1]) if len(part) > 4 and isinstance(part[4], tuple) else "^"
    said = "^".join(str(part[1]).split(mark)[:2])[:LONGEST]
    kind, names, lines = f"type {said}", part[2], part[3].split(b"\r")
    assert isinstance(names, tuple)  # noqa: S101 - as `_parts` made it
    yield Key(ALL, "")
    yield Key(kind, ALL)
    for name in dict.fromkeys(names):
        yield Key(f"segment {said} {name}", kind)
    counts: Counter[tuple[str, str]] = Counter()
    for name, line in zip(names, lines, strict=False):
        counts[f"segments {name}", ""] += 1
        counts.update((key.name, key.parent) for key in _line(str(name), line))
    for (key, parent), count in counts.items():
        yield Key(key, parent, count)


def _codes(part: Part) -> Iterator[Key]:
    marks = part[-1] if isinstance(part[-1], tuple) else _USUAL
    name = str(part[0])
    for number, value in zip(coded_fields()[name], part[1:], strict=False):
        for each in {each.split(str(marks[1]), 1)[0] for each in str(value).split(str(marks[2]))}:
            if each and len(each) <= LONGEST:
                yield Key(f"code {name}-{number} {each}", f"field {name}-{number}")


V2 = Form(_parts, _keys)
