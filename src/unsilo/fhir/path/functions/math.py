"""Mathematics (FHIRPath N1, 5.7)."""

from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal, DecimalException
from typing import Any, Final

from unsilo.fhir.path.arithmetic import fits
from unsilo.fhir.path.context import Site
from unsilo.fhir.path.decimals import CONTEXT, exponent
from unsilo.fhir.path.equality import plain
from unsilo.fhir.path.kinds import Items
from unsilo.fhir.path.quantity import Quantity
from unsilo.fhir.path.registry import eager, system, whole

__all__: list[str] = []

_WIDE: Final = Context(prec=50, Emax=6144, Emin=-6143, traps=CONTEXT.traps)


def _number(site: Site, items: Items, *, quantity: bool = False) -> Any:
    """Return the only number (int, Decimal, or a Quantity where that is fine); None when there is none."""
    item = site.one(items)
    if item is None:
        return None
    value = plain(item)
    if type(value) is int or type(value) is Decimal or (quantity and isinstance(value, Quantity)) or value is None:
        return value
    site.fail(f"a number is expected, not {item[1].said}")


def _computed(make: Callable[[], Decimal]) -> Items:
    """Return a result to 34 digits; what has none (the logarithm of 0) is empty."""
    try:
        found = CONTEXT.plus(make())
        short = CONTEXT.normalize(found)
        return system(fits(short if exponent(short) <= 0 else found.quantize(Decimal(1), context=_WIDE)))
    except DecimalException:
        return []


@eager("abs")
def _abs(site: Site, items: Items, arguments: list[Items]) -> Items:
    value = _number(site, items, quantity=True)
    if isinstance(value, Quantity):
        return system(Quantity(abs(value.value), value.unit, calendar=value.calendar))
    return system(None if value is None else fits(abs(value)))


def _to_whole(name: str, rounding: str) -> None:
    def function(site: Site, items: Items, arguments: list[Items]) -> Items:
        value = _number(site, items)
        if value is None or type(value) is int:
            return system(value)
        return system(fits(int(value.to_integral_value(rounding=rounding))))

    eager(name)(function)


_to_whole("ceiling", ROUND_CEILING)
_to_whole("floor", ROUND_FLOOR)
_to_whole("truncate", ROUND_DOWN)


@eager("exp")
def _exp(site: Site, items: Items, arguments: list[Items]) -> Items:
    value = _number(site, items)
    return [] if value is None or value > 1000 else _computed(lambda: _WIDE.exp(Decimal(value)))


@eager("ln")
def _ln(site: Site, items: Items, arguments: list[Items]) -> Items:
    value = _number(site, items)
    return [] if value is None or value <= 0 else _computed(lambda: _WIDE.ln(Decimal(value)))


@eager("log", 1)
def _log(site: Site, items: Items, arguments: list[Items]) -> Items:
    value, base = _number(site, items), _number(site, arguments[0])
    if value is None or base is None or value <= 0 or base <= 0:
        return []
    return _computed(lambda: _WIDE.divide(_WIDE.ln(Decimal(value)), _WIDE.ln(Decimal(base))))


@eager("power", 1)
def _power(site: Site, items: Items, arguments: list[Items]) -> Items:
    value, power = _number(site, items), _number(site, arguments[0])
    if value is None or power is None or abs(power) > 10_000:
        return []
    if value == 0 and power == 0:
        return system(1)
    if type(value) is int and type(power) is int and power >= 0:
        return system(fits(value**power)) if abs(value) < 2 or power < 64 else []
    return _computed(lambda: _WIDE.power(Decimal(value), Decimal(power)))


@eager("round", 0, 1)
def _round(site: Site, items: Items, arguments: list[Items]) -> Items:
    value = _number(site, items, quantity=True)
    places = whole(site, arguments[0]) if arguments else 0
    if value is None or places is None:
        return []
    if places < 0:
        site.fail("the number of places is not negative")
    amount = value.value if isinstance(value, Quantity) else Decimal(value)
    if places < 34 and exponent(amount) < -places:
        amount = amount.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP, context=_WIDE)
    return system(Quantity(amount, value.unit, calendar=value.calendar) if isinstance(value, Quantity) else amount)


@eager("sqrt")
def _sqrt(site: Site, items: Items, arguments: list[Items]) -> Items:
    value = _number(site, items)
    return [] if value is None or value < 0 else _computed(lambda: _WIDE.sqrt(Decimal(value)))
