"""Hostile input: bounded time and memory, no exception, every byte kept."""

import tracemalloc
from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.formats.hl7v2.samples import ADT, ORU
from unsilo.formats.hl7v2 import ack, keys, parse, parse_ack, path, serialise, span, split_batch, valued
from unsilo.kernel import Limits

MEGABYTE = 1024 * 1024
HEAD = b"MSH|^~\\&|A|B|C|D|20240101||ORU^R01|1|P|2.5.1\r"
A_SEGMENT = 200
"""Bytes that the tree may need for one segment besides its text."""

HOSTILE = {
    "a million fields in one segment": HEAD + b"OBX" + b"|x" * 1_000_000,
    "a million fields in many segments": HEAD + (b"OBX" + b"|ab" * 1_000 + b"\r") * 1_000,
    "nearly a million fields": HEAD + (b"OBX" + b"|ab" * 999 + b"\r") * 990,
    "a million segments": HEAD + b"ZZ1\r" * 1_000_000,
    "nothing but separators": b"MSH|^~\\&" + b"|" * 4_000_000,
    "a million repetitions": HEAD + b"OBX|" + b"a~" * 1_000_000,
    "a million identifiers": HEAD + b"PID|||" + b"1^^^A~" * 1_000_000,
    "a million merged": HEAD + b"MRG|" + b"1^^^A~" * 1_000_000,
    "many patients": HEAD + b"PID|||1^^^A~2\r" * 90_000,
    "many orders": HEAD + b"OBR|1|A|B\r" * 90_000,
    "an error with a million places": b"MSH|^~\\&|A|B|C|D|2024||ACK|1|P|2.3\rMSA|AE|1\rERR|" + b"P^1^2~" * 1_000_000,
    "a million components": HEAD + b"OBX|" + b"a^" * 1_000_000,
    "a million subcomponents": HEAD + b"OBX|" + b"a&" * 1_000_000,
    "escapes without end": HEAD + b"OBX|" + b"\\" * 2_000_000,
    "escapes that nearly match": HEAD + b"OBX|" + b"\\X41" * 500_000,
    "formatting that nearly matches": HEAD + b"OBX|" + b"\\.sp999999999 " * 100_000,
    "a huge value": HEAD + b"OBX|1|ED|||" + b"QUJD" * 3_900_000 + b"\r",
    "line feeds": HEAD + b"\n" * 4_000_000,
    "blanks": HEAD + b" " * 4_000_000,
    "carriage returns": HEAD + b"\r" * 4_000_000,
    "NULs": HEAD + b"\x00" * 4_000_000,
    "lines that are no segments": HEAD + b"text\r" * 90_000,
    "no MSH": b"\x00\r\n " * 1_000_000,
    "MSH is the separator's own end": b"MSH\r^~\\&\r" + b"\r" * 1_000_000,
    "a long MSH-2": b"MSH|" + b"^" * 4_000_000,
    "a long control id": HEAD.replace(b"|1|", b"|" + b"9" * 4_000_000 + b"|"),
    "many headers": HEAD * 90_000,
    "short segments": HEAD + b"ZZ1|\r" * 99_000,
    "a long character set": HEAD[:-1] + b"||||||" + b"UNICODE~" * 400_000,
    "high bytes": HEAD + b"OBX|" + b"\xff" * 4_000_000,
}


def walk(content: bytes) -> None:
    """Do with a message everything that a receiver does."""
    result = parse(content)
    if result.value is not None:
        assert serialise(result.value) == content
        keys(result.value)
        place = None
        for number, (locator, _) in enumerate(valued(result.value)):
            place = locator
            if number > 100_000:
                break
        if place is not None:
            span(result.value, place)
            path(result.value, place)
    else:
        assert any(issue.severity == "fatal" for issue in result.issues)
    parse_ack(content)
    answer = ack(content, "AR", result.issues, at=0, control_id="1")
    assert parse(answer).value is not None
    assert len(answer) < 100_000
    assert split_batch(content).issues is not None


@pytest.mark.parametrize("name", HOSTILE)
def test_time_is_bounded(name):
    """Two seconds of CPU are enough for anything (read, keys, walk, answer), nearly always far more than enough."""
    content = HOSTILE[name]
    start = process_time()
    walk(content)
    assert process_time() - start < 2.0


@pytest.mark.parametrize("name", HOSTILE)
def test_memory_is_bounded(name):
    """Reading takes at most twice the message besides the message itself, and a little for each segment."""
    content = HOSTILE[name]
    parse(ADT)
    tracemalloc.start()
    result = parse(content)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    lines = min(content.count(b"\r") + content.count(b"\n"), Limits().segments)
    assert peak < 2 * len(content) + MEGABYTE + A_SEGMENT * lines, f"{peak / len(content):.1f} times"
    assert len(result.issues) < 10


@pytest.mark.parametrize("content", [ADT, ORU], ids=["ADT", "ORU"])
def test_a_message_cut_at_every_byte(content):
    """Every beginning of a message is read or refused with a reason, and gives its bytes back when read."""
    for cut in range(len(content)):
        walk(content[:cut])


@pytest.mark.parametrize("content", [ADT, ORU], ids=["ADT", "ORU"])
def test_every_byte_changed(content):
    """Any one byte replaced by a delimiter, a control or a high byte does no harm."""
    for at in range(len(content)):
        for byte in (b"\x00", b"\r", b"\n", b"|", b"\\", b"\xff", b"\x1b"):
            piece = content[:at] + byte + content[at + 1 :]
            result = parse(piece)
            if result.value is not None:
                assert serialise(result.value) == piece
                keys(result.value)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes(content):
    """No bytes raise."""
    walk(content)
    walk(HEAD + content)
    walk(b"MSH" + content)


SETS = ["UNICODE UTF-8", "BIG-5", "GB 18030-2000", "~ISO IR87", "8859/7", "KS X 1001", ""]


@settings(deadline=None)
@given(st.binary(max_size=8), st.sampled_from(SETS))
def test_any_bytes_in_any_character_set(noise, name):
    """Undecodable bytes anywhere round trip, and every value has a span that is inside the message."""
    content = HEAD[:-1] + b"||||||" + name.encode() + b"\rPID|1||" + noise + b"^B|C\r"
    result = parse(content)
    if result.value is None:
        return
    assert serialise(result.value) == content
    for locator, _ in valued(result.value):
        at = span(result.value, locator)
        assert at is not None
        assert 0 <= at[0] < at[1] <= len(content)
