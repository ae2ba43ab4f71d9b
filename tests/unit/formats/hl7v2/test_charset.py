"""Character sets: by MSH-18, by the feed, by what the bytes are; nothing is lost when they lie."""

import pytest

from unsilo.formats.hl7v2 import codec_of, parse, serialise, span


def message(name: bytes, declared: bytes = b"") -> bytes:
    return b"MSH|^~\\&|A|B|C|D|20240101||ADT^A01|1|P|2.5||||||" + declared + b"\rPID|||1||" + name + b"^X|\r"


@pytest.mark.parametrize(
    ("declared", "text", "codec"),
    [
        ("UNICODE UTF-8", "Grüße", "utf_8"),
        ("UTF-8", "Łódź", "utf_8"),
        ("8859/1", "Müller", "iso8859_1"),
        ("8859/2", "Łódź", "iso8859_2"),
        ("ISO-8859-7", "Παπ", "iso8859_7"),
        ("8859/15", "10€", "iso8859_15"),
        ("WINDOWS-1252", "“x”", "cp1252"),
        ("GB 18030-2000", "王小明", "gb18030"),
        ("BIG-5", "許功蓋", "big5"),
        ("KS X 1001", "홍길동", "euc_kr"),
        ("~ISO IR87", "山田太郎", "iso2022_jp_ext"),
        ("ASCII~ISO IR87", "山田", "iso2022_jp_ext"),
        ("UTF-8~UNICODE", "é", "utf_8"),
        ("UNICODE~UTF-8", "é", "utf_8"),
    ],
)
def test_declared_sets_are_read(declared, text, codec):
    """MSH-18 by HL7 table 0211, or a usual variant, chooses the codec; the span of the value holds its bytes."""
    content = message(text.encode(codec), declared.encode())
    result = parse(content)
    assert result.value is not None
    assert result.issues == []
    assert result.value.charset == codec
    assert result.value.segments[1].get(5, 0, 1) == text
    at = span(result.value, (1, 5, 0, 1, 0))
    assert at is not None
    assert content[at[0] : at[1]].decode(codec) == text
    after = span(result.value, (1, 5, 0, 2, 0))
    assert after is not None
    assert content[after[0] : after[1]].decode(codec) == "X"
    assert serialise(result.value) == content


def test_delimiters_inside_double_byte_characters_do_not_split():
    """Big5 and GB 18030 have trail bytes equal to `|`, `^` and backslash; characters stay whole."""
    content = message("功".encode("big5"), b"BIG-5")
    assert b"\\" in "功".encode("big5")
    result = parse(content)
    assert result.value is not None
    assert result.value.segments[1].get(5, 0, 1) == "功"


@pytest.mark.parametrize(
    ("name", "declared", "codec", "rule"),
    [
        ("é".encode(), b"", "utf_8", "hl7v2.charset.undeclared"),
        ("é".encode(), b"ASCII", "utf_8", "hl7v2.charset.undeclared"),
        (b"M\xfcller", b"", "cp1252", "hl7v2.charset.guess"),
        (b"M\xfcller\x81", b"", "iso8859_1", "hl7v2.charset.guess"),
        (b"M\xfcller", b"UNICODE UTF-8", "cp1252", "hl7v2.charset.fallback"),
        (b"\xff\xff", b"BIG-5", "cp1252", "hl7v2.charset.fallback"),
        (b"\xa5\x81", b"8859/7", "iso8859_7", ""),
        ("山田".encode(), b"~ISO IR87", "utf_8", "hl7v2.charset.undeclared"),
        (b"\xff", b"8859/7", "cp1252", "hl7v2.charset.fallback"),
        (b"plain", b"KLINGON", "ascii", "hl7v2.charset.unknown"),
        (b"M\xfcller", b"KLINGON", "cp1252", "hl7v2.charset.unknown"),
        (b"plain", b"UNICODE UTF-16", "ascii", "hl7v2.charset.unknown"),
        (b"plain", b"CNS 11643-1992", "ascii", "hl7v2.charset.unknown"),
        ("é".encode(), b"8859/1", "iso8859_1", "hl7v2.charset.suspect"),
        (b'\x1b$B;3ED\x1b2024|(B^""@O:\x1b(B', b"~ISO IR87", "iso2022_jp_ext", "hl7v2.charset.escape"),
        (b"plain", b"", "ascii", ""),
        (b"plain", b"UNICODE UTF-8", "utf_8", ""),
    ],
)
def test_fallbacks_are_recorded_and_lossless(name, declared, codec, rule):
    """A character set that is missing, unknown or wrong is read with a recorded guess that gives the bytes back."""
    content = message(name, declared)
    result = parse(content)
    assert result.value is not None
    assert result.value.charset == codec
    assert (rule in [issue.rule for issue in result.issues]) if rule else result.issues == []
    assert all(issue.code == "charset" for issue in result.issues)
    assert serialise(result.value) == content


def test_an_unreadable_byte_is_pointed_at():
    """The Issue of a fallback says which byte could not be read, counted in the original."""
    content = b"\x0b" + message(b"M\xfcller", b"UNICODE UTF-8")
    issue = next(i for i in parse(content).issues if i.rule == "hl7v2.charset.fallback")
    assert issue.where.span is not None
    assert content[issue.where.span[0] : issue.where.span[1]] == b"\xfc"


def test_the_feed_overrides_the_message():
    """A feed's character set wins over MSH-18; an unknown one is said and MSH-18 is used."""
    content = message("Łódź".encode("cp1250"), b"UNICODE UTF-8")
    result = parse(content, charset="windows-1250")
    assert result.value is not None
    assert result.value.segments[1].get(5, 0, 1) == "Łódź"
    assert result.issues == []
    wrong = parse(message("é".encode(), b"UNICODE UTF-8"), charset="nonsense")
    assert [issue.rule for issue in wrong.issues] == ["hl7v2.charset.override"]
    assert wrong.value is not None
    assert wrong.value.charset == "utf_8"


def test_a_byte_order_mark_says_utf8():
    """A byte order mark before MSH counts as declared UTF-8."""
    result = parse(b"\xef\xbb\xbf" + message("é".encode()))
    assert result.value is not None
    assert result.value.charset == "utf_8"
    assert [issue.rule for issue in result.issues] == ["hl7v2.frame.stray"]


def test_codec_names_come_back():
    """The codec that a message says it was read with is itself a name that can be given."""
    for name in ("8859/1", "BIG-5", "GB 18030-2000", "KS X 1001", "ISO IR87", "UNICODE UTF-8", "ASCII", "CP1252"):
        codec = codec_of(name)
        assert codec is not None
        assert codec_of(codec) == codec
    assert codec_of("UTF-16") is None
