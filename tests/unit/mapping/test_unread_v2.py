"""What nothing consumed of a large message: the same list, kept as places."""

from __future__ import annotations

import sys

import pytest

from unsilo.formats import hl7v2
from unsilo.kernel import seal
from unsilo.mapping import Mapped, Site, load
from unsilo.mapping.v2 import unconsumed as module
from unsilo.mapping.v2.unread import LARGE, Unread
from unsilo.storage.packing import pack_unconsumed, unpack_unconsumed

HEADER = "MSH|^~\\&|SEND|NORTH|RECV|HUB|20260311143005||ORU^R01|1|P|2.5"
SITE = Site(feed="unread", organisation="north")


def run(*lines: str) -> Mapped:
    """What a message yields."""
    content = ("\r".join([HEADER, *lines]) + "\r").encode()
    message = hl7v2.parse(content).value
    assert message is not None
    return load("hl7v2", SITE).run(message, seal("unread", "hl7v2", content, 0))


def lines(count: int) -> list[str]:
    """Segments with fields of every sort that nothing reads."""
    odd = 'ZZZ|a\\T\\b|c^d&e^~f~^g|h&i|""|' + "^" * 300 + "far|  |~last"
    results = [f"OBX|{n}|nm|A{n % 7}^a^L||{n}|mg|||||F" for n in range(count)]
    return [
        "PID|1||7||Doe^Ann",
        "OBR|1||2|C^c^L",
        *[odd.replace("last", str(n)) for n in range(count)],
        *results,
        *results,
    ]


def test_it_is_the_same_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """Places, paths and values are those of the list of a small message, and so is their order."""
    plain = run(*lines(40)).unconsumed
    assert isinstance(plain, list)
    monkeypatch.setattr(module, "LARGE", 10)
    packed = run(*lines(40)).unconsumed
    assert isinstance(packed, Unread)
    assert packed == plain
    assert list(packed) == plain
    assert [packed[n] for n in range(len(packed))] == plain
    assert packed[-3:] == plain[-3:]
    assert packed != plain[:-1]
    assert unpack_unconsumed(pack_unconsumed(packed)) == plain == unpack_unconsumed(pack_unconsumed(plain))


def test_what_is_stored_is_the_same_at_every_length(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list is stored in pieces; their ends are no seams."""
    monkeypatch.setattr(module, "LARGE", 10)
    for count in (0, 1, 3, 130):
        packed = run("PID|1||7", *["ZZZ|" + "|".join("abcdefgh")] * count).unconsumed
        assert unpack_unconsumed(pack_unconsumed(packed)) == list(packed)


def test_a_large_message_is_not_held_in_pieces() -> None:
    """A list of 60,000 fields takes eight bytes each, and its message keeps no pieces of its segments."""
    content = ("\r".join([HEADER, "PID|1||7", *["ZZZ|" + "|".join("abcdefgh")] * 7500]) + "\r").encode()
    assert len(content) > LARGE
    message = hl7v2.parse(content).value
    assert message is not None
    rest = load("hl7v2", SITE).run(message, seal("unread", "hl7v2", content, 0)).unconsumed
    assert isinstance(rest, Unread)
    assert len(rest) == 60_000 + 1  # and the number of the PID
    assert sys.getsizeof(rest.places) < 10 * len(rest)
    assert not [segment for segment in message.segments if segment.name == "ZZZ" and segment.cut is not None]
    assert list(rest)[-1] == ((7501, 8, 0, 1, 1), "ZZZ[7500]-8", "h")
    assert not [segment for segment in message.segments if segment.name == "ZZZ" and segment.cut is not None]
