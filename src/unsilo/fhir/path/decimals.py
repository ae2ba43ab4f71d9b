"""Decimals: exact sums and products, 34 digits elsewhere (FHIRPath N1, 4.1.4)."""

from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow
from fractions import Fraction
from typing import Final

__all__ = ["CONTEXT", "LARGEST", "decimals", "exponent", "from_fraction", "in_range"]

CONTEXT: Final = Context(
    prec=34, rounding=ROUND_HALF_EVEN, Emax=6144, Emin=-6143, traps=[InvalidOperation, DivisionByZero, Overflow]
)
"""How results are rounded that have no exact decimal: 34 digits, as IEEE 754 decimal128."""

LARGEST: Final = Decimal(10) ** 40
"""Results that are not below it are none: no measurement is, and digits cost time."""

_LONG: Final = Context(prec=80, Emax=100_000, Emin=-100_000)


def decimals(value: Decimal | int) -> int:
    """Return how many digits stand after the point, without zeros at the end."""
    if isinstance(value, int):
        return 0
    return max(0, -exponent(_LONG.normalize(value)))


def exponent(value: Decimal) -> int:
    """Return the power of ten of the last digit; 0 for what is no number."""
    found = value.as_tuple().exponent
    return found if isinstance(found, int) else 0


def from_fraction(value: Fraction) -> Decimal:
    """Return a fraction as a decimal: exactly where 34 digits suffice, else rounded to them."""
    return CONTEXT.divide(Decimal(value.numerator), Decimal(value.denominator))


def in_range(value: Decimal) -> Decimal | None:
    """Return the value, or None when it is larger than any that is reckoned with."""
    return value if value.is_finite() and -LARGEST < value < LARGEST else None
