"""Parts of dates and times (FHIRPath additions after N1: `yearOf` and the like)."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from unsilo.fhir.path.context import Site
from unsilo.fhir.path.decimals import CONTEXT, exponent
from unsilo.fhir.path.equality import plain
from unsilo.fhir.path.kinds import Items
from unsilo.fhir.path.registry import eager, system
from unsilo.fhir.path.temporal import Date, DateTime, Moment, Time

__all__: list[str] = []


def _moment(site: Site, items: Items, *types: type[Moment]) -> Any:
    """Return the only date or time of these types; None when there is none. Anything else is an error."""
    item = site.one(items)
    if item is None:
        return None
    value = plain(item)
    if isinstance(value, types):
        return value
    site.fail(f"{item[1].said} has no such part")


def _part(name: str, place: int, *types: type[Moment], read: Callable[[Any], int] = int) -> None:
    """Register a part by its place in a dateTime; a time begins with the hour, at place 3."""

    def function(site: Site, items: Items, arguments: list[Items]) -> Items:
        value = _moment(site, items, *types)
        if value is None:
            return []
        at = place - 3 if isinstance(value, Time) else place
        return system(read(value.parts[at])) if at < len(value.parts) else []

    eager(name)(function)


_part("yearOf", 0, Date, DateTime)
_part("monthOf", 1, Date, DateTime)
_part("dayOf", 2, Date, DateTime)
_part("hourOf", 3, DateTime, Time)
_part("minuteOf", 4, DateTime, Time)
_part("secondOf", 5, DateTime, Time)


@eager("millisecondOf")
def _millisecond_of(site: Site, items: Items, arguments: list[Items]) -> Items:
    value = _moment(site, items, DateTime, Time)
    second = value.parts[2 if isinstance(value, Time) else 5 :] if value is not None else ()
    if not second or exponent(second[0]) == 0:
        return []
    return system(int(second[0] % 1 * 1000))


@eager("timezoneOffsetOf")
def _timezone_offset_of(site: Site, items: Items, arguments: list[Items]) -> Items:
    """Return the hours from UTC, with a digit after the point at least."""
    value = _moment(site, items, DateTime)
    if value is None or value.zone is None:
        return []
    hours = CONTEXT.divide(Decimal(value.zone), Decimal(60))
    return system(hours if hours % 1 else hours.quantize(Decimal("0.1")))


@eager("dateOf")
def _date_of(site: Site, items: Items, arguments: list[Items]) -> Items:
    value = _moment(site, items, Date, DateTime)
    return system(None if value is None else Date(value.parts[:3]))


@eager("timeOf")
def _time_of(site: Site, items: Items, arguments: list[Items]) -> Items:
    value = _moment(site, items, DateTime)
    return system(Time(value.parts[3:]) if value is not None and len(value.parts) > 3 else None)
