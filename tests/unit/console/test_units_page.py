"""The page about units: conversions with their evidence, expressions taken apart, what feeds send, hostile input."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from tests.unit.console.conftest import Node


def _page(node: Node, **asked: str) -> str:
    answer = node.client("engineer").get("/units?" + urlencode(asked))
    assert answer.status_code == 200
    return answer.text


def test_a_value_is_converted_and_says_by_what(node: Node) -> None:
    """Glucose by its molar mass, rounded for reading, with all digits beside it."""
    page = _page(node, value="100", unit="mg/dL", to="mmol/L", analyte="glucose")
    assert "5.551 mmol/L" in page
    assert "5.55074490996" in page
    assert "180.156 g/mol" in page
    assert "atomic weights" in page
    assert "37 Cel" in _page(node, value="98.6", unit="[degF]", to="Cel")


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"value": "1", "unit": "mg/dL", "to": "mmol/L"}, "none was named"),
        ({"value": "1", "unit": "mg/dL", "to": "mmol/L", "analyte": "moon dust"}, "No molar mass is known"),
        ({"value": "1", "unit": "kg", "to": "m"}, "No conversion."),
        ({"value": "-400", "unit": "Cel", "to": "K"}, "below the absolute zero"),
        ({"value": "1e999999", "unit": "kg", "to": "g"}, "No conversion."),
        ({"value": "NaN", "unit": "kg", "to": "g"}, "not a finite number"),
        ({"value": "five", "unit": "kg", "to": "g"}, "is not a number"),
        ({"unit": "mg/dl/"}, "ends where a unit is expected"),
        ({"unit": "10*-"}, "units.ucum"),
        ({"unit": "units"}, "an enzyme unit"),
        ({"unit": "<script>alert(1)</script>"}, "&lt;script&gt;"),
        ({"unit": "(" * 5000}, "units.ucum"),
        ({"unit": "mcg/kg/hr"}, "is read by the table of spellings as"),
        ({"unit": "mm[Hg]"}, "meter of mercury column"),
    ],
)
def test_what_cannot_be_said_is_said_so(node: Node, asked: dict[str, str], said: str) -> None:
    """Every refusal has its reason in words, and nothing is guessed."""
    page = _page(node, **asked)
    assert said in page
    assert "<script>alert" not in page


def test_units_of_the_feeds_are_counted_and_those_not_read_come_first(node: Node) -> None:
    """Potassium in mmol/L is read; a made-up unit is listed before it."""
    node.take("\r".join([
        "MSH|^~\\&|LAB|CITY|U|H|20260301080000+0000||ORU^R01^ORU_R01|U1|P|2.5.1",
        "PID|1||U1^^^LAB^MR||Unitson^Ada||19450714|F", "PV1|1|O",
        "OBR|1|P9^LAB|F9^LAB|X^Xylitol^L|||20260301080000+0000",
        "OBX|1|NM|X^Xylitol^L||7|furlong/L||||||F|||20260301080000+0000",
        "OBX|2|NM|Y^Yeast^L||7|MMOL/L||||||F|||20260301080000+0000", "",
    ]).encode())  # fmt: skip
    page = _page(node)
    assert page.index("furlong/L") < page.index("MMOL/L")
    assert "Xylitol" in page
    assert "not read" in page


def test_the_tables_are_there_with_their_sources(node: Node) -> None:
    """Molar masses and spellings, each with its note."""
    page = _page(node)
    for words in ("triolein", "14749-6", "more than one meaning", "mcg"):
        assert words in page


def test_only_who_may_read_terminology_sees_it(node: Node) -> None:
    """What each role may open is held by the test of the gate."""
    assert node.client().get("/units").status_code == 303
