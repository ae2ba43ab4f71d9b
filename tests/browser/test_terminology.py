"""The terminology browser in a real browser: search while typing, the tree, relations and maps of a code."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.browser

SCT = "http://snomed.info/sct"


def test_a_code_is_found_while_typing_and_walked_up_and_down(open_as: Any) -> None:
    """Words bring hits without a page load; a hit shows its place in the tree, its maps, and what is below it."""
    opened = open_as(viewport={"width": 1280, "height": 900})
    opened.go("/terminology")
    page = opened.page
    page.select_option("#system", SCT)
    page.locator("#q").press_sequentially("heart att", delay=20)
    page.wait_for_selector("#hits a.name")
    page.locator("#hits a.name").first.click()
    page.wait_for_selector("section[aria-label='Tree']")
    assert "22298006" in page.locator("section[aria-label='The code'] h2").inner_text()
    assert "I21.9" in page.locator("section[aria-label='Maps']").inner_text()
    assert "Heart structure" in page.locator("section[aria-label='Relations and properties']").inner_text()
    page.locator("section[aria-label='Tree'] .codes > li a").first.click()
    page.wait_for_selector("text=Nothing is below it.")
    page.locator("ol.way a").last.click()
    page.wait_for_url("**code=22298006*")
    assert opened.complaints == []


def test_a_branch_opens_in_place(open_as: Any) -> None:
    """Opening a line of the tree shows what is below it, on the same page."""
    opened = open_as(viewport={"width": 1280, "height": 900})
    opened.go(f"/terminology?system={SCT}")
    page = opened.page
    first = page.locator(".codes > li > details").first
    first.locator("> summary").click(position={"x": 4, "y": 8})
    first.locator(".branch .codes li").first.wait_for()
    assert opened.complaints == []


def test_what_is_not_here_is_said(open_as: Any) -> None:
    """An unknown system or code is an answer in words, not a fault."""
    opened = open_as(viewport={"width": 320, "height": 640})
    opened.go("/terminology?system=urn:no&code=1")
    assert "not here" in opened.page.inner_text("main")
    opened.go(f"/terminology?system={SCT}&code=nope")
    assert "no such code" in opened.page.inner_text("main")
    opened.go(f"/terminology?system={SCT}&q=%F0%9F%92%A9%22*")
    assert "No code found" in opened.page.inner_text("main")
