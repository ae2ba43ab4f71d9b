"""Which of two values is greater, three-valued (FHIRPath N1, 6.2)."""

from decimal import Decimal
from typing import Any

from unsilo.fhir.path import temporal
from unsilo.fhir.path.context import Site
from unsilo.fhir.path.quantity import Quantity
from unsilo.fhir.path.temporal import Moment

__all__ = ["order"]


def order(one: Any, other: Any, site: Site) -> int | None:
    """Return -1, 0 or 1; None when precision, zone or unit leave it open. Values that have no order are an error."""
    kind, against = type(one), type(other)
    if kind is str and against is str:
        return int(one > other) - int(one < other)
    if kind in _NUMBERS and against in _NUMBERS:
        return int(one > other) - int(one < other)
    if isinstance(one, Moment) and isinstance(other, Moment):
        try:
            return temporal.compare(one, other)
        except TypeError:
            site.fail("a time of day and a date have no order")
    if kind in _NUMBERS and isinstance(other, Quantity):
        return Quantity(Decimal(one)).compare(other)
    if isinstance(one, Quantity):
        if against in _NUMBERS:
            return one.compare(Quantity(Decimal(other)))
        if isinstance(other, Quantity):
            return one.compare(other)
    if one is None or other is None:
        return None
    site.fail("values of these types have no order")


_NUMBERS = frozenset((int, Decimal))
