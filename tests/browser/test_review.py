"""Doubtful pairs of the demo's town: a steward looks, decides, takes back, and the person pages follow."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.town import hospital_node, of_hospitals, steward_page, violations
from unsilo.flow.decide.review import decide_pair
from unsilo.flow.persons.rebuild import sample
from unsilo.flow.service import Service

pytestmark = pytest.mark.browser
WANTED = of_hospitals(r"N10003|B20004|KING\^WALTER|REYES")
_ORDER = re.compile(rb"\|Y\|[12](?=\r)")


def _without_order(content: bytes) -> bytes:
    """Return a message that does not say which of two twins was born first, so that somebody has to be asked."""
    return _ORDER.sub(b"", content)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Service]]:
    """Start a node with twins, a father and his son (who are not asked about), and one woman with two numbers."""
    with hospital_node(tmp_path_factory.mktemp("review"), WANTED, written=_without_order) as found:
        yield found


@pytest.fixture
def page(node: tuple[str, Service], browser: Browser) -> Iterator[Page]:
    """Return a page on which the steward is signed in."""
    with steward_page(node[0], browser) as opened:
        yield opened


def _open(page: Page, address: str, *names: str) -> None:
    page.goto(f"{address}/review")
    rows = page.locator("main tbody tr")
    for name in names:
        rows = rows.filter(has_text=re.compile(name))
    rows.first.locator("th a").click()
    page.wait_for_url("**/review/*")


def _decide(page: Page, button: str, state: str, reason: str = "asked the ward") -> None:
    page.fill("main form input[name=reason]", reason)
    page.get_by_role("button", name=button, exact=True).click()
    expect(page.locator(".head .state")).to_contain_text(state, timeout=60_000)


def _waiting(page: Page, address: str) -> int:
    page.goto(f"{address}/review")
    return page.locator("main tbody th a").count()


def test_pairs_are_decided_and_one_is_taken_back(page: Page, node: tuple[str, Service]) -> None:
    """A link and its undoing show on the person's page at once; what is apart leaves the queue."""
    address, _ = node
    before = _waiting(page, address)
    assert before >= 2
    _open(page, address, "ELLA", "Emma|EMMA")
    weights = page.get_by_role("region", name="Weights")
    expect(weights).to_contain_text("beforehand")
    expect(weights).to_contain_text("given name")
    expect(weights.locator("th", has_text=re.compile("^(prior|ssn|birth)$"))).to_have_count(0)
    words = page.locator("main").inner_text()
    assert "they may be twins" in words
    assert [m.inner_text() for m in page.locator("main mark").all()][:2] != []
    _decide(page, "Two persons", "two persons")
    assert "WALTER" not in page.locator("main").inner_text()
    _open(page, address, "REYES")
    number = page.url
    person = page.locator("main thead a").first.get_attribute("href") or ""
    page.goto(f"{address}{person}/records")
    assert page.locator("main table").first.locator("tbody tr").count() == 1
    page.goto(number)
    _decide(page, "One person", "one person", "same passport seen")
    page.goto(f"{address}{person}/records")
    assert page.locator("main table").first.locator("tbody tr").count() == 2
    assert "same passport seen" in page.locator("main").inner_text()
    assert _waiting(page, address) == before - 2
    page.goto(number)
    _decide(page, "Take it back", "waiting", "another passport")
    page.goto(f"{address}{person}/records")
    assert page.locator("main table").first.locator("tbody tr").count() == 1
    assert _waiting(page, address) == before - 1


def test_weights_sum_to_what_is_said(page: Page, node: tuple[str, Service]) -> None:
    """The parts shown add up to the sum shown, but for rounding."""
    address, service = node
    [weighed, *_] = [row for state in ("open", "apart") for row in service.store.reviews(state) if row.score]
    page.goto(f"{address}/review/{weighed.n}")
    rows = page.get_by_role("region", name="Weights").locator("tbody tr")
    bits = [float(rows.nth(n).locator("td").nth(1).inner_text()) for n in range(rows.count())]
    assert len(bits) > 5
    assert abs(sum(bits[:-1]) - bits[-1]) < 0.05 * len(bits)


def test_without_a_reason_nothing_is_decided(page: Page, node: tuple[str, Service]) -> None:
    """A form that is sent without its reason says so and changes nothing; a pair that is not there is 404."""
    address, service = node
    row = service.store.reviews("open")[-1]
    here = {"headers": {"origin": address}}
    place = f"{address}/review/{row.n}"
    answer = page.request.post(place, form={"answer": "apart", "reason": " "}, **here)
    assert "say why" in answer.text()
    assert service.store.review(row.n) == row
    assert page.request.post(f"{place}/undo", form={"reason": "x"}, **here).text().count("nobody decided") == 1
    for path in ("/review/999", "/review/0"):
        assert page.request.get(address + path).status == 404
    assert page.request.post(place, form={"answer": "merge", "reason": "x"}, **here).status == 404


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_of_review_are_accessible(
    node: tuple[str, Service], browser: Browser, page: Page, tmp_path: Path, scheme: Any
) -> None:
    """Axe finds nothing on the queue and a pair, in both schemes, and no page scrolls sideways on a telephone."""
    address, service = node
    state = tmp_path / "state.json"
    page.context.storage_state(path=state)
    context = browser.new_context(storage_state=state, color_scheme=scheme, viewport={"width": 320, "height": 700})
    other = context.new_page()
    numbers = [row.n for kind in ("open", "apart") for row in service.store.reviews(kind)[:1]]
    for path in ("/review", "/review?state=apart", "/review/quality", *(f"/review/{n}" for n in numbers)):
        other.goto(f"{address}{path}")
        assert violations(other) == [], path
        assert other.evaluate("document.documentElement.scrollWidth") <= 320, path
    context.close()


def test_the_quality_of_matching_is_told(page: Page, node: tuple[str, Service], tmp_path: Path) -> None:
    """Pairs drawn by chance are answered in the queue; the page tells rates with intervals, groups and reviewers."""
    address, service = node
    assert sample(service.store, None, 20, 1, queue=True) > 0
    page.goto(f"{address}/review")
    page.get_by_role("link", name="Quality of matching").click()
    main = page.locator("main")
    expect(main).to_contain_text("were drawn by chance")
    drawn = next(one for one in service.store.samples() if one.stratum == "link" and one.state == "open")
    [row] = [row for row in service.store.reviews("open") if (row.left, row.right) == (drawn.left, drawn.right)]
    page.goto(f"{address}/review/{row.n}")
    page.fill("main form input[name=reason]", "cannot tell")
    page.get_by_label("If somebody else is asked, you lean to").select_option("same")
    page.get_by_role("button", name="Ask for a second opinion").click()
    expect(page.locator(".head .state")).to_contain_text("second opinion", timeout=60_000)
    expect(main).to_contain_text("Somebody else decides")
    assert "leaning" not in main.inner_text()
    assert page.locator("main form").count() == 0
    decide_pair(service, row.left, row.right, "same", "lee", "same passport")
    page.reload()
    expect(main).to_contain_text("leaning to one person")
    page.goto(f"{address}/review/quality")
    expect(main.get_by_role("region", name="Rates")).to_contain_text("%")
    expect(main).to_contain_text("they agreed in")
    assert main.get_by_role("region", name="Groups").locator("tbody tr").count() >= 4
    page.screenshot(path=tmp_path / "quality.png", full_page=True)
