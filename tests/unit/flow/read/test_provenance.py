"""From a fact to its bytes."""

from hypothesis import given
from hypothesis import strategies as st

from unsilo.flow.read.provenance import Origin, excerpt, hex_lines, leaves_of, sentence
from unsilo.kernel import Lineage, Row
from unsilo.kernel.clock import from_instant

MESSAGE = b"MSH|^~\\&|LAB\rOBX|1|NM|2823-3||5.6|mmol/L\r"


def _origin() -> Origin:
    at = from_instant("2026-11-03T09:14:07Z")
    return Origin("e1", "lab", "hl7v2", at, "ab", MESSAGE, {"transport": "mllp", "port": "2575"}, "ORU^R01", "77", "d")


def test_the_sentence_says_what_from_whom_when_and_how() -> None:
    """One sentence holds what a clinician asks first."""
    assert sentence("Potassium 5.6 mmol/L", _origin(), "City Laboratory") == (
        "Potassium 5.6 mmol/L came from ORU^R01 message 77, City Laboratory, received 03-Nov-2026 09:14 "
        "by MLLP port 2575."
    )


def test_the_marked_run_is_exactly_the_bytes_of_the_span() -> None:
    """The highlight is the value, nothing before or after."""
    start = MESSAGE.index(b"5.6")
    found = excerpt(MESSAGE, "utf-8", [(start, start + 3)])
    marked = [run.text for line in found.lines for run in line if run.marks]
    assert marked == ["5.6"]
    assert [line[0].text.split("|")[0] for line in found.lines] == ["MSH", "OBX"]


def test_a_long_original_keeps_a_window_around_the_value_and_says_what_is_left_out() -> None:
    """Nothing is cut in silence."""
    content = b"A" * 50_000 + b"5.6" + b"B" * 50_000
    found = excerpt(content, "utf-8", [(50_000, 50_003)], window=1000)
    shown = sum(len(run.text) for line in found.lines for run in line)
    assert found.before + shown + found.after == len(content)
    assert found.before > 0
    assert [r.text for line in found.lines for r in line if r.marks] == ["5.6"]


@given(st.binary(max_size=200), st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200)), max_size=4))
def test_every_byte_of_any_content_is_shown_once(content: bytes, pairs: list[tuple[int, int]]) -> None:
    """Overlapping, empty or outlying spans neither lose nor repeat anything (in a character set of single bytes)."""
    spans = [(min(a, b), min(max(a, b), len(content))) for a, b in pairs if min(a, b) <= len(content)]
    found = excerpt(content, "latin-1", spans)
    text = "".join(run.text for line in found.lines for run in line)
    plain = content.replace(b"\r\n", b"").replace(b"\r", b"").replace(b"\n", b"")
    # A cut between CR and LF shows both as ends of lines; no other byte may differ in number.
    assert len(text) == len(plain)


def test_a_locator_that_leads_nowhere_stays_in_the_list() -> None:
    """Elements made by a rule, and places that cannot be found, are shown as such."""
    lineage = [Lineage("e1", "d", [Row("status", "fixed", None), Row("valueQuantity.value", "obx5", (1, 5, 0, 0, 0))])]
    found = leaves_of(lineage, lambda path: path, lambda _n, _l: ("OBX-5", None))
    assert [(leaf.path, leaf.place, leaf.span) for leaf in found] == [
        ("status", "", None), ("valueQuantity.value", "OBX-5", None),
    ]  # fmt: skip


def test_the_hexadecimal_rows_hold_the_value() -> None:
    """Offset, bytes and letters of the rows around a span."""
    start = MESSAGE.index(b"5.6")
    rows = hex_lines(MESSAGE, (start, start + 3))
    assert "35 2e 36" in " ".join(r[1] for r in rows)
