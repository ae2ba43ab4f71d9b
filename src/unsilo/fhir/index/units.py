"""Unit keys: under what a quantity is kept, and what a value asked in one unit is in those that a store has met.

A quantity is kept as it is stated, under a key of its system, code and name together; a search converts what it asks to
each stated unit of the same dimension, of which a parameter has few. A key's upper bits are a number of its dimension,
so that units that can be converted into each other lie side by side.
"""

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from math import inf
from typing import Final

from unsilo.fhir.index.keys import clean
from unsilo.kernel import hash64
from unsilo.units import Canonical, canonical

__all__ = ["ANY", "LONGEST_UNIT", "Bounds", "bounds_in", "converted", "said", "spanned", "stated"]

ANY: Final = 0
"""The key under which every quantity is kept by its number alone, whatever its unit: so it is sorted."""
LONGEST_UNIT: Final = 200
"""Characters of a unit that is converted; of what is longer a hash is kept."""

_PLACE: Final = 48
_APART: Final = 0
_SPECIAL: Final = 0x7FFE
_CONVERTED: Final = 1 << (_PLACE - 1)
_BETWEEN: Final = "\x1f"

Bounds = tuple[float, float]
Said = tuple[str, str, str]
"""(system, code, name)"""


@lru_cache(maxsize=1024)
def _dimension(base: str) -> int:
    return 1 + hash64(f"ucum|{base}") % (_SPECIAL - 1)


def _part(text: str) -> str:
    text = clean(text).replace(_BETWEEN, " ")
    return text if len(text) <= LONGEST_UNIT else f"#{hash64(text):x}"


def stated(system: str, code: str, name: str, base: Canonical | None) -> tuple[int, str]:
    """Return the key of a unit as it is stated, and the text of system, code and name that `said` reads.

    `base` is what its values are converted to, None where they are not. Units of a special base (degrees Celsius, pH)
    lie apart: their values are kept a second time, `converted`.
    """
    text = _BETWEEN.join((_part(system), _part(code), _part(name)))
    place = _APART if base is None else _SPECIAL if base.special is not None else _dimension(base.code)
    return place << _PLACE | (hash64(text) & (_CONVERTED - 1)) or 1, text


@lru_cache(maxsize=1024)
def converted(base: str) -> int:
    """Return the key of values that are kept in a canonical unit."""
    return _dimension(base) << _PLACE | _CONVERTED | (hash64(f"ucum|{base}") & (_CONVERTED - 1))


@lru_cache(maxsize=4096)
def said(text: str) -> Said:
    """Return system, code and name of a stated unit's text."""
    system, code, name = text.split(_BETWEEN)
    return system, code, name


def spanned(kind: str, code: str) -> tuple[int, int]:
    """Return between which keys (half open) the units are that may meet a quantity that is asked in a kind of unit.

    `kind` is as of `storage.plan.Unit`; `code` is that of UCUM.
    """
    base = canonical(code) if kind == "ucum" else None
    if kind == "coded":
        return 1, 1 << _PLACE
    if base is not None:
        place = _dimension(base.code)
        return place << _PLACE, (place + 1) << _PLACE
    return 1, (_SPECIAL + 1) << _PLACE


def _as_float(value: Fraction) -> float:
    try:
        return float(value)
    except OverflowError:
        return inf if value > 0 else -inf


def bounds_in(
    kind: str, system: str, code: str, exact: tuple[Decimal, Decimal], canonical_bounds: Bounds
) -> Callable[[int, str | None], Bounds | None]:
    """Return what says the bounds of a search in a stated unit (key, text), None for a unit that cannot meet it.

    `exact` are the bounds as they were asked, in UCUM's `code` where `kind` is ucum; `canonical_bounds` the same in its
    canonical unit. A key without text is of values in that canonical unit. What is asked is turned into the stated
    unit as a fraction and rounded once, as the stated value was: equal amounts are equal.
    """
    low, high = _as_float(Fraction(exact[0])), _as_float(Fraction(exact[1]))
    base = canonical(code) if kind == "ucum" else None
    wanted = _part(system), _part(code)

    def plain(_key: int, text: str | None) -> Bounds | None:
        if text is None:
            return None
        its_system, its_code, its_name = said(text)
        if kind == "named":
            return (low, high) if wanted[1] in (its_code, its_name) else None
        return (low, high) if kind == "any" or (its_system, its_code) == wanted else None

    if base is None:
        return plain
    if base.special is None:
        lowest, highest = Fraction(exact[0]) * base.factor, Fraction(exact[1]) * base.factor
    else:
        lowest, highest = Fraction(canonical_bounds[0]), Fraction(canonical_bounds[1])

    def turned(key: int, text: str | None) -> Bounds | None:
        if text is None:
            return canonical_bounds if key == converted(base.code) else None
        unit = canonical(said(text)[1])
        if unit is None or unit.code != base.code or unit.special is not None:
            return None
        return _as_float(lowest / unit.factor), _as_float(highest / unit.factor)

    return turned
