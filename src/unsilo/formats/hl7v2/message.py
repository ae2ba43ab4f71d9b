"""The tree of one HL7 v2 message: segments whose fields are split when somebody looks."""

import msgspec

from unsilo.formats.hl7v2.delimiters import DEFAULT_DELIMITERS, Delimiters, unescape

__all__ = ["DELETE", "HEADERS", "Message", "Segment"]

HEADERS = frozenset({"MSH", "FHS", "BHS"})
"""Segments whose field 1 is the field separator itself (v2.8.2 section 2.5.4)."""

DELETE = '""'
"""A field that the sender wants emptied (v2.8.2 section 2.5.3.3); `get` gives it as it stands."""


# gc=False is safe: a segment refers to text and to delimiters, never back to its message.
class Segment(msgspec.Struct, gc=False, eq=False):
    """One segment: `name`, `index` (from 0 in its message) and `raw`, its escaped text without the terminator."""

    name: str
    index: int
    raw: str
    delimiters: Delimiters = DEFAULT_DELIMITERS
    cut: list[str] | None = None

    @property
    def fields(self) -> list[str]:
        """The fields as escaped text: `fields[0]` is the name, `fields[n]` field n; shorter than asked is usual.

        In MSH, FHS and BHS `fields[1]` is the field separator and `fields[2]` the encoding characters.
        """
        cut = self.cut
        if cut is None:
            cut = self.raw.split(self.delimiters.field_sep)
            if self.name in HEADERS:
                cut.insert(1, self.delimiters.field_sep)
            self.cut = cut
        return cut

    def field(self, number: int) -> str:
        """Return field `number` as escaped text with all its repetitions, "" when the segment is shorter."""
        fields = self.cut or self.fields
        return fields[number] if number < len(fields) else ""

    def repetitions(self, number: int) -> list[str]:
        """Return the repetitions of field `number` as escaped text; an absent or empty field has none."""
        text = self.field(number)
        if not text or (number < 3 and self.name in HEADERS):
            return [text] if text else []
        return text.split(self.delimiters.repetition_sep)

    def count(self, number: int) -> int:
        """Return how many repetitions field `number` has; 0 when it is absent or empty."""
        text = self.field(number)
        if not text or (number < 3 and self.name in HEADERS):
            return 1 if text else 0
        return text.count(self.delimiters.repetition_sep) + 1

    def get(self, field: int, rep: int = 0, comp: int = 0, sub: int = 0) -> str:
        """Return one value, unescaped, or "" when it is not there.

        `rep` counts from 0, `comp` and `sub` as the standard does, 0 meaning the whole. The first component of a
        field without components is the field itself, and likewise below. `""` (delete) is returned as it stands.
        """
        text = self.field(field)
        if not text:
            return ""
        marks = self.delimiters
        if field < 3 and self.name in HEADERS:
            return text if rep == 0 and comp < 2 and sub < 2 else ""
        if rep or marks.repetition_sep in text:
            text = _nth(text, marks.repetition_sep, rep)
        if comp or sub:
            text = _nth(text, marks.component_sep, comp - 1 if comp else 0)
            if sub:
                text = _nth(text, marks.subcomponent_sep, sub - 1)
        return unescape(text, marks) if marks.escape_char in text else text


def _nth(text: str, mark: str, index: int) -> str:
    if index == 0:
        return text.split(mark, 1)[0]
    parts = text.split(mark, index + 1)
    return parts[index] if 0 < index < len(parts) else ""


class Message(msgspec.Struct, eq=False):
    """One message: the bytes as received, the Python codec that reads them, and its segments in order.

    The delimiters are those of its MSH; one that MSH-2 leaves out is `NONE`, which occurs in no text.
    """

    raw: bytes
    charset: str
    segments: list[Segment]
    delimiters: Delimiters
    field_sep: str
    component_sep: str
    repetition_sep: str
    escape_char: str
    subcomponent_sep: str
    by_name: dict[str, list[Segment]] | None = None
    spans: list[tuple[int, int]] | None = None

    def _names(self) -> dict[str, list[Segment]]:
        index = self.by_name
        if index is None:
            index = {}
            for segment in self.segments:
                index.setdefault(segment.name, []).append(segment)
            self.by_name = index
        return index

    def all(self, name: str) -> list[Segment]:
        """Return the segments with this name, in message order."""
        return self._names().get(name) or []

    def first(self, name: str) -> Segment | None:
        """Return the first segment with this name."""
        found = self._names().get(name)
        return found[0] if found else None

    @property
    def header(self) -> Segment:
        """The MSH segment, which every parsed message has."""
        return self.segments[0]
