"""Measurements in running text: the name, the number behind it, its unit, and whether such a value can be."""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

from unsilo.notes.tables import Measure, capitals, measures, units_written
from unsilo.notes.tokens import Token, tokens
from unsilo.units import normalise

__all__ = ["PAIN_SCORE", "Quantity", "quantities"]

_BEHIND = re.compile(
    r"(?:\s{0,3}(?:[:=~-]|of|was|is|at|to|level|value|today|now|currently|score|count|this morning|measured|remains"
    r"|about|around|approximately|approx|down to|up to|elevated at|high at|low at|in the|about|ranges?|from|found to be"
    r"|reading|reported|noted|been|has|\(|\)|stable|last|on admission|results?)(?![A-Za-z])){0,5}\s{0,3}"
    r"(?P<low>[<>]?\s?\d{1,3}(?:,\d{3})+|[<>]?\s?\d{1,6}(?:\.\d{1,4})?)(?:\s?[-–]\s?(?P<high>\d{1,6}(?:\.\d{1,4})?))?"
    r"(?P<over>\s?(?:/|over)\s?(?P<second>\d{1,3}))?(?![\d])"
)
_UNIT = re.compile(r"\s{0,2}([%°µμA-Za-z][A-Za-z0-9/%^*.°µμ\[\]²³]{0,15}|x\s?10\S{1,8}|/\s?[a-zA-Z]{1,5}(?:/\S{1,6})?)")
_PRESSURE = frozenset(("bp", "blood pressure", "b/p"))
_SYSTOLIC, _DIASTOLIC = "8480-6", "8462-4"
PAIN_SCORE = "38208-5"
"""LOINC code of `Pain severity - Reported`: the score stands beside the pain, not in its place."""
_LETTERS = {"T": "8310-5", "P": "8867-4", "R": "9279-1", "W": "29463-7", "H": "8302-2"}
_VITAL = frozenset(("8310-5", "8867-4", "9279-1", "8480-6", "59408-5", "29463-7", "8302-2"))
_CLOTTING = frozenset(("INR", "PTT", "aPTT"))
"""With one of these in the sentence, `PT` is a time of clotting."""
_SCORE = re.compile(
    r"(?:\s{0,2}(?:is|was|of|level|score|rated|as|at|a|:|-)){0,4}\s{0,2}(\d{1,2})\s?(?:/|out of)\s?10(?!\d)"
)


_TWO = re.compile(
    r"(?:\s{0,2}(?:[:=]|of|was|is)){0,2}\s{0,2}(\d{1,5}(?:\.\d{1,3})?)\s?/\s?(\d{1,5}(?:\.\d{1,3})?)(?![\d/])"
)


class Quantity(NamedTuple):
    """One measurement: tokens of its name, LOINC code, number and UCUM unit as written (`implied`: not written)."""

    first: int
    last: int
    code: str
    value: str
    unit: str
    implied: bool
    end: int


@cache
def _names() -> dict[str, list[tuple[tuple[str, ...], str, str]]]:
    found: dict[str, list[tuple[tuple[str, ...], str, str]]] = {}
    for code, (_, names) in measures().items():
        for name in names:
            words = tuple(token.text.lower() for token in tokens(name))
            found.setdefault(words[0], []).append((words, code, name))
    found.setdefault("pt", []).append((("pt",), "5902-2", "PT"))
    for name in _PRESSURE:
        words = tuple(token.text.lower() for token in tokens(name))
        found.setdefault(words[0], []).append((words, _SYSTOLIC, "BP"))
    for options in found.values():
        options.sort(key=lambda option: -len(option[0]))
    return found


def _named(found: Sequence[Token], at: int) -> tuple[str, int, str] | None:
    """Return (code, last token, name) of the measure whose name begins at a token."""
    for words, code, name in _names().get(found[at].text.lower(), ()):
        if at + len(words) > len(found):
            continue
        if all(found[at + n].text.lower() == word for n, word in enumerate(words)):
            token = found[at].text
            if (
                len(words) == 1
                and token.upper() in capitals()
                and not ((token[0].isupper() and len(token) < 3) or token.isupper())
            ):
                continue
            return code, at + len(words) - 1, name
    return None


def _unit(text: str, at: int, measure: Measure) -> tuple[str, int]:
    """Return the UCUM code of the unit behind a number, and where it ends; empty when none of this measure is there."""
    match = _UNIT.match(text, at)
    if match is None:
        return "", at
    written = match.group(1).rstrip(".,;:)")
    code = units_written("measure").get(written.lower())
    if code is None:
        code = normalise(written).code
    fits = code in measure.units or (code == "mmol/L" and "meq/L" in measure.units)
    return (code, match.start(1) + len(written)) if code and fits else ("", at)


def _plausible(number: str, unit: str, measure: Measure) -> bool:
    value = float(number.replace(",", "").lstrip("<> "))
    if measure.code == "8310-5":
        return 85 <= value <= 110 if unit == "[degF]" else 30 <= value <= 43 if unit == "Cel" else 30 <= value <= 110
    return measure.low <= value <= measure.high or (unit == "/uL" and value >= 100)


def quantities(text: str, found: Sequence[Token], end: int) -> Iterator[Quantity]:
    """Yield the measurements of one sentence, whose tokens these are and which ends at `end`."""
    seen: set[str] = set()
    at = 0
    while at < len(found):
        named = _named(found, at) if found[at].form else None
        if named is None:
            if found[at].text in _LETTERS and seen & _VITAL:
                yield from _letter(text, found, at, end, seen)
            elif found[at].form == "pain":
                yield from _score(text, found, at, end)
            at += 1
            continue
        code, last, name = named
        made = list(_pair(text, found, at, last, code, end)) or list(_measured(text, found, at, last, code, name, end))
        yield from made
        seen.update(one.code for one in made)
        at = max(last, made[-1].last if made else last) + 1


def _measured(
    text: str, found: Sequence[Token], first: int, last: int, code: str, name: str, end: int
) -> Iterator[Quantity]:
    match = _BEHIND.match(text, found[last].end, end)
    if match is None:
        return
    value = match.group("low").replace(" ", "")
    if name == "BP":
        if match.group("second") is None:
            return
        stop = match.end()
        measure = measures()[_SYSTOLIC][0]
        unit, unit_end = _unit(text, stop, measure)
        for each, number in ((_SYSTOLIC, value), (_DIASTOLIC, match.group("second"))):
            if _plausible(number, "mm[Hg]", measures()[each][0]):
                yield Quantity(first, last, each, number, "mm[Hg]", not unit, max(stop, unit_end))
        return
    if match.group("over") is not None:
        return
    if name == "PT" and "." not in value and not any(token.text in _CLOTTING for token in found):
        return
    measure = measures()[code][0]
    unit, stop = _unit(text, match.end(), measure)
    whole = f"{value}-{match.group('high')}" if match.group("high") else value
    if not _plausible(value, unit, measure) or (measure.alone in ("unit", "no") and not unit):
        return
    if not unit and text[match.end() : match.end() + 1] in ("/", ":"):
        return
    yield Quantity(first, last, code, whole, unit or measure.implied, not unit and bool(measure.implied), stop)


def _pair(text: str, found: Sequence[Token], first: int, last: int, code: str, end: int) -> Iterator[Quantity]:
    """Yield both of `BUN/Cr 34/2.1`."""
    if last + 2 >= len(found) or found[last + 1].text != "/":
        return
    other = _named(found, last + 2)
    match = _TWO.match(text, found[other[1]].end, end) if other is not None else None
    if other is None or match is None:
        return
    for each, value in ((code, match.group(1)), (other[0], match.group(2))):
        measure = measures()[each][0]
        if _plausible(value, "", measure):
            yield Quantity(first, other[1], each, value, measure.implied, bool(measure.implied), match.end())


def _letter(text: str, found: Sequence[Token], at: int, end: int, seen: set[str]) -> Iterator[Quantity]:
    """Yield what one capital stands for among vital signs (`T 37.1`), when the number can be that."""
    code = _LETTERS[found[at].text]
    if code not in seen:
        yield from _measured(text, found, at, at, code, "", end)


def _score(text: str, found: Sequence[Token], at: int, end: int) -> Iterator[Quantity]:
    """Yield a pain score, `pain 7/10`."""
    match = _SCORE.match(text, found[at].end, end)
    if match is not None and int(match.group(1)) <= 10:
        yield Quantity(at, at, PAIN_SCORE, match.group(1), "{score}", True, match.end())
