"""Places: spans hold the values, paths are as people write them, the walk finds every value and no other."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.formats.hl7v2.samples import ADT, ORU
from unsilo.formats.hl7v2 import Message, covers, parse, path, placed, serialise, span, unescape, valued
from unsilo.formats.hl7v2.place import segment_spans


def read(content: bytes) -> Message:
    result = parse(content)
    assert result.value is not None, result.issues
    return result.value


def sliced(message: Message, locator) -> bytes | None:
    at = span(message, locator)
    return None if at is None else message.raw[at[0] : at[1]]


@pytest.mark.parametrize(
    ("locator", "value"),
    [
        ((0, 0, 0, 0, 0), ADT.split(b"\r")[0]),
        ((0, 1, 0, 0, 0), b"|"),
        ((0, 2, 0, 0, 0), b"^~\\&"),
        ((0, 3, 0, 0, 0), b"ADT1"),
        ((0, 9, 0, 2, 0), b"A08"),
        ((0, 9, 0, 2, 1), b"A08"),
        ((2, 3, 0, 4, 2), b"1.2.3"),
        ((2, 3, 1, 1, 0), b"999-88"),
        ((2, 3, 1, 0, 0), b"999-88^^^&2.16.840.1.113883.4.1&ISO^SS"),
        ((2, 3, -1, 0, 0), b"12345^^^MCM&1.2.3&ISO^MR~999-88^^^&2.16.840.1.113883.4.1&ISO^SS"),
        ((2, 5, 0, 1, 0), b"Ja\\T\\nes"),
        ((2, 4, 0, 0, 0), b""),
        ((2, 99, 0, 0, 0), None),
        ((2, 3, 2, 0, 0), None),
        ((2, 3, 0, 9, 0), None),
        ((2, 3, 0, 1, 2), None),
        ((9, 1, 0, 0, 0), None),
        ((-1, 1, 0, 0, 0), None),
        ((2, -1, 0, 0, 0), None),
        ((0, 2, 1, 0, 0), None),
    ],
)  # fmt: skip
def test_spans(locator, value):
    """A locator gives the bytes of its value, an empty range for an empty one, None for a place that is not there."""
    for lead in (b"", b"\x0b", b"\xef\xbb\xbf"):
        assert sliced(read(lead + ADT), locator) == value


@pytest.mark.parametrize(
    ("locator", "text"),
    [
        ((0, 9, 0, 2, 1), "MSH-9.2"),
        ((0, 2, 0, 0, 0), "MSH-2"),
        ((1, 3, 0, 4, 1), "PID-3.4"),
        ((4, 5, 0, 0, 0), "OBX[1]-5"),
        ((4, 5, 0, 1, 1), "OBX[1]-5"),
        ((6, 5, 0, 1, 2), "OBX[3]-5[1].1.2"),
        ((6, 5, 0, 2, 1), "OBX[3]-5[1].2"),
        ((6, 5, 1, 1, 1), "OBX[3]-5[2]"),
        ((6, 5, 1, 0, 0), "OBX[3]-5[2]"),
        ((6, 5, -1, 0, 0), "OBX[3]-5"),
        ((6, 0, 0, 0, 0), "OBX[3]"),
        ((7, 2, 0, 1, 2), "SPM-2.1.2"),
        ((7, 77, 3, 2, 2), "SPM-77[4].2.2"),
        ((70, 1, 0, 0, 0), ""),
    ],
)
def test_paths(locator, text):
    """Ordinals and component numbers stand where there is more than one."""
    assert path(read(ORU), locator) == text


def test_the_walk_finds_every_value():
    """Each non-empty subcomponent is given once, at full depth, unescaped; delimiters and names are not values."""
    found = dict(valued(read(ORU)))
    assert found[(1, 3, 0, 1, 1)] == "77"
    assert found[(5, 5, 0, 1, 1)] == "line one\nline two"
    assert found[(6, 5, 0, 1, 2)] == "b"
    assert found[(6, 5, 1, 1, 1)] == "d"
    assert (0, 1, 0, 1, 1) not in found
    assert (0, 2, 0, 1, 1) not in found
    assert all(found.values())


def test_covers():
    """A coarser citation holds its leaves, another place does not."""
    leaf = (2, 3, 1, 4, 2)
    for cited in [leaf, (2, 3, 1, 4, 0), (2, 3, 1, 0, 0), (2, 3, -1, 0, 0), (2, 0, -1, 0, 0)]:
        assert covers(cited, leaf)
    for cited in [(2, 3, 0, 0, 0), (2, 3, 1, 4, 1), (2, 4, 1, 4, 2), (1, 3, 1, 4, 2)]:
        assert not covers(cited, leaf)


TEXT = st.text(st.sampled_from('abZ09 .^~&|\\#\x00éł山功€"XFT'), max_size=12)
CODECS = {"UNICODE UTF-8": "utf_8", "8859/2": "iso8859_2", "BIG-5": "big5", "GB 18030-2000": "gb18030", "": "utf_8",
          "~ISO IR87": "iso2022_jp_ext", "8859/1": "iso8859_1", "KLINGON": "cp1252"}  # fmt: skip


@st.composite
def messages(draw) -> bytes:
    """Draw bytes of a message: any fields, any line ends, any character set, with damage now and then."""
    name = draw(st.sampled_from(sorted(CODECS)))
    header = f"MSH|^~\\&|A|B|C|D|20240101||ADT^A01|1|P|2.5||||||{name}"
    bodies = draw(st.lists(st.tuples(st.sampled_from(["PID", "OBX", "ZZ1"]), st.lists(TEXT, max_size=5)), max_size=4))
    lines = [header] + ["|".join([segment, *fields]) for segment, fields in bodies]
    end = draw(st.sampled_from(["\r", "\n", "\r\n"]))
    text = end.join(lines) + draw(st.sampled_from(["", end, "\x1c\r"]))
    return draw(st.sampled_from([b"", b"\x0b", b"\xef\xbb\xbf"])) + text.encode(CODECS[name], "replace")


def test_escape_sequences_of_iso_2022_do_not_shift_places():
    """Switches to ASCII where none are needed, even before a name or a separator, leave every value in its place."""
    content = (
        b"MSH|^~\\&|A|B|C|D|2024||ADT^A01|1|P|2.5||||||~ISO IR87\r\x1b(BPID\x1b(B|||1||\x1b$B;3ED\x1b(B^\x1b(BX\r"
        b"  PV1\x1b(B|1|I\r\x1c\r"
    )
    message = read(content)
    assert [segment.name for segment in message.segments] == ["MSH", "PID", "PV1"]
    found = {message.segments[place[0]].name: content[at[0] : at[1]] for place, _, at in placed(message)}
    assert found["PV1"] == b"I"
    assert {value: content[at[0] : at[1]] for place, value, at in placed(message) if place[0] == 1} == {
        "1": b"1", "山田": b"\x1b$B;3ED", "X": b"\x1b(BX",
    }  # fmt: skip


@settings(deadline=None)
@given(messages())
def test_spans_hold_the_values(content):
    """For every value of every message, the bytes of its span, decoded and unescaped, are the value; get agrees."""
    message = read(content)
    assert serialise(message) == content
    for locator, value in valued(message):
        raw = sliced(message, locator)
        assert raw is not None
        assert unescape(raw.decode(message.charset), message.delimiters) == value
        assert message.segments[locator[0]].get(*locator[1:]) == value
        assert path(message, locator)
    assert list(placed(message)) == [(place, value, span(message, place)) for place, value in valued(message)]


@settings(deadline=None)
@given(messages())
def test_nothing_lies_between_segments(content):
    """Segments and the line ends and framing between them are all there is."""
    message = read(content)
    at = 0
    for segment, (begin, end) in zip(message.segments, segment_spans(message), strict=True):
        assert not content[at:begin].strip(b"\r\n\x0b\xef\xbb\xbf \t\x00\x1c")
        assert content[begin:end].decode(message.charset) == segment.raw
        at = end
    assert not content[at:].strip(b"\r\n\x0b\x1c\x1a\x00")


@settings(deadline=None)
@given(messages())
def test_the_walk_agrees_with_a_plain_reader(content):
    """An independent reader that only splits text finds the same values in the same number."""
    message = read(content)
    found = [value for _, value in valued(message)]
    expected = []
    for segment in message.segments:
        fields = segment.raw.split("|")[2 if segment.name == "MSH" else 1 :]
        expected += [part for field in fields for part in re.split(r"[\^~&]", field) if part]
    assert found == [unescape(part, message.delimiters) for part in expected]
