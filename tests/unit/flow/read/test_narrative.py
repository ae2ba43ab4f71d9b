"""The words of sections: lines, tables whose values stay under their headings, and nothing of the markup."""

from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unsilo.flow.read.narrative import Cell, blocks, passages
from unsilo.flow.read.reports import report

XHTML = 'xmlns="http://www.w3.org/1999/xhtml"'


def _cell(words: str, heading: bool = False, across: int = 1, down: int = 1) -> Cell:
    return Cell(words, heading, across, down)


@pytest.mark.parametrize(
    ("inside", "said"),
    [
        ("Plain", ["Plain"]),
        ("<p>One <b>two</b></p><p>three</p>", ["One two\nthree"]),
        ("a<br/>b\n c", ["a\nb c"]),
        ("<ul><li>x</li><li>y</li></ul>", ["x\ny"]),
        ("5 &lt; 6 &amp; 7&nbsp;mg", ["5 < 6 & 7 mg"]),
        ("<script>alert(1)</script><style>p {}</style>seen", ["seen"]),
        ("<img src='x' onerror='alert(1)'/>", []),
        ("before<table><tr><td>in</td></tr></table>after", ["before", [[_cell("in")]], "after"]),
        ("<table><caption>Doses</caption><tr><th>Drug</th></tr></table>", ["Doses", [[_cell("Drug", True)]]]),
        ("<table><tr><td/><td>5 mg</td></tr></table>", [[[_cell(""), _cell("5 mg")]]]),
        ("<table><tr><th colspan='2' rowspan='3'>h</th></tr></table>", [[[_cell("h", True, 2, 3)]]]),
        ("<table><tr><td colspan='9999999' rowspan='-1'>h</td></tr></table>", [[[_cell("h", across=50)]]]),
        ("<table><tr><td>a<table><tr><td>b</td></tr></table></td><td>c</td></tr></table>",
         [[[_cell("a\nb"), _cell("c")]]]),
        ("<table><tr><td> </td></tr></table>", []),
    ],
)  # fmt: skip
def test_what_a_narrative_says(inside: str, said: list[object]) -> None:
    """A line an element that begins one, a table by its rows; empty cells stay where they are."""
    assert blocks(f"<div {XHTML}>{inside}</div>") == said


@pytest.mark.parametrize("div", ["<div><", "<!DOCTYPE x [<!ENTITY a 'b'>]><div>&a;</div>", "no markup", "<p>a</p><p>"])
def test_what_is_no_xhtml_is_its_own_text(div: str) -> None:
    """Nothing is guessed from broken markup, and nothing of it is lost."""
    assert blocks(div) == [div]


@given(st.text(alphabet="<>/divtabler&;x\"'= !-[]\n\x00\ud800", max_size=200))
def test_any_text_is_read(div: str) -> None:
    """Whatever came as a narrative gives blocks."""
    assert isinstance(blocks(div), list)


def test_sections_come_in_the_documents_order() -> None:
    """A section stands before those within it; one without words is left out, unless one within it has some."""
    div = {"div": f"<div {XHTML}>words</div>"}
    found = passages({
        "section": [
            {"title": "A", "section": [{"code": {"text": "A1"}, "text": div}, {"title": "A2"}]},
            {"code": {"coding": [{"code": "1"}, {"display": "B"}]}, "text": div}, {"text": div}, "no section",
        ]
    })  # fmt: skip
    assert [(p.title, p.depth, p.blocks) for p in found] == [
        ("A", 0, []), ("A1", 1, ["words"]), ("B", 0, ["words"]), ("Section", 0, ["words"]),
    ]  # fmt: skip


@pytest.mark.parametrize("asked", ["DocumentReference", "Composition"])
def test_a_document_is_read_with_its_sections_and_its_file(record: ModuleType, asked: str) -> None:
    """Where it is and what it says are two resources; either of them shows both, and no other document's."""
    div = {"div": f"<div {XHTML}>words</div>"}
    name = {"system": "urn:x", "value": "1"}
    held = [{"attachment": {"contentType": "text/xml", "url": "Binary/e1"}}]
    facts = {
        f.ref: f
        for f in (
            record.fact("DocumentReference", "d", masterIdentifier=name, content=held),
            record.fact("Composition", "c", identifier=name, section=[{"title": "S", "text": div}]),
            record.fact("Composition", "o", identifier={**name, "value": "2"}, section=[{"title": "O", "text": div}]),
            record.fact("Composition", "e", "lab", identifier=name, section=[{"title": "E", "text": div}]),
        )
    }
    shown = report(next(f for f in facts.values() if f.type == asked), facts)
    assert [p.title for p in shown.passages] == ["S"]
    assert [p.binary for p in shown.pieces] == ["e1"]
