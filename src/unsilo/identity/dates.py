"""Birth dates as people type them: `YYYYMMDD`, partial ones with zeros, fillers and impossible years empty."""

import re
from functools import lru_cache

from unsilo.identity.tables import is_placeholder_date

__all__ = ["birth", "swapped"]

_YEAR_FIRST = re.compile(r"([0-9]{4})(?:[-/. ]?([0-9]{1,2})(?:[-/. ]?([0-9]{1,2}))?)?(?:[t ][0-9:.z+-]*)?")
_YEAR_LAST = re.compile(r"([0-9]{1,2})([-/. ])([0-9]{1,2})[-/. ]([0-9]{4}|[0-9]{2})(?: [0-9:]*)?")
_NAMED = re.compile(
    r"([0-9]{1,2})[- ./]([a-z]{3})[a-z]*[- ./,]+([0-9]{4})|([a-z]{3})[a-z]*\.? ([0-9]{1,2}),? ([0-9]{4})"
)
_MONTHS = {
    m: n for n, m in enumerate(("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1)
}
_FIRST, _LAST = 1850, 2100
_PIVOT = 30  # a year of two digits above it is of the last century


@lru_cache(65536)
def birth(text: str) -> str:
    """Return `YYYYMMDD` with `00` for what is unknown; a day that no calendar has is kept, for it may be swapped.

    ISO and compact dates, month first with slashes (day first when the month cannot be), day first with dots, month
    names in English. Empty for fillers (`placeholder_dates.csv`), years outside 1850 to 2100 and anything else.
    """
    text = text.strip().lower()[:40]
    found = _YEAR_FIRST.fullmatch(text)
    if found:
        return _made(int(found[1]), int(found[2] or 0), int(found[3] or 0))
    found = _YEAR_LAST.fullmatch(text)
    if found:
        one, other, year = int(found[1]), int(found[3]), int(found[4])
        if year < 100:
            year += 1900 if year > _PIVOT else 2000
        day_first = (found[2] == "." and other <= 12) or one > 12
        return _made(year, other, one) if day_first else _made(year, one, other)
    found = _NAMED.fullmatch(text)
    if found:
        day, name, full = (found[1], found[2], found[3]) if found[1] else (found[5], found[4], found[6])
        return _made(int(full), _MONTHS[name], int(day)) if name in _MONTHS else ""
    return ""


def _made(year: int, month: int, day: int) -> str:
    if not _FIRST <= year <= _LAST or is_placeholder_date(f"{year:04}-{month:02}-{day:02}"):
        return ""
    return f"{year:04}{month:02}{day:02}"


def swapped(date: str) -> str:
    """Return the date with day and month exchanged."""
    return date[:4] + date[6:] + date[4:6]
