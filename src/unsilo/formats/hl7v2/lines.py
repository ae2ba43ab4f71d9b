"""Where segments begin and end in the text of a message, whatever its line ends are."""

import re
from functools import lru_cache

from unsilo.kernel import Issue, Where

__all__ = ["ENDS", "SECOND", "cut", "cut_lines"]

ENDS = "\r\n\x0b\x1c\x1a\x00"
"""Characters after the last segment that carry nothing: line ends, MLLP's own, Ctrl-Z, NUL."""

_STRAY = "\x0b\x1c\x1a\x00"
_BLANK = " \t\x0b\x0c\x1c\x1d\x1e\x1f\x00"
SECOND = Issue(
    "fatal",
    "structure",
    "a second MSH begins in the same message: two messages must not be read as one",
    Where("MSH[2]"),
    "send each message in its own frame, or read the content as a batch",
    "hl7v2.msh.second",
)
_CONTINUED = Issue(
    "warning", "not-supported", "ADD or DSC continue a segment or the message; the parts are read, not joined",
    Where("MSH"), "ask the sender to send the message whole", "hl7v2.continuation",
)  # fmt: skip
# A line that is not empty: blanks before it, and the first four characters; nothing long is copied.
_LINE = re.compile(r"(?=[^\r\n])[ \t]*([^\r\n]{0,4})[^\r\n]*")
_SOLID = re.compile(rf"[^{re.escape(_BLANK)}]")


@lru_cache(maxsize=4096)
def _begins(head: str, field_sep: str) -> bool:
    """Tell whether a line with these first four characters is a segment: a name, then the separator or the end."""
    name = head[:3]
    if len(name) < 3 or not (name.isascii() and name.isalnum() and name[0].isalpha()):
        return False
    return head[3:] == field_sep or (head[3:] == "" and name.isupper())


def cut(text: str, field_sep: str, issues: list[Issue]) -> list[str]:
    """Return the segments of `text`, which begins with MSH; what is odd goes to `issues`.

    A carriage return ends a segment; a bare line feed and CRLF are taken for one with an Issue. A line that cannot be
    a segment (a report with raw line ends in it) continues the segment before, so that no part of a value is torn off.
    """
    if "\x1c" in text or "\x0b" in text or "\x00" in text or "\x1a" in text:
        text = _without_strays(text, issues)
    if "\n" in text:
        whole = text
        text = text.replace("\r\n", "\r")
        issues.append(_line_feeds("\n" in text))
        text = text.replace("\n", "\r")
    else:
        whole = text
    lines = [line for line in text.split("\r") if line]
    heads = {line[:4] for line in lines[1:]}
    for head in heads:
        if not _begins(head, field_sep):
            return _joined(whole, field_sep, issues)
    _look(heads, field_sep, issues)
    return lines


def cut_lines(text: str, field_sep: str) -> list[tuple[int, int]]:
    """Return begin and end of each segment in `text`: the same segments as `cut` gives."""
    spans: list[tuple[int, int]] = []
    for match in _LINE.finditer(text, 0, len(text.rstrip(ENDS))):
        if not spans or _begins(match[1], field_sep):
            spans.append((match.start(1), match.end()))
        elif _SOLID.search(text, match.start(), match.end()):
            spans[-1] = (spans[-1][0], match.end())
    return spans


def _joined(text: str, field_sep: str, issues: list[Issue]) -> list[str]:
    spans = cut_lines(text, field_sep)
    lines = [text[begin:end] for begin, end in spans]
    _look({line[:4] for line in lines[1:]}, field_sep, issues)
    torn = sum(1 for line in lines if "\r" in line or "\n" in line)
    if torn:
        first = next(i for i, line in enumerate(lines) if "\r" in line or "\n" in line)
        issues.append(
            Issue(
                "warning",
                "structure",
                f"{torn} segments have lines that are no segment; they were read as part of the segment before",
                Where(lines[first][:3]),
                "the sender should write line ends in a value as \\.br\\",
                "hl7v2.segment.continued",
            )
        )
    if any(not line[:3].isupper() for line in lines):
        issues.append(Issue("warning", "structure", "a segment name has small letters", rule="hl7v2.segment.name"))
    if len(spans) > 1 and any(text[begin - 1] in " \t" for begin, _ in spans[1:]):
        issues.append(
            Issue(
                "information", "structure", "blanks before a segment name were passed over", rule="hl7v2.segment.blank"
            )
        )
    return lines


def _look(heads: set[str], field_sep: str, issues: list[Issue]) -> None:
    """Say what may not stand after MSH, and what says that the message is only a part (v2.8.2 section 2.10.2)."""
    if "MSH" + field_sep in heads:
        issues.append(SECOND)
    if "ADD" + field_sep in heads or "DSC" + field_sep in heads:
        issues.append(_CONTINUED)


def _without_strays(text: str, issues: list[Issue]) -> str:
    kept = text.rstrip(ENDS)
    removed = text[len(kept) :]
    if any(mark in removed for mark in _STRAY):
        issues.append(
            Issue(
                "information",
                "structure",
                "framing bytes or NULs after the last segment were passed over",
                rule="hl7v2.frame.stray",
            )
        )
    inside = [mark for mark in _STRAY if mark in kept]
    if "\x0bMSH" in kept:
        issues.append(SECOND)
    if inside:
        names = ", ".join(f"0x{ord(mark):02X}" for mark in inside)
        issues.append(
            Issue(
                "warning",
                "value",
                f"control characters ({names}) stand inside values",
                Where("MSH"),
                "they are kept in the original and left out of FHIR values",
                "hl7v2.control-characters",
            )
        )
    return kept


def _line_feeds(bare: bool) -> Issue:
    if bare:
        text, rule = "segments end with a line feed, not a carriage return", "hl7v2.terminator.lf"
        return Issue("warning", "structure", text, hint="ask the sender for carriage returns", rule=rule)
    return Issue(
        "information", "structure", "segments end with CR LF, not a carriage return", rule="hl7v2.terminator.crlf"
    )
