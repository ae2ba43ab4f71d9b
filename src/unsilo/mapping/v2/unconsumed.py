"""Every valued piece of a v2 message that no lineage row cites."""

from __future__ import annotations

from unsilo.formats.hl7v2 import Message, unescape
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
    found: list[tuple[Locator, str, str]] = []
    totals: dict[str, int] = {}
    for segment in message.segments:
        totals[segment.name] = totals.get(segment.name, 0) + 1
    ordinals: dict[str, int] = {}
    for segment in message.segments:
        i, name = segment.index, segment.name
        ordinals[name] = ordinals.get(name, 0) + 1
        label = f"{name}[{ordinals[name]}]" if totals[name] > 1 else name
        start = 3 if name in ("MSH", "FHS", "BHS") else 1
        fields = segment.fields
        for number in range(start, len(fields)):
            field = fields[number]
            if not field:
                continue
            repeats = rep_mark in field
            for rep, repetition in enumerate(field.split(rep_mark)) if repeats else ((0, field),):
                if not repetition or (i, number, rep, 0, 0) in cited:
                    continue
                if comp_mark not in repetition and sub_mark not in repetition:
                    if (i, number, rep, 1, 0) not in cited and (i, number, rep, 1, 1) not in cited:
                        path = f"{label}-{number}[{rep + 1}]" if repeats else f"{label}-{number}"
                        found.append(((i, number, rep, 1, 1), path, unescape(repetition, marks)))
                    continue
                path = f"{label}-{number}[{rep + 1}]" if repeats else f"{label}-{number}"
                components = repetition.split(comp_mark)

                for comp, component in enumerate(components, 1):
                    if not component or (i, number, rep, comp, 0) in cited:
                        continue
                    if sub_mark not in component:
                        if (i, number, rep, comp, 1) not in cited:
                            found.append(((i, number, rep, comp, 1), f"{path}.{comp}", unescape(component, marks)))
                        continue
                    for sub, value in enumerate(component.split(sub_mark), 1):
                        if value and (i, number, rep, comp, sub) not in cited:
                            inner = f"{path}.{comp}.{sub}"
                            found.append(((i, number, rep, comp, sub), inner, unescape(value, marks)))
    return found
