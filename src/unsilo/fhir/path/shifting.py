"""A date or time moved by an amount of time (FHIRPath N1, 6.7)."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from unsilo.fhir.path.context import Site
from unsilo.fhir.path.quantity import CALENDAR, Quantity
from unsilo.fhir.path.temporal import Date, DateTime, Moment, Time, days_of

__all__ = ["shift"]

_RANK: Final = {"year": 1, "month": 2, "week": 3, "day": 3, "hour": 4, "minute": 5, "second": 6, "millisecond": 6}
"""How many parts a dateTime has that says the unit."""
_FROM_UCUM: Final = {"wk": "week", "d": "day", "h": "hour", "min": "minute", "s": "second", "ms": "millisecond"}
_SECONDS: Final = {"week": 604_800, "day": 86_400, "hour": 3_600, "minute": 60, "second": 1}
_UP: Final = {"second": ("minute", 60), "minute": ("hour", 60), "hour": ("day", 24), "day": ("month", 30),
              "month": ("year", 12)}  # fmt: skip


def _unit(amount: Quantity, site: Site) -> str:
    """Return the calendar word of a duration; a UCUM month or year is no calendar month or year (6.7.1)."""
    if amount.calendar or amount.word:
        return amount.word
    unit = _FROM_UCUM.get(amount.unit) or CALENDAR.get(amount.unit)
    if unit is None:
        site.fail("a date is moved by calendar durations, or by UCUM wk, d, h, min, s, ms")
    return unit


def _whole(value: Decimal) -> int:
    if abs(value) > 10**15:
        return 10**15 if value > 0 else -(10**15)
    return int(value)


def _coarser(value: Decimal, unit: str, parts: int) -> tuple[Decimal, str]:
    """Say an amount in the finest unit that the date has, without the rest (6.7.1: 30 days a month, 365 a year)."""
    if unit == "week":
        value, unit = value * 7, "day"
    if unit == "millisecond":
        value, unit = value / 1000, "second"
    while _RANK[unit] > parts:
        if unit == "day" and parts == 1:
            return value / 365, "year"
        unit, size = _UP[unit]
        value = value / size
    return value, unit


def _months(parts: tuple[Any, ...], months: int) -> tuple[Any, ...] | None:
    """Move by months; the last day of the month stands for one that the month does not have."""
    total = parts[0] * 12 + (parts[1] if len(parts) > 1 else 1) - 1 + months
    year, month = total // 12, total % 12 + 1
    if not 1 <= year <= 9999:
        return None
    if len(parts) == 1:
        return (year,)
    if len(parts) == 2:
        return year, month
    return (year, month, min(parts[2], days_of(year, month)), *parts[3:])


def shift(moment: Moment, amount: Quantity, sign: int, site: Site) -> Moment | None:
    """Add an amount of time (sign 1) or take it away (-1); None when the calendar ends before."""
    unit = _unit(amount, site)
    value = amount.value * sign
    if isinstance(moment, Time):
        if unit in ("year", "month", "week", "day"):
            site.fail("a time of day is moved by hours, minutes, seconds or milliseconds")
        return _time(moment, value, unit)
    parts = moment.parts
    if unit not in ("second", "millisecond"):
        value = Decimal(_whole(value))
    if _RANK[unit] > len(parts):
        value, unit = _coarser(value, unit, len(parts))
        value = Decimal(_whole(value))
    if unit in ("year", "month"):
        moved = _months(parts, _whole(value) * (12 if unit == "year" else 1))
    else:
        moved = _seconds(parts, value, unit)
    if moved is None:
        return None
    return Date(moved) if isinstance(moment, Date) else DateTime(moved, moment.zone)


def _seconds(parts: tuple[Any, ...], value: Decimal, unit: str) -> tuple[Any, ...] | None:
    """Move by a length of time; the second keeps its digits, and gets as many as the amount needs."""
    seconds = value / 1000 if unit == "millisecond" else value * _SECONDS[unit]
    second = parts[5] if len(parts) > 5 else Decimal(0)
    total = second + seconds
    whole = total // 1 if total >= 0 else -((-total) // 1) - (1 if total % 1 else 0)
    rest = total - whole
    try:
        start = datetime(*parts[:3], *(*parts[3:5], 0, 0)[:2])  # noqa: DTZ001
        end = start + timedelta(seconds=_whole(whole))
    except OverflowError:
        return None
    said = (end.year, end.month, end.day, end.hour, end.minute, end.second + rest)
    return said[: len(parts)]


def _time(moment: Time, value: Decimal, unit: str) -> Time:
    parts = moment.parts
    if unit not in ("second", "millisecond"):
        value = Decimal(_whole(value))
    # A time has the parts that a dateTime has from the fourth on; the clock goes round.
    if _RANK[unit] > len(parts) + 3:
        value, unit = _coarser(value, unit, len(parts) + 3)
        value = Decimal(_whole(value))
    seconds = value / 1000 if unit == "millisecond" else value * _SECONDS[unit]
    now = parts[0] * 3600 + (parts[1] * 60 if len(parts) > 1 else 0) + (parts[2] if len(parts) > 2 else 0)
    total = (now + seconds) % 86_400
    if total < 0:
        total += 86_400
    rest = total % 60
    clock = (int(total // 3600), int(total // 60) % 60, rest)
    return Time(clock[: len(parts)])
