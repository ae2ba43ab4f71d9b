"""Values are said to the digit, with unit, zone and the reason when absent."""

from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from unsilo.fhir import present

S = "\u00a0"
ABSENT = {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2015-02-07", "07-Feb-2015"),
        ("2015-02", "Feb-2015"),
        ("2015", "2015"),
        ("2015-02-07T13:28:00+01:00", "07-Feb-2015 13:28 (UTC+01:00)"),
        ("2015-02-07T13:28:09Z", "07-Feb-2015 13:28:09 (UTC)"),
        ("2015-02-07T03:28:00-03:30", "07-Feb-2015 03:28 (UTC-03:30)"),
        ("2015-02-07T03:28:00", "07-Feb-2015 03:28 (zone not recorded)"),
        ("last week", "last week"),
        ("2015-00", "2015-00"),
        (None, "Not recorded"),
        ("", "Not recorded"),
    ],
)
def test_dates(text: Any, said: str) -> None:
    """DD-MMM-YYYY with the precision sent, and the time zone said."""
    assert present.date(text) == said


def test_dates_in_another_zone() -> None:
    """A time can be shown in the reader's zone."""
    assert present.date("2015-02-07T23:30:00Z", ZoneInfo("Europe/Paris")) == "08-Feb-2015 00:30 (UTC+01:00)"


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ({"value": Decimal("5.40"), "unit": "mmol/L"}, f"5.40{S}mmol/L"),
        ({"value": Decimal("0.10"), "comparator": "<", "code": "mg/dL"}, f"<{S}0.10{S}mg/dL"),
        ({"value": 98, "unit": "%"}, "98%"),
        ({"value": Decimal("1E+3"), "unit": "1"}, "1000"),
        ({"value": Decimal("0.0000001"), "unit": "g"}, f"0.0000001{S}g"),
        ({"value": Decimal("2.3"), "unit": "{INR}"}, f"2.3{S}INR"),
        ({"value": 71, "code": "{beats}/min"}, f"71{S}beats/min"),
        ({"value": 88, "unit": "mL/min/{1.73_m2}"}, f"88{S}mL/min/1.73{S}m2"),
        ({"value": 3, "unit": "mg{creat}"}, f"3{S}mg{{creat}}"),
        ({"value": 3, "unit": "{a{b}}/L"}, f"3{S}{{a{{b}}}}/L"),
        ({"value": 3, "unit": "{}"}, f"3{S}{{}}"),
        ({"unit": "mg"}, "Not recorded"),
        ({"unit": "mg", **ABSENT}, "Withheld"),
        (None, "Not recorded"),
    ],
)
def test_quantities(node: Any, said: str) -> None:
    """No digit is rounded or dropped; number and unit are one piece."""
    assert present.quantity(node) == said


def test_names() -> None:
    """FAMILY, Given; the official name first; absent ones say so."""
    names = [
        {"use": "nickname", "given": ["Bob"]},
        {"use": "official", "family": "Doe", "given": ["Robert", "X"], "prefix": ["Dr"]},
    ]
    assert present.human_name(names) == "DOE, Robert X (Dr)"
    assert present.human_name([{"text": "Anna of X"}]) == "Anna of X"
    assert present.human_name([ABSENT]) == "Withheld"
    assert present.human_name(None) == "Not recorded"


def test_concepts() -> None:
    """Text, then display, then the code itself with its system."""
    assert present.concept({"text": "T", "coding": [{"display": "D"}]}) == "T"
    assert present.concept({"coding": [{"code": "1"}, {"display": "D"}]}) == "D"
    assert present.concept({"coding": [{"code": "1", "system": "http://loinc.org"}]}) == "1 (loinc.org)"
    assert present.concept([]) == "Not recorded"


def test_ranges_and_flags() -> None:
    """Ranges as stated, flags in letters and words."""
    low, high = {"value": Decimal("3.5"), "unit": "mmol/L"}, {"value": Decimal("5.10"), "unit": "mmol/L"}
    assert present.reference_range([{"low": low, "high": high}]) == f"3.5{S}mmol/L to 5.10{S}mmol/L"
    assert present.reference_range([{"high": high}]) == f"at most 5.10{S}mmol/L"
    assert present.reference_range([{"text": "neg"}]) == "neg"
    assert present.interpretation([{"coding": [{"code": "HH"}]}]) == "HH critically high"
    assert present.interpretation(None) == ""


def test_values() -> None:
    """Every kind of result value reads in words, and its absence gives the reason."""
    assert present.value({"valueString": "5 to 10"}) == "5 to 10"
    assert present.value({"valueBoolean": False}) == "No"
    assert present.value({"dataAbsentReason": {"coding": [{"code": "not-performed"}]}}) == "Not performed"
    assert present.value({"onsetDateTime": "2020"}, "onset") == "2020"
    assert present.value({"valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 128}}}) == "1 : 128"
    assert present.value({}) == "Not recorded"


def test_ages() -> None:
    """Years, months for infants, days for the newborn; nothing is guessed."""
    assert present.age("1970-06-15", "2020-06-14") == "49 y"
    assert present.age("2020-01-01", "2020-12-31") == "11 months"
    assert present.age("2020-01-01", "2020-01-11") == "10 days"
    assert present.age("1970", "2020-01-01") == "" or present.age("1970", "2020-01-01").endswith("y")
    assert present.age(None, "2020-01-01") == ""
