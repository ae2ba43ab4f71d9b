"""HL7 dates and times (DT, TM, TS, DTM; v2.8.2 sections 2.A.21-22, 2.A.75) to FHIR strings and microseconds."""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Literal, NamedTuple

__all__ = [
    "Moment", "Precision", "read", "to_fhir_date", "to_fhir_datetime", "to_fhir_instant", "to_fhir_time",
    "to_microseconds",
]  # fmt: skip

Precision = Literal["year", "month", "day", "hour", "minute", "second", "fraction"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LONGEST = 40
_FORM = re.compile(
    r"(\d{4})(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:\.(\d{1,9}))?)?)?)?)?)?([+-]\d{4})?", re.ASCII
)
# What ISO-minded senders write; an HL7 value never has a hyphen after the year or a colon.
_ISO = re.compile(
    r"(\d{4})-(\d\d)(?:-(\d\d)(?:[T ](\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?)?)?(Z|[+-]\d\d:?\d\d)?", re.ASCII
)
# The standard's date with its time apart.
_APART = re.compile(r"(\d{4})(\d\d)(\d\d)[T ](\d\d):?(\d\d)(?::?(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:?\d\d)?", re.ASCII)
_SPELT = re.compile(
    r"(?:(\d{4})/(\d\d?)/(\d\d?)|(\d\d?)([/.])(\d\d?)\5(\d{4}))(?:[T ](\d\d):(\d\d)(?::(\d\d))?)?", re.ASCII
)
_TIME = re.compile(r"(\d\d)(?::?(\d\d)(?::?(\d\d)(?:\.(\d{1,9}))?)?)?(?:[+-]\d{4})?", re.ASCII)


class Moment(NamedTuple):
    """What a date/time value says: the start of the time it names (aware), and how exact it is.

    `digits` are the digits of the second's fraction as sent; `zoned` tells whether the value itself gave the zone.
    """

    start: datetime
    precision: Precision
    digits: str
    zoned: bool


def read(value: str, zone: tzinfo = UTC) -> Moment | None:
    """Read an HL7 date/time; None when it is empty, malformed or impossible (the caller raises the Issue).

    A time without a zone is in `zone`; in the doubled hour of autumn it is the first of the two. Hour 24 is midnight
    at the end of the day, only as 24, 2400 or 240000. `19610000` and `19610600` say a year and a month. The ISO 8601
    form with hyphens and colons is taken too, a date with its time apart (`20260108 1130`), and dates that are spelt
    and can be read in one way only: `2026/01/08`, `08.01.2026` (a day before points), `2/14/1961`, but not `2/4/1961`.
    """
    return _read(value.strip(), zone) if len(value) <= _LONGEST else None


@lru_cache(maxsize=1024)  # a message repeats its few times over and over
def _read(value: str, zone: tzinfo) -> Moment | None:
    match = _FORM.fullmatch(value) or _ISO.fullmatch(value) or _APART.fullmatch(value)
    parts = match.groups() if match is not None else _spelt(value)
    if parts is None:
        return None
    year, month, day, hour, minute, second, digits, offset = parts
    if month == "00" or day == "00":
        if hour or (month == "00" and day not in (None, "00")):
            return None
        month, day = (None, None) if month == "00" else (month, None)
    precision: Precision = "year"
    for part, name in ((month, "month"), (day, "day"), (hour, "hour"), (minute, "minute"), (second, "second")):
        if part is None:
            break
        precision = name  # type: ignore[assignment]
    end_of_day = hour == "24"
    if end_of_day and (int(minute or 0) or int(second or 0) or int(digits or 0)):
        return None
    micros = int((digits or "0").ljust(6, "0")[:6])
    try:
        start = datetime(
            int(year or 0), int(month or 1), int(day or 1), 0 if end_of_day else int(hour or 0), int(minute or 0),
            int(second or 0), micros, _offset(offset) if offset else zone,
        )  # fmt: skip
        if end_of_day:
            start += timedelta(days=1)
        start.utcoffset()
    except (ValueError, OverflowError):
        return None
    return Moment(start, "fraction" if digits else precision, digits or "", bool(offset))


def _spelt(value: str) -> tuple[str | None, ...] | None:
    """The parts of a date with strokes or points; None for one that may be read in two ways."""
    match = _SPELT.fullmatch(value)
    if match is None:
        return None
    year, month, day, first, mark, second, last, *time = match.groups()
    if last is not None:
        year, day, month = last, first, second
        if mark == "/" and first != second:
            if int(first) <= 12 and int(second) <= 12:
                return None
            if int(second) > 12:
                day, month = second, first
    return year, month.zfill(2), day.zfill(2), *time, None, None


def _offset(text: str) -> tzinfo:
    if text == "Z":
        return UTC
    digits = text[1:].replace(":", "")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if minutes > 59 or hours * 60 + minutes > 14 * 60:  # FHIR and the time zones of the world end at 14:00
        raise ValueError("no such offset")
    delta = timedelta(hours=hours, minutes=minutes)
    return timezone(-delta if text[0] == "-" else delta)


def _date(moment: Moment) -> str:
    start = moment.start
    if moment.precision == "year":
        return f"{start.year:04d}"
    if moment.precision == "month":
        return f"{start.year:04d}-{start.month:02d}"
    return f"{start.year:04d}-{start.month:02d}-{start.day:02d}"


def _zone(start: datetime) -> str:
    # Before about 1900 zones have odd seconds; FHIR's offset has none.
    minutes = round((start.utcoffset() or timedelta()).total_seconds() / 60)
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def to_fhir_date(value: str) -> str | None:
    """Return a FHIR `date` of the value's date part, as exact as it is; None as in `read`."""
    moment = read(value)
    return _date(moment) if moment else None


def to_fhir_datetime(value: str, zone: tzinfo = UTC) -> str | None:
    """Return a FHIR `dateTime` as exact as the value; None as in `read`.

    FHIR has no hour without minutes, so a value that ends at the hour gives its day. Seconds that were not sent are
    zero-filled, which FHIR R4 allows for schema reasons only; `read(...).precision` tells.
    """
    moment = read(value, zone)
    if moment is None:
        return None
    if moment.precision in ("year", "month", "day"):
        return _date(moment)
    if moment.precision == "hour":
        return f"{moment.start:%Y-%m-%d}" if moment.start.year > 999 else None
    return _full(moment)


def to_fhir_instant(value: str, zone: tzinfo = UTC) -> str | None:
    """Return a FHIR `instant`; None as in `read`, and for a value that does not reach the minute."""
    moment = read(value, zone)
    if moment is None or moment.precision in ("year", "month", "day", "hour"):
        return None
    return _full(moment)


def _full(moment: Moment) -> str:
    start = moment.start
    fraction = f".{moment.digits}" if moment.digits else ""
    clock = f"{start.hour:02d}:{start.minute:02d}:{start.second:02d}{fraction}"
    return f"{start.year:04d}-{start.month:02d}-{start.day:02d}T{clock}{_zone(start)}"


def to_fhir_time(value: str) -> str | None:
    """Return a FHIR `time` (hh:mm:ss) of a TM value, whose zone FHIR cannot hold; None for hours alone or nonsense."""
    match = _TIME.fullmatch(value.strip())
    if match is None or match[2] is None:
        return None
    hour, minute, second, digits = match.groups()
    if int(hour) > 23 or int(minute) > 59 or int(second or 0) > 59:
        return None
    return f"{hour}:{minute}:{second or '00'}" + (f".{digits}" if digits else "")


def to_microseconds(value: str, zone: tzinfo = UTC) -> tuple[int, Precision] | None:
    """Return the start of what the value names, in microseconds since 1970 UTC, and its precision; None as in `read`.

    A date alone begins at midnight in `zone`.
    """
    moment = read(value, zone)
    if moment is None:
        return None
    return (moment.start - _EPOCH) // _MICROSECOND, moment.precision
