"""Finds the headings of a note: what stands below one is read as that kind of section."""

import re
from functools import cache
from typing import NamedTuple

from unsilo.notes.tables import Heading, headings

__all__ = ["NO_SECTION", "Section", "by_loinc", "section_named", "sections"]

NO_SECTION = Heading("", "", "", ())
_LINE = re.compile(r"[^\n]+")
_HEAD = re.compile(r"[\s*#=\-\d.)(]{0,8}([A-Za-z][A-Za-z &/\-]{0,48}?)\s{0,4}(:|-(?=\s)|=|$)[*\s]{0,4}")
_GOES_ON = re.compile(r"[ \t]|[a-z]|[-*•]|\d{1,2}[.)]")
_MARKS = re.compile(r"[*_#=\s]{0,8}")


class Section(NamedTuple):
    """A stretch of the text, from after its heading on; `inline` when its words begin on the heading's line."""

    heading: Heading
    start: int
    end: int


@cache
def _by_name() -> dict[str, Heading]:
    return {name: heading for heading in headings() for name in heading.names}


@cache
def by_loinc() -> dict[str, Heading]:
    """Return the headings by their LOINC code."""
    return {heading.loinc: heading for heading in headings() if heading.loinc}


def section_named(name: str) -> Heading:
    """Return the heading of a name, `NO_SECTION` when it is not known."""
    return _by_name().get(" ".join(name.lower().replace("-", " ").split()), None) or _by_name().get(
        " ".join(name.lower().split()), NO_SECTION
    )


def _heading(line: str) -> tuple[Heading, int, bool] | None:
    """Return (heading, where the words after it begin, whether they stand on the same line) of a heading's line."""
    match = _HEAD.match(line)
    if match is None:
        return None
    name, sign = match.group(1).strip(), match.group(2)
    known = section_named(name)
    rest = line[match.end() :].strip(" *_")
    if known is not NO_SECTION:
        # Without a colon a name is a heading only when it stands alone, or in capitals before a dash.
        if sign == ":" or not rest or (sign == "-" and name.isupper()):
            return known, match.end(), bool(rest)
        return None
    alone = not rest and (sign == ":" or (name.isupper() and len(name) > 4 and " " not in name[:3]))
    return (NO_SECTION, match.end(), False) if alone and len(name) > 2 else None


def _goes_on(text: str, end: int, start: int) -> bool:
    """Tell whether the line from `start` goes on with the one that ended at `end`: an item, or mid-sentence."""
    if text.count("\n", end, start) > 1:
        return False
    return _GOES_ON.match(text, start) is not None or text[max(0, end - 1) : end] in (",", "&", "/")


def sections(text: str, given: Heading = NO_SECTION) -> list[Section]:
    """Return the sections of a text in order, all of it but the headings; `given` is that of what stands before one.

    A heading with words on its line (`PMH: HTN, DM`) governs that line, and those that go on with it; one on a line of
    its own governs until the next heading.
    """
    found: list[Section] = []
    current, start, inline = given, 0, False
    at_end = 0
    for match in _LINE.finditer(text):
        if inline and not _goes_on(text, at_end, match.start()):
            found.append(Section(current, start, at_end))
            current, start, inline = given, at_end, False
        at_end = match.end()
        line = match.group()
        seen = _heading(line[:160])
        if seen is None:
            continue
        heading, after, same_line = seen
        if text[start : match.start()].strip():
            found.append(Section(current, start, match.start()))
        current, start, inline = heading, match.start() + after, same_line
    if start < len(text):
        found.append(Section(current, start, len(text)))
    return found
