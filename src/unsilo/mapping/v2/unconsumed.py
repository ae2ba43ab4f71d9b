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


def _rest(message: Message, cited: set[Locator]) -> list[tuple[Locator, str, str]]:
    marks = message.delimiters
    rep_mark, comp_mark, sub_mark = marks.repetition_sep, marks.component_sep, marks.subcomponent_sep
    escape = marks.escape_char
    found: list[tuple[Locator, str, str]] = []
    for segment in message.segments:
        i, raw = segment.index, segment.raw
        label = ""
        repeats, subs = rep_mark in raw, sub_mark in raw
        number = -1
        header = segment.name in HEADERS
        for field in segment.fields:
            number += 1
            if not field or number == 0 or (header and number < 3):
                continue
            if comp_mark not in field and not (repeats and rep_mark in field) and not (subs and sub_mark in field):
                if (i, number, 0, 1, 0) in cited or (i, number, 0, 0, 0) in cited or (i, number, 0, 1, 1) in cited:
                    continue
                label = label or _label(message, segment)
                found.append(
                    (
                        (i, number, 0, 1, 1),
                        f"{label}-{number}",
                        field if escape not in field else unescape(field, marks),
                    )
                )
                continue
            many = repeats and rep_mark in field
            for rep, repetition in enumerate(field.split(rep_mark)) if many else ((0, field),):
                if not repetition or (i, number, rep, 0, 0) in cited:
                    continue
                comp = 0
                for component in repetition.split(comp_mark):
                    comp += 1
                    if not component or (i, number, rep, comp, 0) in cited:
                        continue
                    if subs and sub_mark in component:
                        pieces = enumerate(component.split(sub_mark), 1)
                        rest = [
                            (sub, text) for sub, text in pieces if text and (i, number, rep, comp, sub) not in cited
                        ]
                    elif (i, number, rep, comp, 1) in cited:
                        continue
                    else:
                        rest = [(1, component)]
                    label = label or _label(message, segment)
                    for sub, text in rest:
                        path = f"{label}-{number}[{rep + 1}]" if many else f"{label}-{number}"
                        if comp_mark in repetition or sub_mark in component:
                            path += f".{comp}"
                        if sub_mark in component:
                            path += f".{sub}"
                        found.append(((i, number, rep, comp, sub), path, unescape(text, marks)))
    return found


def _label(message: Message, segment: Segment) -> str:
    same = message.all(segment.name)
    if len(same) == 1:
        return segment.name
    # The segments of a name stand in order, most often without gaps: look where this one would be first.
    guess = segment.index - same[0].index
    at = guess if guess < len(same) and same[guess] is segment else same.index(segment)
    return f"{segment.name}[{at + 1}]"
