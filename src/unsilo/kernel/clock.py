"""Time as integers: microseconds since 1970 in UTC, and their FHIR `instant` form."""

from datetime import UTC, datetime, timedelta
from time import time_ns

__all__ = ["from_instant", "instant", "now"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BEGIN = _EPOCH.replace(tzinfo=None)


def now() -> int:
    """Return the present time in microseconds since 1970, UTC."""
    return time_ns() // 1000


def instant(at: int) -> str:
    """Return `at` (microseconds since 1970) as a FHIR `instant` in UTC with milliseconds."""
    return (_BEGIN + timedelta(microseconds=at)).isoformat(timespec="milliseconds") + "Z"


def from_instant(text: str) -> int:
    """Return a FHIR `instant` or full `dateTime` as microseconds since 1970; ValueError when it has no time zone."""
    when = datetime.fromisoformat(text)
    if when.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return (when - _EPOCH) // timedelta(microseconds=1)
