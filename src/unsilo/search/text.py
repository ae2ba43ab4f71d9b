"""The text of search values: cut at separators, and freed of the backslashes that guard them (FHIR R4 search.html)."""

import re

__all__ = ["pieces", "plain", "unusable"]

_BAD = re.compile("[\x00\ud800-\udfff]")


def pieces(text: str, at: str) -> list[str]:
    """Split at a separator that no backslash escapes; escapes stay for `plain`."""
    if "\\" not in text:
        return text.split(at)
    parts, start, place = [], 0, 0
    while place < len(text):
        if text[place] == "\\":
            place += 2
            continue
        if text[place] == at:
            parts.append(text[start:place])
            start = place + 1
        place += 1
    parts.append(text[start:])
    return parts


def plain(text: str) -> str:
    r"""Take the backslash from `\,`, `\|`, `\$` and `\\`; any other stays."""
    if "\\" not in text:
        return text
    made, place = [], 0
    while place < len(text):
        if text[place] == "\\" and place + 1 < len(text) and text[place + 1] in "\\,|$":
            place += 1
        made.append(text[place])
        place += 1
    return "".join(made)


def unusable(text: str) -> bool:
    """Tell whether a text holds what no value of FHIR can hold: NUL, or half of a surrogate pair."""
    return not (text.isascii() and "\0" not in text) and _BAD.search(text) is not None
