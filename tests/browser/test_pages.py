"""Every page: accessible in light and dark and both directions, narrow, without script, within its policy."""

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

pytestmark = pytest.mark.browser

WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 320, "height": 640}
LOOKS = [("light", "ltr"), ("dark", "rtl")]
"""Both themes and both directions: colours do not depend on where a line begins, so two of the four tell all."""

AXE = (Path(__file__).parent / "vendor" / "axe-4.14.1.min.js").read_text("utf-8")

GUARD = """(width) => [...document.querySelectorAll('bdi.v, time.v')].filter(e => e.checkVisibility()).flatMap(e => {
  const out = [], rects = [], walker = document.createTreeWalker(e, NodeFilter.SHOW_TEXT);
  for (let node; node = walker.nextNode();) for (let i = 0; i < node.data.length; i++) {
    const range = document.createRange(); range.setStart(node, i); range.setEnd(node, i + 1);
    const box = range.getBoundingClientRect(); if (box.width) rects.push(box);
  }
  for (let i = 1; i < rects.length; i++) {
    if (rects[i].left < rects[i - 1].left - 0.5) { out.push('order: ' + e.textContent); break; }
    if (Math.abs(rects[i].top - rects[i - 1].top) > 4) { out.push('torn: ' + e.textContent); break; }
  }
  return out;
})"""
"""Every character of a clinical value stands to the right of the one before, on the same line."""


DIGITS = r"""() => {
  const out = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; node = walker.nextNode();) {
    const text = node.data.trim();
    if (!/\d/.test(text) || !/[a-z]/i.test(text) || /[\u0590-\u08ff]/.test(text)) continue;
    if (!node.parentElement.checkVisibility() || node.parentElement.closest('svg, .vh, option, textarea')) continue;
    const boxes = [];
    for (let i = 0; i < node.data.length; i++) {
      const range = document.createRange(); range.setStart(node, i); range.setEnd(node, i + 1);
      const box = range.getBoundingClientRect(); if (box.width && node.data[i].trim()) boxes.push(box);
    }
    for (let i = 1; i < boxes.length; i++)
      if (Math.abs(boxes[i].top - boxes[i - 1].top) < 3 && boxes[i].left < boxes[i - 1].left - 0.5) {
        out.push(text.slice(0, 80)); break;
      }
  }
  return out;
}"""
"""No text that holds both digits and Latin letters is put out of order: `30 days` is never `days 30`."""


def _at(path: str, direction: str) -> str:
    return path + ("&" if "?" in path else "?") + f"dir={direction}"


@pytest.mark.parametrize(("scheme", "direction"), LOOKS)
def test_no_page_has_an_accessibility_violation_or_breaks_its_policy(
    site: Any, open_as: Any, scheme: str, direction: str
) -> None:
    """Axe finds nothing, the browser complains of nothing (CSP, script), on every page."""
    opened = open_as(color_scheme=scheme, viewport=WIDE)
    found: dict[str, list[str]] = {}
    for name, path in site.pages.items():
        opened.go(_at(path, direction))
        if violations := opened.axe():
            found[name] = violations
    assert found == {}, json.dumps(found, indent=1)
    assert opened.complaints == []


@pytest.mark.parametrize(("scheme", "direction"), LOOKS)
def test_the_way_in_is_as_accessible_as_the_rest(site: Any, browser: Any, scheme: str, direction: str) -> None:
    """Signing in by password or link, and a page that is not there."""
    with browser.new_context(color_scheme=scheme, viewport=NARROW) as context:
        page = context.new_page()
        for path in ("/sign-in", "/sign-in/a-link"):
            page.goto(_at(site.address + path, direction))
            page.evaluate(AXE)
            assert page.evaluate("axe.run().then(r => r.violations.map(v => v.id))") == []
            assert page.evaluate("document.documentElement.scrollWidth") == 320


@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("direction", ["ltr", "rtl"])
def test_clinical_values_keep_their_order_and_their_line(
    site: Any, open_as: Any, direction: str, viewport: dict[str, int]
) -> None:
    """`3.5–5.1 mmol/L` never reads `5.1–3.5`, and no value is torn from its unit."""
    opened = open_as(viewport=viewport)
    checked = 0
    for name, path in site.pages.items():
        page = opened.go(_at(path, direction))
        page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
        assert page.evaluate(GUARD) == [], name
        assert page.evaluate(DIGITS) == [], name
        checked += page.locator("bdi.v, time.v").count()
    assert checked > 300


def test_no_page_scrolls_sideways_at_320_pixels(site: Any, open_as: Any) -> None:
    """Reflow (WCAG 1.4.10): tables scroll within their own region."""
    opened = open_as(viewport=NARROW)
    wide = {}
    for direction in ("ltr", "rtl"):
        for name, path in site.pages.items():
            page = opened.go(_at(path, direction))
            width = page.evaluate("document.documentElement.scrollWidth")
            if width > 320:
                wide[name, direction] = width
    assert wide == {}


def test_a_narrow_screen_shows_more_than_its_menu_and_one_row(site: Any, open_as: Any) -> None:
    """With every role's menu the page begins in the upper third; a message takes less than a quarter of the screen."""
    opened = open_as(viewport=NARROW)
    page = opened.go(site.pages["messages"])
    assert page.locator("header.app").bounding_box()["height"] < NARROW["height"] / 3
    rows = page.locator("main tbody tr").all()
    assert rows
    assert max(row.bounding_box()["height"] for row in rows) < NARROW["height"] / 4


def test_every_page_works_without_script(site: Any, open_as: Any) -> None:
    """Each page is whole as plain HTML: heading, no leftover of a script, forms that submit."""
    opened = open_as(java_script_enabled=False)
    for name, path in site.pages.items():
        page: Page = opened.go(path)
        assert page.locator("h1, h2").count(), name
        assert "undefined" not in page.locator("main").inner_text(), name


def test_large_text_and_forced_colours_keep_the_person_page(site: Any, open_as: Any) -> None:
    """At twice the text size nothing is cut; in forced colours, marks keep a border."""
    opened = open_as(viewport=WIDE, forced_colors="active", reduced_motion="reduce")
    page = opened.go(site.pages["person"])
    assert page.locator(".pip").first.evaluate("e => getComputedStyle(e).borderStyle") != "none"
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert page.evaluate("document.documentElement.scrollWidth") <= WIDE["width"]


def test_words_keep_the_rules_of_clinical_display(site: Any, open_as: Any) -> None:
    """Dates are DD-MMM-YYYY, no bare ISO date, no trailing ellipsis, no empty cell without a reason."""
    opened = open_as(viewport=WIDE)
    for name in ("person", "results", "trend", "units", "report", "print"):
        page = opened.go(site.pages[name])
        text = page.locator("main").inner_text() + page.locator(".banner").inner_text()
        assert page.evaluate("t => t.match(/\\d{4}-\\d{2}-\\d{2}|\\d{1,2}\\/\\d{1,2}\\/\\d{2,4}/g)", text) is None, name
        assert "…" not in text, name
        assert page.evaluate("document.querySelectorAll('.results td:empty, .banner dd:empty').length") == 0, name
