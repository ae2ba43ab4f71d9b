"""MLLP framing: whole messages out of any packets, and every way a sender can get it wrong."""

from hypothesis import given
from hypothesis import strategies as st

from unsilo.sources.mllp.frames import Frame, Framer, wrap

A = b"MSH|^~\\&|A\rPID|1\r"
B = b"MSH|^~\\&|B\rPID|2\r"


def contents(frames: list[Frame]) -> list[bytes]:
    """Return the bytes of the whole messages."""
    return [frame.content for frame in frames if frame.kind == "message"]


MESSAGES = st.binary(max_size=40).map(lambda b: b"MSH" + b.replace(b"\x0b", b"").replace(b"\x1c", b""))


@given(st.lists(MESSAGES, max_size=6), st.lists(st.integers(1, 30), max_size=60))
def test_any_cutting_into_packets_gives_the_same_messages(messages: list[bytes], cuts: list[int]) -> None:
    """Frames come out whole and in order however the stream was split."""
    stream = b"".join(wrap(message) for message in messages)
    framer, got, at = Framer(1 << 20), [], 0
    for size in [*cuts, len(stream)]:
        got += framer.feed(stream[at : at + size])
        at += size
    assert contents(got) == messages
    assert all(frame.issues == () for frame in got)


def test_a_message_byte_by_byte() -> None:
    """One byte a packet is enough, and nothing is complete before the last one."""
    framer = Framer(1000)
    stream = wrap(A)
    for byte in stream[:-1]:
        assert framer.feed(bytes([byte])) == []
    assert contents(framer.feed(stream[-1:])) == [A]
    assert not framer.open


def test_two_messages_in_one_packet() -> None:
    """Two frames in one packet are two messages."""
    assert contents(Framer(1000).feed(wrap(A) + wrap(B))) == [A, B]


def test_a_missing_return_is_tolerated_with_an_issue() -> None:
    """0x1C without 0x0D ends a frame when another begins, or after a pause."""
    framer = Framer(1000)
    frames = framer.feed(b"\x0b" + A + b"\x1c" + b"\x0b" + B + b"\x1c")
    assert contents(frames) == [A]
    assert frames[0].issues[0].rule == "mllp.no-return"
    assert framer.waits_for_return
    late = framer.flush()
    assert late is not None
    assert late.content == B
    assert framer.feed(b"\r") == []
    assert not framer.open


def test_an_end_byte_within_the_content_does_not_end_it() -> None:
    """0x1C followed by another byte is content."""
    message = b"MSH|\x1cx|\r"
    assert contents(Framer(1000).feed(wrap(message))) == [message]


def test_leading_junk_is_left_out_and_said() -> None:
    """Bytes before the start block give an Issue; line ends between frames do not."""
    frame = Framer(1000).feed(b"hello" + wrap(A))[0]
    assert (frame.content, frame.issues[0].rule) == (A, "mllp.junk")
    assert Framer(1000).feed(b"\r\n\x00" + wrap(A))[0].issues == ()


def test_a_sender_that_begins_again_leaves_a_cut_message() -> None:
    """A second start block before the end keeps the first part as cut and takes the second message."""
    frames = Framer(1000).feed(b"\x0b" + A[:10] + wrap(B))
    assert [(frame.kind, frame.content) for frame in frames] == [("cut", A[:10]), ("message", B)]


def test_a_vertical_tab_in_text_is_text() -> None:
    """0x0B inside a message that no header follows stays."""
    message = b"MSH|a\x0bb\r"
    assert contents(Framer(1000).feed(wrap(message))) == [message]


def test_endless_bytes_stop_at_the_limit() -> None:
    """Without an end block the framer gives up at its limit and holds no more."""
    framer = Framer(100_000)
    frames: list[Frame] = framer.feed(b"\x0bMSH|")
    for _ in range(20):
        frames += framer.feed(b"x" * 10_000)
    assert [frame.kind for frame in frames] == ["too-long"]
    assert framer.broken
    assert len(frames[0].content) == 65536


def test_a_message_at_the_limit_passes_and_one_more_byte_does_not() -> None:
    """The limit counts the content only."""
    assert [f.kind for f in Framer(64).feed(wrap(b"x" * 64))] == ["message"]
    assert [f.kind for f in Framer(64).feed(wrap(b"x" * 65))] == ["too-long"]


def test_unframed_bytes_are_kept_when_the_connection_closes() -> None:
    """A sender without start blocks is not lost in silence."""
    framer = Framer(1000)
    assert framer.feed(A) == []
    left = framer.close()
    assert left is not None
    assert (left.kind, left.content) == ("unframed", A)
    endless = Framer(1 << 20)
    assert [f.kind for f in endless.feed(b"y" * 70_000)] == ["unframed"]
    assert endless.broken


def test_a_connection_lost_within_a_message_keeps_the_part() -> None:
    """What arrived of a cut message is returned; a clean end leaves nothing."""
    framer = Framer(1000)
    framer.feed(wrap(A) + b"\x0b" + B[:5])
    left = framer.close()
    assert left is not None
    assert (left.kind, left.content) == ("cut", B[:5])
    clean = Framer(1000)
    clean.feed(wrap(A) + b"\r\n")
    assert clean.close() is None


@given(st.binary(max_size=300), st.integers(1, 50))
def test_no_bytes_break_the_framer(noise: bytes, step: int) -> None:
    """Any bytes in any packets end in frames or wait, within the limit."""
    framer = Framer(128)
    for at in range(0, len(noise), step):
        framer.feed(noise[at : at + step])
        framer.flush()
    framer.close()
    assert len(framer._held) <= 128 + step
