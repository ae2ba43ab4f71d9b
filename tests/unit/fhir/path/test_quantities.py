"""Quantities: UCUM units, calendar words, precision."""

from decimal import Decimal

import pytest

from unsilo.fhir.path import Quantity, compile_path
from unsilo.fhir.path.quantity import from_fhir


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("4.0000 'g' = 4000.0 'mg'", "True"),
        ("4 'g' ~ 4040 'mg'", "True"),
        ("4.0 'g' ~ 4040 'mg'", "True"),
        ("4.00 'g' ~ 4040 'mg'", "True"),
        ("4.01 'g' ~ 4040 'mg'", "False"),
        ("4.0 'g' ~ 4060 'mg'", "True"),
        ("4.1 'g' ~ 4040 'mg'", "False"),
        ("1 'cm' < 1 '[in_i]'", "True"),
        ("1 'cm' = 1 's'", ""),
        ("1 'cm' < 1 's'", ""),
        ("1 'cm' ~ 1 's'", "False"),
        ("7 days = 1 week", "True"),
        ("1 day = 24 'h'", "True"),
        ("1 year = 12 months", "True"),
        ("1 year = 1 'a'", ""),
        ("1 year ~ 1 'a'", "True"),
        ("1 month = 30 days", ""),
        ("1 year > 1 day", ""),
        ("20 'Cel' = 68 '[degF]'", "True"),
        ("1 'pillbox' = 1 'pillbox'", "True"),
        ("1 'pillbox' = 1 'box'", ""),
        ("5 = 5 '1'", "True"),
        ("2 'm' + 30 'cm'", "230 'cm'"),
        ("2 'm' - 2 's'", ""),
        ("1 year + 1 month", "13 months"),
        ("2.0 'cm' * 2.0 'm' = 0.040 'm2'", "True"),
        ("3 * 2 'm'", "6 'm'"),
        ("6 'm' / 2", "3 'm'"),
        ("6 'm' / 2 'm'", "3 '1'"),
        ("6 'm' / 0 'm'", ""),
        ("4.0 'g' / 2.0 'm' = 2 'g/m'", "True"),
        ("-(4 'g')", "-4 'g'"),
        ("(-5.5 'mg').abs()", "5.5 'mg'"),
        ("1 'cm'.comparable(1 '[in_i]')", "True"),
        ("1 'cm'.comparable(1 's')", "False"),
        ("(1 'g' | 1000 'mg').count()", "1"),
    ],
)
def test_quantities(expression: str, expected: str) -> None:
    """Values are compared in one unit exactly; units that do not go together give nothing."""
    assert "".join(str(value) for value in compile_path(expression)({})) == expected


def test_fhir_quantities_are_system_quantities() -> None:
    """A UCUM code is the unit, a UCUM year stands for a calendar year too, a comparator makes it no amount."""
    ucum = "http://unitsofmeasure.org"
    kilograms = from_fhir({"value": Decimal("70.0"), "unit": "kilogram", "system": ucum, "code": "kg"})
    assert str(kilograms) == "70.0 'kg'"
    years = from_fhir({"value": 4, "system": ucum, "code": "a"})
    assert years is not None
    assert years.compare(Quantity(Decimal(4), "year", calendar=True)) == 0
    assert years.compare(Quantity(Decimal(4), "a")) == 0
    assert from_fhir({"value": 4, "comparator": "<"}) is None
    assert from_fhir({"value": "4"}) is None
    assert from_fhir({"value": True}) is None
    tablets = from_fhir({"value": 4, "unit": "tablet"})
    assert tablets is not None
    assert tablets.compare(Quantity(Decimal(4), "tablet")) is None
    assert tablets == from_fhir({"value": Decimal("4.0"), "unit": "tablet"})
