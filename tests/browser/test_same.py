"""One fact of two systems in a real browser: opened to its grounds, shown as sent, and brought together again."""

from __future__ import annotations

import time
from typing import Any

import pytest

pytestmark = pytest.mark.browser

ADMISSION = "\r".join([
    "MSH|^~\\&|WARD|NORTH|U|H|20260301080000+0000||ADT^A01^ADT_A01|SAME1|P|2.5.1",
    "PID|1||SAME1^^^NORTH^MR||Samewell^Mary||19500203|F", "PV1|1|O",
    "AL1|1|DA|7980^Penicillin^RXNORM|SV|Hives", "AL1|2|DA|^Amoxicillin||Rash",
    "DG1|1||I21.9^Acute myocardial infarction, unspecified^I10C||20190304|F",
    "DG1|2||^Heart attack||20190304|F", "DG1|3||I25.2^Old myocardial infarction^I10C||20200101|F", "",
])  # fmt: skip


@pytest.fixture(scope="module")
def person(site: Any, signed_in: Any, browser: Any) -> str:
    """The address of a person whose heart attack is said in a code and in words."""
    service = site.service
    service.take(service.settings.feeds["north"], ADMISSION.encode(), {"transport": "mllp"}).result(20)
    context = browser.new_context(storage_state=signed_in)
    page = context.new_page()
    deadline = time.monotonic() + 60
    while True:
        page.goto(site.address + "/people?q=samewell")
        if page.locator("a.name").count():
            found = page.locator("a.name").first.get_attribute("href") or ""
            page.goto(site.address + found)
            if page.locator("#s-problems").get_by_text("Heart attack").count():
                break
        assert time.monotonic() < deadline, "the message was not processed in a minute"
        time.sleep(0.1)
    context.close()
    return str(found)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_collapsed_fact_opens_to_its_statements_and_grounds(open_as: Any, person: str, scheme: str) -> None:
    """A click opens what each source said, why it is one, and the rule's page; what is related stands in sight."""
    opened = open_as(color_scheme=scheme, viewport={"width": 1280, "height": 900})
    page = opened.go(f"{person}?span=all")
    row = page.locator("#s-problems li.row", has_text="statements of this").first
    assert "Related, not the same" in row.inner_text()
    assert "Old myocardial infarction" in row.locator(".near").inner_text()
    row.locator("details.same summary").click()
    assert "ICD-10-CM I21.9" in row.inner_text()
    assert "Heart attack" in row.locator(".grounds").inner_text()
    assert opened.axe() == []
    row.locator(".grounds a").first.click()
    page.wait_for_url("**/same#same.*")
    assert page.locator("[id='same.table']").is_visible()
    assert opened.complaints == []


def test_a_record_is_shown_as_sent_and_back(open_as: Any, person: str) -> None:
    """Two links undo each other, also on a narrow screen and without a script."""
    opened = open_as(viewport={"width": 320, "height": 640}, java_script_enabled=False)
    page = opened.go(f"{person}?span=all")
    together = page.locator("#s-problems > ul > li.row").count()
    page.get_by_role("link", name="Show as sent").click()
    page.wait_for_url("**as=sent")
    assert page.locator("#s-problems > ul > li.row").count() == together + 1
    assert page.get_by_text("Brought together because").count() == 0
    page.get_by_role("link", name="Bring together what is the same").click()
    page.wait_for_url(f"**{person}")
    assert page.locator("#s-problems > ul > li.row").count() == together


def test_penicillin_and_amoxicillin_stand_beside_each_other(open_as: Any, person: str) -> None:
    """Two rows, each naming the other."""
    opened = open_as(viewport={"width": 1280, "height": 900})
    page = opened.go(person)
    rows = page.locator("#s-allergies > ul > li.row")
    assert rows.count() == 2
    assert all("Of one class" in row.inner_text() for row in rows.all())


def test_a_value_is_converted_without_a_script(open_as: Any) -> None:
    """The form is a plain one."""
    opened = open_as(viewport={"width": 1280, "height": 900}, java_script_enabled=False)
    page = opened.go("/units")
    page.fill("#value", "5.6")
    page.fill("#unit", "mmol/L")
    page.fill("#to", "mg/dL")
    page.fill("#analyte", "glucose")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**/units?value=5.6**")
    assert "100.9 mg/dL" in page.locator(".answer").inner_text()
