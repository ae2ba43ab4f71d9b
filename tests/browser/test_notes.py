"""What was read in a note of the demo's hospital: hidden until switched on, marked in its words, confirmed, refused."""

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.town import hospital_node, signed_in, violations
from unsilo.demo.script import Sending
from unsilo.flow.service import Service

pytestmark = pytest.mark.browser


def _wanted(sending: Sending) -> bool:
    return sending.feed == "north" and b"N10001" in sending.content


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Service]]:
    """Serve a node that reads the notes of North General."""
    with hospital_node(tmp_path_factory.mktemp("notes"), _wanted, notes=True) as found:
        end = time.monotonic() + 120
        while not found[1].store.notes_read():
            assert time.monotonic() < end, "no note was read"
            time.sleep(0.1)
        yield found


@pytest.fixture
def page(node: tuple[str, Service], browser: Browser) -> Iterator[Page]:
    """Return a page on which a clinician is signed in."""
    with signed_in(node[0], browser, "clinician") as opened:
        yield opened


def _person(node: tuple[str, Service]) -> str:
    return f"{node[0]}/people/{node[1].store.find_people('delgado', 2)[0].uid}"


def _summary(page: Page, node: tuple[str, Service]) -> None:
    page.goto(f"{_person(node)}/notes")
    page.get_by_role("link", name="Discharge summary").first.click()
    page.wait_for_url("**/notes/DocumentReference/*")


def test_the_switch_is_off_until_somebody_turns_it_on(page: Page, node: tuple[str, Service]) -> None:
    """What was read is no part of the page before, and says so after."""
    page.goto(_person(node))
    expect(page.locator("#notes")).to_have_count(0)
    page.get_by_role("link", name="Show what was read in notes").click()
    expect(page.locator("#notes")).to_contain_text("not part of the record")
    expect(page.locator("#notes")).to_contain_text("heart attack family: father")
    assert violations(page) == []
    page.get_by_role("link", name="Hide what was read in notes").click()
    expect(page.locator("#notes")).to_have_count(0)


def test_words_are_marked_and_one_is_confirmed(page: Page, node: tuple[str, Service]) -> None:
    """The confirmed fact stands in the record with its origin; undoing takes it out again."""
    _summary(page, node)
    expect(page.locator("mark", has_text="atrial fibrillation")).to_be_visible()
    expect(page.locator(".prose")).to_contain_text("Denies chest pain or syncope.")
    assert violations(page) == []
    row = page.locator("li.row").filter(has_text="hypothyroidism").filter(has_text="E03.9")
    expect(row).to_contain_text("in past history")
    row.get_by_role("button", name="Confirm").click()
    row = page.locator("li.row").filter(has_text="hypothyroidism").filter(has_text="E03.9")
    expect(row.locator(".state")).to_contain_text("confirmed", timeout=30_000)
    expect(row).to_contain_text("clinician")
    page.goto(_person(node))
    problem = page.locator("#s-problems li.row").filter(has_text="hypothyroidism")
    expect(problem).to_have_count(1)
    problem.locator("a").first.click()
    expect(page.locator("dialog[open], main").last).to_contain_text("Hypothyroidism")
    _summary(page, node)
    row = page.locator("li.row").filter(has_text="hypothyroidism").filter(has_text="E03.9")
    row.get_by_role("button", name="Undo").click()
    expect(page.locator("li.row").filter(has_text="E03.9").locator(".state")).to_contain_text("waits", timeout=30_000)
    page.goto(_person(node))
    expect(page.locator("#s-problems li.row").filter(has_text="hypothyroidism")).to_have_count(0)


def test_one_is_refused_and_stays_so(page: Page, node: tuple[str, Service]) -> None:
    """It is kept as refused with who said it, and makes nothing."""
    _summary(page, node)
    row = page.locator("li.row").filter(has_text="sleep apnea").filter(has_text="G47.30")
    expect(row).to_contain_text("doubtful")
    row.get_by_role("button", name="Refuse").click()
    row = page.locator("li.row").filter(has_text="sleep apnea").filter(has_text="G47.30")
    expect(row.locator(".state")).to_contain_text("refused", timeout=30_000)
    page.goto(f"{_person(node)}?notes=1")
    expect(page.locator("#notes")).not_to_contain_text("sleep apnea")
    expect(page.locator("#s-problems")).not_to_contain_text("sleep apnea")


def test_who_may_not_decide_sees_no_buttons(node: tuple[str, Service], browser: Browser) -> None:
    """A steward reads; a form of theirs is refused."""
    with signed_in(node[0], browser, "steward") as page:
        _summary(page, node)
        expect(page.get_by_role("button", name="Confirm")).to_have_count(0)
        answer = page.request.post(
            page.url, form={"fact": "x", "act": "confirm"}, headers={"sec-fetch-site": "same-origin"}
        )
        assert answer.status == 403


def test_an_answer_that_is_none_and_a_note_that_is_nobody_s(page: Page, node: tuple[str, Service]) -> None:
    """Both are said in words."""
    _summary(page, node)
    same = {"sec-fetch-site": "same-origin"}
    assert "That is no answer." in page.request.post(page.url, form={"fact": "x", "act": "burn"}, headers=same).text()
    assert (
        "nothing of that kind" in page.request.post(page.url, form={"fact": "x", "act": "refuse"}, headers=same).text()
    )
    assert page.request.get(f"{_person(node)}/notes/DocumentReference/nope").status == 404


def test_reports_are_narrowed_to_a_kind(page: Page, node: tuple[str, Service]) -> None:
    """The discharge summary stands under its kind; all come back."""
    page.goto(_person(node))
    page.get_by_role("link", name="By kind").click()
    page.wait_for_url("**/sections/reports")
    every = page.locator("ul.rows > li").count()
    page.get_by_role("link", name="discharge 1").click()
    expect(page.locator("ul.rows > li")).to_have_count(1)
    expect(page.locator("ul.rows > li")).to_contain_text("Discharge summary")
    assert violations(page) == []
    page.get_by_role("link", name="All", exact=True).click()
    expect(page.locator("ul.rows > li")).to_have_count(every)
