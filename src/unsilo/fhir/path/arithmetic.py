"""Sums, products, quotients and shifted dates (FHIRPath N1, 6.6)."""

from decimal import Decimal, DecimalException
from typing import Any, Final

from unsilo.fhir.path.context import Site
from unsilo.fhir.path.decimals import CONTEXT, in_range
from unsilo.fhir.path.quantity import Quantity
from unsilo.fhir.path.shifting import shift
from unsilo.fhir.path.temporal import Moment

__all__ = ["OPERATORS", "fits", "negated"]

_NUMBERS = frozenset((int, Decimal))


def fits(value: Any) -> Any:
    """Return the number; None for an Integer beyond 32 bits or a Decimal beyond range: overflow is empty (6.6)."""
    if type(value) is int:
        return value if -(2**31) <= value < 2**31 else None
    return in_range(value)


def _numbers(one: Any, other: Any) -> bool:
    return type(one) in _NUMBERS and type(other) in _NUMBERS


def _quantities(one: Any, other: Any) -> tuple[Quantity, Quantity] | None:
    """Return both as quantities when one is and the other is one or a number."""
    if isinstance(one, Quantity) and isinstance(other, Quantity):
        return one, other
    if isinstance(one, Quantity) and type(other) in _NUMBERS:
        return one, Quantity(Decimal(other))
    if isinstance(other, Quantity) and type(one) in _NUMBERS:
        return Quantity(Decimal(one)), other
    return None


def _ranged(value: Quantity | None) -> Quantity | None:
    return value if value is None or in_range(value.value) is not None else None


def _add(one: Any, other: Any, site: Site, sign: int = 1) -> Any:
    if type(one) is int and type(other) is int:
        return fits(one + sign * other)
    if _numbers(one, other):
        one, other = Decimal(one), Decimal(other)
        return fits(CONTEXT.add(one, other) if sign > 0 else CONTEXT.subtract(one, other))
    if type(one) is str and type(other) is str and sign > 0:
        site.room(len(one) + len(other))
        return one + other
    if isinstance(one, Moment) and isinstance(other, Quantity):
        return shift(one, other, sign, site)
    pair = _quantities(one, other)
    if pair:
        return _ranged(pair[0].plus(pair[1], sign))
    site.fail("these types cannot be added" if sign > 0 else "these types cannot be subtracted")


def _subtract(one: Any, other: Any, site: Site) -> Any:
    return _add(one, other, site, -1)


def _multiply(one: Any, other: Any, site: Site) -> Any:
    if type(one) is int and type(other) is int:
        return fits(one * other)
    if _numbers(one, other):
        return fits(CONTEXT.multiply(Decimal(one), Decimal(other)))
    pair = _quantities(one, other)
    if pair:
        return _ranged(pair[0].times(pair[1]))
    site.fail("these types cannot be multiplied")


def _divide(one: Any, other: Any, site: Site) -> Any:
    if _numbers(one, other):
        return fits(CONTEXT.divide(Decimal(one), Decimal(other))) if other else None
    pair = _quantities(one, other)
    if pair:
        return _ranged(pair[0].times(pair[1], divide=True))
    site.fail("these types cannot be divided")


def _div(one: Any, other: Any, site: Site) -> Any:
    if not _numbers(one, other):
        site.fail("numbers are expected")
    if not other:
        return None
    return fits(int(CONTEXT.divide_int(Decimal(one), Decimal(other))))


def _mod(one: Any, other: Any, site: Site) -> Any:
    if not _numbers(one, other):
        site.fail("numbers are expected")
    if not other:
        return None
    rest = CONTEXT.remainder(Decimal(one), Decimal(other))
    return int(rest) if type(one) is int and type(other) is int else rest


def _guarded(operate: Any) -> Any:
    """What has no result within 34 digits and the range of exponents is empty, as an overflow is."""

    def run(one: Any, other: Any, site: Site) -> Any:
        try:
            return operate(one, other, site)
        except DecimalException:
            return None

    return run


OPERATORS: Final[dict[str, Any]] = {
    sign: _guarded(operate)
    for sign, operate in (
        ("+", _add), ("-", _subtract), ("*", _multiply), ("/", _divide), ("div", _div), ("mod", _mod),
    )
}  # fmt: skip
"""Operators on two System values that are there; None is empty."""


def negated(value: Any, site: Site) -> Any:
    """Return the value with the other sign."""
    if type(value) in _NUMBERS:
        return fits(-value)
    if isinstance(value, Quantity):
        return Quantity(-value.value, value.unit, calendar=value.calendar)
    site.fail("a number is expected")
