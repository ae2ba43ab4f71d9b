"""Acknowledgements: the right answer to any request, and the right reading of others' answers."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.formats.hl7v2.samples import ADT
from unsilo.formats.hl7v2 import Keys, ack, parse, parse_ack, wanted
from unsilo.kernel import Issue, Where
from unsilo.kernel.clock import from_instant

AT = from_instant("2024-01-15T13:30:01.250Z")
ISSUES = [
    Issue("error", "required", "MSH-9 | is empty", Where("MSH-9"), "say the type", "hl7v2.msh.type"),
    Issue("fatal", "value", "bad\nvalue", Where("OBX[3]-5[2].1.4"), "", "x.y"),
    Issue("warning", "unmapped", "not told"),
]


def answer(request: bytes, code="AE", issues=(), **kwargs) -> list[str]:
    return ack(request, code, issues, at=AT, control_id="U1").decode(**kwargs).split("\r")


def test_an_accepted_message():
    """Sender and receiver change places, MSA-2 is the request's control id, type and version follow the request."""
    assert answer(ADT, "AA", ISSUES) == [
        "MSH|^~\\&|LABADT|MCM|ADT1|MCM|20240115133001.250+0000||ACK^A08^ACK|U1|P|2.5.1",
        "MSA|AA|MSG00001",
        "",
    ]
    message = parse(ADT).value
    assert message is not None
    assert ack(message, "CA", at=AT, control_id="U1") == ack(ADT, "CA", at=AT, control_id="U1")


def test_errors_from_version_2_5():
    """Each error becomes an ERR with place, condition code, severity, rule, hint and text; warnings do not."""
    assert answer(ADT, "AE", ISSUES)[1:] == [
        "MSA|AE|MSG00001|MSH-9 \\F\\ is empty",
        "ERR||MSH^1^9^1|101^Required field missing^HL70357|E|hl7v2.msh.type||say the type|MSH-9 \\F\\ is empty",
        "ERR||OBX^3^5^2^1^4|102^Data type error^HL70357|E|x.y|||bad\\.br\\value",
        "",
    ]
    assert answer(ADT.replace(b"2.5.1", b"2.8"), "AR", ISSUES)[3].split("|")[4] == "F"


def test_errors_before_version_2_5():
    """Older requests get ERR-1 with one repetition an error."""
    lines = answer(ADT.replace(b"2.5.1", b"2.3.1"), "AR", ISSUES)
    assert lines[0].endswith("|ACK^A08^ACK|U1|P|2.3.1")
    expected = "ERR|MSH^1^9^101&Required field missing&HL70357~OBX^3^5^102&Data type error&HL70357"
    assert lines[2:] == [expected, ""]


@pytest.mark.parametrize(
    ("version", "kind"), [("2.1", "ACK"), ("2.2", "ACK"), ("2.3", "ACK^A08"), ("2.3.1", "ACK^A08^ACK")]
)
def test_message_type_by_version(version, kind):
    """MSH-9 has the components that the request's version knows."""
    assert answer(ADT.replace(b"2.5.1", version.encode()), "AA")[0].split("|")[8] == kind


def test_warnings_when_there_is_no_error():
    """A refusal without an error tells its warnings, an error of a harmless code is an internal error."""
    assert "|W|" in answer(ADT, "AE", ISSUES[2:])[2]
    assert answer(ADT, "AE", [Issue("error", "unmapped", "x")])[2].split("|")[3].startswith("207^")


def test_delimiters_and_character_set_of_the_request():
    """The answer speaks the request's delimiters and bytes, MSH-18 included."""
    request = ("MSH*!%?@#*Sënder*B*C*D*20240101**ADT!A01*Nö1*T*2.7******8859/1\r").encode("iso8859_1")
    lines = answer(request, "AE", [Issue("error", "value", "a*b € ü")], encoding="iso8859_1")
    assert lines[0] == "MSH*!%?@#*C*D*Sënder*B*20240115133001.250+0000**ACK!A01!ACK*U1*T*2.7******8859/1"
    assert lines[1] == "MSA*AE*Nö1*a?F?b ? ü"
    assert lines[2].startswith("ERR***102!Data type error!HL70357*E*")


def test_short_encoding_characters():
    """A request with only a component separator gets no other delimiter back."""
    lines = answer(b"MSH|^|A|B|C|D|20240101||ADT^A01|9|P|2.3.1\r", "AR", ISSUES)
    assert lines[0].startswith("MSH|^|C|D|A|B|")
    assert lines[2] == "ERR|MSH^1^9^101 Required field missing HL70357"


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"", b"garbage", b"\x00" * 50, b"MSH", b"MSH\r\r\r", b"MSHHHHHH", b"PID|1\rMSH|^~\\&|A|B", b"MSH|LAB|B|C",
        b"\xff\xfeM\x00S\x00H\x00", b"GET / HTTP/1.1\r\n\r\n", b"MSH|^~\\&|" + b"x" * 100_000,
        b"MSH|^~\\&|A|B|C|D||||ID\x0b\x1c|P|7.7\r", b"MSH|^~\\&A|D|2024||ADT\r", b"MSH|^~\\&\xff|D",
    ],
)  # fmt: skip
def test_garbage_gets_a_well_formed_answer(request_bytes):
    """Whatever the bytes, the answer is a message that parses, with the code, and an ERR."""
    content = ack(request_bytes, "AR", ISSUES, at=AT, control_id="U1")
    read = parse_ack(content)
    assert read.value is not None, read.issues
    assert not [issue for issue in read.issues if issue.severity in ("error", "fatal")]
    assert read.value.code == "AR"
    assert read.value.errors[0].code == "101"
    assert len(content) < 12_000


@settings(deadline=None)
@given(st.binary(max_size=60), st.integers(0, len(ADT)))
def test_any_bytes_get_an_answer(noise, at):
    """A message with noise inside is answered with a message that parses."""
    content = ack(ADT[:at] + noise + ADT[at:], "AE", ISSUES, at=AT, control_id="U1")
    result = parse(content)
    assert result.value is not None, (content, result.issues)
    msa = result.value.first("MSA")
    assert msa is not None
    assert msa.get(1) == "AE"


@pytest.mark.parametrize("cut", range(len(ADT)))
def test_a_message_cut_anywhere_is_answered(cut):
    """Every beginning of a message parses or is refused, and is answered with its control id when it has one."""
    piece = ADT[:cut]
    result = parse(piece)
    assert result.value is not None or any(issue.severity == "fatal" for issue in result.issues)
    read = parse_ack(ack(piece, "AE", result.issues, at=AT, control_id="U1"))
    assert read.value is not None
    assert "MSG00001".startswith(read.value.control_id)


def test_reading_answers_of_both_forms():
    """ERR-1 of old versions and ERR-2 to ERR-8 of new ones give the same code and place."""
    for version in (b"2.3.1", b"2.5.1"):
        content = ack(ADT.replace(b"2.5.1", version), "AE", ISSUES, at=AT, control_id="U1")
        read = parse_ack(content).value
        assert read is not None
        assert (read.code, read.control_id, read.own_id) == ("AE", "MSG00001", "U1")
        assert read.text == "MSH-9 | is empty"
        assert [error.code for error in read.errors] == ["101", "102"]
        assert read.errors[0].location == "MSH-9"
        assert read.errors[1].location.startswith("OBX[3]-5")


@pytest.mark.parametrize("content", [b"", b"MSH|^~\\&|A|B|C|D|2024||ACK|1|P|2.5\r", b"HTTP/1.1 200 OK"])
def test_what_is_no_answer(content):
    """An answer without MSA is no answer."""
    assert parse_ack(content).value is None


def test_an_unknown_code_is_said():
    """MSA-1 outside HL7 table 0008 is an error."""
    read = parse_ack(b"MSH|^~\\&|A|B|C|D|2024||ACK|1|P|2.5\rMSA|XX|7\r")
    assert read.value is not None
    assert not read.ok


@pytest.mark.parametrize(
    ("accept", "app", "good", "bad"),
    [
        ("", "", (False, True), (False, True)),
        ("AL", "NE", (True, False), (True, False)),
        ("NE", "AL", (False, True), (False, True)),
        ("ER", "SU", (False, True), (True, False)),
        ("AL", "", (True, False), (True, False)),
        ("??", "ER", (False, False), (False, True)),
    ],
)
def test_which_acknowledgements_are_wanted(accept, app, good, bad):
    """MSH-15 and MSH-16 decide by HL7 table 0155; both empty is original mode."""
    asked = Keys(accept_ack=accept, app_ack=app)
    assert wanted(asked, True) == good
    assert wanted(asked, False) == bad
