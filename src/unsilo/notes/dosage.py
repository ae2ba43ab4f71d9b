"""Dose, route and frequency of a medicine, as written behind its name."""

import re
from functools import cache
from typing import NamedTuple

from unsilo.notes.tables import rows, units_written
from unsilo.units import normalise

__all__ = ["Dose", "dose_after"]

_DOSE = re.compile(
    r"[\s,(:]{0,3}(?:[A-Za-z][A-Za-z.-]{0,24}[\s,(]{1,3}){0,3}?(?<![\w.])(\d{1,5}(?:,\d{3})?(?:\.\d{1,4})?)(?:\s?-\s?\d{1,5}(?:\.\d{1,4})?)?\s{0,2}-?"
    r"(mg/kg|mcg/kg|mcg/hr|mg/ml|mg/mL|mEq|meq|mcg|ug|µg|μg|mg|gm|grams?|g|mL|ml|cc|units?|IU|iu|puffs?|tabs?|tablets?"
    r"|caps?|capsules?|drops?|gtts?|sprays?|patch(?:es)?|%|U)(?![A-Za-z0-9])"
)
_TIMES = r"(?:day|daily|week|weekly|month)"
_FREQUENCY = re.compile(
    rf"\b((?:once|twice|(?:three|four|3|4) times) (?:a |per )?{_TIMES}"
    r"|every (?:other )?(?:\d{1,2} )?(?:hours?|morning|evening|night|day|week|month)"
    r"|daily|weekly|monthly|nightly|QOD|qday|q\.?d\.?|b\.?i\.?d\.?|t\.?i\.?d\.?|q\.?i\.?d\.?|qhs|qam|qpm"
    r"|q\s?\d{1,2}\s?(?:-\s?\d{1,2}\s?)?(?:h|hr|hrs|hours|d|days|wk|weeks?)"
    r"|at bedtime|in the morning|at night|MWF|with meals|prn|as needed)(?!\w)",
    re.IGNORECASE,
)
_LOOK = 90
"""Characters behind a name in which its dose may stand."""


class Dose(NamedTuple):
    """A dose as written: the number, its UCUM unit, route, how often, and where it ends in the text."""

    value: str
    unit: str
    route: str
    frequency: str
    end: int


@cache
def _routes() -> tuple[re.Pattern[str], dict[str, str]]:
    """Return a pattern of all words for routes, abbreviations in capitals only, and what they stand for."""
    said = {word: row["route"] for row in rows("routes") for word in row["words"].split(";")}
    words = "|".join(re.escape(word) for word in sorted(said, key=lambda word: -len(word)))
    return re.compile(rf"(?<!\w)({words})(?!\w)"), said


def dose_after(text: str, start: int, end: int) -> Dose:
    """Read what stands behind a medicine's name, from `start` to the next name or the sentence's end at `end`."""
    behind = text[start : min(end, start + _LOOK)]
    dose = _DOSE.match(behind)
    value = unit = ""
    last = 0
    if dose is not None:
        value = dose.group(1).replace(",", "")
        unit = units_written("dose").get(dose.group(2), "") or normalise(dose.group(2)).code
        last = dose.end()
    pattern, said = _routes()
    route = pattern.search(behind)
    times = _FREQUENCY.search(behind)
    ends = [last, route.end() if route else 0, times.end() if times else 0]
    return Dose(value, unit, said[route.group(1)] if route else "", times.group(1) if times else "", start + max(ends))
