"""Reading messages as they come: delimiters, line ends, headers that are odd, and what is refused."""

import pytest

from tests.unit.formats.hl7v2.samples import ADT, ORU
from unsilo.formats.hl7v2 import NONE, parse, serialise
from unsilo.kernel import Limits


def rules(content: bytes, **kwargs) -> list[str]:
    return [issue.rule for issue in parse(content, **kwargs).issues]


def read(content: bytes):
    result = parse(content)
    assert result.value is not None, result.issues
    return result.value


def test_values_are_found_by_field_repetition_component_and_subcomponent():
    """The usual message gives its values unescaped."""
    message = read(ADT)
    pid = message.first("PID")
    assert pid is not None
    assert pid.get(5, 0, 1) == "Ja&nes"
    assert pid.get(5, 0, 2) == "Ma|ry"
    assert pid.get(3, 0, 1) == "12345"
    assert pid.get(3, 1, 4, 2) == "2.16.840.1.113883.4.1"
    assert pid.get(3, 2, 1) == pid.get(99) == pid.get(3, 0, 9, 9) == ""
    assert [segment.name for segment in message.segments] == ["MSH", "EVN", "PID", "PV1", "ZXX"]
    assert message.all("OBX") == []
    assert message.first("OBX") is None


def test_header_fields_are_numbered_as_in_the_standard():
    """MSH-1 is the separator, MSH-2 the encoding characters, and neither is split or unescaped."""
    header = read(ADT).header
    assert (header.get(1), header.get(2), header.get(3)) == ("|", "^~\\&", "ADT1")
    assert header.fields[:4] == ["MSH", "|", "^~\\&", "ADT1"]
    assert header.get(9, 0, 2) == "A08"
    assert header.get(2, 1) == header.get(2, 0, 2) == ""


def test_a_clean_message_has_no_issue():
    """Nothing is said about a message that is as the standard wants it."""
    assert parse(ADT).issues == []
    assert parse(ORU).issues == []


def test_delete_is_told_from_empty():
    """`""` is given as it stands, an empty field as nothing."""
    message = read(ADT + b'PD1|""|\r')
    pd1 = message.first("PD1")
    assert pd1 is not None
    assert pd1.get(1) == '""'
    assert pd1.get(2) == ""


def test_other_delimiters():
    """Whatever MSH-1 and MSH-2 name separates the rest."""
    message = read(b"MSH*!%?@*A*B*C*D*20240101**ADT!A01*1*P*2.5\rPID***1!!!X@Y%2*" + b"?S?*\r")
    pid = message.first("PID")
    assert pid is not None
    assert pid.get(3, 0, 4, 2) == "Y"
    assert pid.get(3, 1, 1) == "2"
    assert pid.get(4) == "!"


@pytest.mark.parametrize(
    ("encoding", "component", "repetition", "escape", "subcomponent"),
    [
        (b"^", "^", NONE, NONE, NONE),
        (b"^~", "^", "~", NONE, NONE),
        (b"^~\\", "^", "~", "\\", NONE),
        (b"^~\\&#", "^", "~", "\\", "&"),
        (b"^~\\&#!", "^", "~", "\\", "&"),
        (b"", "^", "~", "\\", "&"),
        (b"^~\\^", "^", "~", "\\", NONE),
        (b"^~ &", "^", "~", NONE, "&"),
    ],
)
def test_short_and_long_encoding_characters(encoding, component, repetition, escape, subcomponent):
    """A short MSH-2 leaves delimiters out, a long one is cut, and anything but four or five is said."""
    message = read(b"MSH|" + encoding + b"|A|B|C|D|20240101||ADT|1|P|2.5\rPID|||a&b\\T\\\r")
    assert message.component_sep == component
    assert message.repetition_sep == repetition
    assert message.escape_char == escape
    assert message.subcomponent_sep == subcomponent
    if encoding not in (b"^~\\&#", b"^~ &"):
        assert rules(message.raw)
    assert serialise(message) == message.raw


@pytest.mark.parametrize(
    ("head", "rule"),
    [
        (b"MSH\r^~\\&\rA\rB", "hl7v2.msh.field-separator"),
        (b"MSH", "hl7v2.msh.field-separator"),
        (b"MSHA^~\\&AB", "hl7v2.msh.field-separator"),
        (b"MSH ^~\\& A", "hl7v2.msh.field-separator"),
        (b"MSH\x00^~\\&", "hl7v2.msh.field-separator"),
        (b"MSH\xff^~\\&", "hl7v2.msh.field-separator"),
        (b'MSH"^~\\&"', "hl7v2.msh.field-separator"),
        (b"MSH|LAB|HOSP|WARD", "hl7v2.msh.encoding-characters"),
        (b"MSH|\xff\xfe|HOSP|WARD", "hl7v2.msh.encoding-characters"),
        (b"", "hl7v2.empty"),
        (b"\x0b\x1c\r", "hl7v2.empty"),
        (b"PID|1|2", "hl7v2.msh.missing"),
        (b"msh|^~\\&|", "hl7v2.msh.missing"),
        (b"GET / HTTP/1.1\r\n\r\n", "hl7v2.msh.missing"),
        (b"\xff\xfeM\x00S\x00H\x00", "hl7v2.utf16"),
        ("MSH|^~\\&|".encode("utf-16-be"), "hl7v2.utf16"),
        (b"FHS|^~\\&|A\rMSH|^~\\&|A", "hl7v2.batch"),
        (ADT + ORU, "hl7v2.msh.second"),
        (ADT + b"garbage line\r" + ORU, "hl7v2.msh.second"),
        (b"\x0b" + ADT + b"\x1c\r\x0b" + ORU + b"\x1c\r", "hl7v2.msh.second"),
        ((ADT + b"\n" + ORU).replace(b"\r", b"\n"), "hl7v2.msh.second"),
        (ADT + ORU * 300, "hl7v2.msh.second"),
        (b"MSH|^~\\&|" + b"x" * 70_000, "hl7v2.msh.too-long"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(head, rule):
    """No value and one fatal Issue that names the rule; two patients are never read as one message."""
    result = parse(head)
    assert result.value is None
    assert [issue.rule for issue in result.issues if issue.severity == "fatal"] == [rule]


def test_line_feeds_are_taken_for_carriage_returns():
    """Bare LF and CRLF give the same tree with an Issue, and the bytes come back."""
    plain = [segment.raw for segment in read(ADT).segments]
    for end, rule in ((b"\n", "hl7v2.terminator.lf"), (b"\r\n", "hl7v2.terminator.crlf")):
        content = ADT.replace(b"\r", end)
        message = read(content)
        assert [segment.raw for segment in message.segments] == plain
        assert rules(content) == [rule]
        assert serialise(message) == content


def test_a_line_that_is_no_segment_continues_the_one_before():
    """A report with raw line ends is not torn: the later fields stay where they are, and the Issue says so."""
    for end in (b"\n", b"\r"):
        content = ORU.replace(b"line one\\.br\\", b"line one" + end)
        obx = read(content).all("OBX")[1]
        assert obx.get(5) == "line one" + end.decode() + "line two"
        assert obx.get(11) == "F"
        assert "hl7v2.segment.continued" in rules(content)
        assert serialise(read(content)) == content


def test_stray_bytes_around_a_message():
    """Framing bytes, blanks, NULs and a byte order mark around a message are passed over and kept."""
    for before, after in (
        (b"\x0b", b"\x1c\r"),
        (b"\xef\xbb\xbf", b""),
        (b"\r\n \t", b"\x00\x00"),
        (b"\n\xef\xbb\xbf", b"\x1a"),
    ):
        content = before + ADT + after
        message = read(content)
        assert [s.name for s in message.segments] == ["MSH", "EVN", "PID", "PV1", "ZXX"]
        assert set(rules(content)) <= {"hl7v2.frame.stray", "hl7v2.terminator.crlf"}
        assert serialise(message) == content


def test_nul_inside_a_value_is_said_and_kept():
    """A NUL in the middle of a value stays in the tree with a warning."""
    content = ADT.replace(b"Q|", b"Q\x00R|")
    assert rules(content) == ["hl7v2.control-characters"]
    assert read(content).all("PID")[0].get(5, 0, 3) == "Q\x00R"


def test_continued_messages_are_said():
    """ADD and DSC mean that something is only a part: the Issue says that parts are not joined."""
    assert rules(ADT + b"ADD|rest\r") == rules(ADT + b"DSC|1\r") == ["hl7v2.continuation"]


def test_small_letters_and_blanks_in_segment_names_are_said():
    """`pid` is a segment of that name; blanks before a name are passed over."""
    content = ADT.replace(b"ZXX|", b"  zxx|")
    assert [s.name for s in read(content).segments][-1] == "zxx"
    assert set(rules(content)) == {"hl7v2.segment.name", "hl7v2.segment.blank"}
    assert serialise(read(content)) == content


@pytest.mark.parametrize(
    "version", ["2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.7.1", "2.8.2"]
)
def test_every_version_is_taken(version):
    """The versions of the standard that are read give no Issue."""
    assert rules(ADT.replace(b"2.5.1", version.encode())) == []


@pytest.mark.parametrize(
    ("old", "new", "rule", "severity"),
    [
        (b"|2.5.1|", b"|9.9|", "hl7v2.msh.version", "error"),
        (b"|2.5.1|", b"|3|", "hl7v2.msh.version", "error"),
        (b"|2.5.1|", b"|\xc3\xa9|", "hl7v2.msh.version", "error"),
        (b"|2.5.1|", b"||", "hl7v2.msh.version", "warning"),
        (b"|2.5.1|", b"|2.9|", "hl7v2.msh.version", "information"),
        (b"ADT^A08^ADT_A01", b"", "hl7v2.msh.type", "error"),
        (b"MSG00001", b"", "hl7v2.msh.control-id", "warning"),
        (b"|P|2", b"|X|2", "hl7v2.msh.processing-id", "error"),
        (b"|P|2", b"||2", "hl7v2.msh.processing-id", "information"),
    ],
)
def test_odd_headers_are_said(old, new, rule, severity):
    """Each missing or unknown value of MSH-9 to MSH-12 is one Issue, and the message is read all the same."""
    result = parse(ADT.replace(old, new))
    assert result.value is not None
    assert (rule, severity) in [(issue.rule, issue.severity) for issue in result.issues]


def test_version_with_components_is_its_first():
    """MSH-12 is a VID: `2.5.1^USA` is version 2.5.1."""
    assert rules(ADT.replace(b"|2.5.1|", b"|2.5.1^USA|")) == []


def test_limits_refuse_before_work_is_done():
    """Size, segments and fields over the feed's limits are refused by rule."""
    assert rules(ADT, limits=Limits(message_bytes=10)) == ["hl7v2.too-long"]
    assert rules(ADT, limits=Limits(segments=3)) == ["hl7v2.too-many-segments"]
    assert rules(ADT, limits=Limits(fields=3)) == ["hl7v2.too-many-fields"]
    assert rules(ADT.replace(b"\r", b"\n"), limits=Limits(segments=3)) == ["hl7v2.too-many-segments"]
