"""Reports that come line by line: consecutive OBX of text with the same code are one Observation."""

from __future__ import annotations

from unsilo.formats.hl7v2 import Segment
from unsilo.kernel import Row
from unsilo.mapping.model import Draft
from unsilo.mapping.v2.frames import Placed
from unsilo.mapping.v2.run import V2Run

__all__ = ["continue_text", "continues", "is_line"]

_TEXT = ("TX", "FT")
_SAME = (2, 3, 4)
_SINGLE = (11, 14, 16, 17, 19, 23)


def is_line(segment: Segment) -> bool:
    """True for an OBX of text, which may be one line of several."""
    fields = segment.cut or segment.fields
    return len(fields) > 3 and fields[2] in _TEXT


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


def continue_text(run: V2Run, before: Placed, here: Placed) -> None:
    """Add a line to the Observation that the segments before made; an empty line stays an empty line."""
    draft: Draft | None = before.frame.vars.get("ob")
    here.frame.vars["ob"] = draft  # type: ignore[assignment]
    segment = here.segment
    if draft is None:
        del here.frame.vars["ob"]
        return
    draft.mixed = True
    first = run.notes.setdefault(("line", id(draft)), before.segment)
    text = _at(segment.fields, 5)
    repetitions = text.split(run.P) if text else [""]
    for rep, piece in enumerate(repetitions):
        line = run.flow(piece) or ""
        if "valueString" in draft.body:
            draft.body["valueString"] += "\n" + line
        elif line:
            draft.body["valueString"] = line
        if line:
            draft.rows.append(Row("valueString", "obx.5.line", (segment.index, 5, rep, 0, 0)))
    _cite_same(draft, first.fields, segment.fields, first.index, segment.index)


def _cite_same(draft: Draft, first: list[str], mine: list[str], index: int, own: int) -> None:
    """The fields that repeat those of the first line are cited where the first line's are."""
    known = [row for row in draft.rows if isinstance(row[2], tuple) and row[2][0] == index]
    for path, rule, place in known:
        assert isinstance(place, tuple)  # noqa: S101 - chosen above
        field = place[1]
        if field != 5 and 0 < field < len(mine) and field < len(first) and mine[field] == first[field]:
            draft.rows.append(Row(path, rule, (own, *place[1:])))
