"""FHIR dates as ranges of microseconds: a partial date is the whole day, month or year (FHIR R4 search.html#date)."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

__all__ = ["ALWAYS", "NEVER", "bounds", "range_of"]

ALWAYS: Final = 1 << 62
"""Upper bound of a period without an end."""
NEVER: Final = -(1 << 62)
"""Lower bound of a period without a start."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)


def _micros(when: datetime) -> int:
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return (when - _EPOCH) // _MICRO


@lru_cache(maxsize=4096)
def range_of(text: str) -> tuple[int, int] | None:
    """Return (from, to), half open, of a FHIR date, dateTime or instant; None when it is not one.

    Without a zone the time is taken as UTC, which FHIR allows only for dates.
    """
    try:
        if len(text) == 10:
            low = _micros(datetime.fromisoformat(text))
            return low, low + 86_400_000_000
        if len(text) == 7:
            year, month = int(text[:4]), int(text[5:])
            following = (year + 1, 1) if month == 12 else (year, month + 1)
            return _micros(datetime(year, month, 1, tzinfo=UTC)), _micros(datetime(*following, 1, tzinfo=UTC))
        if len(text) == 4:
            year = int(text)
            return _micros(datetime(year, 1, 1, tzinfo=UTC)), _micros(datetime(year + 1, 1, 1, tzinfo=UTC))
        low = _micros(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return None
    if len(text) < 19 or text[16] != ":":
        return low, low + 60_000_000
    if text[19:20] != ".":
        return low, low + 1_000_000
    digits = 0
    while text[20 + digits : 21 + digits].isdigit():
        digits += 1
    return low, low + max(1, 10 ** (6 - digits) if digits < 6 else 1)


def bounds(value: Any) -> tuple[int, int] | None:
    """Return (from, to) of a dateTime, Period or Timing element (its events); None when it says no time."""
    if isinstance(value, str):
        return range_of(value)
    if not isinstance(value, dict):
        return None
    start, end = value.get("start"), value.get("end")
    if isinstance(start, str) or isinstance(end, str):
        low = range_of(start) if isinstance(start, str) else None
        high = range_of(end) if isinstance(end, str) else None
        if low is None and high is None:
            return None
        return low[0] if low else NEVER, high[1] if high else ALWAYS
    events = value.get("event")
    found = [r for e in events if isinstance(e, str) and (r := range_of(e))] if isinstance(events, list) else []
    if found:
        return min(f[0] for f in found), max(f[1] for f in found)
    repeat = value.get("repeat")
    return bounds(repeat.get("boundsPeriod")) if isinstance(repeat, dict) else None
