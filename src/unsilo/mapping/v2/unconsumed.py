"""Every valued piece of a v2 message that no lineage row cites."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

from unsilo.formats.hl7v2 import Message, Segment, unescape
from unsilo.formats.hl7v2.message import HEADERS
from unsilo.kernel import Locator, Row
from unsilo.mapping.memory import Told
from unsilo.mapping.model import Entry
from unsilo.mapping.v2.run import V2Run
from unsilo.mapping.v2.unread import LARGE, Field, Unread

__all__ = ["labels_of", "unconsumed"]

Rest = list[Field] | Unread

_LONGEST = 128
"""Of messages up to how many segments the names of segments are remembered."""


class _Cited:
    """What lineage cites: places, the segments they are in, and of segments known by a form the fields left to ask."""

    __slots__ = ("looks", "places", "touched")

    def __init__(self, run: V2Run, last: Entry) -> None:
        self.looks: dict[int, tuple[int, ...]] = {}
        self.places: set[Locator] = set()
        self.touched: set[int] = set()
        alive = run.alive
        for draft in run.drafts:
            told = draft.told
            if told is not None and not draft.mixed:  # nothing was added to it but what has no source
                if told.away or told.segment in self.looks:
                    self.take(told)
                elif told.segment >= 0:
                    self.looks[told.segment] = told.look
            elif id(draft) in alive and draft.into is None:
                if told is not None:
                    self.take(told)
                self.cite(draft.rows if told is None else draft.rows[len(told.rows) :])
        self.cite(last.rows)

    def cite(self, rows: list[Row]) -> None:
        """Note what rows cite."""
        places = [row[2] for row in rows if row[2]]
        self.places.update(places)
        self.touched.update([place[0] for place in places])  # type: ignore[misc]

    def take(self, told: Told) -> None:
        """Note what a form cites."""
        if told.away:
            self.places |= told.away
            self.touched |= told.touched
        if told.segment >= 0:
            look = self.looks.get(told.segment)
            self.looks[told.segment] = told.look if look is None else tuple(n for n in look if n in told.look)


def unconsumed(message: Message, last: Entry, run: V2Run, seen: frozenset[int] = frozenset()) -> Rest:
    """Return (locator, path, value) of every subcomponent with a value that is not cited, in message order.

    What the resources of the run and the `last` entry (the Provenance) cite counts. A row that cites a repetition or
    a component as a whole cites all that is in it. Of a segment that became a resource
    by a form only those fields are looked at which the form does not cite whole. `seen` are the segments that the maps
    saw otherwise than their text says.
    """
    marks = message.delimiters
    rep_mark, comp_mark, sub_mark = marks.repetition_sep, marks.component_sep, marks.subcomponent_sep
    escape = marks.escape_char
    known = _Cited(run, last)
    cited, touched, looks = known.places, known.touched, known.looks
    labels = labels_of(message)
    large = len(message.raw) > LARGE
    found: Rest = Unread(message, labels, seen) if large else []
    for segment, label in zip(message.segments, labels, strict=True):
        i = segment.index
        fields = segment.cut or segment.fields
        if large and i not in seen:
            segment.cut = None  # the pieces of all segments would take many times the message
        look: Sequence[int] | None = looks.get(i)
        if look is None:
            raw = segment.raw
            if rep_mark in raw or sub_mark in raw or segment.name in HEADERS:
                start = 3 if segment.name in HEADERS else 1
                _deep(message, segment, label, cited, found, range(start, len(fields)))
                continue
            look = range(1, len(fields))
        alone = i not in touched
        for number in look:
            field = fields[number]
            if not field:
                continue
            if not field.isalnum():
                if rep_mark in field or sub_mark in field:
                    _deep(message, segment, label, cited, found, (number,))
                    continue
                if comp_mark in field:
                    _components(message, segment, label, number, cited, found)
                    continue
                if escape in field:
                    field = unescape(field, marks)
            if not alone:
                places = ((i, number, 0, 1, 0), (i, number, 0, 0, 0), (i, number, 0, 1, 1))
                if not cited.isdisjoint(places):
                    continue
            found.append(((i, number, 0, 1, 1), f"{label}-{number}", field))
    return found


def labels_of(message: Message) -> list[str]:
    """The names of the segments, numbered where several have the same name."""
    names = tuple([segment.name for segment in message.segments])
    return _labels(names) if len(names) <= _LONGEST else list(_numbered(names))


@lru_cache(maxsize=256)
def _labels(names: tuple[str, ...]) -> list[str]:
    """The same for messages of usual length, whose segments often have the names of those before."""
    return list(_numbered(names))


def _numbered(names: tuple[str, ...]) -> Iterator[str]:
    several = {name for name, count in Counter(names).items() if count > 1}
    counts: Counter[str] = Counter()
    for name in names:
        counts[name] += 1
        yield f"{name}[{counts[name]}]" if name in several else name


def _components(message: Message, segment: Segment, label: str, number: int, cited: set[Locator], found: Rest) -> None:
    """A field of one repetition without subcomponents."""
    i = segment.index
    for comp, component in enumerate(segment.fields[number].split(message.component_sep), 1):
        if component and (i, number, 0, comp, 0) not in cited and (i, number, 0, comp, 1) not in cited:
            if (i, number, 0, 0, 0) in cited:
                return
            path = f"{label}-{number}.{comp}"
            found.append(((i, number, 0, comp, 1), path, unescape(component, message.delimiters)))


def _deep(
    message: Message, segment: Segment, label: str, cited: set[Locator], found: Rest, numbers: Iterable[int]
) -> None:
    """Fields that may hold anything."""
    marks = message.delimiters
    escape = marks.escape_char
    i = segment.index
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
                    found.append(((i, number, rep, comp, sub), path, unescape(text, marks) if escape in text else text))
