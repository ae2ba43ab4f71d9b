"""FHIR dates become ranges as wide as their precision; what is no date becomes nothing."""

import pytest

from unsilo.fhir import dates

DAY = 86_400_000_000


@pytest.mark.parametrize(
    ("text", "width"),
    [("2020", 366 * DAY), ("2021-02", 28 * DAY), ("2020-12", 31 * DAY), ("2020-01-02", DAY), ("9999", 365 * DAY),
     ("2020-01-02T03:04Z", 60_000_000), ("2020-01-02T03:04:05Z", 1_000_000), ("2020-01-02T03:04:05.6+02:00", 100_000),
     ("2020-01-02T03:04:05.678Z", 1_000), ("2020-01-02T03:04:05.678901Z", 1), ("2020-01-02T03:04:05.6789012Z", 1)],
)  # fmt: skip
def test_dates_are_as_wide_as_their_precision(text: str, width: int) -> None:
    """A partial date covers its whole period."""
    found = dates.range_of(text)
    assert found is not None
    assert found[1] - found[0] == width


@pytest.mark.parametrize(
    "text",
    ["", "20", "2020-13", "2020-02-30", "yesterday", "0000", "2020-1-2", "²020", "20200101", "2020-W01-1", "1_20",
     " 202",
     "2020-01-01\n", "2020-01-01T24:00:00Z", "2020-01-01T10", "2020-01-01T10:61Z", "2020-01-01T10:00:61Z",
     "9" * 100_000, "2020-01-01T10:00:00+15:00", "2020-01-01 10:00:00Z", "2020-01-01T10:00:00.Z", "10000-01-01"],
)  # fmt: skip
def test_what_is_no_date(text: str) -> None:
    """Only FHIR's forms are dates, not all that a calendar library reads."""
    assert dates.range_of(text) is None


def test_zones_and_leap_seconds() -> None:
    """A zone moves the moment; the second 60 is the first one of the next minute."""
    assert dates.range_of("2020-01-01T00:30:00+01:00") == dates.range_of("2019-12-31T23:30:00Z")
    assert dates.range_of("2020-01-01T00:30:00-05:30") == dates.range_of("2020-01-01T06:00:00Z")
    assert dates.range_of("2016-12-31T23:59:60Z") == dates.range_of("2017-01-01T00:00:00Z")


def test_open_periods() -> None:
    """A period without an end or start is unbounded on that side; one without either says no time."""
    assert dates.bounds({"start": "2020"}) == (dates.range_of("2020")[0], dates.ALWAYS)  # type: ignore[index]
    assert dates.bounds({"end": "2020"}) == (dates.NEVER, dates.range_of("2020")[1])  # type: ignore[index]
    assert dates.bounds({"start": "soon"}) is None
    assert dates.bounds({}) is None
    assert dates.bounds(5) is None


def test_timing_is_its_outer_limits() -> None:
    """Events and the bounds of the repetition count, what is between them does not (R4 search.html#date)."""
    timing = {
        "event": ["2020-03-01", "2020-01-05", "never"],
        "repeat": {"boundsPeriod": {"start": "2020-02-01", "end": "2020-04-01"}, "frequency": 2},
    }
    low, high = dates.range_of("2020-01-05"), dates.range_of("2020-04-01")
    assert low is not None
    assert high is not None
    assert dates.bounds(timing) == (low[0], high[1])
    assert dates.bounds({"repeat": {"frequency": 1}}) is None
