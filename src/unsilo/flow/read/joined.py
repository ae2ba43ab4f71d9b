"""Values of one thing in several units on one axis: converted for drawing and marked so, the reported ones stay."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from unsilo import units
from unsilo.units.molar import analyte

__all__ = ["Conversion", "joining"]

_LEAST_DIGITS, _MOST_DIGITS = 3, 4


class Conversion(NamedTuple):
    """Values of `source` units said in `unit`, by the codes of a test; `words` say how."""

    unit: str
    codes: tuple[str, ...]
    words: str

    def value(self, number: Decimal, source: str) -> Decimal | None:
        """Return a number of another unit in this one, to three or four digits; None where it cannot be said."""
        if source == self.unit:
            return number
        converted = _converted(number, source, self.unit, self.codes)
        return None if converted is None else _short(converted, len(number.as_tuple().digits))


def _short(number: Decimal, digits: int) -> Decimal:
    if number.is_zero():
        return number
    places = min(_MOST_DIGITS, max(_LEAST_DIGITS, digits)) - 1 - number.adjusted()
    return round(number, max(0, places))


def _converted(number: Decimal, source: str, target: str, codes: Sequence[str]) -> Decimal | None:
    first, second = units.normalise(source).code, units.normalise(target).code
    if not first or not second:
        return None
    for key in codes or ("",):
        found = units.convert_analyte(number, first, second, key).value
        if found is not None:
            return found
    return None


def joining(by_unit: Mapping[str, Sequence[object]], codes: Sequence[str]) -> Conversion | None:
    """Return how all units of a test are said in the one that is used most; None where one of them cannot be.

    Mass and amount are converted only by a LOINC code whose molar mass is in the reviewed table.
    """
    if len(by_unit) < 2 or "" in by_unit:
        return None
    unit = max(by_unit, key=lambda name: (len(by_unit[name]), name))
    others = [name for name in by_unit if name != unit]
    if any(_converted(Decimal(1), name, unit, codes) is None for name in others):
        return None
    row = next((found for code in codes if (found := analyte(code)) is not None), None)
    plain = all(units.comparable(units.normalise(name).code, units.normalise(unit).code) for name in others)
    how = "" if plain or row is None else f", by the molar mass of {row.name}, {float(row.molar_mass):g} g/mol"
    return Conversion(unit, tuple(codes), f"Reported in {', '.join(sorted(by_unit))}; drawn in {unit}{how}.")
