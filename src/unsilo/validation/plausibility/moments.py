"""When something of a resource was: any of the forms that a time has in FHIR, as bounds and as words."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from unsilo.fhir.dates import ALWAYS, range_of
from unsilo.kernel import Json

__all__ = ["DAY", "Said", "bounds_of", "moment", "names_of"]

DAY = 86_400_000_000
_SUFFIXES = ("", "DateTime", "Date", "Instant")


class Said(NamedTuple):
    """A time as stated: the element's name, bounds in microseconds (half open), the text."""

    path: str
    bounds: tuple[int, int]
    text: str

    @property
    def words(self) -> str:
        """Return it as a sentence says it, to the minute."""
        return self.text[:16].replace("T", " ")


@cache
def names_of(element: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names under which an element says a plain time, and those under which it says a Period."""
    return tuple(element + suffix for suffix in _SUFFIXES), (f"{element}Period", element)


def bounds_of(resource: Json, names: tuple[tuple[str, ...], tuple[str, ...]]) -> tuple[int, int] | None:
    """Return the bounds of `moment`, by the names of `names_of`, without its words: of most times nobody asks them."""
    for name in names[0]:
        text = resource.get(name)
        if isinstance(text, str):
            found = range_of(text)
            return None if found is None or found[1] >= ALWAYS else found
    said = _of_period(resource, names[1])
    return None if said is None else said.bounds


def moment(resource: Json, element: str) -> Said | None:
    """Return the time of an element: a date, dateTime or instant, or of a Period its begin (failing that, its end)."""
    plain, periods = names_of(element)
    for name in plain:
        text = resource.get(name)
        if isinstance(text, str):
            found = range_of(text)
            return None if found is None or found[1] >= ALWAYS else Said(name, found, text)
    return _of_period(resource, periods)


def _of_period(resource: Json, names: tuple[str, ...]) -> Said | None:
    for name in names:
        period = resource.get(name)
        if isinstance(period, dict):
            for side in ("start", "end"):
                text = period.get(side)
                found = range_of(text) if isinstance(text, str) else None
                if found is not None and isinstance(text, str):
                    return Said(f"{name}.{side}", found, text)
    return None
