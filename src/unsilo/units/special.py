"""The functions of UCUM's special units (UCUM 21 and 22), by the names that the essence file gives them.

Each pair turns a value in the special unit into the argument of its function and back. Temperatures and squares are
exact; logarithms are computed to 40 digits, angles to the 15 of a double. None stands for "there is no such value".
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Context, Decimal
from fractions import Fraction
from typing import NamedTuple

__all__ = ["FUNCTIONS", "Pair"]

_DIGITS = Context(prec=40, Emax=100_000, Emin=-100_000)
_FARTHEST = 2000
"""A logarithm beyond it stands for a number that no double holds."""


class Pair(NamedTuple):
    """Both directions of one function."""

    to_argument: Callable[[Fraction], Fraction | None]
    of_argument: Callable[[Fraction], Fraction | None]


def _decimal(value: Fraction) -> Decimal:
    return _DIGITS.divide(Decimal(value.numerator), Decimal(value.denominator))


def _linear(offset: str) -> Pair:
    shift = Fraction(offset)
    return Pair(lambda value: value + shift, lambda argument: argument - shift)


def _logarithm(base: int | None, times: int) -> Pair:
    """The value is `times` the logarithm of the argument; `base` None is e."""

    def to_argument(value: Fraction) -> Fraction | None:
        if abs(value) > _FARTHEST:
            return None
        exponent = _decimal(value / times)
        power = _DIGITS.exp(exponent) if base is None else _DIGITS.power(Decimal(base), exponent)
        return Fraction(power)

    def of_argument(argument: Fraction) -> Fraction | None:
        if argument <= 0:
            return None
        number = _decimal(argument)
        if base == 10:
            return Fraction(_DIGITS.log10(number)) * times
        divisor = Decimal(1) if base is None else _DIGITS.ln(Decimal(base))
        return Fraction(_DIGITS.divide(_DIGITS.ln(number), divisor)) * times

    return Pair(to_argument, of_argument)


def _slope(full: float) -> Pair:
    """The value is a hundred times the tangent of an angle; `full` is the length of a radian in the angle's unit."""
    return Pair(
        lambda value: Fraction(math.atan(value / 100) * full),
        lambda argument: Fraction(math.tan(argument / full)) * 100 if abs(argument / full) < math.pi / 2 else None,
    )


def _root(argument: Fraction) -> Fraction | None:
    return Fraction(_DIGITS.sqrt(_decimal(argument))) if argument >= 0 else None


FUNCTIONS: dict[str, Pair] = {
    "Cel": _linear("273.15"),
    "degF": _linear("459.67"),
    "degRe": _linear("218.52"),
    "pH": _logarithm(10, -1),
    "lg": _logarithm(10, 1),
    "lgTimes2": _logarithm(10, 2),
    "ln": _logarithm(None, 1),
    "ld": _logarithm(2, 1),
    "hpX": _logarithm(10, -1),
    "hpC": _logarithm(100, -1),
    "hpM": _logarithm(1000, -1),
    "hpQ": _logarithm(50_000, -1),
    "100tan": _slope(180 / math.pi),
    "tanTimes100": _slope(1.0),
    "sqrt": Pair(lambda value: value * value, _root),
}
"""By `function/@name`. The essence file measures the angle of `100tan` in degrees and that of `tanTimes100` in rad."""
