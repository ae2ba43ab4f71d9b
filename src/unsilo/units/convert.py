"""Conversion and comparison of values in UCUM units: exact fractions, or an Issue that says why not."""

from __future__ import annotations

from decimal import Context, Decimal, Inexact
from fractions import Fraction

from unsilo.kernel.issue import Code, Issue
from unsilo.kernel.result import Result
from unsilo.units.unit import Canonical, canonical, parse

__all__ = ["comparable", "compare", "convert", "fraction", "interval", "ratio", "to_decimal"]

_LARGEST = 400
"""Decimal digits on either side of the point that a value may have; a double has 308."""
_LONG = Context(prec=80, Emax=100_000, Emin=-100_000)
_SHORT = Context(prec=34, Emax=100_000, Emin=-100_000)
_ABSOLUTE = frozenset({"Cel", "degF", "degRe"})


def _issue(text: str, rule: str, code: Code = "value", hint: str = "") -> Issue:
    return Issue("error", code, text, hint=hint, rule=f"units.convert.{rule}")


def fraction(value: Decimal) -> Fraction | None:
    """Return the value as a fraction, or None when it is no finite number of sensible size."""
    if not value.is_finite():
        return None
    digits, exponent = len(value.as_tuple().digits), value.as_tuple().exponent
    if not isinstance(exponent, int) or digits > _LARGEST or abs(exponent) > _LARGEST:
        return None
    return Fraction(value)


def to_decimal(value: Fraction) -> Decimal:
    """Return the fraction as a decimal: exactly where 80 digits suffice, otherwise rounded to 34 (IEEE decimal128)."""
    up, down = Decimal(value.numerator), Decimal(value.denominator)
    context = _LONG.copy()
    result = context.divide(up, down)
    if context.flags[Inexact]:
        return _SHORT.divide(up, down)
    exponent = result.as_tuple().exponent
    whole = isinstance(exponent, int) and exponent > 0 and result.adjusted() < 30
    return context.quantize(result, Decimal(1)) if whole else result


def _both(source: str, target: str) -> tuple[Canonical, Canonical] | list[Issue]:
    issues = []
    found = []
    for code in (source, target):
        result = parse(code)
        issues += result.issues
        if result.value is not None:
            found.append(result.value.canonical)
    if issues:
        return issues
    first, second = found
    if first.code != second.code:
        hint = "An amount and a mass, or equivalents and moles, are converted by analyte." if _chemical(*found) else ""
        text = f"{source[:40]} cannot be converted to {target[:40]}: {first.code} is not {second.code}."
        return [_issue(text, "dimension", "business-rule", hint)]
    return first, second


def _chemical(first: Canonical, second: Canonical) -> bool:
    """True where the units differ as mass, amount, equivalents or osmoles of the same thing do."""
    parts = (
        {p for p in c.code.split(".") if not p.startswith(("g", "eq", "osm")) and p != "1"} for c in (first, second)
    )
    return len({frozenset(p) for p in parts}) == 1


def comparable(a: str, b: str) -> bool:
    """True when both are UCUM and a value in one can be said in the other. An arbitrary unit only goes with itself."""
    first, second = canonical(a), canonical(b)
    return first is not None and second is not None and first.code == second.code


def ratio(source: str, target: str) -> Fraction | None:
    """Return how many `target` one `source` is, exactly; None when not comparable or when a special unit is met."""
    pair = _both(source, target)
    if isinstance(pair, list) or pair[0].special is not None or pair[1].special is not None:
        return None
    return pair[0].factor / pair[1].factor


def convert(value: Decimal, source: str, target: str) -> Result[Decimal]:
    """Say a value of one unit in another.

    Exact wherever the result has at most 80 digits; otherwise rounded to 34. Special units are right to 1e-9 of the
    value. No value and Issues when a unit is wrong, the dimensions differ, the number is not finite or beyond 400
    digits, or the result does not exist (below the absolute zero, the logarithm of a negative number).
    """
    pair = _both(source, target)
    if isinstance(pair, list):
        return Result(None, pair)
    first, second = pair
    given = fraction(value)
    if given is None:
        return Result(None, [_issue("The value is not a finite number of at most 400 digits.", "number")])
    if first.special is None and second.special is None:
        return Result(to_decimal(given * first.factor / second.factor), [])
    base = first.to_base(given)
    if base is not None and base < 0 and any(c.special and c.special.name in _ABSOLUTE for c in pair):
        return Result(None, [_issue("The temperature is below the absolute zero.", "domain")])
    found = None if base is None else second.from_base(base)
    if found is None:
        return Result(None, [_issue(f"The value has no counterpart in {target[:40]}.", "domain")])
    return Result(to_decimal(found), [])


def compare(a: Decimal, unit_a: str, b: Decimal, unit_b: str) -> int | None:
    """Return -1, 0 or 1 as the first quantity is less than, equal to or greater than the second.

    None when the units are not comparable or a value is out of bounds. Quantities are compared, not numbers: pH 7 is
    less than pH 6, because its concentration is.
    """
    first, second = canonical(unit_a), canonical(unit_b)
    if first is None or second is None or first.code != second.code:
        return None
    given = fraction(a), fraction(b)
    if given[0] is None or given[1] is None:
        return None
    left, right = first.to_base(given[0]), second.to_base(given[1])
    return None if left is None or right is None else (left > right) - (left < right)


def interval(low: Decimal, high: Decimal, code: str) -> tuple[str, float, float] | None:
    """Return the canonical code and the bounds of `low`..`high` in it as doubles, the smaller first (pH turns them).

    None when the unit is not UCUM or a bound has no finite double in canonical units.
    """
    unit = canonical(code)
    if unit is None:
        return None
    ends = []
    for value in (low, high):
        given = fraction(value)
        base = None if given is None else unit.to_base(given)
        if base is None:
            return None
        try:
            ends.append(float(base))
        except OverflowError:
            return None
    return unit.code, min(ends), max(ends)
