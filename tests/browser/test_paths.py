"""What people do: find and read by keyboard alone, open the drawer, link, try a message, repair a dead letter."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser
VALUES = "section.card:last-of-type tbody tr"


def _tab_to(page: Page, wanted: str, most: int = 150) -> None:
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("s => document.activeElement?.matches(s) ?? false", wanted):
            return
    raise AssertionError(f"{wanted} was not reached by the keyboard")


def test_from_search_to_the_original_bytes_by_keyboard_alone(visit: Any, site: Any) -> None:
    """`/`, type, Tab, Enter: the person; Tab, Enter: the drawer with the marked bytes; Escape: back where one was."""
    page = visit.go("/feeds")
    page.keyboard.press("/")
    page.wait_for_url("**/people")
    page.wait_for_function("document.activeElement?.id === 'q'")
    page.keyboard.type("ada demirci")
    page.keyboard.press("Enter")
    page.wait_for_url("**/people?q=*")
    _tab_to(page, "a.name")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/people/{site.uid}")
    _tab_to(page, "table.results td.latest a")
    label = page.evaluate("document.activeElement.getAttribute('aria-label')")
    page.keyboard.press("Enter")
    page.wait_for_selector("#drawer[open] mark:not(.other)")
    shown = page.locator("#drawer-body mark:not(.other)").first.inner_text()
    assert shown in label
    assert re.search(r"[0-9a-f]{64}", page.locator("#drawer-body").inner_text())
    assert visit.axe() == []
    page.keyboard.press("Escape")
    expect(page.locator("#drawer")).not_to_be_visible()
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == label
    assert visit.complaints == []


def test_focus_is_never_hidden_behind_the_sticky_banner(visit: Any, site: Any) -> None:
    """WCAG 2.4.11: what has the focus is not covered by the head of the page."""
    page = visit.go(site.pages["person"])
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    for _ in range(60):
        page.keyboard.press("Shift+Tab")
        covered = page.evaluate(
            """() => { const e = document.activeElement, r = e.getBoundingClientRect();
            if (!r.width || e.closest('.banner, .app, .skip')) return '';
            const top = document.elementFromPoint(r.left + r.width / 2, r.top + Math.min(r.height / 2, 12));
            return top && top.closest('.banner') ? e.outerHTML.slice(0, 120) : ''; }"""
        )
        assert covered == ""


def test_people_are_found_while_typing(visit: Any) -> None:
    """The list changes with each letter, without a new page, in any writing."""
    page = visit.go("/people")
    page.wait_for_function("document.activeElement?.id === 'q'")
    page.keyboard.type("demir")
    page.wait_for_selector("a.name")
    assert page.locator("a.name").inner_text().startswith("DEMIRCI")
    page.fill("#q", "")
    page.locator("#q").press_sequentially("حسن")
    expect(page.locator("a.name")).to_contain_text("حسن")
    page.wait_for_url("**/people?q=*")
    page.click("a.name")
    page.go_back()
    expect(page.locator("a.name")).to_contain_text("حسن")
    assert visit.complaints == []


@pytest.mark.parametrize("visit", [{"java_script_enabled": False}], indirect=True)
def test_the_way_to_the_bytes_needs_no_script(visit: Any, site: Any) -> None:
    """Search form, person, fact: three plain pages."""
    page = visit.go("/people")
    page.fill("#q", "0042118")
    page.click("main button")
    page.click("a.name")
    page.click("table.results td.latest a >> nth=0")
    assert page.locator(".raw mark:not(.other)").count() >= 1
    assert page.url.count("/facts/Observation/") == 1
    page.click("text=Back to the record")
    assert page.url.endswith(site.uid)


def test_a_correction_shows_as_one_with_the_former_version(visit: Any, site: Any) -> None:
    """Potassium 5.6 became 5.4: the mark says corrected, and the first version is a click away."""
    page = visit.go(site.pages["trend"])
    row = page.locator(VALUES).first
    assert row.locator("bdi.v").first.inner_text() == "5.4\u00a0mmol/L"
    assert "Corrected" in row.inner_text()
    row.locator("td.latest a").click()
    page.wait_for_selector("#drawer[open] .chain")
    assert page.locator("#drawer-body table").last.inner_text().count("5.6") == 1


def test_units_that_differ_are_converted_for_one_chart_and_the_page_says_so(visit: Any, site: Any) -> None:
    """mmol/L and mg/dL of glucose are drawn in one unit; each reported value stands, with the converted one beside."""
    page = visit.go(site.pages["units"])
    words = page.locator("main").inner_text()
    assert "by the molar mass of glucose" in words
    assert page.locator(".converted").count() > 0
    assert "mg/dL" in page.locator(VALUES).all_inner_texts().__str__()
    assert "mmol/L" in page.locator(VALUES).all_inner_texts().__str__()


def test_a_chart_is_drawn_and_the_table_holds_every_value(visit: Any, site: Any) -> None:
    """uPlot draws under the policy; its axis speaks of days as people do."""
    page = visit.go(site.pages["trend"])
    page.wait_for_selector(".uplot canvas")
    assert page.locator(VALUES).count() == 4
    assert visit.complaints == []


def test_a_steward_unlinks_and_links_again_with_a_reason(visit: Any, site: Any) -> None:
    """Preview, reason, act, history; the records come back by the same way."""
    page = visit.go(site.pages["records"])
    assert page.locator("main table").first.locator("tbody tr").count() == 2
    page.locator("a[href*='/unlink?']").last.click()
    assert "What will change" in page.locator("main").inner_text()
    page.fill("#reason", "another person with the same name")
    page.click("main form button")
    assert page.locator("main table").first.locator("tbody tr").count() == 1
    page.fill("#other", "77-1045")
    page.click("main form button")
    page.locator("a[href*='/link?']").first.click()
    page.fill("#reason", "the same after all")
    page.click("main form button")
    assert page.locator("main table").first.locator("tbody tr").count() == 2
    assert "the same after all" in page.locator("main").inner_text()


def test_the_bench_shows_everything_and_stores_nothing(visit: Any, site: Any) -> None:
    """A pasted message gives resources with places, its acknowledgement, and no row in the journal."""
    before = site.service.store.counts()
    page = visit.go("/bench")
    message = "MSH|^~\\&|X|Y|U|H|20260101||ADT^A04^ADT_A01|T1|P|2.5.1\nPID|1||1^^^NORTH^MR||Try^Out\nZZZ|1|not read\n"
    page.fill("#content", message)
    page.click("main button.primary")
    text = page.locator("main").inner_text()
    assert "Patient" in text
    assert "MSA|AA|T1" in text
    assert page.locator(".raw mark").count() >= 1
    assert visit.axe() == []
    assert site.service.store.counts() == before


def test_a_dead_letter_is_repaired_by_an_edited_copy(visit: Any, site: Any) -> None:
    """The copy is processed, carries the name of who edited it, and the original stays as it came."""
    page = visit.go(site.pages["dry run"])
    original = page.input_value("#content")
    before = site.service.store.counts()
    page.click("text=See what it would change")
    assert "nothing was changed: replay it instead" in page.locator("main").inner_text()
    page.fill("#content", original.replace("|||N0009", "||ADT^A04^ADT_A01|N0009"))
    page.click("text=See what it would change")
    assert page.locator("#change").inner_text() == "What the edited copy would change now"
    assert "Patient/" in page.locator("main").inner_text()
    assert visit.axe() == []
    assert site.service.store.counts() == before
    page.fill("#edit-reason", "the type was missing")
    page.click("text=Send the copy")
    page.wait_for_url("**/messages/*")
    for _ in range(50):
        if "Processed" in page.locator(".head").first.inner_text():
            break
        page.wait_for_timeout(100)
        page.reload()
    assert "Patient/" in page.locator("main").inner_text()
    page = visit.go(site.pages["dead message"])
    assert "N0009" in page.locator(".raw").first.inner_text()
    assert "ADT^A04" not in page.locator(".raw").first.inner_text()


def test_paper_carries_the_identity_and_a_source_for_every_item(visit: Any, site: Any) -> None:
    """The print view has no menu, repeats who the person is on each page, and notes where each item came from."""
    page = visit.go(site.pages["print"])
    page.emulate_media(media="print")
    assert not page.locator("header.app").is_visible()
    running = page.locator(".running").inner_text()
    for words in ("DEMIRCI, Ada Leyla", "14-Jul-1945", "0042118"):
        assert words in running
    assert page.locator("thead .running").count() == 1
    items, notes = page.locator(".printed-row").count(), page.locator(".footnotes li").count()
    assert page.locator(".printed-row sup").count() == items > 3
    assert notes >= 2
    assert page.pdf(format="A4", prefer_css_page_size=True).startswith(b"%PDF-")
