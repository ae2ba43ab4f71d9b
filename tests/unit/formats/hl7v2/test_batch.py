"""Batch files: one file, many children, each with its place, and counts that are checked."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.formats.hl7v2.samples import ADT, MERGE, ORU
from unsilo.formats.hl7v2 import is_batch, parse, split_batch

FILE = (
    b"FHS|^~\\&|A|B|C|D|20240101|||note|FILE1\r"
     b"BHS|^~\\&|A|B|C|D|20240101||||BATCH1\r" + ADT + ORU + b"BTS|2\r"
    + b"BHS|^~\\&|A|B|C|D|20240101||||BATCH2\r" + MERGE + b"BTS|1\r"
    + b"FTS|2\r"
)  # fmt: skip


def test_a_file_of_batches():
    """Every message is a child with its exact bytes, and the ids of file and batches are read."""
    result = split_batch(FILE)
    assert result.issues == []
    assert result.value is not None
    assert [child.content for child in result.value.children] == [ADT, ORU, MERGE]
    assert all(FILE[child.span[0] : child.span[1]] == child.content for child in result.value.children)
    assert (result.value.wrapped, result.value.file_id) == (True, "FILE1")
    assert result.value.batch_ids == ["BATCH1", "BATCH2"]


@pytest.mark.parametrize("content", [ADT, b"\x0b" + ADT + b"\x1c\r", b"garbage", b"", b"MSH"])
def test_a_single_message_is_one_child(content):
    """Whatever is no batch is one child that is the whole content."""
    result = split_batch(content)
    assert result.value is not None
    assert [child.content for child in result.value.children] == [content]
    assert not result.value.wrapped


def test_messages_one_after_the_other():
    """Messages without FHS and BHS, with or without MLLP framing, are cut too."""
    for before, after in ((b"", b""), (b"\x0b", b"\x1c\r"), (b"\r\n", b"\r\n\r\n")):
        result = split_batch(b"".join(before + one + after for one in (ADT, ORU, MERGE)))
        assert result.value is not None
        assert [child.content for child in result.value.children] == [ADT, ORU, MERGE]
        assert result.issues == []


def test_what_may_be_a_batch():
    """One message is none; wrappers, or a second message after any line end or framing byte, are."""
    assert not any(is_batch(one) for one in (ADT, b"\x0b" + ADT + b"\x1c\r", b"\r\n" + ADT, b"", b"garbage"))
    assert all(is_batch(many) for many in (FILE, b"\r\n" + FILE, ADT + ORU, b"\x0b" + ADT + b"\x1c\r\x0b" + ORU))


def test_line_feeds_and_other_separators():
    """LF files and other field separators are cut the same way."""
    result = split_batch(FILE.replace(b"\r", b"\n").replace(b"|", b"*"))
    assert result.value is not None
    assert len(result.value.children) == 3
    assert all(parse(child.content).value is not None for child in result.value.children)


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (FILE.replace(b"BTS|2", b"BTS|5"), "hl7v2.batch.count"),
        (FILE.replace(b"FTS|2", b"FTS|7"), "hl7v2.batch.count"),
        (FILE.replace(b"FTS|2\r", b""), "hl7v2.batch.open"),
        (FILE.replace(b"BTS|1\r", b""), "hl7v2.batch.open"),
        (b"BHS|^~\\&|A\rBTS|0\r", "hl7v2.batch.empty"),
        (b"junk\r" + FILE, "hl7v2.batch.leading"),
    ],
)
def test_what_is_wrong_with_a_batch_is_said(content, rule):
    """Wrong counts, missing ends, empty batches and leading junk are Issues; the children are given all the same."""
    result = split_batch(content)
    assert rule in [issue.rule for issue in result.issues]
    assert result.value is not None


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from([b"MSH|^~\\&|", b"FHS|", b"BHS|", b"BTS|1", b"FTS|", b"\r", b"\n", b"\x0b", b"\x1c", b"PID|1"]),
        max_size=12,
    )
)
def test_any_mixture_gives_children_in_their_places(pieces):
    """For any order of wrappers and messages nothing raises and each child's span holds its bytes."""
    content = b"".join(pieces)
    result = split_batch(content)
    assert result.value is not None
    end = 0
    for child in result.value.children:
        assert content[child.span[0] : child.span[1]] == child.content
        assert child.span[0] >= end
        end = child.span[1]
