"""Parts of dates and times, and functions that go round."""

from decimal import Decimal

import pytest

from unsilo.fhir.path import PathError, compile_path
from unsilo.fhir.path.checking import check

AT = "@2012-03-04T12:30:40.002-07:00"


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (f"{AT}.yearOf()", ["2012"]),
        (f"{AT}.monthOf()", ["3"]),
        (f"{AT}.dayOf()", ["4"]),
        (f"{AT}.hourOf()", ["12"]),
        (f"{AT}.minuteOf()", ["30"]),
        (f"{AT}.secondOf()", ["40"]),
        (f"{AT}.millisecondOf()", ["2"]),
        (f"{AT}.timezoneOffsetOf()", ["-7.0"]),
        ("@2012-03-04T12:30:40+08:45.timezoneOffsetOf()", ["8.75"]),
        ("@2012-03-04T12:30:40.timezoneOffsetOf()", []),
        (f"{AT}.dateOf()", ["2012-03-04"]),
        (f"{AT}.timeOf()", ["12:30:40.002"]),
        ("@2012T.timeOf()", []),
        ("@2012.monthOf()", []),
        ("@T10:30.minuteOf()", ["30"]),
        ("@T10:30:00.millisecondOf()", []),
        ("@2012-03-04T10.minuteOf()", []),
        ("1.repeatAll(iif($this < 3, $this + 1, {}))", ["2", "3"]),
    ],
)
def test_parts(expression, expected):
    """A part that is not said is empty."""
    assert [str(value) for value in compile_path(expression)({})] == expected


@pytest.mark.parametrize("expression", ["@T10:30.yearOf()", "@2012.hourOf()", "1.yearOf()", "(@2012 | @2013).yearOf()"])
def test_what_has_no_such_part(expression):
    """Another type, and several items, are errors."""
    with pytest.raises(PathError):
        compile_path(expression)({})


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("12 'cm' * 3 'cm'", "36 'cm2'"),
        ("12 'cm2' / 3 'cm'", "4 'cm'"),
        ("12 'kg.m/s2' * 3 'm'", "36 'kg.m2/s2'"),
        ("12 '/min' * 2 'min'", "24 '1'"),
        ("1 / 4 's'", "0.25 '/s'"),
        ("2 'mm[Hg]' * 2 'mm[Hg]'", "4 'mm[Hg]2'"),
        ("12 '10*3/uL' * 2 'uL'", "24 '(10*3/uL).uL'"),
    ],
)
def test_products_of_units(expression, expected):
    """Like symbols are taken together (6.6.1, 6.6.2); what is more than a plain product is put in parentheses."""
    found = compile_path(expression)({})[0]
    assert (str(found), found.value) == (expected, Decimal(expected.split()[0]))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("(5 'mg').value", ["5"]),
        ("(5 'mg').unit", ["mg"]),
        ("(3 days).unit", ["day"]),
        ("(5 'mg' | 3 'g').value", ["5", "3"]),
        ("(5 'mg').children()", []),
    ],
)
def test_parts_of_a_quantity(expression, expected):
    """A Quantity of the language has a value and a unit."""
    check(expression, "Patient")
    assert [str(value) for value in compile_path(expression)({})] == expected
