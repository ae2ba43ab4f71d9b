"""An engineer edits a feed's overlay, tries it on real messages, publishes it and goes back; also by keyboard."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.town import PASSWORD, hospital_node, settled, violations
from unsilo.demo.script import Sending
from unsilo.flow import access
from unsilo.flow.service import Service
from unsilo.flow.shapes.watch import Delta

pytestmark = pytest.mark.browser
WAIT = 60_000
SITE = "replace:\n  pid.8: {when: 'PID-8 EQUALS \"M\"'}\n"


def _wanted(sending: Sending) -> bool:
    return sending.feed == "north" and b"DELGADO" in sending.content.upper()


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Service]]:
    """Start a node of the demo with one person's messages of a hospital; an engineer may sign in."""
    with hospital_node(tmp_path_factory.mktemp("mapping"), _wanted) as found:
        assert access.add_user(found[1], "erin", "Erin", ["engineer"], PASSWORD) == []
        yield found


@pytest.fixture
def opened(node: tuple[str, Service], browser: Browser) -> Iterator[Any]:
    """Return what opens a page on which the engineer is signed in, with options of the browser."""
    contexts = []

    def at(**options: Any) -> Page:
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.goto(f"{node[0]}/feeds")
        page.fill("#name", "erin")
        page.fill("#password", PASSWORD)
        page.click("main button")
        page.goto(f"{node[0]}/feeds/north/mapping")
        return page

    yield at
    for context in contexts:
        context.close()


def _alarm(service: Service) -> None:
    steady = {"message": (500, ""), "type A": (500, "message"), "segments PID": (500, "")}
    service.shapes.take(Delta("north", steady, {}))
    settled(service)
    service.shapes.take(Delta("north", {**steady, "field PID-99": (1, "segments PID")}, {}))


@pytest.mark.parametrize("script", [True, False], ids=["script", "without"])
def test_edit_try_publish_and_go_back(node: tuple[str, Service], opened: Any, script: bool) -> None:
    """By forms alone: a fault with its line, the difference over real messages, publication, replay, the way back."""
    page = opened(java_script_enabled=script)
    before = node[1].overlays.text("north")[0]
    page.fill("#text", "drop: [no.such]\n")
    page.get_by_role("button", name="Check", exact=True).click()
    expect(page.locator("main")).to_contain_text("Line 1, no.such")
    page.fill("#text", SITE)
    page.get_by_role("button", name="Try and compare").click()
    expect(page.locator("table.diff")).to_contain_text("Patient gender", timeout=WAIT)
    expect(page.locator("table.diff")).to_contain_text("− female")
    page.fill("#reason", "their PID-8 is not to be trusted")
    page.get_by_role("button", name="Publish").click()
    expect(page.locator("main")).to_contain_text(f"version {before + 1} is in use, by erin")
    page.fill("#text", "")
    page.fill("#reason", "it is")
    page.get_by_role("button", name="Publish").click()
    expect(page.locator("main")).to_contain_text(f"version {before + 2} is in use")
    page.fill(f"#back-{before + 1}", "or not")
    page.get_by_role("button", name=f"Use again version {before + 1}").click()
    expect(page.locator("main")).to_contain_text(f"version {before + 3} is in use")
    assert [each.actor for each in node[1].overlays.history("north")[:3]] == ["erin"] * 3
    page.fill("#text", "")
    page.fill("#reason", "clean for the next")
    page.get_by_role("button", name="Publish").click()
    expect(page.locator("main")).to_contain_text(f"version {before + 4} is in use")


def test_by_keyboard(opened: Any) -> None:
    """From the text to its buttons with Tab; Enter checks."""
    page = opened()
    page.fill("#text", "drop: [no.such]")
    page.focus("#text")
    for _ in range(3):
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.value") == "check"
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("It cannot be used as it is.")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (320, "dark")])
def test_nothing_stands_in_the_way(
    node: tuple[str, Service], opened: Any, scheme: str, width: int, tmp_path: Path
) -> None:
    """With alarms, faults, difference, coverage and history: axe finds nothing and nothing is wider than the screen."""
    service = node[1]
    _alarm(service)
    page = opened(color_scheme=scheme, viewport={"width": width, "height": 800})
    page.goto(page.url + "?show=coverage")
    expect(page.locator("#coverage")).to_be_visible(timeout=WAIT)
    expect(page.locator("main")).to_contain_text("field PID-99", timeout=WAIT)
    page.screenshot(path=tmp_path / "coverage.png", full_page=True)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.fill("#text", SITE)
    page.get_by_role("button", name="Try and compare").click()
    expect(page.locator("table.diff")).to_be_visible(timeout=WAIT)
    page.screenshot(path=tmp_path / "tried.png", full_page=True)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.goto(f"{node[0]}/feeds")
    expect(page.locator("main")).to_contain_text("alarm")
    page.screenshot(path=tmp_path / "feeds.png", full_page=True)
    assert violations(page) == []
