"""Clinical values as a person reads them: FAMILY, Given; DD-MMM-YYYY; value with its unit; codes as words."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from unsilo.fhir import present
from unsilo.fhir.fold import fold
from unsilo.kernel import Json

__all__ = [
    "NO_TIME",
    "When",
    "address",
    "age",
    "code_keys",
    "codeable",
    "fold",
    "human_name",
    "joined",
    "number",
    "offset_of",
    "quantity",
    "ratio",
    "say_when",
    "since",
    "when",
]

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY = 86_400_000_000
_LONGEST = 40


class When(NamedTuple):
    """A moment as stated: `at` is µs since 1970 UTC of its start, 0 when there is none.

    `precision` is `year`, `month`, `day`, `minute` or empty when there is no time at all.
    """

    at: int
    precision: str


NO_TIME = When(0, "")


def when(text: object) -> When:
    """Read a FHIR `date`, `dateTime` or `instant` (R4 2.24.0.1); NO_TIME for anything else. Partial dates keep it."""
    if not isinstance(text, str):
        return NO_TIME
    return _remembered(text) if len(text) <= _LONGEST else _read(text)


def _read(text: str) -> When:
    size = len(text)
    try:
        if size > 10:
            moment = datetime.fromisoformat(text)
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=UTC)
            return When((moment - _EPOCH) // timedelta(microseconds=1), "minute")
        if size == 10:
            return When((date.fromisoformat(text).toordinal() - 719163) * _DAY, "day")
        if size == 7:
            return When((date(int(text[:4]), int(text[5:]), 1).toordinal() - 719163) * _DAY, "month")
        if size == 4:
            return When((date(int(text), 1, 1).toordinal() - 719163) * _DAY, "year")
    except (ValueError, OverflowError):
        return NO_TIME
    return NO_TIME


_remembered = lru_cache(maxsize=16_384)(_read)
"""What is read of a record again and again are the same days."""


def say_when(moment: When, zone: tzinfo = UTC) -> str:
    """Return `03-Nov-2026 09:14`, `03-Nov-2026`, `Nov-2026` or `2026`, as precise as stated; empty for NO_TIME.

    Only a time of day is moved to `zone`; a plain date is a date everywhere.
    """
    if not moment.precision:
        return ""
    try:
        stamp = _EPOCH + timedelta(microseconds=moment.at)
        if moment.precision == "minute":
            stamp = stamp.astimezone(zone)
    except OverflowError:
        return ""
    if moment.precision == "year":
        return f"{stamp.year:04d}"
    month = f"{_MONTHS[stamp.month - 1]}-{stamp.year:04d}"
    if moment.precision == "month":
        return month
    if moment.precision == "day":
        return f"{stamp.day:02d}-{month}"
    return f"{stamp.day:02d}-{month} {stamp.hour:02d}:{stamp.minute:02d}"


def since(at: int, now: int) -> str:
    """Return how long ago `at` was at `now` (µs), in one plain unit: `5 min ago`, `2 h ago`, `3 days ago`."""
    seconds = max(0, now - at) // 1_000_000
    for unit, one, many in ((86_400, "day", "days"), (3_600, "h", "h"), (60, "min", "min")):
        if seconds >= unit:
            count = seconds // unit
            return f"{count} {one if count == 1 else many} ago"
    return "just now"


def age(born: When, at: int) -> str:
    """Return the age at `at` (µs) as `81 y`, `14 months` below two years, `9 days` below a month; empty if unknown."""
    if born.precision in ("", "year", "month") or at < born.at:
        return f"about {max(0, (at - born.at) // (_DAY * 365))} y" if born.precision and at >= born.at else ""
    start = (_EPOCH + timedelta(microseconds=born.at)).date()
    end = (_EPOCH + timedelta(microseconds=at)).date()
    months = (end.year - start.year) * 12 + end.month - start.month - (end.day < start.day)
    if months >= 24:
        return f"{months // 12} y"
    if months >= 1:
        return f"{months} month{'s' if months != 1 else ''}"
    days = (end - start).days
    return f"{days} day{'s' if days != 1 else ''}"


def human_name(name: Json | None) -> str:
    """Return `FAMILY, Given Middle (Prefix)` of a HumanName; its `text` when there are no parts; else empty."""
    return _said(present.human_name(name)) if name else ""


def address(value: Json) -> str:
    """Return a postal address on one line; empty when nothing is stated."""
    return _said(present.address(value))


def _said(words: str) -> str:
    return "" if words == present.NOT_RECORDED else words


def codeable(concept: Any) -> str:
    """Return the words of a CodeableConcept or Coding: its text, else a display, else `code` itself; else empty."""
    if not isinstance(concept, dict) or not concept:
        return ""
    return str(concept.get("text") or "") or _said(present.concept(concept))


def code_keys(concept: Any) -> list[str]:
    """Return what says that two concepts are the same: each `system|code`, then the folded words."""
    if not isinstance(concept, dict):
        return []
    keys = [
        f"{coding.get('system', '')}|{coding['code']}"
        for coding in concept.get("coding") or ()
        if coding.get("code") and coding.get("system")
    ]
    words = {fold(codeable(concept)), *(fold(c["display"]) for c in concept.get("coding") or () if c.get("display"))}
    return keys + sorted(f"words|{w}" for w in words if w)


def number(value: object) -> str:
    """Return a number with exactly the digits it was sent with (`7.0` stays `7.0`); a truth value as yes or no."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return present.number(value) if isinstance(value, Decimal | int | str) else ""


def quantity(value: Any) -> str:
    """Return `5.6 mmol/L` held together by a no-break space; empty when there is no Quantity at all."""
    return _said(present.quantity(value)) if isinstance(value, dict) and value else ""


def ratio(value: Json) -> str:
    """Return `1:80` or `5 mg in 1 mL` of a Ratio."""
    above, below = quantity(value.get("numerator")), quantity(value.get("denominator"))
    plain = not any((value.get(part) or {}).get("unit") for part in ("numerator", "denominator"))
    return f"{above}:{below}" if plain else " in ".join(part for part in (above, below) if part)


def joined(parts: Iterable[str], between: str = " · ") -> str:
    """Join what is not empty."""
    return between.join(part for part in parts if part)


def offset_of(zone: tzinfo, at: int) -> str:
    """Return the zone's distance from UTC at `at` (µs), such as `UTC+01:00`."""
    shift = (_EPOCH + timedelta(microseconds=at)).astimezone(zone).utcoffset() or timedelta()
    return str(timezone(shift)) if shift else "UTC"
