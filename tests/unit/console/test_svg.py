"""Pictures say in their label what they show, and suggest nothing that was not measured."""

from decimal import Decimal
from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from unsilo.console import svg
from unsilo.flow.read.fact import Fact
from unsilo.flow.read.results import Point, Series
from unsilo.flow.read.timeline import Event
from unsilo.flow.read.words import When

DAY = 86_400_000_000


def _point(day: int, value: str, low: str = "", high: str = "", comparator: str = "") -> Point:
    measured: dict[str, object] = {"value": Decimal(value), "unit": "mmol/L"}
    if comparator:
        measured["comparator"] = comparator
    limits = {k: {"value": Decimal(v)} for k, v in (("low", low), ("high", high)) if v}
    fact = Fact("Observation", str(day), 1, 0, "s", {
        "resourceType": "Observation", "status": "final", "valueQuantity": measured,
        "referenceRange": [limits] if limits else [],
    })  # fmt: skip
    fact.memo["when"] = When(day * DAY, "minute")
    return Point(fact)


def test_a_line_is_not_drawn_across_a_long_gap() -> None:
    """Where nothing was measured for long, nothing is suggested."""
    near = Series("mmol/L", [_point(d, "4") for d in (1, 2, 3, 4)])
    far = Series("mmol/L", [_point(d, "4") for d in (1, 2, 3, 4, 90, 91, 92)])
    assert svg.sparkline(near, "x").count("<polyline") == 1
    assert svg.sparkline(far, "x").count("<polyline") == 2


def test_ranges_that_differ_are_drawn_in_steps() -> None:
    """Two laboratories' ranges are two bands, not a mean."""
    points = [_point(1, "4", "3", "5"), _point(2, "4", "3", "5"), _point(3, "4", "3.5", "5.1")]
    assert svg.sparkline(Series("u", points), "x").count('class="band"') == 2


def test_values_beyond_measuring_are_open_points() -> None:
    """`<5` is not a point at five."""
    drawn = svg.sparkline(Series("u", [_point(1, "5", comparator="<"), _point(2, "6")]), "x")
    assert drawn.count(" open") == 1


def test_the_label_says_what_the_picture_shows() -> None:
    """Number, first, last, lowest and highest value stand in the label; a long series says that it is cut."""
    label = svg.sparkline(Series("mmol/L", [_point(1, "4.0"), _point(2, "5.6", high="5.1")]), "Potassium")
    assert "Potassium: 2 results" in label
    assert "1 flagged" in label
    long = svg.sparkline(Series("u", [_point(d, "4") for d in range(100)]), "x")
    assert "the last 40 of 100" in long


_numbers = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=3)


@given(st.lists(st.tuples(st.integers(0, 20_000), _numbers), min_size=1, max_size=30))
def test_any_series_draws_well_formed_finite_pictures(values: list[tuple[int, Decimal]]) -> None:
    """Equal, huge, negative and single values all draw."""
    series = Series("u", [_point(day, str(value)) for day, value in sorted(values)])
    for picture in (svg.sparkline(series, 'a "<b>" name'), svg.trend(series, "x")):
        ElementTree.fromstring(picture)  # noqa: S314 - our own output
        assert "nan" not in picture
        assert "inf" not in picture


@given(st.lists(st.tuples(st.integers(-(10**15), 10**15), st.integers(0, 10**14), st.booleans()), max_size=40))
def test_any_events_draw_a_lane_within_the_picture(events: list[tuple[int, int, bool]]) -> None:
    """Dots and bars stay within the window, whatever the dates."""
    made = [
        Event(Fact("Encounter", "e", 1, 0, "s", {}), "encounter", "l", When(at, "minute"), at, at + length, "", vague)
        for at, length, vague in events
    ]
    drawn = svg.lane(made, -(10**14), 10**14, link='?only="x"&a=1')
    root = ElementTree.fromstring(drawn)  # noqa: S314 - our own output
    for circle in root.iter("circle"):
        assert 0 <= float(circle.get("cx", "").rstrip("%")) <= 101


def test_an_empty_hour_draws_nothing() -> None:
    """No bars is no picture; the number beside says zero."""
    assert svg.bars([0] * 60, "x") == ""
    assert "5 in all, at most 3" in svg.bars([0, 2, 3], "x")
