"""Alarms about what is new and what is gone: in time, once, and not without cause."""

import random

import pytest

from unsilo.flow.shapes.part import ALL
from unsilo.flow.shapes.profile import Change, Profile, decode, encode, learn, share
from unsilo.flow.shapes.watch import Delta


def _delta(messages: int, **fields: int) -> Delta:
    """So many messages of one type with a PID each, and fields of it by how many have them."""
    counts = {ALL: (messages, ""), "type A": (messages, ALL), "segments PID": (messages, "")}
    counts |= {f"field {name}": (n, "segments PID") for name, n in fields.items() if n}
    return Delta("lab", counts, {f"field {name}": "m1" for name in fields})


def _learnt(messages: int = 500, **fields: int) -> Profile:
    profile: Profile = {}
    assert learn(profile, _delta(messages, **fields)) == Change([], [])
    return profile


def test_a_new_field_is_an_alarm_once() -> None:
    """After enough messages, with an example and the figures; it is known from then on."""
    profile = _learnt(P3=500)
    [alarm] = learn(profile, _delta(1, P3=1, P9=1)).alarms
    assert (alarm.kind, alarm.what, alarm.message) == ("new", "field P9", "m1")
    assert alarm.detail == "never in 500 times of segments PID before"
    assert learn(profile, _delta(1, P3=1, P9=1)).alarms == []


def test_a_young_feed_learns_without_alarms() -> None:
    """Nothing is new while little is known."""
    profile = _learnt(150, P3=150)
    assert learn(profile, _delta(1, P3=1, P9=1)).alarms == []


def test_of_something_new_its_parts_are_not_told_too() -> None:
    """A new segment is one alarm, not one for each of its fields."""
    profile = _learnt(P3=500)
    delta = _delta(1, P3=1)
    delta.counts |= {
        "segment A Z": (1, "type A"), "segments Z": (1, ""), "field Z-2": (1, "segments Z"),
        "code Z-2 x": (1, "field Z-2"),
    }  # fmt: skip
    assert [alarm.what for alarm in learn(profile, delta).alarms] == ["segment A Z"]


def test_where_novelties_are_usual_one_more_is_none() -> None:
    """A field with ever new codes is no small vocabulary (Good and Turing)."""
    profile = _learnt(P3=500)
    delta = _delta(500, P3=500)
    delta.counts |= {f"code P3 c{n}": (1, "field P3") for n in range(40)}
    learn(profile, delta)
    more = _delta(1, P3=1)
    more.counts["code P3 other"] = (1, "field P3")
    assert learn(profile, more).alarms == []


def test_what_was_always_sent_and_is_gone() -> None:
    """Not after a few messages without it, once after many, and it ends when it comes again."""
    profile = _learnt(P3=500, P8=498)
    for _ in range(4):
        assert learn(profile, _delta(10, P3=10)).alarms == []
    [alarm] = learn(profile, _delta(20, P3=20)).alarms
    assert (alarm.kind, alarm.what) == ("gone", "field P8")
    assert alarm.detail == "in 99.6% of 500 times of segments PID, then not in 60"
    assert learn(profile, _delta(500, P3=500)).alarms == []
    assert learn(profile, _delta(1, P3=1, P8=1)) == Change([], ["field P8"])
    assert learn(profile, _delta(1, P3=1)).alarms == []


@pytest.mark.parametrize(("times", "of"), [(250, 500), (400, 500), (3, 4), (150, 150)])
def test_what_was_not_always_sent_may_be_missing(times: int, of: int) -> None:
    """A field of half or of four fifths of the messages, or of a young feed, gives no alarm."""
    profile = _learnt(of, P3=of, P8=times)
    assert learn(profile, _delta(100, P3=100)).alarms == []


def test_other_messages_do_not_count_as_missing() -> None:
    """A segment is missed in messages of its type only."""
    profile = _learnt(P3=500)
    delta = Delta("lab", {ALL: (5000, ""), "type B": (5000, ALL)}, {})
    assert [alarm.what for alarm in learn(profile, delta).alarms] == ["type B", "type A"]


def test_a_steady_feed_gives_no_alarm_in_a_hundred_thousand_messages() -> None:
    """Fields of every frequency, at random by a seed: new ones at most while they are rare, gone ones never."""
    rng = random.Random(7)
    shares = {f"P{n}": each for n, each in enumerate((1.0, 0.999, 0.99, 0.97, 0.9, 0.85, 0.8, 0.5, 0.3, 0.1, 0.05), 3)}
    profile: Profile = {}
    alarms = []
    for _ in range(2000):
        sizes = {name: sum(rng.random() < each for _ in range(50)) for name, each in shares.items()}
        alarms += learn(profile, _delta(50, **sizes)).alarms
    assert alarms == []
    assert profile[ALL].count < 40_000


def test_a_gap_that_ended_is_learnt() -> None:
    """Where a field is missing for a while every night, that is told once."""
    profile = _learnt(1000, P3=1000, P8=1000)
    told = []
    for _ in range(5):
        told += learn(profile, _delta(80, P3=80)).alarms
        told += learn(profile, _delta(400, P3=400, P8=400)).alarms
    assert [alarm.what for alarm in told] == ["field P8"]
    assert [alarm.what for alarm in learn(profile, _delta(300, P3=300)).alarms] == ["field P8"]


def test_counts_fade_and_shares_stay() -> None:
    """Halved counts keep their shares; what is new then is new still."""
    profile: Profile = {}
    for _ in range(50):
        learn(profile, _delta(1000, P3=1000, P8=500))
    assert profile["field P8"].count / profile["segments PID"].count == pytest.approx(0.5)
    assert profile[ALL].count < 20_000
    assert [alarm.what for alarm in learn(profile, _delta(1, P9=1)).alarms] == ["field P9"]


def test_a_profile_is_bounded_and_stored() -> None:
    """A hostile feed cannot grow it without end, and it comes back from the store as it was."""
    profile: Profile = {}
    delta = _delta(300)
    delta.counts |= {f"code X {n}": (1, "segments PID") for n in range(20_000)}
    learn(profile, delta)
    assert len(profile) == 6_000
    assert decode(encode(profile)) == profile


def test_intervals() -> None:
    """Wilson's lower bound at 99 %."""
    assert share(0, 0) == 0
    assert share(500, 500) == pytest.approx(0.9869, abs=1e-4)
    assert share(50, 100) == pytest.approx(0.3750, abs=1e-3)
