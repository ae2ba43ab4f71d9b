"""Dates, dateTimes and times with their precision: three-valued comparison (FHIRPath N1, 6.1.1, 6.2, 4.1.5-4.1.7)."""

import re
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

__all__ = [
    "Date",
    "DateTime",
    "Moment",
    "Time",
    "compare",
    "date",
    "datetime_",
    "equal",
    "literal",
    "moment_of",
    "time",
]

_DATE: Final = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?")
_TIME: Final = re.compile(r"([0-9]{2})(?::([0-9]{2})(?::([0-9]{2}(?:\.[0-9]{1,9})?)[0-9]*)?)?")
_ZONE: Final = re.compile(r"(Z|[+-][0-9]{2}:[0-9]{2})\Z")

DAYS: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)

_EARLIEST: Final = timedelta(hours=14)
_LATEST: Final = timedelta(hours=-12)


def days_of(year: int, month: int) -> int:
    """Return how many days a month has (Gregorian)."""
    leap = month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return 29 if leap else DAYS[month - 1]


class Moment:
    """A point in time as far as it is said.

    `parts`: numbers from the greatest unit down, as many as are known: year, month, day, hour, minute, second (a
    Decimal with the digits as written) for Date and DateTime; hour, minute, second for Time. `zone`: offset from UTC in
    minutes, None when none is said. Two are `==` when they are surely the same (6.1.1 gives true).
    """

    __slots__ = ("_key", "parts", "zone")

    def __init__(self, parts: tuple[Any, ...], zone: int | None = None) -> None:
        self.parts = parts
        self.zone = zone
        self._key: tuple[Any, ...] | None = None

    @property
    def key(self) -> tuple[Any, ...]:
        """What two have alike when they are the same: parts in UTC, and whether a zone is known."""
        if self._key is None:
            self._key = (utc(self), self.zone is not None, isinstance(self, Time))
        return self._key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Moment) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self})"


class Date(Moment):
    """A System.Date: year, month and day as far as known."""

    __slots__ = ()

    def __str__(self) -> str:
        return _date_text(self.parts)


class DateTime(Moment):
    """A System.DateTime."""

    __slots__ = ()

    def __str__(self) -> str:
        if len(self.parts) < 4:
            return _date_text(self.parts)
        return f"{_date_text(self.parts[:3])}T{_time_text(self.parts[3:])}{_zone_text(self.zone)}"


class Time(Moment):
    """A System.Time: a time of day, without a zone."""

    __slots__ = ()

    def __str__(self) -> str:
        return _time_text(self.parts)


def _date_text(parts: tuple[Any, ...]) -> str:
    return "-".join((f"{parts[0]:04d}", *(f"{part:02d}" for part in parts[1:3])))


def _time_text(parts: tuple[Any, ...]) -> str:
    text = ":".join(f"{part:02d}" for part in parts[:2])
    if len(parts) > 2:
        second = f"{parts[2]:f}"
        text += ":" + (second if second.find(".") == 2 or len(second) == 2 else "0" + second)
    return text


def _zone_text(zone: int | None) -> str:
    if zone is None:
        return ""
    if zone == 0:
        return "Z"
    return f"{'-' if zone < 0 else '+'}{abs(zone) // 60:02d}:{abs(zone) % 60:02d}"


def _date_parts(text: str) -> tuple[int, ...] | None:
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    parts = tuple(int(part) for part in found.groups() if part)
    if parts[0] < 1 or (len(parts) > 1 and not 1 <= parts[1] <= 12):
        return None
    if len(parts) > 2 and not 1 <= parts[2] <= days_of(parts[0], parts[1]):
        return None
    return parts


def _time_parts(text: str) -> tuple[Any, ...] | None:
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    hour, minute, second = found.groups()
    if int(hour) > 23 or int(minute or 0) > 59 or (second and int(second[:2]) > 59):
        return None
    if second:
        return int(hour), int(minute), Decimal(second)
    return (int(hour), int(minute)) if minute else (int(hour),)


@lru_cache(maxsize=4096)
def date(text: str) -> Date | None:
    """Read YYYY, YYYY-MM or YYYY-MM-DD; None when there is no such date."""
    parts = _date_parts(text)
    return Date(parts) if parts else None


@lru_cache(maxsize=4096)
def time(text: str) -> Time | None:
    """Read hh, hh:mm, hh:mm:ss or hh:mm:ss.fff; None when there is no such time."""
    parts = _time_parts(text)
    return Time(parts) if parts else None


@lru_cache(maxsize=4096)
def datetime_(text: str) -> DateTime | None:
    """Read a dateTime of any precision, with or without a zone; None when there is no such moment."""
    day, tee, rest = text.partition("T")
    parts = _date_parts(day)
    if parts is None:
        return None
    zone = None
    found = _ZONE.search(rest)
    if found:
        rest = rest[: found.start()]
        zone = _minutes(found[1])
        if zone is None or not rest:
            return None
    if not rest:
        return DateTime(parts)
    clock = _time_parts(rest)
    if clock is None or len(parts) < 3 or not tee:
        return None
    return DateTime((*parts, *clock), zone)


def _minutes(text: str) -> int | None:
    if text == "Z":
        return 0
    hours, minutes = int(text[1:3]), int(text[4:6])
    if hours > 14 or minutes > 59:
        return None
    return (-1 if text[0] == "-" else 1) * (hours * 60 + minutes)


def literal(text: str) -> Moment | None:
    """Read what follows `@` in an expression: `T..` is a Time, a `T` inside or at the end makes a DateTime."""
    if text.startswith("T"):
        return time(text[1:])
    return datetime_(text) if "T" in text else date(text)


def moment_of(when: datetime) -> DateTime:
    """Return a DateTime with milliseconds from Python's."""
    offset = when.utcoffset()
    zone = None if offset is None else int(offset.total_seconds()) // 60
    second = Decimal(when.second) + Decimal(when.microsecond // 1000).scaleb(-3)
    parts = (when.year, when.month, when.day, when.hour, when.minute, second.quantize(Decimal("0.001")))
    return DateTime(parts, zone)


def utc(moment: Moment) -> tuple[Any, ...]:
    """Return the parts as they are in UTC; as they are when no zone is said."""
    parts = moment.parts
    if not moment.zone or len(parts) < 4:
        return parts
    year, month, day, hour, *rest = parts
    minute = rest[0] if rest else 0
    try:
        at = datetime(year, month, day, hour, minute) - timedelta(minutes=moment.zone)  # noqa: DTZ001
    except OverflowError:
        return parts
    return (at.year, at.month, at.day, at.hour, at.minute, *parts[5:])[: len(parts)]


def _span(moment: Moment) -> tuple[datetime, datetime]:
    """Return the earliest and the latest moment (in UTC) that may be meant; without a zone, any zone may be."""
    parts = utc(moment)
    second = int(parts[5]) if len(parts) > 5 else 0
    low = datetime(*(*parts[:5], *(1, 1, 1, 0, 0)[len(parts[:5]) :]), second)  # type: ignore[call-arg]  # noqa: DTZ001
    last = (12, days_of(parts[0], parts[1]) if len(parts) > 1 else 31, 23, 59)
    filled = (*parts[:5], *last[len(parts[:5]) - 1 :]) if len(parts) < 5 else parts[:5]
    high = datetime(*filled, second if len(parts) > 5 else 59)  # type: ignore[call-arg]  # noqa: DTZ001
    if moment.zone is None:
        try:
            return low - _EARLIEST, high - _LATEST
        except OverflowError:
            return low, high
    return low, high


def compare(left: Moment, right: Moment) -> int | None:
    """Return -1, 0 or 1; None when the precisions or the zones leave it open. TypeError: a time and a date."""
    if isinstance(left, Time) is not isinstance(right, Time):
        raise TypeError("a time of day and a date are not ordered")
    ours, theirs = left.parts, right.parts
    if (left.zone is None) is not (right.zone is None):
        (low, high), (start, end) = _span(left), _span(right)
        return -1 if high < start else 1 if low > end else None
    if left.zone is not None and left.zone != right.zone:
        ours, theirs = utc(left), utc(right)
    for one, other in zip(ours, theirs, strict=False):
        if one != other:
            return -1 if one < other else 1
    return 0 if len(ours) == len(theirs) else None


def equal(left: Moment, right: Moment) -> bool | None:
    """Say whether two are the same; None when that is open; a time is never a date."""
    if isinstance(left, Time) is not isinstance(right, Time):
        return False
    order = compare(left, right)
    return None if order is None else order == 0
