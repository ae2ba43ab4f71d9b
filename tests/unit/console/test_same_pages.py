"""The person page with one fact of two systems, as brought together and as sent; the page of rules."""

from __future__ import annotations

import re

import pytest

from tests.unit.console.conftest import Node


@pytest.fixture
def uid(node: Node) -> str:
    """A person whose one heart attack is said in a code and in words."""
    node.take("\r".join([
        "MSH|^~\\&|LAB|CITY|U|H|20260301080000+0000||ADT^A01^ADT_A01|S1|P|2.5.1",
        "PID|1||S1^^^LAB^MR||Ashworth^Mary||19500203|F", "PV1|1|O",
        "DG1|1||I21.9^Acute myocardial infarction, unspecified^I10C||20190304|F",
        "DG1|2||^Heart attack||20190304|F", "",
    ]).encode())  # fmt: skip
    found = re.search(r'href="/people/([^/"?]+)"', node.client("clinician").get("/people?q=ashworth").text)
    assert found is not None
    return found[1]


def test_the_page_brings_together_and_says_why(node: Node, uid: str) -> None:
    """One row, both statements with their codes, the rule with its row and a link to it."""
    page = node.client("clinician").get(f"/people/{uid}").text
    assert "Brought together because" in page
    assert "ICD-10-CM I21.9" in page
    assert '/same#same.table"' in page
    assert "(P001)" in page


def test_the_page_shows_every_statement_as_sent_when_asked(node: Node, uid: str) -> None:
    """The choice is an address, so that it can be taken back, and holds for a section too."""
    client = node.client("clinician")
    assert f'href="/people/{uid}?as=sent"' in client.get(f"/people/{uid}").text
    apart = client.get(f"/people/{uid}?as=sent").text
    assert "Brought together because" not in apart
    assert "as it was sent" in apart
    assert "Brought together because" not in client.get(f"/people/{uid}/sections/problems?as=sent").text
    assert "Brought together because" in client.get(f"/people/{uid}/sections/problems").text
    assert "Brought together because" in client.get(f"/people/{uid}").text


def test_a_fact_names_what_was_brought_together_with_it(node: Node, uid: str) -> None:
    """The page of one fact gives the same grounds."""
    client = node.client("clinician")
    fact = re.search(rf'/people/{uid}/facts/Condition/[^"?]+', client.get(f"/people/{uid}").text)
    assert fact is not None
    assert "Brought together because" in client.get(fact[0]).text


def test_the_rules_are_shown_to_whoever_is_signed_in_and_to_nobody_else(node: Node) -> None:
    """Every rule and row has its place on the page."""
    page = node.client("clinician").get("/same")
    assert page.status_code == 200
    for anchor in ("same.table", "related.axis", "P001", "M037", "A001", "V016", "X01"):
        assert f'id="{anchor}"' in page.text
    assert node.client().get("/same").status_code == 303
