"""The codec takes correct FHIR JSON to the digit and refuses everything else with a place."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unsilo.fhir import codec, scan
from unsilo.kernel import Limits


@pytest.mark.parametrize(
    ("content", "rule", "span"),
    [
        (b"", "empty", (0, 0)),
        (b"   ", "empty", (0, 3)),
        (b"{", "truncated", (1, 2)),
        (b'{"a":1', "truncated", (6, 7)),
        (b"[1]", "object", (0, 3)),
        (b"null", "object", (0, 4)),
        (b'{"a":NaN}', "malformed", (5, 6)),
        (b'{"a":Infinity}', "malformed", (5, 6)),
        (b'{"a":-Infinity}', "malformed", (5, 6)),
        (b'{"a":01}', "malformed", (6, 7)),
        (b'{"a":1,}', "malformed", (7, 8)),
        (b'{"a" 1}', "malformed", (5, 6)),
        (b"{'a':1}", "malformed", (1, 2)),
        (b'{"a":"\x01"}', "malformed", (5, 6)),
        (b'{"a":1} x', "trailing", (8, 9)),
        (b'{"a":1}{"b":2}', "trailing", (7, 14)),
        (b'{"a":1,"b":{"c":1,"c":2}}', "duplicate", (18, 21)),
        (b'{"a":1,"\\u0061":2}', "duplicate", (7, 15)),
        (b'{"a":"x\\ud800y"}', "surrogate", (7, 13)),
        (b'{"a":"\\udc00"}', "surrogate", (6, 12)),
        (b'{"\\ud83d":1}', "surrogate", (2, 8)),
        (b'{"a":1e99999}', "number", (5, 12)),
        (b'{"a":' + b"9" * 5000 + b"}", "number", (5, 5005)),
        (b'{"a":0.' + b"1" * 5000 + b"}", "number", (5, 5007)),
        (b'{"a":"\xff"}', "encoding", (6, 7)),
        (b'{"a":"\xed\xa0\x80"}', "encoding", (6, 7)),
        ('{"a":1}'.encode("utf-16"), "encoding", (0, 1)),
    ],
)
def test_refuses_with_a_place(content: bytes, rule: str, span: tuple[int, int]) -> None:
    """Each fault is one Issue that names its rule and the bytes."""
    result = codec.decode(content)
    assert result.value is None
    [issue] = result.issues
    assert issue.rule == f"fhir.json.{rule}"
    assert issue.where.span == span


@pytest.mark.parametrize("opening", [b'{"a":', b"["])
@pytest.mark.parametrize("times", [101, 5_000, 500_000])
def test_depth_is_bounded(opening: bytes, times: int) -> None:
    """Nesting beyond the limit is refused whether it is closed or not, and never overflows the stack."""
    result = codec.decode(b'{"x":' + opening * times)
    assert result.value is None
    assert result.issues[0].rule == "fhir.json.depth"


def test_depth_at_the_limit_is_taken() -> None:
    """A document as deep as the limit allows is read."""
    content = b'{"a":' * 99 + b"{}" + b"}" * 99
    assert codec.decode(content).ok
    assert codec.decode(content, Limits(json_depth=99)).issues[0].rule == "fhir.json.depth"


def test_size_is_bounded() -> None:
    """A document over the limit is not read."""
    assert codec.decode(b'{"a":1}', Limits(message_bytes=6)).issues[0].code == "too-long"


def test_byte_order_mark_is_skipped_with_a_warning() -> None:
    """A BOM is foreign to JSON but harmless."""
    result = codec.decode(b'\xef\xbb\xbf{"a":1}')
    assert result.value == {"a": 1}
    assert result.issues[0].rule == "fhir.json.bom"


def test_unterminated_escaped_quotes_cost_linear_time() -> None:
    """A megabyte of escaped quotation marks without an end is refused at once."""
    assert codec.decode(b'{"a":"' + b'\\"' * 500_000 + b"{" * 60).value is None


def test_surrogate_pairs_and_escaped_backslashes_are_taken() -> None:
    """A full pair is one character, and a backslash before `ud800` is no escape."""
    assert codec.decode(rb'{"a":"\ud83d\ude00","b":"\\ud800"}').value == {"a": "😀", "b": "\\ud800"}


@pytest.mark.parametrize("digits", ["1.00", "0.10", "-0.0", "123456789012345678.123456789", "1e2", "5", "1.0E-7"])
def test_decimals_keep_their_digits(digits: str) -> None:
    """A number comes back with the digits that were sent."""
    value = codec.decode(f'{{"a":{digits}}}'.encode()).value
    assert value is not None
    again = codec.encode(value)
    assert codec.decode(again).value == value
    if "e" not in digits.lower():
        assert again == f'{{"a":{digits}}}'.encode()
    if "." in digits:
        assert isinstance(value["a"], Decimal)


@given(st.binary(max_size=200))
def test_never_raises(content: bytes) -> None:
    """Any bytes give a value or an Issue."""
    result = codec.decode(content)
    assert result.value is not None or result.issues


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), _json, max_size=4))
def test_spans_hold_their_values(document: dict[str, object]) -> None:
    """The scanner finds no fault in correct JSON, and every number's and word's bytes are its span."""
    content = codec.encode(document)
    assert scan.first_fault(content, 100) is None
    found = scan.spans(content)
    assert found[""] == (0, len(content))
    for key, value in document.items():
        start, end = found["/" + key.replace("~", "~0").replace("/", "~1")]
        if isinstance(value, int):
            assert content[start:end] == codec.encode(value)  # type: ignore[arg-type]
        elif isinstance(value, str):
            assert content[start - 1 : end + 1] == codec.encode(value)  # type: ignore[arg-type]


_PIECES = (
    b'"', b":", b",", b"{", b"}", b"[", b"]", b"\\", b"\\u003a", b"\\u0022:", b'\\"', b'"a":1,', b"9" * 70, b"1e5",
    b".5", b" ", b"\n", b"\x00", b"\xff", b"null", b"-0", b"\\ud800", b'"":"":', b'"a" :2,',
)  # fmt: skip


@given(st.lists(st.tuples(st.integers(0, 200), st.sampled_from(_PIECES), st.integers(0, 4)), max_size=4))
def test_the_quick_decoder_changes_no_answer(edits: list[tuple[int, bytes, int]]) -> None:
    """Value, type of each number, order of keys and Issues are those of the strict decoder."""
    content = (
        b'{"a":{"b":1.50,"c":[1,{"d":"x\\"y:\\\\"}]},"e" : [true,null],"f":"\xe2\x98\x83","g":[{"a":"b:"},{"a":7}]}'
    )
    for at, piece, cut in edits:
        content = content[:at] + piece + content[at + cut :]
    quick, found = codec._quickly, codec.decode(content)
    try:
        codec._quickly = lambda _body: (None, b"")
        strict = codec.decode(content)
    finally:
        codec._quickly = quick
    assert repr(found) == repr(strict)  # 1 and 1.0 differ, and the order of keys counts
    read, words = codec.read(content)
    assert repr(read) == repr(found)
    assert words in (b"", codec.encode(found.value or {}))


def test_what_a_document_says_comes_with_it() -> None:
    """So that nobody who keeps it has to write it again; of what the strict decoder has to read it does not."""
    assert codec.read(b'{"a" : 1.50, "b":[]}\n')[1] == b'{"a":1.50,"b":[]}'
    assert codec.read(b'{"a":1e2}')[1] == b""
    assert codec.read(b'{"a":')[1] == b""


@pytest.mark.parametrize("most", [3, 60, 100])
def test_the_depth_that_is_asked_for_is_the_depth_that_is_taken(most: int) -> None:
    """One step deeper is refused, however few brackets there are."""
    limits = Limits(json_depth=most)
    fits, deeper = (b'{"a":' * n + b"1" + b"}" * n for n in (most, most + 1))
    assert codec.decode(fits, limits).value is not None
    assert [issue.rule for issue in codec.decode(deeper, limits).issues] == ["fhir.json.depth"]
