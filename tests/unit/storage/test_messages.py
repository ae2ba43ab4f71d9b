"""Finding messages, dead letters and what they hold, feed figures."""

from collections.abc import Callable

import pytest

from unsilo.kernel import Issue, Where, clock
from unsilo.storage import Incoming, QueueItem, Receipt, Store
from unsilo.storage.figures import bucket_of, quantiles, upper_bound
from unsilo.storage.listing import messages_query
from unsilo.storage.statements import load
from unsilo.storage.work import cause_of

Receive = Callable[..., Receipt]
BAD = Issue("error", "value", "no such code", Where("OBX[3]-5[2].1"), rule="v2.obx.code")
POISON = Issue("fatal", "exception", "the program failed on this message", rule="flow.poison")


def finish(store: Store, mid: int, state: str = "done", *issues: Issue) -> None:
    """End a message's processing."""
    store.submit(lambda tx: tx.finish(mid, state, issues, [((3, 5, 0, 1, 0), "OBX-5", "x")], "map")).result(10)


def test_every_business_key_finds_the_message(store: Store, receive: Receive) -> None:
    """Whole keys and their beginnings, folded, of one kind or of any."""
    keys = [
        ("accession", "ACC-77"),
        ("patient_id", "MRN9"),
        ("name", "Müller Änne"),
        ("order", "ORD 5"),
        ("visit", "V1"),
    ]
    receipt = receive(
        "MSH|1", keys=keys, control_id="CTL1", type="ORU^R01", event_time=clock.from_instant("2026-03-01T10:00:00Z")
    )
    receive("MSH|2", keys=[("accession", "ACC-8")])
    for text in (
        "ACC-77",
        "acc-7",
        "mrn9",
        "muller",
        "MÜLLER änne",
        "ord 5",
        "v1",
        "ctl1",
        "oru^r",
        "2026-03-01",
        receipt.id,
    ):
        assert [m.mid for m in store.search_messages(text)] == [receipt.mid], text
    assert [m.mid for m in store.search_messages(kind="accession", value="acc-")] == [2, 1]
    assert store.search_messages(kind="order", value="acc-77") == []
    assert store.search_messages("nothing like it") == []
    assert store.search_messages(kind="no such kind", value="x") == []


def test_pages_of_messages_join_without_gap(store: Store, receive: Receive) -> None:
    """Newest first, keyset paging, while others arrive."""
    for n in range(20):
        receive(f"MSH|{n}", keys=[("name", "Doe")], feed="ab"[n % 2])
    seen: list[int] = []
    while page := store.search_messages("doe", feed="a", limit=3, before=seen[-1] if seen else None):
        seen += [m.mid for m in page]
        receive(f"MSH|later{len(seen)}", keys=[("name", "Doe")], feed="a")
    assert seen == list(range(19, 0, -2))


def test_messages_by_state_and_time(store: Store, receive: Receive) -> None:
    """Filters hold together; times are of receipt."""
    start = clock.now() - 1_000_000_000
    for n in range(10):
        receive(f"MSH|{n}", at=start + n * 1000)
    finish(store, 3)
    assert [m.mid for m in store.search_messages(state="done")] == [3]
    assert [m.mid for m in store.search_messages(since=start + 2000, until=start + 5000)] == [5, 4, 3]
    assert [m.mid for m in store.search_messages(state="queued", since=start + 2000, until=start + 5000)] == [5, 4]
    assert store.search_messages(since=start + 60_000_000) == []
    assert len(store.search_messages(until=start + 60_000_000)) == 10


def test_the_walk_finds_what_the_gathering_finds(store: Store, receive: Receive) -> None:
    """The way for very frequent keys gives the same messages as the way for rare ones."""
    for n in range(12):
        receive(f"MSH|{n}", keys=[("name", "Müller" if n % 3 else "Doe")], control_id=f"C{n}", type="ADT^A01")
    for text, kind in (("mul", "name"), ("mul", ""), ("adt", "type"), ("c1", ""), ("doe", "order")):
        blank = dict.fromkeys(("feed", "state", "cause", "parent"), "")
        common = blank | {"text": text, "kind": kind, "since": 0, "until": 0, "limit": 50, "before": 11}
        columns = load("message")["columns"]
        one, other = (store.rows(*messages_query(columns, **common, dense=d)) for d in (False, True))  # type: ignore[arg-type]
        assert one == other


def test_the_outcome_lists_what_nothing_read(store: Store, receive: Receive) -> None:
    """Digest of the map, issues, unread fields with place, path and value; the state and entries on the row."""
    mid = receive("MSH|1").mid
    finish(store, mid, "done", BAD)
    outcome = store.outcome(mid)
    assert outcome is not None
    assert (outcome.digest, outcome.issues, outcome.unconsumed) == ("map", [BAD], [((3, 5, 0, 1, 0), "OBX-5", "x")])
    row = store.message(mid)
    assert row is not None
    assert (row.state, row.entries, row.attempts, row.cause) == ("done", 0, 1, "v2.obx.code OBX-5.1")
    assert row.finished > 0


def test_causes_are_alike_when_rule_and_field_are(store: Store, receive: Receive) -> None:
    """Ordinals do not part what is one cause; the frequent come first."""
    for n in range(3):
        mid = receive(f"MSH|{n}", feed=f"f{n}").mid
        finish(store, mid, "dead", Issue("error", "value", "x", Where(f"OBX[{n}]-5.1"), rule="v2.obx.code"))
    finish(store, receive("MSH|x").mid, "dead", Issue("fatal", "exception", "boom"))
    groups = store.dead_letters()
    assert [(g.cause, g.messages, g.first, g.last, sorted(g.feeds)) for g in groups] == [
        ("v2.obx.code OBX-5.1", 3, 1, 3, ["f0", "f1", "f2"]), ("exception", 1, 4, 4, ["adt"]),
    ]  # fmt: skip
    assert [m.mid for m in store.search_messages(cause="v2.obx.code OBX-5.1", state="dead")] == [3, 2, 1]
    assert cause_of([Issue("warning", "value", "x")]) == ""
    assert cause_of([Issue("error", "value", "x", Where("a[[["))]) == "value a"


def test_a_cause_names_the_type_and_not_the_record() -> None:
    """A hundred Patients in conflict are one cause; a path of a message that has a slash stays as it is."""
    told = {cause_of([Issue("error", "conflict", "x", Where(f"Patient/a{n}"), rule="identity.R1")]) for n in range(9)}
    assert told == {"identity.R1 Patient"}
    assert cause_of([Issue("error", "value", "x", Where("/ClinicalDocument/code"))]) == "value /ClinicalDocument/code"


def test_a_poison_message_holds_its_key_and_releases_it(store: Store, receive: Receive) -> None:
    """What waits behind it is queued again, in order, once it is replayed, set aside or done."""
    for n in range(4):
        receive(f"MSH|{n}", order_key="p1")
    receive("MSH|other", order_key="p2")
    finish(store, 2, "dead", POISON)
    assert [(m.mid, m.state) for m in store.search_messages(state="held")] == [(4, "held"), (3, "held")]
    assert [item.mid for item in store.queued()] == [1, 5]
    heard: list[QueueItem] = []
    store.on_requeued(heard.extend)
    store.submit(lambda tx: tx.requeue(2)).result(10)
    store.submit(lambda _tx: None).result(10)
    assert [item.mid for item in heard] == [2, 3, 4]
    assert heard[0].attempts == 1
    assert [item.mid for item in store.queued()] == [1, 2, 3, 4, 5]
    finish(store, 2, "dead", POISON)
    store.submit(lambda tx: tx.set_state(2, "dropped")).result(10)
    assert [item.mid for item in store.queued()] == [1, 3, 4, 5]
    assert store.verify() == []


def test_what_stands_behind_two_poison_messages_waits_for_both(store: Store, receive: Receive) -> None:
    """Only what is before the next poison message of the key is released."""
    for n in range(5):
        receive(f"MSH|{n}", order_key="p1", state="dead" if n in (0, 2) else "queued", issues=[POISON] * (n in (0, 2)))
    store.submit(lambda tx: tx.set_state(1, "dropped")).result(10)
    assert [item.mid for item in store.queued()] == [2]
    store.submit(lambda tx: tx.set_state(3, "dropped")).result(10)
    assert [item.mid for item in store.queued()] == [2, 4, 5]
    assert store.verify() == []


def test_a_listener_that_fails_does_not_stop_the_writing(
    store: Store, receive: Receive, caplog: pytest.LogCaptureFixture
) -> None:
    """Its fault is logged, and everything goes on."""

    def broken(_items: list[QueueItem]) -> None:
        raise RuntimeError("listener")

    store.on_requeued(broken)
    receive("MSH|1", state="dead")
    store.submit(lambda tx: tx.requeue(1)).result(10)
    assert receive("MSH|2").mid == 2
    assert "listener" in caplog.text


def test_figures_follow_every_change(store: Store, receive: Receive, piece: Callable[..., Incoming]) -> None:
    """Counts by state and day, bytes, last receipt, rates by minute, latency; a recount agrees."""
    now = clock.now()
    receive("MSH|old", at=now - 3 * 86_400_000_000)
    for n in range(6):
        receive(f"MSH|{n}")
    receive("MSH|0")
    for mid in (2, 3):
        finish(store, mid)
    finish(store, 4, "dead", BAD)
    receive("x" * 100, feed="b", state="rejected")
    one, two = store.feeds()
    assert (one.feed, one.messages, one.today, one.bytes, one.resent) == ("adt", 7, 6, 6 * 5 + 7, 1)
    assert one.states == {"done": 2, "dead": 1, "queued": 4}
    assert one.last_received >= now
    assert [sum(x) for x in list(zip(*one.last_hour, strict=True))[1:]] == [7, 2, 1]
    assert 0 < one.latency[0] <= one.latency[1] <= one.latency[2]
    assert (two.states, two.bytes) == ({"rejected": 1}, 100)
    assert store.counts().messages == {"done": 2, "dead": 1, "queued": 4, "rejected": 1}
    assert store.verify() == []


def test_latency_buckets_are_narrow() -> None:
    """A duration lies under its bucket's bound, and not more than a quarter under it."""
    last = -1
    for duration in [0, 1, 15, 16, 63, 64, 100, 1000, 5_000, 12_345, 1_000_000, 10**9]:
        bucket = bucket_of(duration)
        assert duration <= upper_bound(bucket) <= max(duration * 1.34, duration + 64)
        assert bucket >= last
        last = bucket
    assert [bucket_of(upper_bound(n)) for n in range(100)] == list(range(100))
    assert [bucket_of(upper_bound(n) + 1) for n in range(100)] == list(range(1, 101))
    assert quantiles({}, (0.5, 0.99)) == (0, 0)
    assert quantiles({10: 99, 50: 1}, (0.5, 0.99, 1.0)) == (upper_bound(10), upper_bound(10), upper_bound(50))
