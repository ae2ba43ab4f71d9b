"""DTM and TS text to FHIR dates and microseconds, remembered because messages repeat their times."""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from unsilo.formats.hl7v2 import to_fhir_date, to_fhir_datetime, to_fhir_instant, to_fhir_time, to_microseconds
from unsilo.mapping.values import Memo

__all__ = ["date_memos", "moments", "zone_of"]


def zone_of(name: str) -> ZoneInfo | None:
    """Return the IANA time zone, None when there is none of that name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def date_memos(zone: ZoneInfo) -> dict[str, Memo]:
    """The converters of date, dateTime, instant and time for a feed's zone; None for what is no such thing."""
    kinds: dict[str, Callable[[str], str | None]] = {
        "date": to_fhir_date,
        "dateTime": lambda text: to_fhir_datetime(text, zone),
        "instant": lambda text: to_fhir_instant(text, zone),
        "time": to_fhir_time,
    }
    return {kind: Memo(convert) for kind, convert in kinds.items()}


def moments(zone: ZoneInfo) -> Memo:
    """Text to microseconds since 1970 UTC, 0 when it is no date; a date alone begins at midnight in the zone."""

    def convert(text: str) -> int:
        found = to_microseconds(text, zone)
        return found[0] if found else 0

    return Memo(convert)
