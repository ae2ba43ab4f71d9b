"""Two hospitals of the demo send glucose under codes of their own: a steward decides, and the charts follow."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.town import hospital_node, settled, steward_page, violations
from unsilo.demo.script import Sending
from unsilo.flow.service import Service

pytestmark = pytest.mark.browser
WAIT = 60_000


def _wanted(sending: Sending) -> bool:
    own = re.search(rb"\|GLUM?\^", sending.content) and b"DELGADO" in sending.content.upper()
    return bool(sending.feed in ("north", "brigid") and own)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Service]]:
    """Start a node of the demo with the glucose results of one person from two hospitals."""
    with hospital_node(tmp_path_factory.mktemp("maps"), _wanted) as found:
        yield found


@pytest.fixture
def page(node: tuple[str, Service], browser: Browser) -> Iterator[Page]:
    """Return a page on which the steward is signed in."""
    with steward_page(node[0], browser) as opened:
        yield opened


def _glucose(page: Page, address: str) -> list[str]:
    """Return the addresses of the person's glucose tests."""
    page.goto(f"{address}/people?q=delgado")
    page.locator("a.name").first.click()
    page.wait_for_url("**/people/*")
    page.goto(page.url + "/results")
    links = page.locator("table.results tbody th a", has_text="Glucose")
    return [links.nth(n).get_attribute("href") or "" for n in range(links.count())]


def _use(page: Page, address: str, service: Service, code: str, target: str) -> None:
    """Open a code in the queue and put the suggested standard code into use."""
    page.goto(f"{address}/maps")
    page.locator("a.code", has_text=re.compile(rf"^{code}$")).click()
    expect(page.locator("article", has_text=target).first).to_be_visible(timeout=WAIT)
    page.locator(f"article[aria-label='{target}'] button", has_text="Use this code").click()
    expect(page.locator("main")).to_contain_text("published", timeout=WAIT)
    settled(service)


def test_approving_joins_the_charts_and_undoing_parts_them_again(page: Page, node: tuple[str, Service]) -> None:
    """mmol/L and mg/dL come into one chart with the reported values beside; undo brings the former state back."""
    address, service = node
    page.goto(f"{address}/maps")
    queue = page.locator("main table").first
    expect(queue).to_contain_text("north")
    expect(queue).to_contain_text("brigid")
    assert len(_glucose(page, address)) == 2
    _use(page, address, service, "GLUM", "14749-6")
    assert len(_glucose(page, address)) == 2
    _use(page, address, service, "GLU", "2345-7")
    page.goto(f"{address}/maps")
    assert page.locator("a.code", has_text=re.compile("^GLUM?$")).count() == 0
    [joined] = _glucose(page, address)
    page.goto(address + joined)
    page.wait_for_selector(".uplot canvas")
    assert page.locator(".chart").count() == 1
    words = page.locator("main").inner_text()
    assert "by the molar mass of glucose, 180.156 g/mol" in words
    assert page.locator("section.card:last-of-type tbody tr").count() == 12
    for reported in ("168\u00a0mg/dL", "138\u00a0mg/dL", "9.1\u00a0mmol/L"):
        assert reported.replace("\u00a0", " ") in words.replace("\u00a0", " ")
    assert page.locator(".converted").count() == 6
    page.goto(f"{address}/maps/entries?state=published")
    page.locator("tbody a.code", has_text=re.compile("^GLUM$")).click()
    page.locator("button", has_text="Undo the last move").click()
    expect(page.locator("main")).not_to_contain_text("published →", timeout=WAIT)
    settled(service)
    assert len(_glucose(page, address)) == 2
    page.goto(f"{address}/maps")
    assert page.locator("a.code", has_text=re.compile("^GLUM$")).count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_of_code_maps_are_accessible(
    node: tuple[str, Service], browser: Browser, page: Page, tmp_path: Path, scheme: Any
) -> None:
    """Axe finds nothing on the queue, a code and the decisions, and no page scrolls sideways on a telephone."""
    address = node[0]
    state = tmp_path / "state.json"
    page.context.storage_state(path=state)
    context = browser.new_context(storage_state=state, color_scheme=scheme, viewport={"width": 320, "height": 700})
    other = context.new_page()
    complaints: list[str] = []
    other.on("console", lambda m: complaints.append(m.text) if m.type in ("error", "warning") else None)
    other.goto(f"{address}/maps")
    href = other.locator("th a.code").first.get_attribute("href")
    for path in ("/maps", href, "/maps/entries", "/maps/entries?state=published"):
        other.goto(f"{address}{path}")
        assert violations(other) == [], path
        assert other.evaluate("document.documentElement.scrollWidth") <= 320, path
    assert complaints == []
    context.close()
