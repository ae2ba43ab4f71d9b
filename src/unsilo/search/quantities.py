"""Quantity values: a number in any unit, in a stated one, or in UCUM converted (FHIR R4 search.html#quantity)."""

from decimal import Decimal
from typing import NamedTuple

from unsilo.fhir.index.keys import UCUM
from unsilo.search.ask import Ask
from unsilo.search.numbers import as_float, measure
from unsilo.search.text import pieces, plain
from unsilo.storage.plan import Comparator, Unit
from unsilo.units import interval

__all__ = ["Amount", "amount"]

_WIDEST = 400  # a decimal exponent beyond what a float holds


class Amount(NamedTuple):
    """A quantity as a plan asks for it: unit, comparator, bounds."""

    unit: Unit
    how: Comparator
    lo: float
    hi: float


def _fits(value: Decimal) -> bool:
    return abs(value.adjusted()) <= _WIDEST


def amount(name: str, text: str, ask: Ask) -> Amount | None:
    """Read number, number|system|code or number||code; None with an Issue."""
    parts = [plain(part) for part in pieces(text, "|")]
    found = measure(parts[0])
    if found is None:
        ask.refuse(name, "is not a number", "such as gt5.4|http://unitsofmeasure.org|mg")
        return None
    how, lo, hi = found
    bounds = as_float(lo), as_float(hi)
    if len(parts) == 1 or not any(parts[1:]):
        return Amount(Unit("any", "", "", (lo, hi)), how, *bounds)
    if len(parts) != 3 or not parts[2]:
        ask.refuse(name, "a quantity is number, number|system|code or number||code")
        return None
    _, system, code = parts
    if not system:
        return Amount(Unit("named", "", code, (lo, hi)), how, *bounds)
    if system == UCUM and _fits(lo) and _fits(hi) and (turned := interval(lo, hi, code)) is not None:
        return Amount(Unit("ucum", system, code, (lo, hi)), how, *turned[1:])
    return Amount(Unit("coded", system, code, (lo, hi)), how, *bounds)
