"""A message with more parts than real ones have is cut to what can be mapped in a second; what was cut is listed."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from unsilo.formats.hl7v2 import Message, Segment
from unsilo.kernel import Row
from unsilo.mapping.model import Entry
from unsilo.mapping.v2.unread import Field, Unread, instead

__all__ = ["MOST_RESOURCES", "Cut", "bounded", "cite_whole", "list_cut"]

MOST_RESOURCES = 15_000
"""Resources of one message; the segments after that are listed as not consumed."""

_REPETITIONS = 20_000
_PARTS = 500_000
"""Repetitions, and components with subcomponents, that are looked at in one message."""
_REPETITIONS_OF_FIELD = 1_000
_PARTS_OF_FIELD = 5_000
_TEXT_TYPES = frozenset({"TX", "FT", "ST"})


class Cut(NamedTuple):
    """A field that the maps see in part: `text` as it was sent. Of a `whole` one, which is a text, nothing is lost."""

    segment: int
    field: int
    text: str
    whole: bool


def bounded(message: Message) -> tuple[Message, list[Cut]]:
    """Return the message as the maps may see it, and what was cut: mostly the message itself and nothing.

    Of a field with very many repetitions the first are kept; one with very many components is left out. A text (OBX-5
    of type TX, FT or ST, NTE-3) keeps everything, its repetitions being lines of one. Places stay those of the message.
    """
    raw = message.raw
    if len(raw) <= _REPETITIONS:  # fewer bytes than parts that may be looked at
        return message, []
    marks = (message.repetition_sep, message.component_sep, message.subcomponent_sep)
    repeat, *parts = [mark.encode("utf-8", "surrogatepass") for mark in marks]
    if raw.count(repeat) <= _REPETITIONS and sum(map(raw.count, parts)) <= _PARTS:
        return message, []
    budget = _Budget(message)
    segments = [budget.segment(one) for one in message.segments]
    return msgspec.structs.replace(message, segments=segments, by_name=None), budget.cuts


class _Budget:
    """What may still be looked at of a message."""

    def __init__(self, message: Message) -> None:
        self.marks = message.repetition_sep, message.component_sep, message.subcomponent_sep
        self.odd = "".join(self.marks) + message.escape_char + '""'
        self.repetitions, self.parts = _REPETITIONS, _PARTS
        self.cuts: list[Cut] = []

    def segment(self, segment: Segment) -> Segment:
        """The segment, or one with shorter fields in its stead."""
        repeat, component, part = self.marks
        if repeat not in segment.raw and component not in segment.raw and part not in segment.raw:
            return segment
        fields = list(segment.fields)
        before = len(self.cuts)
        for number, text in enumerate(fields):
            times = text.count(repeat)
            many = times > min(_REPETITIONS_OF_FIELD, self.repetitions)
            if many and _is_text(segment.name, fields, number):
                self.cuts.append(Cut(segment.index, number, text, True))
                fields[number] = text.replace(repeat, "\n")
                continue
            kept = text
            if many:
                most = max(1, min(_REPETITIONS_OF_FIELD, self.repetitions))
                kept = repeat.join(text.split(repeat, most)[:most])
            held = kept.count(component) + kept.count(part)
            if held > min(self.parts, _PARTS_OF_FIELD if not times else self.parts):
                kept = ""
            self.repetitions -= kept.count(repeat)
            self.parts -= held if kept else 0
            if kept != text:
                self.cuts.append(Cut(segment.index, number, text, False))
                fields[number] = kept
        if len(self.cuts) == before:
            return segment
        # What its raw text says keeps the segment from being taken for one of a shape that came before.
        return Segment(segment.name, segment.index, segment.name + self.odd, segment.delimiters, fields)


def _is_text(name: str, fields: list[str], number: int) -> bool:
    return (name == "OBX" and number == 5 and fields[2] in _TEXT_TYPES) or (name == "NTE" and number == 3)


def cite_whole(entries: list[Entry], cuts: list[Cut]) -> None:
    """Let the lineage of texts that were read in one piece cite the whole field (repetition -1)."""
    fields = {(cut.segment, cut.field) for cut in cuts if cut.whole}
    for entry in entries if fields else ():
        for at, (path, rule, place) in enumerate(entry.rows):
            if isinstance(place, tuple) and place[:2] in fields:
                entry.rows[at] = Row(path, rule, (*place[:2], -1, 0, 0))


def list_cut(rest: list[Field] | Unread, cuts: list[Cut], labels: list[str]) -> list[Field] | Unread:
    """Return the list of what nothing consumed with each field of which a part was cut as one piece."""
    fields = {(cut.segment, cut.field): cut for cut in cuts if not cut.whole}
    rows: list[Field] = [
        ((i, number, -1, 0, 0), f"{labels[i]}-{number}", cut.text) for (i, number), cut in fields.items()
    ]
    return instead(rest, set(fields), rows)
