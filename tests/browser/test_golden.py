"""The golden record on a person's page, a clinician's dispute, and the page of deliveries, in a real browser."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.town import hospital_node, of_hospitals, signed_in, violations
from unsilo.flow.service import Service
from unsilo.storage import Tx

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Service]]:
    """Start a node with one woman who has two numbers, joined by hand."""
    with hospital_node(tmp_path_factory.mktemp("golden"), of_hospitals("REYES")) as found:
        yield found


def _joined(service: Service) -> str:
    """Put all records of the town's Reyes with one person and return its address."""
    records = service.store.match_records()
    first = records[0]

    def job(tx: Tx) -> None:
        for _, id_, person, _ in records[1:]:
            if person != first[2]:
                tx.link(id_, first[2], "manual", "same passport", "kim", tx.at)

    service.store.submit(job).result(20)
    person = service.store.person(first[2])
    assert person is not None
    return person.uid


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_where_the_head_comes_from(
    node: tuple[str, Service], browser: Browser, theme: str, tmp_path: Path
) -> None:  # fmt: skip
    """Each shown value has its sources and why; what lost stands beside it; by keyboard, accessible, narrow too."""
    address, service = node
    uid = _joined(service)
    with signed_in(address, browser, "clinician", color_scheme=theme) as page:
        page.goto(f"{address}/people/{uid}")
        panel = page.locator("details.golden")
        expect(panel).to_have_count(1)
        panel.locator("summary").focus()
        page.keyboard.press("Enter")
        rows = panel.locator("tbody tr")
        head = page.locator(".banner .who h1").inner_text()
        assert head in rows.filter(has_text=re.compile("^Name")).first.inner_text()
        text = panel.inner_text()
        assert "North General" in text
        assert rows.count() >= 4
        assert violations(page) == []
        page.screenshot(path=str(tmp_path / f"golden-{theme}.png"), full_page=True)
        page.set_viewport_size({"width": 320, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
        assert violations(page) == []


def test_a_clinician_disputes_and_the_queue_has_it(node: tuple[str, Service], browser: Browser) -> None:
    """The clinician says why; the record is marked, the head says so, and the steward finds it with the words."""
    address, service = node
    uid = _joined(service)
    with signed_in(address, browser, "clinician") as page:
        page.goto(f"{address}/people/{uid}/records")
        assert page.get_by_role("link", name="Unlink…").count() == 0
        page.get_by_role("link", name=re.compile("Dispute")).last.click()
        assert violations(page) == []
        page.fill("input[name=reason]", "her mother, not herself")
        page.get_by_role("button", name="Send to the stewards").click()
        page.wait_for_url("**/records")
        expect(page.locator("main table").first).to_contain_text("in review")
        page.goto(f"{address}/people/{uid}")
        expect(page.locator(".banner .sure")).to_contain_text("in review")
        assert page.goto(f"{address}/review").status == 403  # type: ignore[union-attr]
    with signed_in(address, browser, "steward") as page:
        page.goto(f"{address}/review")
        expect(page.locator("main")).to_contain_text("her mother, not herself")


def test_the_page_of_deliveries(node: tuple[str, Service], browser: Browser) -> None:
    """What waits, was sent and was set aside of each destination; a message set aside is dropped by an engineer."""
    address, service = node
    store = service.store

    def job(tx: Tx) -> None:
        tx.add_destination("ward-epr")
        for n in range(3):
            tx.deliver("ward-epr", 1, f"ctl{n}", b"MSH|^~\\&|\r")

    store.submit(job).result(20)
    held = store.next_delivery("ward-epr")
    assert held is not None
    store.submit(lambda tx: tx.end_delivery(held.n, "dead", tx.at, "AE not this one")).result(20)
    with signed_in(address, browser, "engineer") as page:
        page.goto(f"{address}/deliveries")
        expect(page.locator("main")).to_contain_text("Set some aside")
        expect(page.locator("main")).to_contain_text("AE not this one")
        assert violations(page) == []
        page.get_by_role("button", name=re.compile("Drop")).click()
        page.wait_for_url("**/deliveries")
        expect(page.locator("main")).not_to_contain_text("AE not this one")
    with signed_in(address, browser, "clinician") as page:
        page.goto(f"{address}/deliveries")
        assert page.get_by_role("button", name=re.compile("Drop")).count() == 0
