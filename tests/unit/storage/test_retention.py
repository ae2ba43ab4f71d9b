"""Retention removes the bytes of whole days and nothing else."""

from collections.abc import Callable

from unsilo.kernel import clock
from unsilo.storage import Receipt, Store, drop_day, droppable
from unsilo.storage.days import day_of, day_path

DAY = 86_400_000_000
NOW = clock.now()


def test_a_dropped_day_keeps_hash_size_and_keys(store: Store, receive: Callable[..., Receipt]) -> None:
    """The file is gone; the row says when; search, lineage by path, and dedup still work."""
    old = clock.now() - 9 * DAY
    receipt = receive("MSH|old", at=old, keys=[("accession", "A1")], state="test")
    kept = receive("MSH|new", at=old + DAY, state="test")
    before = store.message(receipt.id)
    assert drop_day(store, day_of(old), at=NOW) == []
    after = store.message(receipt.id)
    assert before is not None
    assert after is not None
    assert (after.sha256, after.size, after.keys, after.removed_on) == (before.sha256, before.size, before.keys, NOW)
    assert store.content(receipt.id) is None
    assert store.envelope(receipt.id) is None
    assert not day_path(store.directory, day_of(old)).exists()
    assert store.content(kept.id) == b"MSH|new"
    assert [m.id for m in store.search_messages("a1")] == [receipt.id]
    assert receive("MSH|old").duplicate
    assert store.verify() == []


def test_one_feed_of_a_day_can_be_dropped(store: Store, receive: Callable[..., Receipt]) -> None:
    """The other feeds' bytes of that day stay."""
    old = clock.now() - 9 * DAY
    one = receive("MSH|x", at=old, feed="one", state="test")
    two = receive("MSH|x", at=old, feed="two", state="test")
    assert drop_day(store, day_of(old), "one") == []
    assert store.content(one.id) is None
    assert store.content(two.id) == b"MSH|x"
    assert store.verify() == []
    assert drop_day(store, day_of(old), "two") == []
    assert not day_path(store.directory, day_of(old)).exists()
    assert store.verify() == []


def test_what_is_not_finished_keeps_its_bytes_and_nothing_else(store: Store, receive: Callable[..., Receipt]) -> None:
    """A queued, held or dead message of the day keeps its own; the others' go, and its own once it is finished."""
    old = clock.now() - 9 * DAY
    dead = receive("MSH|dead", at=old, state="dead")
    done = receive("MSH|done", at=old, state="test")
    other = receive("MSH|other", at=old, feed="other", state="test")
    assert droppable(store, day_of(old), "adt")
    [issue] = drop_day(store, day_of(old), "adt")
    assert (issue.severity, "1 messages" in issue.text) == ("warning", True)
    assert [store.content(one.id) for one in (dead, done, other)] == [b"MSH|dead", None, b"MSH|other"]
    assert not droppable(store, day_of(old), "adt")
    assert store.verify() == []
    [issue] = drop_day(store, day_of(old))
    assert [store.content(one.id) for one in (dead, other)] == [b"MSH|dead", None]
    store.submit(lambda tx: tx.finish(dead.mid, "done")).result(10)
    assert drop_day(store, day_of(old)) == []
    assert store.content(dead.id) is None
    assert not day_path(store.directory, day_of(old)).exists()
    assert store.verify() == []


def test_today_is_not_dropped(store: Store) -> None:
    """A day that is not over is refused; one without messages is nothing to do."""
    [issue] = drop_day(store, day_of(clock.now()))
    assert (issue.severity, "not over" in issue.text) == ("error", True)
    assert drop_day(store, 20200101) == []


def test_dropping_twice_is_dropping_once(store: Store, receive: Callable[..., Receipt]) -> None:
    """The second time changes nothing, also not the day of removal."""
    old = clock.now() - 9 * DAY
    receipt = receive("MSH|x", at=old, state="test")
    assert drop_day(store, day_of(old), at=NOW) == []
    assert drop_day(store, day_of(old), at=NOW + 1) == []
    row = store.message(receipt.id)
    assert row is not None
    assert row.removed_on == NOW
