"""Dates, dateTimes and times: precision, zones, arithmetic."""

from datetime import UTC, datetime

import pytest

from unsilo.fhir.path import Context, Date, DateTime, Time, compile_path
from unsilo.fhir.path.temporal import date, datetime_, time


def told(expression: str) -> list[str]:
    """Evaluate without a resource."""
    return [str(value) for value in compile_path(expression)({})]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("@2012 = @2012", "True"),
        ("@2012-01 = @2012", ""),
        ("@2012-01 = @2013", "False"),
        ("@2012-04-15 = @2012-04-15T10:00:00", ""),
        ("@2012-04-15T15:00:00Z = @2012-04-15T17:00:00+02:00", "True"),
        ("@2012-04-15T15:00:00Z = @2012-04-15T10:00:00", ""),
        ("@2012-04-15T15:00:00Z = @2012-04-18T10:00:00", "False"),
        ("@2012-04-15T15:00:00Z < @2012-04-18T10:00:00", "True"),
        ("@2012-04-15T15:30:31 = @2012-04-15T15:30:31.000", "True"),
        ("@2012-04-15 ~ @2012-04", "False"),
        ("@T10:30 < @T10:30:00", ""),
        ("@T10:30 < @T10:31:00", "True"),
        ("@T10:30 = @2012", "False"),
        ("@2012T < @2013", "True"),
        ("@2018-12-31T23:00:00-02:00 = @2019-01-01T01:00:00Z", "True"),
        ("(@2012-04-15T15:00:00Z | @2012-04-15T17:00:00+02:00).count()", "1"),
        ("(@2012 | @2012-01).count()", "2"),
    ],
)
def test_comparison_has_three_answers(expression: str, expected: str) -> None:
    """What precision or zone leave open is empty; what no zone could change is answered."""
    assert "".join(told(expression)) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("@2012-01-31 + 1 month", "2012-02-29"),
        ("@2012-02-29 + 1 year", "2013-02-28"),
        ("@2012-02-29 - 4 years", "2008-02-29"),
        ("@2012-12-31 + 1 day", "2013-01-01"),
        ("@2012-12-31 + 1.9 days", "2013-01-01"),
        ("@2012-12-31 + 1 'wk'", "2013-01-07"),
        ("@2012-12-31 + 25 hours", "2013-01-01"),
        ("@2012 + 24 months", "2014"),
        ("@2012 + 23 months", "2013"),
        ("@2012 + 365 days", "2013"),
        ("@2012-03 - 60 days", "2012-01"),
        ("@2012-03 + 1 'month'", "2012-04"),
        ("@2012-01-01T00:00:00.000Z - 1 millisecond", "2011-12-31T23:59:59.999Z"),
        ("@2012-01-01T00:00:00Z + 0.5 seconds", "2012-01-01T00:00:00.5Z"),
        ("@2012-01-01T00:00:00+10:00 + 90 minutes", "2012-01-01T01:30:00+10:00"),
        ("@2012-01-01T10 + 90 minutes", "2012-01-01T11"),
        ("@T23:30 + 45 minutes", "00:15"),
        ("@T00:00:10 - 20 seconds", "23:59:50"),
        ("@T10 + 119 minutes", "11"),
        ("@9999-12-31 + 1 day", ""),
        ("@9999 + 1 year", ""),
        ("@0001-01-01 - 1 day", ""),
    ],
)
def test_arithmetic_respects_the_calendar(expression: str, expected: str) -> None:
    """Months end where they end, amounts are cut to the precision of the date, the zone stays."""
    assert "".join(told(expression)) == expected


def test_only_real_dates_are_read() -> None:
    """What the calendar or the clock does not have is none."""
    for text in ("2012-13", "2012-00", "2013-02-29", "0000", "20120", "2012-1", "２０１２"):
        assert date(text) is None, text
    for text in ("2012-01-01T24:00", "2012-01T10", "2012-01-01TZ", "2012-01-01T10:00:60", "2012-01-01T10:00+25:00"):
        assert datetime_(text) is None, text
    for text in ("24", "10:60", "10:00:60", "1", "10:00:00.", ""):
        assert time(text) is None, text


def test_digits_of_a_second_are_kept() -> None:
    """A dateTime is written as it was read, up to nine digits of a second."""
    for text in ("2015-02-04T14:34:28.120+10:00", "2015-02-04T14:34:05Z", "2015-02-04T14:34", "2015"):
        assert str(datetime_(text)) == text
    assert str(DateTime((2015, 2, 4))) == "2015-02-04"
    assert str(Time((4,))) == "04"
    assert Date((2015, 2)) == DateTime((2015, 2))


def test_the_clock_is_read_once() -> None:
    """`now()` and `today()` are the same moment throughout an evaluation, and can be given."""
    at = Context(now=datetime(2020, 2, 29, 12, 30, 15, 123456, tzinfo=UTC))
    path = compile_path("now() | today() | timeOfDay()")
    assert [str(value) for value in path({}, at)] == ["2020-02-29T12:30:15.123Z", "2020-02-29", "12:30:15.123"]
    assert compile_path("now() = now() and today() <= today()")({}) == [True]
