"""Measurements by test."""

from decimal import Decimal
from types import ModuleType

import pytest

from unsilo.flow.read.fact import Fact
from unsilo.flow.read.flags import flag_of, range_of
from unsilo.flow.read.results import Test as Row
from unsilo.flow.read.results import by_test


def _row(record: ModuleType, name: str) -> Row:
    return next(t for t in by_test(record.facts()) if t.title == name)


def test_the_same_result_by_two_ways_is_one_point_with_both_sources(record: ModuleType) -> None:
    """Laboratory and hospital sent one potassium: counted, not doubled."""
    found = _row(record, "Potassium")
    assert len(found.points) == 5
    assert [f.source for f in [found.latest.fact, *found.latest.copies]] in (["lab", "north"], ["north", "lab"])
    assert dict(found.sources)["lab"] == 6


def test_values_of_one_moment_that_differ_are_rivals_and_both_stay(record: ModuleType) -> None:
    """Sodium 139 and 141 at the same minute: no silent choice."""
    found = _row(record, "Sodium")
    assert found.conflicts == 2
    assert {found.latest.fact.id, *(r.id for r in found.latest.rivals)} == {"n1", "n2"}
    assert [point.fact.id for point in found.before if point.when == found.latest.when] == []


def test_mass_and_amount_of_one_analyte_are_drawn_in_one_unit_and_marked_so(record: ModuleType) -> None:
    """Glucose in mmol/L and in mg/dL makes one series; each value stays as reported, the converted one beside it."""
    found = _row(record, "Glucose")
    assert found.conversion is not None
    assert not found.mixed
    [series] = found.series
    assert (series.unit, len(series.points)) == (found.conversion.unit, 4)
    assert [p.when.at for p in series.points] == sorted(p.when.at for p in series.points)
    assert {p.unit for p in found.points} == {"mmol/L", "mg/dL"}
    for point in found.points:
        shown = found.converted(point)
        assert bool(shown) == (point.unit != series.unit)
    assert "molar mass of glucose, 180.156 g/mol" in found.conversion.words


def test_a_converted_value_is_right_and_its_range_with_it(record: ModuleType) -> None:
    """5.5 mmol/L of glucose (14749-6) is 99.1 mg/dL beside two in mg/dL (2345-7)."""
    ranged = record.lab("a", "Glucose", "14749-6", "5.5", "mmol/L", "2026-01-01T00:00:00Z")
    ranged.resource["referenceRange"] = [{"low": {"value": Decimal("3.9")}, "high": {"value": Decimal("5.5")}}]
    [row] = by_test([
        ranged,
        record.lab("b", "Glucose", "2345-7", "90", "mg/dL", "2026-01-02T00:00:00Z"),
        record.lab("c", "Glucose", "2345-7", "95", "mg/dL", "2026-01-03T00:00:00Z"),
    ])  # fmt: skip
    [series] = row.series
    assert [p.number for p in series.points] == [Decimal("99.1"), Decimal(90), Decimal(95)]
    assert series.points[0].range[1:] == (Decimal("70.3"), Decimal("99.1"))
    assert series.points[0].value.startswith("5.5")


@pytest.mark.parametrize(
    ("code", "first", "second"), [("2345-7", "mg/dL", "kPa"), ("2345-7", "mg/dL", ""), ("9999-9", "mg/dL", "mmol/L")]
)
def test_units_that_cannot_be_converted_are_never_put_on_one_line(
    record: ModuleType, code: str, first: str, second: str
) -> None:
    """Another dimension, no unit, or an analyte without a reviewed molar mass: each unit has its own series."""
    [row] = by_test([
        record.lab("a", "Glucose", code, "5", first, "2026-01-01T00:00:00Z"),
        record.lab("b", "Glucose", code, "6", second, "2026-01-02T00:00:00Z"),
    ])  # fmt: skip
    assert row.conversion is None
    assert {s.unit for s in row.series} == {first, second}


def test_a_withdrawn_result_is_no_point_of_the_line_but_is_kept(record: ModuleType) -> None:
    """Potassium 9.9 entered in error is listed apart."""
    found = _row(record, "Potassium")
    assert [p.value for p in found.withdrawn] == ["9.9\u00a0mmol/L"]
    assert all(p.fact.id != "k8" for s in found.series for p in s.points)


def test_glucose_in_urine_is_not_glucose_in_blood(record: ModuleType) -> None:
    """Equal words do not join tests that have different codes."""
    rows = by_test([
        record.lab("a", "Glucose", "2345-7", "5", "mmol/L", "2026-01-01T00:00:00Z"),
        record.lab("b", "Glucose", "2350-7", "5", "mmol/L", "2026-01-01T00:00:00Z"),
    ])  # fmt: skip
    assert len(rows) == 2


@pytest.mark.parametrize(
    ("sent", "low", "high"),
    [
        ("3.5-5.1", "3.5", "5.1"), ("3.5 – 5.1", "3.5", "5.1"), ("<5", None, "5"), (">= 60", "60", None),
        ("negative", None, None), ("3.5-5.1 (adults)", None, None), ("1-2-3", None, None), ("-1.5-2.5", "-1.5", "2.5"),
    ],
)  # fmt: skip
def test_a_range_sent_as_text_is_shown_as_text_and_drawn_only_when_plain(
    sent: str, low: str | None, high: str | None
) -> None:
    """The words stay the laboratory's own."""
    found = range_of({"referenceRange": [{"text": sent}]})
    assert found.text == sent
    assert (found.low, found.high) == (low and Decimal(low), high and Decimal(high))


def test_the_senders_flag_wins_and_a_computed_one_says_so() -> None:
    """A stated N is not overruled; without any flag, one is computed and marked as such."""
    limits = {"referenceRange": [{"high": {"value": Decimal("5.1")}}], "valueQuantity": {"value": Decimal("6")}}
    stated = limits | {"interpretation": [{"coding": [{"code": "N"}]}]}
    assert flag_of(stated, range_of(stated)) is None
    found = flag_of(limits, range_of(limits))
    assert found is not None
    assert found.computed
    below = {"valueQuantity": {"value": Decimal("1"), "comparator": "<"}, "referenceRange": [{"low": {"value": 5}}]}
    assert flag_of(below, range_of(below)) is None


def test_long_text_is_not_a_table_value(record: ModuleType) -> None:
    """A radiology text stands with the reports, not among the numbers."""
    assert all(t.title != "Chest X-ray findings" for t in by_test(record.facts()))


def test_a_flag_with_an_asterisk_is_shown_as_it_was_sent() -> None:
    """An asterisk may mean critical: it is not dropped for the letter beside it."""
    system = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
    sent = {"interpretation": [{"coding": [{"system": system, "code": "H"}, {"code": "H*"}]}]}
    found = flag_of(sent, range_of(sent))
    assert found is not None
    assert (found.letter, found.words, found.level) == ("H*", "high, sent as H*", 1)


def _crossmatch(record: ModuleType, id_: str, part: str, said: str, source: str = "lab") -> Fact:
    subid = [{"url": "original-sub-identifier", "valueString": part}]
    made: Fact = record.fact(
        "Observation", id_, source, status="final", code=record.concept("Crossmatch"), valueString=said,
        effectiveDateTime="2026-11-03T08:14:00Z",
        extension=[{"url": "http://hl7.org/fhir/StructureDefinition/observation-v2-subid", "extension": subid}],
    )  # fmt: skip
    return made


def test_parts_of_a_report_are_neither_copies_nor_rivals(record: ModuleType) -> None:
    """Three units of blood under one code: each keeps its own answer, also where two are the same."""
    said = {"1": "Compatible", "2": "Incompatible", "3": "Compatible"}
    (row,) = by_test(_crossmatch(record, f"x{part}", part, value) for part, value in said.items())
    assert {point.fact.part: point.value for point in row.points} == said
    assert {fact.part: str(fact.resource["valueString"]) for fact in (row.latest.fact, *row.latest.beside)} == said
    assert row.conflicts == 0
    assert row.before == []  # they are told beside the newest one, not as older ones


def test_the_same_part_twice_and_another_source_are_compared_as_ever(record: ModuleType) -> None:
    """Numbers of parts are a sender's own: they keep nothing of two senders apart."""
    one, two = _crossmatch(record, "x1", "1", "Compatible"), _crossmatch(record, "x2", "1", "Incompatible")
    assert by_test([one, two])[0].conflicts == 2
    (row,) = by_test([one, _crossmatch(record, "x3", "2", "Compatible", "north")])
    assert (len(row.points), len(row.latest.copies)) == (1, 1)
