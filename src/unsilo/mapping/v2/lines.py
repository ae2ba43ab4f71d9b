"""Reports that come line by line: consecutive OBX of text with the same code are one Observation."""

from __future__ import annotations

from unsilo.formats.hl7v2 import Segment
from unsilo.kernel import Row
from unsilo.mapping.model import Draft
from unsilo.mapping.v2.frames import Placed
from unsilo.mapping.v2.run import V2Run

__all__ = ["LINES", "Lines", "continue_text", "continues"]

LINES = ("TX", "FT")
"""Types of text (OBX-2): such an OBX may be one line of several."""
_SAME = (2, 3, 4)
_MOST_CITED = 1000
"""Lines of one text whose other fields are cited; those of further lines are listed as not consumed."""
_SINGLE = (11, 14, 16, 17, 19, 23)


def continues(before: Placed, here: Placed) -> bool:
    """True when a line is the next one of the text that the line in the segment before began or continued.

    Same type (TX or FT), code and sub-identifier, in the same order; a status, time or observer that differs begins
    a new result.
    """
    if before.path != here.path:
        return False
    mine, theirs = here.segment.fields, before.segment.fields
    if not mine[3] or any(_at(mine, n) != _at(theirs, n) for n in _SAME):
        return False
    return all(not _at(mine, n) or _at(mine, n) == _at(theirs, n) for n in _SINGLE)


def _at(fields: list[str], number: int) -> str:
    return fields[number] if number < len(fields) else ""


class Lines:
    """A text that is being put together: its lines, the first of its segments, and what else that one was cited for."""

    def __init__(self, draft: Draft, first: Segment) -> None:
        self.draft, self.first = draft, first
        text = draft.body.get("valueString")
        self.lines: list[str] = [text] if text is not None else []
        own = [row for row in draft.rows if isinstance(row[2], tuple) and row[2][0] == first.index]
        self.same = [(row, int(row[2][1])) for row in own if row[2] is not None and row[2][1] not in (0, 5)]
        self.segments = 0

    def add(self, run: V2Run, segment: Segment) -> None:
        """Add the lines of the next segment; an empty line stays an empty line."""
        rows = self.draft.rows
        text = _at(segment.fields, 5)
        for rep, piece in enumerate(text.split(run.P) if text else [""]):
            line = run.flow(piece) or ""
            if self.lines or line:
                self.lines.append(line)
            if line:
                rows.append(Row("valueString", "obx.5.line", (segment.index, 5, rep, 0, 0)))
        self.segments += 1
        if self.segments > _MOST_CITED:
            return
        mine, first = segment.fields, self.first.fields
        for (path, rule, place), number in self.same:
            if number < len(mine) and mine[number] == _at(first, number):
                rows.append(Row(path, rule, (segment.index, *place[1:])))  # type: ignore[index]

    def end(self) -> None:
        """Put the text in its place."""
        if self.lines:
            self.draft.body["valueString"] = "\n".join(self.lines)


def continue_text(run: V2Run, before: Placed, here: Placed) -> None:
    """Add a line to the Observation that the segments before made.

    The fields that repeat those of the first line are cited where the first line's are.
    """
    draft = before.frame.vars.get("ob")
    if draft is None:
        return
    here.frame.vars["ob"] = draft
    draft.mixed = True
    lines = run.lines.get(id(draft))
    if lines is None:
        lines = run.lines[id(draft)] = Lines(draft, before.segment)
    lines.add(run, here.segment)
