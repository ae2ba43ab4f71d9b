"""Dates and times: as exact as they were sent, never more."""

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unsilo.formats.hl7v2 import to_fhir_date, to_fhir_datetime, to_fhir_instant, to_fhir_time, to_microseconds
from unsilo.formats.hl7v2.dtm import read
from unsilo.kernel.clock import from_instant

CHICAGO = ZoneInfo("America/Chicago")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2024", "2024"),
        ("202402", "2024-02"),
        ("20240229", "2024-02-29"),
        ("2024022914", "2024-02-29"),
        ("202402291405", "2024-02-29T14:05:00-06:00"),
        ("20240229140507", "2024-02-29T14:05:07-06:00"),
        ("20240229140507.1", "2024-02-29T14:05:07.1-06:00"),
        ("20240229140507.1230", "2024-02-29T14:05:07.1230-06:00"),
        ("20240229140507-0500", "2024-02-29T14:05:07-05:00"),
        ("202402291405+0530", "2024-02-29T14:05:00+05:30"),
        ("20240229140507-0000", "2024-02-29T14:05:07+00:00"),
        ("20240715120000", "2024-07-15T12:00:00-05:00"),
        ("20241103013000", "2024-11-03T01:30:00-05:00"),
        ("20240229000000", "2024-02-29T00:00:00-06:00"),
        ("202402290000", "2024-02-29T00:00:00-06:00"),
        ("20240229240000", "2024-03-01T00:00:00-06:00"),
        ("202412312400", "2025-01-01T00:00:00-06:00"),
        ("19610000", "1961"),
        ("19610600", "1961-06"),
        ("196100", "1961"),
        ("2024-02-29", "2024-02-29"),
        ("2024-02-29T14:05:07Z", "2024-02-29T14:05:07+00:00"),
        ("2024-02-29 14:05:07.25+01:00", "2024-02-29T14:05:07.25+01:00"),
        (" 20240229 ", "2024-02-29"),
        ("0001", "0001"),
        ("20240229-0500", "2024-02-29"),
    ],
)
def test_datetimes(value, expected):
    """A value becomes a FHIR dateTime of its own precision; a time without a zone gets the feed's."""
    assert to_fhir_datetime(value, CHICAGO) == expected


@pytest.mark.parametrize(
    "value",
    ["", '""', "0000", "00000000", "20230229", "20241301", "20240132", "2024022925", "202402291460", "20240229140560",
     "20240229140507+1500", "20240229140507+0060", "20240229140507.", "202", "20242", "2024022", "abcd", "20240229T12",
     "202402292401", "196100011200", "19610001", "2024022914050", "٢٠٢٤", "20240229140507.1234567890", "99999999",
     "9999123124", "2024-2-9"],
)  # fmt: skip
def test_impossible_values_give_nothing(value):
    """An impossible or malformed date is None everywhere, so that the caller can say so."""
    assert to_fhir_datetime(value, UTC) is None
    assert to_fhir_date(value) is None
    assert to_fhir_instant(value, UTC) is None
    assert to_microseconds(value, UTC) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [("2/14/1961", "1961-02-14"), ("14/2/1961", "1961-02-14"), ("06/06/1962", "1962-06-06"),
     ("14.02.1961", "1961-02-14"), ("2.4.1961", "1961-04-02"), ("1961/2/4", "1961-02-04"),
     ("20260108 1130", "2026-01-08T11:30:00+00:00"),
     ("20260108 11:30:05", "2026-01-08T11:30:05+00:00"), ("08.01.2026 11:30", "2026-01-08T11:30:00+00:00")],
)  # fmt: skip
def test_spelt_dates(value, expected):
    """A date that is spelt is read where it can be read in one way only."""
    assert to_fhir_datetime(value, UTC) == expected


@pytest.mark.parametrize(
    "value", ["2/4/1961", "13/13/1961", "30.02.1961", "02.14.1961", "1/2/61", "1961/13/1", "1/1.1961"]
)
def test_dates_that_may_be_two_are_none(value):
    """A date of two readings, or of none, is not guessed."""
    assert to_fhir_datetime(value, UTC) is None


def test_long_values_are_not_remembered():
    """A value of a megabyte is no date and is not kept in any cache."""
    assert read("2024" * 250_000) is None


def test_instants_need_minutes():
    """An instant is given for a value that reaches the minute at least."""
    assert to_fhir_instant("202402291405", CHICAGO) == "2024-02-29T14:05:00-06:00"
    assert to_fhir_instant("20240229", CHICAGO) is None
    assert to_fhir_instant("2024022914", CHICAGO) is None


def test_dates_drop_the_time():
    """A birth date with a time gives its day, whatever the zone."""
    assert to_fhir_date("19610615233000-0500") == "1961-06-15"
    assert to_fhir_date("1961") == "1961"


@pytest.mark.parametrize(
    ("value", "expected"),
    [("1405", "14:05:00"), ("140507", "14:05:07"), ("140507.25-0500", "14:05:07.25"), ("14:05", "14:05:00"),
     ("14", None), ("2400", None), ("1460", None), ("140560", None), ("", None), ("x", None)],
)  # fmt: skip
def test_times(value, expected):
    """TM values become FHIR times; hours alone and nonsense do not."""
    assert to_fhir_time(value) == expected


@pytest.mark.parametrize(
    ("value", "precision", "same"),
    [
        ("2024", "year", "2024-01-01T00:00:00-06:00"),
        ("202402", "month", "2024-02-01T00:00:00-06:00"),
        ("20240229", "day", "2024-02-29T00:00:00-06:00"),
        ("2024022914", "hour", "2024-02-29T14:00:00-06:00"),
        ("202402291405", "minute", "2024-02-29T14:05:00-06:00"),
        ("20240229140507", "second", "2024-02-29T14:05:07-06:00"),
        ("20240229140507.123456+0100", "fraction", "2024-02-29T14:05:07.123456+01:00"),
        ("19000101", "day", "1900-01-01T00:00:00-06:00"),
    ],
)
def test_microseconds(value, precision, same):
    """Microseconds name the start of the time, with the precision of the value."""
    assert to_microseconds(value, CHICAGO) == (from_instant(same), precision)


def test_the_zone_of_the_value_is_known():
    """A value says whether it brought its own zone, so that an assumed one can be shown as assumed."""
    own, assumed = read("20240229140507-0600", CHICAGO), read("20240229140507", CHICAGO)
    assert own is not None
    assert own.zoned
    assert assumed is not None
    assert not assumed.zoned
    assert own.start == assumed.start


@settings(deadline=None)
@given(st.datetimes(allow_imaginary=False), st.integers(-14 * 60, 14 * 60))
def test_full_values_name_the_same_time(when, minutes):
    """For any time and offset the microseconds equal those of the FHIR instant."""
    sign = "-" if minutes < 0 else "+"
    value = f"{when.year:04d}{when:%m%d%H%M%S.%f}{sign}{abs(minutes) // 60:02d}{abs(minutes) % 60:02d}"
    instant, micros = to_fhir_instant(value), to_microseconds(value)
    assert micros is not None
    assert instant is not None
    if 1 < when.year < 9999:
        assert from_instant(instant) == micros[0]


@settings(deadline=None)
@given(st.text("0123456789+-.TZ: ", max_size=30), st.sampled_from([UTC, CHICAGO, ZoneInfo("Asia/Kathmandu")]))
def test_no_text_raises(value, zone):
    """Any text is a date or None, and the forms agree on which."""
    some = to_microseconds(value, zone)
    assert (some is None) == (to_fhir_date(value) is None) or some is None
    to_fhir_datetime(value, zone)
    to_fhir_instant(value, zone)
    to_fhir_time(value)
