"""Conversion and comparison: exact, bounded, and refused where a number would be wrong."""

from decimal import Decimal
from fractions import Fraction
from math import isclose

import pytest

from unsilo.units import comparable, compare, convert, interval, ratio
from unsilo.units.convert import to_decimal

EXACT = [
    ("37", "Cel", "98.6", "[degF]"),
    ("98.6", "[degF]", "37", "Cel"),
    ("-40", "[degF]", "-40", "Cel"),
    ("0", "K", "-273.15", "Cel"),
    ("80", "[degRe]", "100", "Cel"),
    ("671.67", "[degR]", "100", "Cel"),
    ("36600", "mCel", "36.6", "Cel"),
    ("1", "[in_i]", "2.54", "cm"),
    ("1", "[lb_av]", "0.45359237", "kg"),
    ("120", "mm[Hg]", "15.99864", "kPa"),
    ("5.5", "mmol/L", "5.5", "mol/m3"),
    ("1", "10*3/uL", "1", "10*9/L"),
    ("4", "/100{WBC}", "4", "%"),
    ("60", "/min", "1", "Hz"),
    ("2", "g%", "20", "g/L"),
    ("1", "kat", "60000000", "U"),
    ("7", "[pH]", "100", "nmol/L"),
    ("100", "nmol/L", "7", "[pH]"),
    ("2", "B", "100", "1"),
    ("20", "dB", "100", "1"),
    ("2", "B[V]", "10", "V"),
    ("3", "bit_s", "8", "1"),
    ("2", "[hp'_X]", "0.01", "1"),
    ("2", "[hp'_C]", "0.0001", "1"),
    ("9", "[m/s2/Hz^(1/2)]", "81", "m2/s4/Hz"),
    ("1", "KiBy", "8192", "bit"),
    ("3", "k[iU]/L", "3", "[IU]/mL"),
]


@pytest.mark.parametrize(("value", "source", "expected", "target"), EXACT)
def test_what_is_exact_is_exact(value: str, source: str, expected: str, target: str) -> None:
    """Ratios, temperatures and whole powers come out without a rounding."""
    assert convert(Decimal(value), source, target).value == Decimal(expected)


NEAR = [
    ("7.4", "[pH]", 39.810717055349734, "nmol/L"),
    ("40", "nmol/L", 7.3979400086720375, "[pH]"),
    ("3", "dB[V]", 1.4125375446227544, "V"),
    ("94", "dB[SPL]", 1.0023744672545447, "Pa"),
    ("1", "Np", 2.718281828459045, "1"),
    ("1", "B", 2.302585092994046, "Np"),
    ("5", "%[slope]", 2.8624052261117474, "deg"),
    ("45", "deg", 100.0, "%[slope]"),
    ("45", "deg", 100.0, "[p'diop]"),
    ("2", "[m/s2/Hz^(1/2)]", 4.0, "m2/s3"),
    ("0.5", "1", 0.1505149978319906, "[hp'_C]"),
]


@pytest.mark.parametrize(("value", "source", "expected", "target"), NEAR)
def test_special_units_are_right_to_a_billionth(value: str, source: str, expected: float, target: str) -> None:
    """Logarithms, slopes and roots agree with independent figures within 1e-9."""
    found = convert(Decimal(value), source, target).value
    assert found is not None
    assert isclose(found, expected, rel_tol=1e-9)


REFUSED = [
    ("1", "mg/dL", "mmol/L", "units.convert.dimension", "analyte"),
    ("1", "meq/L", "mmol/L", "units.convert.dimension", "analyte"),
    ("1", "mosm/kg", "mmol/kg", "units.convert.dimension", "analyte"),
    ("1", "m", "s", "units.convert.dimension", ""),
    ("1", "[iU]", "[arb'U]", "units.convert.dimension", ""),
    ("1", "[iU]", "1", "units.convert.dimension", ""),
    ("-300", "Cel", "K", "units.convert.domain", ""),
    ("-1", "K", "Cel", "units.convert.domain", ""),
    ("-1", "mol/L", "[pH]", "units.convert.domain", ""),
    ("0", "1", "B", "units.convert.domain", ""),
    ("180", "deg", "%[slope]", "units.convert.domain", ""),
    ("1e9", "B", "1", "units.convert.domain", ""),
    ("1e5", "B", "1", "units.convert.domain", ""),
    ("NaN", "m", "km", "units.convert.number", ""),
    ("sNaN", "m", "km", "units.convert.number", ""),
    ("-Infinity", "m", "km", "units.convert.number", ""),
    ("1e999999999", "m", "km", "units.convert.number", ""),
    ("1e-999999999", "m", "km", "units.convert.number", ""),
    ("1" * 401, "m", "km", "units.convert.number", ""),
    ("1", "mg/dl/", "g/L", "units.ucum.end", ""),
    ("1", "10*-", "1", "units.ucum.syntax", ""),
]


@pytest.mark.parametrize(("value", "source", "target", "rule", "hint"), REFUSED)
def test_what_has_no_answer_is_an_issue(value: str, source: str, target: str, rule: str, hint: str) -> None:
    """No value, one Issue with its rule; where the analyte is what is missing, the hint says so."""
    result = convert(Decimal(value), source, target)
    assert result.value is None
    assert [issue.rule for issue in result.issues] == [rule]
    assert hint in result.issues[0].hint


def test_negative_values_pass_where_they_mean_something() -> None:
    """A base excess may be negative; only the absolute zero and logarithms end the scale."""
    assert convert(Decimal("-3.5"), "mmol/L", "umol/mL").value == Decimal("-3.5")
    assert convert(Decimal(-3), "dB", "B").value == Decimal("-0.3")


def test_ratio_is_a_fraction() -> None:
    """A ratio is exact also where its decimal does not end, and absent for special units."""
    assert ratio("d", "wk") == Fraction(1, 7)
    assert ratio("Cel", "K") is None
    assert ratio("m", "g") is None


def test_comparable_and_compare() -> None:
    """Comparison asks for the quantity, so a greater pH is a smaller concentration."""
    assert comparable("mg/dL", "g/L")
    assert comparable("[iU]/L", "m[IU]/mL")
    assert not comparable("[iU]", "[arb'U]")
    assert not comparable("meq/L", "mmol/L")
    assert not comparable("m", "nonsense")
    assert compare(Decimal(1), "g/L", Decimal(100), "mg/dL") == 0
    assert compare(Decimal(37), "Cel", Decimal(100), "[degF]") == -1
    assert compare(Decimal(7), "[pH]", Decimal(6), "[pH]") == -1
    assert compare(Decimal(1), "g", Decimal(1), "m") is None
    assert compare(Decimal("NaN"), "g", Decimal(1), "g") is None


def test_interval_in_canonical_units() -> None:
    """Bounds are in order also where the scale is turned, and None when a double cannot hold them."""
    assert interval(Decimal("99.5"), Decimal("100.5"), "mg/dL") == ("g.m-3", 995.0, 1005.0)
    turned = interval(Decimal("7.35"), Decimal("7.45"), "[pH]")
    assert turned is not None
    assert turned[0] == "m-3"
    assert turned[1] < turned[2]
    assert interval(Decimal(1), Decimal(2), "no unit") is None
    assert interval(Decimal("1e300"), Decimal("1e301"), "10*100") is None
    assert interval(Decimal("1e999"), Decimal(1), "m") is None


def test_decimals_are_exact_or_of_34_digits() -> None:
    """A fraction that ends is given in full; a periodic one is rounded; whole numbers are written plainly."""
    assert to_decimal(Fraction(1, 2**60)) * 2**60 == 1
    assert str(to_decimal(Fraction(1, 3))) == "0." + "3" * 34
    assert str(to_decimal(Fraction(1000))) == "1000"
