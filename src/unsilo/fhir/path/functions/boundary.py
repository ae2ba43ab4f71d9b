"""The bounds of what an imprecise value may be, and its precision (FHIRPath additions after N1: `lowBoundary` ...)."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import Any, Final

from unsilo.fhir.path.context import Site
from unsilo.fhir.path.decimals import exponent
from unsilo.fhir.path.equality import plain
from unsilo.fhir.path.kinds import Items
from unsilo.fhir.path.quantity import Quantity
from unsilo.fhir.path.registry import eager, eager_truth, system, whole
from unsilo.fhir.path.temporal import Date, DateTime, Moment, Time, days_of

__all__: list[str] = []

_MOST: Final = 28
"""Digits after the point that a boundary may have."""
_CONTEXT: Final = Context(prec=200, Emax=6144, Emin=-6143)
_DATE_DIGITS: Final = {4: 1, 6: 2, 8: 3, 10: 4, 12: 5, 14: 6, 17: 6}
_TIME_DIGITS: Final = {2: 1, 4: 2, 6: 3, 9: 3}


def _decimal(value: Decimal, low: bool, digits: int) -> Decimal | None:
    if not 0 <= digits <= _MOST:
        return None
    half = Decimal(5).scaleb(exponent(value) - 1)
    bound = _CONTEXT.subtract(value, half) if low else _CONTEXT.add(value, half)
    return bound.quantize(Decimal(1).scaleb(-digits), ROUND_FLOOR if low else ROUND_CEILING, context=_CONTEXT)


def _filled(parts: tuple[Any, ...], low: bool) -> tuple[Any, ...]:
    """Return all six parts of a dateTime, the unknown ones at their bound."""
    found = list(parts)
    if len(found) < 2:
        found.append(1 if low else 12)
    if len(found) < 3:
        found.append(1 if low else days_of(found[0], found[1]))
    clock = (0, 0) if low else (23, 59)
    return (*found, *clock[max(0, len(found) - 3) :])


def _second(parts: tuple[Any, ...], low: bool) -> Decimal:
    """Return the second with milliseconds; digits that are not said are at their bound."""
    if not parts:
        return Decimal("0.000") if low else Decimal("59.999")
    said = parts[0]
    step = Decimal(1).scaleb(exponent(said))
    bound = said if low else said + step - Decimal("0.001")
    return Decimal(bound).quantize(Decimal("0.001"), ROUND_FLOOR)


def _moment(value: Moment, low: bool, digits: int | None) -> Moment | None:
    parts = value.parts
    if isinstance(value, Time):
        count = _TIME_DIGITS.get(9 if digits is None else digits)
        full = (*_filled((2000, 1, 1, *parts[:2]), low)[3:], _second(parts[2:], low))
        return Time(full[:count]) if count else None
    if isinstance(value, Date):
        count = _DATE_DIGITS.get(8 if digits is None else digits)
        return Date(_filled(parts[:3], low)[:count]) if count and count <= 3 else None
    count = _DATE_DIGITS.get(17 if digits is None else digits)
    if not count:
        return None
    full = (*_filled(parts[:5], low), _second(parts[5:], low))[:count]
    zone = value.zone
    if zone is None and count > 3:
        zone = 14 * 60 if low else -12 * 60
    return DateTime(full, zone if count > 3 else None)


def _boundary(site: Site, items: Items, arguments: list[Items], low: bool) -> Items:
    item = site.one(items)
    digits = whole(site, arguments[0]) if arguments else None
    if item is None or (arguments and digits is None):
        return []
    value = plain(item)
    if type(value) is int or type(value) is Decimal:
        return system(_decimal(Decimal(value), low, 8 if digits is None else digits))
    if isinstance(value, Quantity):
        bound = _decimal(value.value, low, 8 if digits is None else digits)
        return system(None if bound is None else Quantity(bound, value.unit, calendar=value.calendar))
    if isinstance(value, Moment):
        return system(_moment(value, low, digits))
    site.fail(f"{item[1].said} has no boundary")


@eager("lowBoundary", 0, 1)
def _low(site: Site, items: Items, arguments: list[Items]) -> Items:
    return _boundary(site, items, arguments, True)


@eager("highBoundary", 0, 1)
def _high(site: Site, items: Items, arguments: list[Items]) -> Items:
    return _boundary(site, items, arguments, False)


@eager("precision")
def _precision(site: Site, items: Items, arguments: list[Items]) -> Items:
    item = site.one(items)
    if item is None:
        return []
    value = plain(item)
    if type(value) is int:
        return system(0)
    if type(value) is Decimal:
        return system(max(0, -exponent(value)))
    if not isinstance(value, Moment):
        site.fail(f"{item[1].said} has no precision")
    first = 2 if isinstance(value, Time) else 4
    digits = first + 2 * (len(value.parts) - 1)
    second = value.parts[2:] if isinstance(value, Time) else value.parts[5:]
    return system(digits + (max(0, -exponent(second[0])) if second else 0))


@eager_truth("comparable", 1)
def _comparable(site: Site, items: Items, arguments: list[Items]) -> bool | None:
    one, other = site.one(items), site.one(arguments[0])
    if one is None or other is None:
        return None
    first, second = plain(one), plain(other)
    return isinstance(first, Quantity) and isinstance(second, Quantity) and first.comparable(second)
