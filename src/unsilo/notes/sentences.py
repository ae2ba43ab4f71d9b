"""Cuts sections into sentences and items: full stops, list signs, cells, and lines that a sender broke."""

import re
from collections.abc import Iterator

__all__ = ["LONGEST", "sentences"]

LONGEST = 1_000
"""Characters of a sentence; what has no end is cut, so that no rule reaches without bound."""
_END = re.compile(r"[.!](?=\s+[A-Z\"'(\[*0-9-]|\s*$|\s*\n)|\?(?=\s+[A-Z])|[\n\t;\u2022\u25cf]|\s[-*]\s(?=[A-Z])")
_SHORT = frozenset(
    "dr mr mrs ms st vs dx hx rx tx approx no pt pts wt ht fig sec jr sr prof e.g i.e etc inc dept ext max min".split()
)
_GOES_ON = re.compile(r"\n[ \t]*(?=[a-z(])")
_OPEN = re.compile(
    r"(?:,|\b(?:and|or|of|with|the|to|for|on|in|no|not|any|a|an|at|by|from|denies|history))\s*$", re.IGNORECASE
)
_ITEM = re.compile(r"\n[ \t]*(?:[-*•]|\d{1,2}[.)])[ \t]")
_WORD = re.compile(r"[A-Za-z.]+$")


def _broken(text: str, place: int, start: int) -> bool:
    """Tell whether the line end at `place` was only put in by a sender: the sentence goes on in the next line."""
    if text[place - 1 : place] in ".:;!?":
        return False
    if _ITEM.match(text, place):
        return False
    return _GOES_ON.match(text, place) is not None or _OPEN.search(text[max(start, place - 12) : place]) is not None


def _short(text: str, place: int, start: int) -> bool:
    """Tell whether the full stop at `place` belongs to an abbreviation, an initial or the number of a list item."""
    before = text[max(start, place - 12) : place]
    word = _WORD.search(before)
    if word is not None:
        return word.group().lower() in _SHORT or (len(word.group()) == 1 and word.group().isupper() and len(before) > 1)
    return before.strip().isdigit() and len(before.strip()) < 3


def sentences(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of each sentence of `text[start:end]`, without outer white space."""
    begin = start
    for match in _END.finditer(text, start, end):
        place = match.start()
        sign = text[place]
        if place < begin:
            continue
        if (sign == "\n" and _broken(text, place, begin)) or (sign == "." and _short(text, place, begin)):
            continue
        yield from _cut(text, begin, place)
        begin = match.end()
    yield from _cut(text, begin, end)


def _cut(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    while end - start > LONGEST:
        middle = text.rfind(" ", start + LONGEST // 2, start + LONGEST)
        middle = middle if middle > 0 else start + LONGEST
        yield start, middle
        start = middle
    if end > start:
        yield start, end
