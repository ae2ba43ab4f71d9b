"""Every valued piece of a v2 message that no lineage row cites."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from unsilo.formats.hl7v2 import Message, Segment, unescape
from unsilo.formats.hl7v2.message import HEADERS
from unsilo.kernel import Locator
from unsilo.mapping.model import Draft, Entry
from unsilo.mapping.v2.forms import Formed

__all__ = ["unconsumed"]

Rest = list[tuple[Locator, str, str]]


def unconsumed(message: Message, entries: list[Entry], drafts: list[Draft]) -> Rest:
    """Return (locator, path, value) of every subcomponent with a value that is not cited, in message order.

    A row that cites a repetition or a component as a whole cites all that is in it. Of a segment that became a resource
    by a form only those fields are looked at which the form does not cite whole.
    """
    forms: dict[int, Formed] = {id(d.rows): d.form for d in drafts if d.form is not None}
    cited: set[Locator] = set()
    looks: dict[int, tuple[int, ...]] = {}
    for entry in entries:
        rows = entry.rows
        form = forms.get(id(rows))
        if form is not None:
            cited |= form.away
            look = looks.get(form.segment)
            looks[form.segment] = form.look if look is None else tuple([n for n in look if n in form.look])
            rows = rows[len(form.rows) :]
        cited.update([row[2] for row in rows])
    return _rest(message, cited, looks)


def _rest(message: Message, cited: set[Locator], looks: dict[int, tuple[int, ...]]) -> Rest:
    marks = message.delimiters
    rep_mark, comp_mark, sub_mark = marks.repetition_sep, marks.component_sep, marks.subcomponent_sep
    escape = marks.escape_char
    found: Rest = []
    for segment in message.segments:
        i = segment.index
        fields = segment.fields
        look: Sequence[int] | None = looks.get(i)
        if look is None:
            raw = segment.raw
            if rep_mark in raw or sub_mark in raw or segment.name in HEADERS:
                _deep(message, segment, cited, found, range(3 if segment.name in HEADERS else 1, len(fields)))
                continue
            look = range(1, len(fields))
        label = ""
        for number in look:
            field = fields[number]
            if not field:
                continue
            if rep_mark in field or sub_mark in field:
                _deep(message, segment, cited, found, (number,))
                continue
            if comp_mark in field:
                _components(message, segment, number, cited, found)
                continue
            if (i, number, 0, 1, 0) in cited or (i, number, 0, 0, 0) in cited or (i, number, 0, 1, 1) in cited:
                continue
            label = label or _label(message, segment)
            text = field if escape not in field else unescape(field, marks)
            found.append(((i, number, 0, 1, 1), f"{label}-{number}", text))
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


def _deep(message: Message, segment: Segment, cited: set[Locator], found: Rest, numbers: Iterable[int]) -> None:
    """Fields that may hold anything."""
    marks = message.delimiters
    i = segment.index
    label = _label(message, segment)
    for number in numbers:
        field = segment.fields[number]
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
