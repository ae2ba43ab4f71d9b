"""Reports as words, attachments without danger."""

import time
from base64 import b64encode
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unsilo.flow.read.fact import Fact
from unsilo.flow.read.reports import (
    SAFE_INLINE,
    attachments,
    decode_attachment,
    lone_texts,
    prose,
    report,
    without_twins,
)
from unsilo.flow.read.results import by_test
from unsilo.flow.read.rtf import is_rtf, rtf_text


def _attached(content: bytes, mime: str) -> dict[str, object]:
    return {"presentedForm": [{"contentType": mime, "data": b64encode(content).decode()}]}


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (r"{\rtf1\ansi Plain}", "Plain"),
        (r"{\rtf1 {\b Bold} and {\i not}\par next}", "Bold and not\nnext"),
        (r"{\rtf1{\fonttbl{\f0 Arial;}}{\colortbl;\red0;}Seen}", "Seen"),
        (r"{\rtf1{\*\generator Word;}Seen}", "Seen"),
        (r"{\rtf1 caf\'e9}", "café"),
        (r"{\rtf1\ansicpg1251 \'cf}", "П"),
        (r"{\rtf1 \u8364?5}", "€5"),
        (r"{\rtf1\uc0 \u-3913 x}", "\uf0b7x"),
        (r"{\rtf1 a\tab b\{c\}}", "a\tb{c}"),
        (r"{\rtf1 Dose 5~mg}".replace("~", r"\~"), "Dose 5\u00a0mg"),
        (r"{\rtf1{\pict ffff}Seen", "Seen"),
        (r"}}}{\rtf1 x", "x"),
    ],
)
def test_rich_text_gives_its_words(source: str, words: str) -> None:
    """Layout, fonts and pictures are left out; letters, lines and signs stay."""
    assert rtf_text(source) == words


@given(st.text(alphabet="{}\\'abu0123456789* \n\u20ac", max_size=300))
def test_no_rich_text_breaks_the_reader(source: str) -> None:
    """Any characters give some text."""
    assert isinstance(rtf_text("{\\rtf1 " + source), str)


def test_rich_text_costs_linear_time() -> None:
    """A million braces are read in a moment."""
    began = time.process_time()
    rtf_text("{\\rtf1 " + "{" * 500_000 + "\\u1 " * 100_000)
    assert time.process_time() - began < 2


def test_html_is_never_shown_and_only_quiet_kinds_open_in_the_browser() -> None:
    """Active content is downloaded, and a false PDF is not called one."""
    page = attachments(_attached(b"<script>alert(1)</script>", "text/html"))[0]
    assert (page.text, page.inline) == ("", False)
    assert "text/html" not in SAFE_INLINE
    assert "image/svg+xml" not in SAFE_INLINE
    false = decode_attachment({"data": b64encode(b"<script>").decode(), "contentType": "application/pdf"})
    assert false is not None
    assert false[1] == "application/octet-stream"
    real = attachments(_attached(b"%PDF-1.7 ...", "application/octet-stream"))[0]
    assert (real.mime, real.inline) == ("application/pdf", True)


def test_a_broken_or_missing_attachment_says_what_is_wrong() -> None:
    """Nothing is blank without a reason."""
    assert attachments({"presentedForm": [{"data": "A"}]})[0].issue
    assert "reference" in attachments({"presentedForm": [{"url": "http://x/1"}]})[0].issue
    assert "description" in attachments({"presentedForm": [{"title": "t"}]})[0].issue


def test_text_observations_are_read_with_their_report_or_alone(record: ModuleType) -> None:
    """The findings stand in the report; without a report they are a document of their own."""
    facts = record.facts()
    found = report(next(f for f in facts if f.id == "r1"), {f.ref: f for f in facts})
    assert found.rows[0].prose.startswith("CHEST X-RAY\n")
    assert found.prose == ["Right lower lobe pneumonia."]
    assert lone_texts(facts) == []
    assert [f.id for f in lone_texts(f for f in facts if f.id != "r1")] == ["tx"]


def test_an_attachment_of_a_result_is_opened_from_its_report(record: ModuleType) -> None:
    """A PDF that came as a result stands with the report that names it, and is no value of a table."""
    url = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Observation.value"
    held = {"url": url, "valueAttachment": {"contentType": "application/pdf", "data": b64encode(b"%PDF-1.4").decode()}}
    result = record.fact("Observation", "pdf", status="final", code=record.concept("Echo"), extension=[held])
    whole = record.fact(
        "DiagnosticReport", "rep", code=record.concept("Echo"), result=[{"reference": "Observation/pdf"}]
    )
    found = report(whole, {result.ref: result})
    assert found.rows == []
    assert [(p.ref, p.number, p.inline) for p in found.pieces] == [("Observation/pdf", 0, True)]
    assert by_test([result]) == []


def test_control_characters_of_a_text_do_not_reach_the_page() -> None:
    """Line ends become one kind, other control characters go."""
    assert prose("a\r\nb\rc\x00\x1b[31md") == "a\nb\nc[31md"
    assert is_rtf("  {\\rtf1 x}")
    assert prose("{\\rtf1 x}") == "x"


def test_a_document_and_its_composition_are_one_line() -> None:
    """The same identifier of the same source is the same document; the one with the document's date stays."""
    name = {"system": "urn:oid:1.2.3", "value": "doc-1"}
    composition = {"resourceType": "Composition", "identifier": name, "date": "2024-05-03", "title": "Plan"}
    reference = {"resourceType": "DocumentReference", "masterIdentifier": name, "description": "Care plan"}
    one = Fact("Composition", "1", "1", 0, "north", composition)
    two = Fact("DocumentReference", "2", "1", 0, "north", reference)
    dated = Fact("DocumentReference", "3", "1", 0, "north", reference | {"date": "2024-05-03T10:00:00Z"})
    other = Fact("DocumentReference", "4", "1", 0, "south", reference)
    assert without_twins([one, two]) == [one]
    assert without_twins([one, dated]) == [dated]
    assert without_twins([one, other]) == [one, other]
