"""Every valued piece of a v2 message that no lineage row cites."""

from __future__ import annotations

from unsilo.formats.hl7v2 import Message, Segment, unescape
from unsilo.formats.hl7v2.message import HEADERS
from unsilo.kernel import Locator
from unsilo.mapping.model import Entry

__all__ = ["unconsumed"]


def unconsumed(message: Message, entries: list[Entry]) -> list[tuple[Locator, str, str]]:
    """Return (locator, path, value) of every subcomponent with a value that is not cited, in message order.

    A row that cites a repetition or a component as a whole cites all that is in it.
    """
    cited: set[Locator] = {row[2] for entry in entries for row in entry.rows}
    return _rest(message, cited)


Rest = list[tuple[Locator, str, str]]


def _rest(message: Message, cited: set[Locator]) -> Rest:
    marks = message.delimiters
    rep_mark, comp_mark, sub_mark = marks.repetition_sep, marks.component_sep, marks.subcomponent_sep
    escape = marks.escape_char
    found: Rest = []
    for segment in message.segments:
        raw = segment.raw
        if rep_mark in raw or sub_mark in raw or segment.name in HEADERS:
            _deep(message, segment, cited, found)
            continue
        i = segment.index
        number = -1
        for field in segment.fields:
            number += 1
            if not field:
                continue
            if comp_mark in field:
                _components(message, segment, number, cited, found)
                continue
            if (i, number, 0, 1, 0) in cited or (i, number, 0, 0, 0) in cited or (i, number, 0, 1, 1) in cited:
                continue
            if number:
                path = f"{_label(message, segment)}-{number}"
                text = field if escape not in field else unescape(field, marks)
                found.append(((i, number, 0, 1, 1), path, text))
    return found


def _components(message: Message, segment: Segment, number: int, cited: set[Locator], found: Rest) -> None:
    """A field of one repetition without subcomponents."""
    i = segment.index
    for comp, component in enumerate(segment.fields[number].split(message.component_sep), 1):
        if component and (i, number, 0, comp, 0) not in cited and (i, number, 0, comp, 1) not in cited:
            if (i, number, 0, 0, 0) in cited:
                return
            path = f"{_label(message, segment)}-{number}.{comp}"
            found.append(((i, number, 0, comp, 1), path, unescape(component, message.delimiters)))


def _deep(message: Message, segment: Segment, cited: set[Locator], found: Rest) -> None:
    """A segment that may hold anything."""
    marks = message.delimiters
    i = segment.index
    start = 3 if segment.name in HEADERS else 1
    label = _label(message, segment)
    for number, field in enumerate(segment.fields[start:], start):
        repetitions = field.split(marks.repetition_sep)
        for rep, repetition in enumerate(repetitions):
            if not repetition or (i, number, rep, 0, 0) in cited:
                continue
            base = f"{label}-{number}[{rep + 1}]" if len(repetitions) > 1 else f"{label}-{number}"
            components = repetition.split(marks.component_sep)
            for comp, component in enumerate(components, 1):
                if not component or (i, number, rep, comp, 0) in cited:
                    continue
                pieces = component.split(marks.subcomponent_sep)
                for sub, text in enumerate(pieces, 1):
                    if not text or (i, number, rep, comp, sub) in cited:
                        continue
                    path = f"{base}.{comp}" if len(components) > 1 or len(pieces) > 1 else base
                    path += f".{sub}" if len(pieces) > 1 else ""
                    found.append(((i, number, rep, comp, sub), path, unescape(text, marks)))


def _label(message: Message, segment: Segment) -> str:
    same = message.all(segment.name)
    if len(same) == 1:
        return segment.name
    # The segments of a name stand in order, most often without gaps: look where this one would be first.
    guess = segment.index - same[0].index
    at = guess if guess < len(same) and same[guess] is segment else same.index(segment)
    return f"{segment.name}[{at + 1}]"
