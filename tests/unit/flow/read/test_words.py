"""Clinical values in words."""

from datetime import UTC
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unsilo.flow.read.describe import particulars, status_word, title
from unsilo.flow.read.fact import Fact, mark_of, void
from unsilo.flow.read.words import NO_TIME, When, age, code_keys, codeable, quantity, ratio, say_when, since, when
from unsilo.kernel.clock import from_instant


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ("1945-07-14", "14-Jul-1945"),
        ("2019-03", "Mar-2019"),
        ("2019", "2019"),
        ("2026-11-03T08:14:07Z", "03-Nov-2026 08:14"),
        ("2026-11-03T09:14:07+01:00", "03-Nov-2026 08:14"),
        ("0001-01-01", "01-Jan-0001"),
        ("9999-12-31", "31-Dec-9999"),
    ],
)
def test_dates_keep_their_precision_and_are_said_as_day_month_year(sent: str, said: str) -> None:
    """Partial dates stay partial; a time of day is moved to the page's zone."""
    assert say_when(when(sent), UTC) == said


def test_a_plain_date_is_the_same_in_every_zone() -> None:
    """Only a time of day moves with the zone: a birth date never does."""
    assert say_when(when("1945-07-14"), ZoneInfo("Pacific/Kiritimati")) == "14-Jul-1945"
    assert say_when(when("2026-11-03T23:30:00Z"), ZoneInfo("Europe/Amsterdam")) == "04-Nov-2026 00:30"


@given(st.one_of(st.text(max_size=40), st.none(), st.integers(), st.lists(st.text(max_size=3))))
def test_no_text_breaks_the_reading_of_dates(sent: object) -> None:
    """Whatever stands in a date element gives a moment or none, and can be said."""
    moment = when(sent)
    assert isinstance(say_when(moment, ZoneInfo("Asia/Tokyo")), str)


def test_ages_are_in_the_unit_that_matters() -> None:
    """Days for the newborn, months below two years, years after; nothing is claimed from half a date."""
    now = from_instant("2026-11-21T00:00:00Z")
    assert age(when("1945-07-14"), now) == "81 y"
    assert age(when("2025-09-30"), now) == "13 months"
    assert age(when("2026-11-12"), now) == "9 days"
    assert age(when("1945"), now) == "about 81 y"
    assert age(NO_TIME, now) == ""
    assert age(when("2027-01-01"), now) == ""


def test_numbers_keep_every_digit_and_stay_with_their_unit() -> None:
    """`7.00` stays `7.00`; number and unit are joined by a no-break space."""
    assert quantity({"value": Decimal("7.00"), "unit": "mmol/L"}) == "7.00\u00a0mmol/L"
    assert quantity({"value": 5, "unit": "mg/L", "comparator": "<"}).replace("\u00a0", " ") == "< 5 mg/L"
    assert quantity({}) == ""
    assert ratio({"numerator": {"value": 1}, "denominator": {"value": 80}}) == "1:80"


def test_concepts_are_compared_by_code_and_by_words_without_case_or_accent() -> None:
    """Two concepts share a key when a code or the words are the same."""
    one = {"coding": [{"system": "s", "code": "1", "display": "Pénicilline"}]}
    other = {"text": "PENICILLINE"}
    assert set(code_keys(one)) & set(code_keys(other)) == {"words|penicilline"}
    assert codeable({"coding": [{"code": "K", "system": "urn:oid:1"}]}).startswith("K")
    assert code_keys(None) == []


def test_time_past_is_said_in_one_unit() -> None:
    """A clinician reads `2 h ago`, not a time stamp."""
    now = 10**15
    assert [since(now - s * 1_000_000, now) for s in (0, 61, 7300, 90_000, 200_000)] == [
        "just now", "1 min ago", "2 h ago", "1 day ago", "2 days ago",
    ]  # fmt: skip


def test_a_moment_outside_what_can_be_said_gives_nothing() -> None:
    """Times beyond the calendar are not invented."""
    assert say_when(When(10**20, "minute"), ZoneInfo("Asia/Tokyo")) == ""


def test_what_is_not_to_be_done_is_never_shown_as_ordered() -> None:
    """A request with `doNotPerform` is marked and struck out, whatever its status."""
    order = {"resourceType": "ServiceRequest", "status": "active", "doNotPerform": True, "code": {"text": "X-ray"}}
    fact = Fact("ServiceRequest", "1", "1", 0, "north", order)
    mark = mark_of(fact)
    assert mark is not None
    assert mark.word == "Not to be done"
    assert void(fact)
    assert status_word(order) == "Not to be done"
    assert mark_of(Fact("ServiceRequest", "1", "1", 0, "north", order | {"doNotPerform": False})) is None


def test_goals_and_family_say_what_they_are_about() -> None:
    """A goal's target and a relative's conditions stand beneath the title; a device without words has some."""
    target = {"detailQuantity": {"value": 70, "unit": "kg"}, "dueDate": "2024-07-01"}
    goal = {"resourceType": "Goal", "target": [target]}
    assert dict(particulars(goal))["Target"].split() == ["70", "kg", "by", "2024-07-01"]
    told = {"code": {"text": "Stroke"}, "onsetAge": {"value": 57, "unit": "a"}}
    family = {"resourceType": "FamilyMemberHistory", "condition": [told], "deceasedBoolean": True}
    assert dict(particulars(family)) == {"Had": "Stroke, at 57\xa0a", "Died": "yes"}
    assert title({"resourceType": "DeviceUseStatement", "device": {"reference": "Device/1"}}) == "Use of a device"
