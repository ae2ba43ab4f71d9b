"""FHIR dates as ranges of microseconds: a partial date is the whole day, month or year (FHIR R4 search.html#date)."""

import re
from datetime import date
from functools import lru_cache
from typing import Any, Final

__all__ = ["ALWAYS", "NEVER", "bounds", "period", "range_of", "timing"]

ALWAYS: Final = 1 << 62
"""Upper bound of a period without an end."""
NEVER: Final = -(1 << 62)
"""Lower bound of a period without a start."""

_DAY: Final = 86_400_000_000
_EPOCH: Final = date(1970, 1, 1).toordinal()
_LONGEST: Final = 64
_DATE: Final = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(?:Z|([+-])(\d\d):(\d\d))?)?)?)?", re.ASCII
)


@lru_cache(maxsize=16_384)
def _midnight(day: str) -> int | None:
    """Return the beginning of a day, `YYYY-MM-DD`; None when the calendar has no such day."""
    try:
        return (date(int(day[:4]), int(day[5:7]), int(day[8:])).toordinal() - _EPOCH) * _DAY
    except ValueError:
        return None


def _long(year: int, month: int | None) -> tuple[int, int] | None:
    """Return the range of a year or month."""
    try:
        low = date(year, month or 1, 1).toordinal()
        # The year after 9999 has no date, so the length of the last month is reckoned instead.
        last = date(year, month or 12, 1)
    except ValueError:
        return None
    days = 31 if last.month == 12 else (last.replace(month=last.month + 1) - last).days
    return (low - _EPOCH) * _DAY, (last.toordinal() - _EPOCH + days) * _DAY


@lru_cache(maxsize=16_384)
def _range_of(text: str) -> tuple[int, int] | None:
    said = _DATE.fullmatch(text)
    if said is None:
        return None
    year, month, day, hour, minute, second, fraction, sign, ahead, minutes = said.groups()
    if day is None:
        return _long(int(year), int(month) if month else None)
    low = _midnight(text[:10])
    if low is None:
        return None
    if hour is None:
        return low, low + _DAY
    # FHIR allows the second 60 for leap seconds; it is the first moment of the next minute.
    if hour > "23" or minute > "59" or (second is not None and second > "60"):
        return None
    low += (int(hour) * 60 + int(minute)) * 60_000_000
    if sign:
        if ahead > "14" or minutes > "59":
            return None
        offset = (int(ahead) * 60 + int(minutes)) * 60_000_000
        low += -offset if sign == "+" else offset
    if second is None:
        return low, low + 60_000_000
    low += int(second) * 1_000_000
    if fraction is None:
        return low, low + 1_000_000
    low += int(fraction[:6].ljust(6, "0"))
    return low, low + 10 ** max(6 - len(fraction), 0)


def range_of(text: str) -> tuple[int, int] | None:
    """Return (from, to), half open, of a FHIR date, dateTime or instant; None when it is not one.

    Without a zone the time is taken as UTC, which FHIR allows only for dates. A time may end at the minute, as searches
    write it.
    """
    return _range_of(text) if len(text) <= _LONGEST else None


def period(value: dict[str, Any]) -> tuple[int, int] | None:
    """Return (from, to) of a Period, open where an end is not said; None when neither is."""
    start, end = value.get("start"), value.get("end")
    low = range_of(start) if type(start) is str else None
    high = range_of(end) if type(end) is str else None
    if low is None and high is None:
        return None
    return low[0] if low else NEVER, high[1] if high else ALWAYS


def timing(value: dict[str, Any]) -> tuple[int, int] | None:
    """Return (from, to) of a Timing: the outer limits of its events and its `repeat.boundsPeriod`.

    What is scheduled between them does not matter (FHIR R4 search.html#date).
    """
    events, repeat = value.get("event"), value.get("repeat")
    found = [r for e in events if type(e) is str and (r := range_of(e))] if type(events) is list else []
    limits = repeat.get("boundsPeriod") if type(repeat) is dict else None
    if type(limits) is dict and (whole := period(limits)) is not None:
        found.append(whole)
    return (min(low for low, _ in found), max(high for _, high in found)) if found else None


def bounds(value: Any) -> tuple[int, int] | None:
    """Return (from, to) of a dateTime, Period or Timing element; None when it says no time."""
    if type(value) is str:
        return range_of(value)
    return (period(value) or timing(value)) if type(value) is dict else None
