"""Which of two versions wins, and that writing a message twice changes nothing more."""

from pathlib import Path

import pytest

from unsilo.config import Feed
from unsilo.flow.commit import beats, commit
from unsilo.flow.process import process
from unsilo.kernel import seal
from unsilo.storage import Incoming, Stored, open_store

PRELIMINARY, FINAL, CORRECTED, CANCELLED = 1, 2, 3, 4


def current(clock: int, rank: int) -> Stored:
    """Make the version that is there."""
    return Stored(1, "Observation", "a", 1, 0, 0, clock, rank, 1, b"", b"")


@pytest.mark.parametrize(
    ("clock", "rank", "there", "wins"),
    [
        (2, 0, (1, 0), True),
        (1, 0, (2, 0), False),
        (1, 0, (1, 0), True),
        (0, 0, (2, 0), True),
        (2, 0, (0, 0), True),
        (9, PRELIMINARY, (1, FINAL), False),
        (1, FINAL, (9, PRELIMINARY), True),
        (2, CORRECTED, (1, FINAL), True),
        (2, FINAL, (1, CORRECTED), True),
        (1, FINAL, (1, CORRECTED), False),
        (0, FINAL, (5, CORRECTED), False),
        (2, CANCELLED, (1, CORRECTED), True),
        (1, CORRECTED, (2, FINAL), False),
    ],
)
def test_status_goes_before_time_and_time_before_order(
    clock: int, rank: int, there: tuple[int, int], wins: bool
) -> None:
    """Preliminary never beats final, final always beats preliminary, else the later event time."""
    assert beats(clock, rank, current(*there)) is wins


def test_the_same_message_written_twice_has_one_effect(tmp_path: Path) -> None:
    """Processing is a function of the bytes: a second commit makes no version, person or link."""
    content = (
        b"MSH|^~\\&|A|B|C|D|20260101||ADT^A08|1|P|2.5\rEVN|A08|20260101\r"
        b"PID|1||7^^^KH^MR||Roe^Jane||19700101|F\rPV1|1|I|W^1^2\rAL1|1|DA|P^Penicillin^L|SV|Rash\r"
    )
    feed = Feed("adt")
    envelope = seal("adt", "hl7v2", content, 1)
    with open_store(tmp_path) as store:
        mid = store.receive(Incoming(envelope=envelope)).result(10).mid
        first = store.submit(commit(process(envelope, feed, mid), feed, 1)).result(10)
        before = store.counts()
        again = store.submit(commit(process(envelope, feed, mid), feed, 2)).result(10)
        assert first.changed
        assert again.changed == []
        assert store.counts() == before
        assert all(len(store.history(*name.split("/"))) == 1 for name in first.changed)
        assert store.verify() == []


def test_doubts_are_counted_for_the_feed_and_once(tmp_path: Path) -> None:
    """What can hardly be true of a message is counted by rule; processed again it is not counted again."""
    content = (
        b"MSH|^~\\&|A|B|C|D|20260101||ADT^A08|9|P|2.5\rEVN|A08|20260101\r"
        b"PID|1||8^^^KH^MR||Roe^Old||18700101|F\rPV1|1|I|W^1^2\r"
    )
    feed = Feed("adt")
    envelope = seal("adt", "hl7v2", content, 1_767_225_600_000_000)
    with open_store(tmp_path) as store:
        mid = store.receive(Incoming(envelope=envelope)).result(10).mid
        for at in (1, 2):
            store.submit(commit(process(envelope, feed, mid), feed, at)).result(10)
            assert [each.doubts for each in store.feeds()] == [{"plausible.birth.age": 1}]


def test_a_visit_that_is_only_named_again_is_no_new_version(tmp_path: Path) -> None:
    """Results that name a visit without its state between admissions that say it leave one version, with its state."""
    feed = Feed("adt")
    visit = b"PID|1||7^^^KH^MR||Roe^Jane||19700101|F\rPV1|1|I|W^1^2||||7^Arzt^Eva||||||||||||V1^^^KH\r"
    admission = b"MSH|^~\\&|A|B|C|D|202601010%d||ADT^A08|%d|P|2.5\rEVN|A08|202601010%d\r" + visit
    result = b"MSH|^~\\&|A|B|C|D|202601010%d||ORU^R01|%d|P|2.5\r" + visit + (
        b"ORC|RE|1|2\rOBR|1|1|2|58410-2^CBC^LN\rOBX|1|NM|718-7^Hb^LN||14|g/dL|||||F\r"
    )  # fmt: skip
    versions: list[int] = []
    with open_store(tmp_path) as store:
        for n in range(1, 7):
            content = admission % (n, n, n) if n % 2 else result % (n, n)
            envelope = seal("adt", "hl7v2", content, n)
            mid = store.receive(Incoming(envelope=envelope)).result(10).mid
            store.submit(commit(process(envelope, feed, mid), feed, n)).result(10)
            (found,) = store.rows(
                "SELECT version, body FROM res JOIN resource_type y ON y.id = res.type WHERE y.name = 'Encounter'"
            )
            versions.append(found[0])
        assert versions == [1] * 6
        assert b'"status":"active"' in found[1]


def test_what_is_said_again_changes_nothing(tmp_path: Path) -> None:
    """A message that repeats patient, visit and places gives them no version; the later time still wins."""
    feed = Feed("adt")
    content = (
        b"MSH|^~\\&|A|B|C|D|2026010%d||ADT^A08|%d|P|2.5\rEVN|A08|2026010%d\r"
        b"PID|1||7^^^KH^MR||%s^Jane||19700101|F\rPV1|1|I|W^1^2||||7^Arzt^Eva||||||||||||V1^^^KH\r"
    )
    with open_store(tmp_path) as store:

        def take(n: int, name: bytes = b"Roe") -> list[str]:
            envelope = seal("adt", "hl7v2", content % (n, n, n, name), n)
            mid = store.receive(Incoming(envelope=envelope)).result(10).mid
            return store.submit(commit(process(envelope, feed, mid), feed, n)).result(10).changed

        take(2)
        repeated = take(4)
        assert {name.partition("/")[0] for name in repeated} <= {"MessageHeader", "Provenance"}
        assert not any(name.startswith("Patient/") for name in take(3, b"Doe-Roe")), "older than what was said again"
        assert any(name.startswith("Patient/") for name in take(5, b"Doe-Roe"))
        assert store.verify() == []
