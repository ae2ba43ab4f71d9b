"""Published overlays stay as they are; profiles are replaced; an alarm opens once and ends once."""

import sqlite3

import pytest

from unsilo.storage import Store, end_alarm, put_alarm, put_overlay, put_shape, read_shape


def _publish(store: Store, feed: str, base: int, content: bytes) -> int:
    return store.submit(lambda tx: put_overlay(tx, feed, base, content, content.hex(), "ada", 5, "why")).result(30)


def test_versions_count_by_feed_and_none_is_overwritten(store: Store) -> None:
    """The last version is in use; who built on an older one is told so."""
    assert store.overlay_top() == 0
    assert _publish(store, "lab", 0, b"one") == 1
    assert _publish(store, "lab", 1, b"two") == 2
    assert _publish(store, "ward", 0, b"other") == 1
    assert _publish(store, "lab", 1, b"late") == 0
    assert [(each.feed, each.version, each.content) for each in store.overlays()] == [
        ("lab", 2, b"two"), ("ward", 1, b"other"),
    ]  # fmt: skip
    assert [each.version for each in store.overlay_history("lab")] == [2, 1]
    first = store.overlay_version("lab", 1)
    assert first is not None
    assert (first.content, first.actor, first.at, first.reason) == (b"one", "ada", 5, "why")
    assert store.overlay_version("lab", 9) is None
    assert [each.feed for each in store.overlays_of(b"other".hex())] == ["ward"]
    assert store.overlay_top() == 3


def test_a_published_version_cannot_be_changed(store: Store) -> None:
    """Triggers refuse an update and a delete."""
    _publish(store, "lab", 0, b"one")
    connection = sqlite3.connect(store.directory / "unsilo.db")
    for statement in ("UPDATE overlay SET content = x'00'", "DELETE FROM overlay"):
        with pytest.raises(sqlite3.IntegrityError, match="stay"):
            connection.execute(statement)
    connection.close()


def test_profiles_and_alarms(store: Store) -> None:
    """The same alarm is open once; ended, it can open again; open ones come first."""
    assert store.shape("lab") is None
    store.submit(lambda tx: put_shape(tx, "lab", b"a", 1)).result(30)
    store.submit(lambda tx: put_shape(tx, "lab", b"b", 2)).result(30)
    assert store.shape("lab") == (2, b"b")
    assert store.submit(lambda tx: read_shape(tx, "lab")).result(30) == b"b"
    assert store.submit(lambda tx: put_alarm(tx, "lab", "new", "field PID-8", "m1", "1 of 500", 3)).result(30)
    assert not store.submit(lambda tx: put_alarm(tx, "lab", "new", "field PID-8", "m2", "", 4)).result(30)
    assert store.submit(lambda tx: put_alarm(tx, "ward", "gone", "segment ZPI", "m3", "", 5)).result(30)
    assert store.shape_alarm_counts() == {"lab": 1, "ward": 1}
    [alarm] = store.shape_alarms("lab")
    assert (alarm.kind, alarm.what, alarm.message, alarm.detail, alarm.ended) == (
        "new", "field PID-8", "m1", "1 of 500", 0,
    )  # fmt: skip
    ended = store.submit(lambda tx: end_alarm(tx, "lab", "new", "field PID-8", 9, "ada", "expected")).result(30)
    assert ended == alarm.n
    assert store.submit(lambda tx: end_alarm(tx, "lab", "new", "field PID-8", 9, "bob", "")).result(30) == 0
    closed = store.shape_alarm(alarm.n)
    assert closed is not None
    assert (closed.ended, closed.actor, closed.reason) == (9, "ada", "expected")
    assert [each.feed for each in store.shape_alarms()] == ["ward", "lab"]
    assert store.shape_alarm_counts() == {"ward": 1}
    assert store.shape_alarm(99) is None
