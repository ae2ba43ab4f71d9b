"""Read MSH-1 and MSH-2 as they stand, tolerating short and long encoding characters."""

from functools import lru_cache
from typing import NamedTuple

from unsilo.formats.hl7v2.delimiters import NONE, Delimiters
from unsilo.kernel import Issue, Where
from unsilo.kernel.issue import Severity

__all__ = ["Marks", "read_delimiters"]

_NAMES = ("component", "repetition", "escape", "subcomponent", "truncation")
_LONGEST = 20
_USUAL = b"^~\\&"


class Marks(NamedTuple):
    """The delimiters, or None when the header makes no sense, and the issues found."""

    delimiters: Delimiters | None
    issues: tuple[Issue, ...]


def read_delimiters(field_sep: bytes, encoding: bytes, codec: str) -> Marks:
    """Return the delimiters that MSH-1 (`field_sep`) and MSH-2 (`encoding`) give (v2.8.2 section 2.5.4).

    Letters, digits, blanks, quotes and control characters are no delimiters: the header is refused. A short MSH-2
    leaves the missing ones out (`NONE`); an empty one is taken for the usual four.
    """
    return _read(field_sep, encoding[:_LONGEST], codec)


@lru_cache(maxsize=256)
def _read(field_sep: bytes, encoding: bytes, codec: str) -> Marks:
    if len(field_sep) != 1 or not _possible(field_sep):
        shown = repr(field_sep)[1:]
        text = f"MSH-1 is {shown}, which cannot separate fields"
        return Marks(None, (_issue("fatal", "MSH-1", text, "field-separator"),))
    issues: list[Issue] = []
    if not encoding:
        encoding = _USUAL.replace(field_sep, b"|")
        assumed = f"MSH-2 is empty; {encoding.decode()} is assumed"
        issues.append(_issue("warning", "MSH-2", assumed, "encoding-characters"))
    if not _possible(encoding[:1]) or len(encoding) == _LONGEST or not all(map(_possible, _blank_free(encoding))):
        text = "MSH-2 does not hold encoding characters"
        return Marks(None, (_issue("fatal", "MSH-2", text, "encoding-characters"),))
    marks = encoding.decode("ascii", "replace")
    if len(marks) not in (4, 5):
        given = f"MSH-2 has {len(marks)} characters, not 4 or 5"
        issues.append(_issue("warning", "MSH-2", given, "encoding-characters"))
    chosen = [field_sep.decode("ascii")]
    for name, mark in zip(_NAMES, marks.ljust(5)[:5], strict=True):
        if mark == " ":
            chosen.append(NONE)
        elif mark in chosen:
            issues.append(_issue("warning", "MSH-2", f"the {name} separator repeats another one", "repeated"))
            chosen.append(NONE)
        else:
            chosen.append(mark)
    if chosen[5] == NONE:
        chosen[5] = "#" if "#" not in chosen else NONE
    sep, component, repetition, escape, subcomponent, truncation = chosen
    return Marks(Delimiters(sep, component, repetition, escape, subcomponent, truncation, codec), tuple(issues))


def _blank_free(encoding: bytes) -> list[bytes]:
    """Return the encoding characters one by one; a blank leaves its delimiter out."""
    return [encoding[i : i + 1] for i in range(min(len(encoding), 5)) if encoding[i] != 0x20]


def _possible(mark: bytes) -> bool:
    return 0x20 < mark[0] < 0x7F and not mark.isalnum() and mark != b'"'


def _issue(severity: Severity, path: str, text: str, rule: str) -> Issue:
    hint = "the sender's HL7 settings name the delimiters"
    return Issue(severity, "structure", text, Where(path), hint, f"hl7v2.msh.{rule}")
