"""What nothing consumed of a large message: places as numbers, whose paths and values are read when somebody looks."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from typing import overload

from unsilo.formats.hl7v2 import Message, Segment, unescape
from unsilo.kernel import Locator

__all__ = ["LARGE", "Field", "Unread", "instead"]

LARGE = 100_000
"""From how many bytes on what nothing consumed of a message is kept as places only."""

Field = tuple[Locator, str, str]
"""Where, by what path, and the value."""

_SEGMENT, _FIELD, _REP, _COMP = 46, 31, 16, 8
"""The bits behind which the parts of a place begin in its number; what has no room there is kept as it is."""


class Unread(Sequence[Field]):
    """The same as a list of (locator, path, value), at eight bytes a field.

    A message of 2 MB may hold 400,000 unread fields: as tuples and texts they take fifty times what they were sent in.
    `labels` names the segments; the fields of those in `seen` are not what their text says and are kept by the message.
    """

    __slots__ = ("labels", "message", "odd", "places", "seen")

    def __init__(self, message: Message, labels: list[str], seen: frozenset[int]) -> None:
        self.message, self.labels, self.seen = message, labels, seen
        self.places = array("q")
        self.odd: list[Field] = []

    def append(self, row: Field) -> None:
        """Take one more field."""
        place = row[0]
        if isinstance(place, tuple) and len(place) == 5:
            i, number, rep, comp, sub = place
            if i < 1 << 17 and number < 1 << 15 and 0 <= rep < 1 << 15 and comp < 1 << 8 and sub < 1 << 8:
                self.places.append(i << _SEGMENT | number << _FIELD | rep << _REP | comp << _COMP | sub)
                return
        self.keep(row)

    def keep(self, row: Field) -> None:
        """Take one more field as it is said here."""
        self.odd.append(row)
        self.places.append(-len(self.odd))

    def instead(self, fields: set[tuple[int, int]], rows: list[Field]) -> Unread:
        """The list with `rows` in place of what it has of certain fields (segment, field), in message order."""
        made = Unread(self.message, self.labels, self.seen)
        waiting = sorted(rows, key=lambda row: row[0] if isinstance(row[0], tuple) else (), reverse=True)
        for number in self.places:
            place = self._place(number)
            while waiting and isinstance(waiting[-1][0], tuple) and waiting[-1][0] < place:
                made.keep(waiting.pop())
            if place[:2] not in fields:
                if number < 0:
                    made.keep(self.odd[-number - 1])
                else:
                    made.places.append(number)
        for row in reversed(waiting):
            made.keep(row)
        return made

    def _place(self, number: int) -> tuple[int, ...]:
        if number < 0:
            place = self.odd[-number - 1][0]
            return place if isinstance(place, tuple) else ()
        i, number = number >> _SEGMENT, number & (1 << _SEGMENT) - 1
        return i, number >> _FIELD, number >> _REP & 0x7FFF, number >> _COMP & 0xFF, number & 0xFF

    def _field(self, number: int, fields: list[str]) -> Field:
        place = self._place(number)
        i, field, rep, comp, sub = place
        marks = self.message.delimiters
        repetitions = fields[field].split(marks.repetition_sep)
        components = repetitions[rep].split(marks.component_sep)
        pieces = components[comp - 1].split(marks.subcomponent_sep)
        path = f"{self.labels[i]}-{field}"
        if len(repetitions) > 1:
            path += f"[{rep + 1}]"
        if len(components) > 1 or len(pieces) > 1:
            path += f".{comp}"
        if len(pieces) > 1:
            path += f".{sub}"
        text = pieces[sub - 1]
        return place, path, unescape(text, marks) if marks.escape_char in text else text

    def _fields(self, i: int) -> list[str]:
        """The fields of a segment, which are not kept: a message is not to be held in pieces for its list."""
        segment = self.message.segments[i]
        if i in self.seen:
            return segment.fields
        return Segment(segment.name, i, segment.raw, segment.delimiters).fields

    def __len__(self) -> int:
        return len(self.places)

    def __iter__(self) -> Iterator[Field]:
        at, fields = -1, list[str]()
        for number in self.places:
            if number < 0:
                yield self.odd[-number - 1]
                continue
            if number >> _SEGMENT != at:
                at = number >> _SEGMENT
                fields = self._fields(at)
            yield self._field(number, fields)

    @overload
    def __getitem__(self, index: int) -> Field: ...
    @overload
    def __getitem__(self, index: slice) -> list[Field]: ...
    def __getitem__(self, index: int | slice) -> Field | list[Field]:
        if isinstance(index, slice):
            return [self[n] for n in range(*index.indices(len(self.places)))]
        number = self.places[index]
        return self.odd[-number - 1] if number < 0 else self._field(number, self._fields(number >> _SEGMENT))

    def __eq__(self, other: object) -> bool:
        """The same fields in the same order, whether the other list is kept so or not."""
        if not isinstance(other, Sequence) or isinstance(other, str) or len(self) != len(other):
            return NotImplemented if not isinstance(other, Sequence) else False
        return all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]


def instead(rest: list[Field] | Unread, fields: set[tuple[int, int]], rows: list[Field]) -> list[Field] | Unread:
    """The list with `rows` in place of what it has of certain fields (segment, field), in the order of the message."""
    if isinstance(rest, Unread):
        return rest.instead(fields, rows)
    kept = [row for row in rest if not (isinstance(row[0], tuple) and row[0][:2] in fields)]
    return sorted(kept + rows, key=lambda row: row[0] if isinstance(row[0], tuple) else ())
