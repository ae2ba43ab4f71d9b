"""Numbers and dates of search values with their prefix and implicit precision (FHIR R4 search.html#prefix)."""

import re
from decimal import Decimal
from math import inf
from typing import NamedTuple

from unsilo.fhir.dates import range_of
from unsilo.storage.plan import Comparator

__all__ = ["PREFIXES", "Measure", "Moment", "as_float", "measure", "moment", "split_prefix"]

PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
_NUMBER = re.compile(r"[+-]?\d{1,40}(?:\.\d{1,40})?(?:[eE][+-]?\d{1,3})?", re.ASCII)
_WIDE = ("eq", "ne")
_LARGEST = 1 << 62


class Moment(NamedTuple):
    """A date with its prefix; for `ap` the range is widened by a tenth of the time between it and now."""

    how: Comparator
    lo: int
    hi: int


class Measure(NamedTuple):
    """A number with its prefix, exact: for eq and ne half open by its precision, for ap closed, a tenth around it."""

    how: Comparator
    lo: Decimal
    hi: Decimal


def split_prefix(text: str) -> tuple[Comparator, str]:
    """Return (prefix, rest); without one it is `eq`."""
    head = text[:2]
    return (head, text[2:]) if head in PREFIXES else ("eq", text)  # type: ignore[return-value] # one of them


def moment(text: str, now: int) -> Moment | None:
    """Read a date with its prefix; None when it is none. `now` (microseconds) is what `ap` is reckoned from."""
    how, said = split_prefix(text)
    found = range_of(said.replace(" ", "+"))  # a plus sign that nobody escaped has become a space
    if found is None:
        return None
    lo, hi = found
    if how == "ap":
        gap = (lo - now if lo > now else now - hi if hi <= now else 0) // 10
        return Moment(how, max(lo - gap, -_LARGEST), min(hi + gap, _LARGEST))
    return Moment(how, lo, hi)


def measure(text: str) -> Measure | None:
    """Read a number with its prefix; None when it is none.

    Half a unit of the last digit that is written is the precision of eq and ne: 100 is [99.5, 100.5); the
    standard's own example has 1e2 as [95, 105), a tenth of that. The other prefixes compare with the number itself.
    """
    how, said = split_prefix(text)
    if _NUMBER.fullmatch(said) is None:
        return None
    value = Decimal(said)
    if how in _WIDE:
        exponent = value.as_tuple().exponent
        whole = "." not in said and int(exponent) > 0
        half = Decimal((0, (5,), int(exponent) - (2 if whole else 1)))
        return Measure(how, value - half, value + half)
    if how == "ap":
        tenth = abs(value) / 10
        return Measure(how, value - tenth, value + tenth)
    return Measure(how, value, value)


def as_float(value: Decimal) -> float:
    """Return a number as the index holds it, infinite beyond a float's range."""
    try:
        return float(value)
    except OverflowError:
        return inf if value > 0 else -inf
