"""DTM and TS text to FHIR dates and microseconds, remembered because messages repeat their times."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from unsilo.formats.hl7v2 import (
    MOST_OFFSET,
    to_fhir_date,
    to_fhir_datetime,
    to_fhir_instant,
    to_fhir_time,
    to_microseconds,
)
from unsilo.mapping.values import Memo

__all__ = ["date_memos", "moments", "name_of", "zone_of"]

_OFFSET = re.compile(r"([+-])(\d\d):([0-5]\d)", re.ASCII)


def name_of(offset: timedelta) -> str:
    """The name of a fixed offset, as `-06:00`."""
    minutes = abs(offset) // timedelta(minutes=1)
    return f"{'-' if offset < timedelta() else '+'}{minutes // 60:02d}:{minutes % 60:02d}"


def zone_of(name: str) -> tzinfo | None:
    """Return the IANA time zone, or the fixed offset of a name as `-06:00`; None when there is none of that name."""
    fixed = _OFFSET.fullmatch(name)
    if fixed:
        offset = timedelta(hours=int(fixed[2]), minutes=int(fixed[3]))
        return timezone(-offset if fixed[1] == "-" else offset) if offset <= MOST_OFFSET else None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def date_memos(zone: tzinfo) -> dict[str, Memo]:
    """The converters of date, dateTime, instant and time for a feed's zone; None for what is no such thing."""
    kinds: dict[str, Callable[[str], str | None]] = {
        "date": to_fhir_date,
        "dateTime": lambda text: to_fhir_datetime(text, zone),
        "instant": lambda text: to_fhir_instant(text, zone),
        "time": to_fhir_time,
    }
    return {kind: Memo(convert) for kind, convert in kinds.items()}


def moments(zone: tzinfo) -> Memo:
    """Text to microseconds since 1970 UTC, 0 when it is no date; a date alone begins at midnight in the zone."""

    def convert(text: str) -> int:
        found = to_microseconds(text, zone)
        return found[0] if found else 0

    return Memo(convert)
