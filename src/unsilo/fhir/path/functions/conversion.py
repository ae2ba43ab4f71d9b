"""Conversion between System types (FHIRPath N1, 5.5)."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

from unsilo.fhir.path import temporal
from unsilo.fhir.path.context import Site
from unsilo.fhir.path.equality import plain
from unsilo.fhir.path.kinds import Items
from unsilo.fhir.path.quantity import Quantity, from_text
from unsilo.fhir.path.registry import eager, eager_truth, system, text
from unsilo.units import convert

__all__: list[str] = []

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,11}")
_DECIMAL: Final = re.compile(r"[+-]?[0-9]{1,40}(?:\.[0-9]{1,40})?")
_YES: Final = frozenset(("true", "t", "yes", "y", "1", "1.0"))
_NO: Final = frozenset(("false", "f", "no", "n", "0", "0.0"))


def _boolean(value: Any) -> bool | None:
    if type(value) is bool:
        return value
    if type(value) is int or type(value) is Decimal:
        return True if value == 1 else False if value == 0 else None
    if type(value) is str:
        return True if value.lower() in _YES else False if value.lower() in _NO else None
    return None


def _integer(value: Any) -> int | None:
    if type(value) is bool:
        return int(value)
    if type(value) is str and _INTEGER.fullmatch(value):
        value = int(value)
    return value if type(value) is int and -(2**31) <= value < 2**31 else None


def _decimal(value: Any) -> Decimal | None:
    if type(value) is bool or type(value) is int:
        return Decimal(value)
    if type(value) is str and _DECIMAL.fullmatch(value):
        return Decimal(value)
    return value if type(value) is Decimal else None


def _string(value: Any) -> str | None:
    if type(value) is str:
        return value
    if type(value) is bool:
        return "true" if value else "false"
    if type(value) is Decimal:
        return f"{value:f}"
    if type(value) is int or isinstance(value, temporal.Moment | Quantity):
        return str(value)
    return None


def _date(value: Any) -> temporal.Date | None:
    if isinstance(value, temporal.Date):
        return value
    if isinstance(value, temporal.DateTime):
        return temporal.Date(value.parts[:3])
    if type(value) is str:
        found = temporal.datetime_(value)
        return temporal.Date(found.parts[:3]) if found else None
    return None


def _datetime(value: Any) -> temporal.DateTime | None:
    if isinstance(value, temporal.DateTime):
        return value
    if isinstance(value, temporal.Date):
        return temporal.DateTime(value.parts)
    return temporal.datetime_(value) if type(value) is str and not value.endswith("T") else None


def _time(value: Any) -> temporal.Time | None:
    if isinstance(value, temporal.Time):
        return value
    return temporal.time(value.removeprefix("T")) if type(value) is str else None


def _quantity(value: Any) -> Quantity | None:
    if isinstance(value, Quantity):
        return value
    if type(value) is bool or type(value) is int or type(value) is Decimal:
        return Quantity(Decimal(value))
    return from_text(value) if type(value) is str else None


_CONVERSIONS: Final[dict[str, Callable[[Any], Any]]] = {
    "Boolean": _boolean, "Integer": _integer, "Decimal": _decimal, "String": _string, "Date": _date,
    "DateTime": _datetime, "Time": _time,
}  # fmt: skip


def _register(name: str, change: Callable[[Any], Any]) -> None:
    def to(site: Site, items: Items, arguments: list[Items]) -> Items:
        item = site.one(items)
        return [] if item is None else system(change(plain(item)))

    def converts(site: Site, items: Items, arguments: list[Items]) -> bool | None:
        item = site.one(items)
        return None if item is None else change(plain(item)) is not None

    eager(f"to{name}")(to)
    eager_truth(f"convertsTo{name}")(converts)


for _name, _change in _CONVERSIONS.items():
    _register(_name, _change)


def _in_unit(site: Site, items: Items, arguments: list[Items]) -> Quantity | None:
    item = site.one(items)
    found = None if item is None else _quantity(plain(item))
    unit = text(site, arguments[0]) if arguments else None
    if found is None or unit is None:
        return found
    wanted = from_text(f"1 {unit}") or from_text(f"1 '{unit}'")
    if wanted is None or found.compare(wanted) is None:
        return None
    if found.unit == wanted.unit:
        return found
    ratio = found.ratio(wanted)
    if ratio is not None:
        return Quantity(ratio, wanted.unit, calendar=wanted.calendar)
    moved = convert(found.value, found.unit, wanted.unit).value
    return None if moved is None else Quantity(moved, wanted.unit)


@eager("toQuantity", 0, 1)
def _to_quantity(site: Site, items: Items, arguments: list[Items]) -> Items:
    return system(_in_unit(site, items, arguments))


@eager_truth("convertsToQuantity", 0, 1)
def _converts_to_quantity(site: Site, items: Items, arguments: list[Items]) -> bool | None:
    return None if not items else _in_unit(site, items, arguments) is not None
