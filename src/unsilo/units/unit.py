"""A UCUM expression as a value: parsed once, reduced to base units, with an exact factor."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

import msgspec

from unsilo.kernel.issue import Issue
from unsilo.kernel.result import Result
from unsilo.units.expression import Reduced, reduce
from unsilo.units.special import FUNCTIONS

__all__ = ["Canonical", "Special", "Unit", "canonical", "parse"]

_CACHED = 8192


class Special(msgspec.Struct, frozen=True):
    """A unit that is no multiple of another (UCUM 21): degrees, logarithms, pH, slopes.

    `name` is the function's name in the essence file. `scale` is what stands before the unit (a prefix or a number):
    1 dB has the scale 1/10. The function's argument is measured in the canonical unit times the `Canonical.factor`.
    """

    name: str
    scale: Fraction


class Canonical(msgspec.Struct, frozen=True):
    """A unit in base units: a value `v` is `v * factor` of `code`, or `special`'s function of `v`, times `factor`.

    `code` is a UCUM expression of base units in the order of their codes, such as `g.m-1.s-2`; "1" without dimension.
    Base units are the seven of UCUM (m, s, g, rad, K, C, cd), each arbitrary unit (UCUM 24) and, as clinical safety
    asks, `eq` and `osm` (docs/decisions/0005-equivalents-are-not-moles.md).
    """

    code: str
    factor: Fraction
    special: Special | None = None

    def to_base(self, value: Fraction) -> Fraction | None:
        """Return the value in `code`, or None where the function of a special unit has none.

        Exact for ordinary units and for temperatures; logarithms to 40 digits, slopes to 15.
        """
        if self.special is None:
            return value * self.factor
        argument = FUNCTIONS[self.special.name].to_argument(value * self.special.scale)
        return None if argument is None else argument * self.factor

    def from_base(self, value: Fraction) -> Fraction | None:
        """Return a value in `code` in this unit, or None where it has none (the logarithm of a negative number)."""
        if self.special is None:
            return value / self.factor
        result = FUNCTIONS[self.special.name].of_argument(value / self.factor)
        return None if result is None else result / self.special.scale


class Unit(msgspec.Struct, frozen=True):
    """A parsed expression: the code as it was given, and what it is in base units."""

    code: str
    canonical: Canonical
    annotations: tuple[str, ...] = ()

    @property
    def special(self) -> bool:
        """True for a unit that only a function converts."""
        return self.canonical.special is not None


def _unit(code: str, reduced: Reduced) -> Unit:
    dimension = ".".join(
        atom if power == 1 else f"{atom}{power}" for atom, power in sorted(reduced.powers.items()) if power
    )
    if reduced.special is None:
        return Unit(code, Canonical(dimension or "1", Fraction(reduced.up, reduced.down)), reduced.annotations)
    special = Special(reduced.special.function, Fraction(reduced.up, reduced.down))
    argument = Fraction(reduced.special.up, reduced.special.down)
    return Unit(code, Canonical(dimension or "1", argument, special), reduced.annotations)


def parse_uncached(code: str, case_insensitive: bool = False) -> Unit | Issue:
    """Parse without a cache: what `parse` does for a unit that it has not seen."""
    reduced = reduce(code, case_insensitive)
    return reduced if isinstance(reduced, Issue) else _unit(code, reduced)


_parsed = lru_cache(_CACHED)(parse_uncached)


def parse(code: str, *, case_insensitive: bool = False) -> Result[Unit]:
    """Parse a UCUM expression (case sensitive codes; the other alphabet on request); no value and one Issue if wrong.

    Accepted is the grammar of UCUM 2.2, section "Grammar of units and unit terms", and three things beyond it that
    its own examples use: an annotation after a number (`100{WBC}`), after a parenthesis, and a leading `/` inside one.
    """
    found = _parsed(code, case_insensitive)
    return Result(None, [found]) if isinstance(found, Issue) else Result(found, [])


def canonical(code: str, *, case_insensitive: bool = False) -> Canonical | None:
    """Return what the expression is in base units, or None when it is not UCUM."""
    found = _parsed(code, case_insensitive)
    return None if isinstance(found, Issue) else found.canonical
