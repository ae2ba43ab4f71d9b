"""Answers to HL7 v2 queries, segment by segment, in the usual delimiters (HL7 v2.5 chapter 5, IHE ITI TF-2 C.2)."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from unsilo.formats.hl7v2 import Delimiters, Message, Segment, unescape
from unsilo.formats.hl7v2.delimiters import NONE
from unsilo.kernel import clock, fresh_id

__all__ = ["Fault", "joined", "recast", "respond"]

MARKS = Delimiters()
_CONDITIONS = {
    "100": "Segment sequence error", "101": "Required field missing", "102": "Data type error",
    "103": "Table value not found", "200": "Unsupported message type", "204": "Unknown key identifier",
    "207": "Application internal error",
}  # fmt: skip
"""HL7 table 0357, as far as queries need it."""


class Fault(NamedTuple):
    """One ERR segment: ERR-2 as its components, ERR-3 (table 0357), what is wrong in words."""

    place: tuple[str | int, ...]
    code: str
    text: str


def joined(value: Any) -> str:
    """Return a field, escaped: a text, a list of components, components that are lists of subcomponents."""
    if isinstance(value, list):
        return _trimmed([_component(part) for part in value], "^")
    return MARKS.escape(str(value))


def _component(value: Any) -> str:
    return _trimmed([MARKS.escape(str(part)) for part in (value if isinstance(value, list) else [value])], "&")


def _trimmed(parts: list[str], mark: str) -> str:
    while parts and not parts[-1]:
        parts.pop()
    return mark.join(parts)


def _line(fields: Sequence[str]) -> str:
    return _trimmed(list(fields), "|")


def recast(segment: Segment) -> str:
    """Return a segment of the request in the usual delimiters."""
    marks = segment.delimiters
    fields = segment.fields[1:]
    return _line([segment.name, *(_field(field, marks) for field in fields)])


def _field(text: str, marks: Delimiters) -> str:
    return "~".join(
        "^".join(
            "&".join(MARKS.escape(unescape(sub, marks)) for sub in _split(part, marks.subcomponent_sep))
            for part in _split(repetition, marks.component_sep)
        )
        for repetition in _split(text, marks.repetition_sep)
    )


def _split(text: str, mark: str) -> list[str]:
    return [text] if mark == NONE else text.split(mark)


def respond(
    request: Message, kind: str, code: str, *, faults: Iterable[Fault] = (), status: str = "",
    segments: Iterable[str] = (), control_id: str = "",
) -> bytes:  # fmt: skip
    """Return `kind` (`RSP^K23^RSP_K23`) as the answer to a request.

    MSA-1 is `code`; with a `status` (HL7 table 0208) QAK and the echoed QPD follow, then `segments`. Sender and
    receiver change places. It is written in the request's character set, in UTF-8 where that cannot say all.
    """
    head, marks = request.header, request.header.delimiters
    at = datetime.fromtimestamp(clock.now() // 1_000_000, UTC)
    charset = head.get(18)
    msh = [
        "MSH", "^~\\&", *(_field(head.field(n), marks) for n in (5, 6, 3, 4)), f"{at:%Y%m%d%H%M%S}+0000",
        "", kind, control_id or fresh_id()[:20], MARKS.escape(head.get(11, 0, 1) or "P"),
        MARKS.escape(head.get(12, 0, 1) or "2.5"), "", "", "", "", "", MARKS.escape(charset),
    ]  # fmt: skip
    lines = [_line(msh), _line(["MSA", code, MARKS.escape(head.get(10)[:199])])]
    lines += [_err(fault) for fault in faults]
    qpd = request.first("QPD")
    if status:
        tag = MARKS.escape(qpd.get(2)) if qpd is not None else ""
        lines.append(_line(["QAK", tag, status]))
        if qpd is not None:
            lines.append(recast(qpd))
    lines += segments
    text = "\r".join(lines) + "\r"
    try:
        return text.encode(request.charset)
    except (UnicodeEncodeError, LookupError):
        msh[-1] = "UNICODE UTF-8"
        return "\r".join([_line(msh), *lines[1:], ""]).encode("utf-8", "replace")


def _err(fault: Fault) -> str:
    place = _trimmed([str(part) for part in fault.place], "^")
    condition = f"{fault.code}^{_CONDITIONS[fault.code]}^HL70357"
    return _line(["ERR", "", place, condition, "E", "", "", "", MARKS.escape(fault.text[:250])])
