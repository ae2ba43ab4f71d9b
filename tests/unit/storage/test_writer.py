"""The writer: nothing is acknowledged that is not durable, one bad job spoils no other, receipts come first."""

import errno
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from unsilo.fhir.index import IndexRows, index
from unsilo.kernel import json
from unsilo.policy import Predicate
from unsilo.search.parse import parse
from unsilo.search.plan import plan
from unsilo.search.vocabulary import Vocabulary
from unsilo.storage import AuditRow, Hooks, Incoming, NotDurableError, Store, Tx, open_store
from unsilo.storage.plan import Plan

NO_ROWS = IndexRows()
EIO = OSError(errno.EIO, "Input/output error")
ENOSPC = OSError(errno.ENOSPC, "No space left on device")


class Disk(Hooks):
    """Hooks that raise what they are told to, for as long as told."""

    fails: dict[str, BaseException] = msgspec.field(default_factory=dict)
    times: int = 0

    def strike(self, when: str, error: BaseException, times: int = 1) -> None:
        """Let the next `times` commits fail at `when`, such as `before journal`."""
        self.fails = {when: error}
        self.times = times

    def hit(self, when: str) -> None:
        """Raise when it is time."""
        if when in self.fails and self.times > 0:
            self.times -= 1
            raise self.fails[when]


@pytest.fixture
def disk() -> Disk:
    """A disk that works until `strike`."""
    made = Disk()
    made.before_commit = lambda name: made.hit(f"before {name}")
    made.after_commit = lambda name: made.hit(f"after {name}")
    return made


@pytest.fixture
def store(tmp_path: Path, disk: Disk) -> Iterator[Store]:
    """A store on that disk."""
    with open_store(tmp_path / "store", hooks=disk) as opened:
        yield opened


@pytest.mark.parametrize(
    "error", [EIO, ENOSPC, sqlite3.OperationalError("disk I/O error")], ids=["EIO", "ENOSPC", "sqlite"]
)
@pytest.mark.parametrize("when", ["before journal", "after journal", "before main"])
def test_a_receipt_that_is_not_durable_is_not_acknowledged(
    store: Store, disk: Disk, piece: Callable[..., Incoming], when: str, error: BaseException
) -> None:
    """Whichever write or fsync fails, the sender hears no yes; reads go on; the resend is taken as new."""
    if isinstance(error, sqlite3.Error):
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
    before = store.receive(piece("MSH|before")).result(10)
    disk.strike(when, error)
    with pytest.raises(NotDurableError):
        store.receive(piece("MSH|a")).result(10)
    assert store.content(before.id) == b"MSH|before"
    assert store.message(piece("MSH|a").envelope.id) is None
    receipt = store.receive(piece("MSH|a")).result(10)
    assert not receipt.duplicate
    assert store.content(receipt.id) == b"MSH|a"
    assert store.verify() == []


def test_a_fault_after_the_commit_makes_the_resend_a_duplicate(
    store: Store, disk: Disk, piece: Callable[..., Incoming]
) -> None:
    """Kept but never acknowledged: the resend finds it and there is one message."""
    disk.strike("after main", EIO)
    with pytest.raises(NotDurableError):
        store.receive(piece("MSH|a")).result(10)
    assert store.receive(piece("MSH|a")).result(10).duplicate
    assert store.verify() == []


def test_nothing_is_acknowledged_until_the_probe_is_durable(
    store: Store, disk: Disk, piece: Callable[..., Incoming]
) -> None:
    """After a failed fsync a full disk keeps refusing; when there is room again, it resumes by itself."""
    disk.strike("before main", ENOSPC, times=4)
    refused = 0
    for n in range(10):
        try:
            store.receive(piece(f"MSH|{n}")).result(10)
        except NotDurableError:
            refused += 1
    assert refused == 4
    assert len(store.search_messages()) == 6
    assert store.verify() == []


def test_every_future_of_a_failed_group_fails(store: Store, disk: Disk, piece: Callable[..., Incoming]) -> None:
    """Jobs that shared the commit share its fate, and none of them leaves a trace."""
    gate = threading.Event()
    first = store.submit(lambda _tx: gate.wait(5))
    rest = [
        store.submit(lambda tx, n=n: tx.put("Basic", str(n), b"{}", index=NO_ROWS, lineage=[], at=1)) for n in range(5)
    ]
    disk.strike("before main", EIO)
    gate.set()
    failed = [f for f in [first, *rest] if isinstance(f.exception(10), NotDurableError)]
    assert failed
    kept = [f for f in rest if f.exception(10) is None]
    assert sum(store.read("Basic", str(n)) is not None for n in range(5)) == len(kept)


def test_a_job_fails_alone(store: Store) -> None:
    """A job's exception is its own; what it did is undone; its neighbours in the group are committed."""

    def bad(tx: Tx) -> None:
        tx.put("Basic", "bad", b"{}", index=NO_ROWS, lineage=[], at=1)
        tx.link("bad", None, "none", "", "x", 1)
        tx.remember("bad", b"", [1, 2])
        raise ValueError("no")

    gate = threading.Event()
    store.submit(lambda _tx: gate.wait(5))
    futures: list[Future[Any]] = [
        store.submit(lambda tx: tx.put("Basic", "one", b"{}", index=NO_ROWS, lineage=[], at=1)),
        store.submit(bad),
        store.submit(lambda tx: tx.put("Basic", "two", b"{}", index=NO_ROWS, lineage=[], at=1)),
    ]
    gate.set()
    assert isinstance(futures[1].exception(10), ValueError)
    assert futures[0].result(10).version == futures[2].result(10).version == 1
    assert store.read("Basic", "bad") is None
    assert store.counts().persons == 0
    assert store.verify() == []


def test_rows_that_cannot_be_written_spoil_no_other_job(store: Store) -> None:
    """When the gathered rows of a group are refused, each job is run again with a commit of its own."""
    gate = threading.Event()
    store.submit(lambda _tx: gate.wait(5))
    good = [
        store.submit(lambda tx, n=n: tx.put("Basic", str(n), b"{}", index=NO_ROWS, lineage=[], at=1)) for n in range(3)
    ]
    bad = store.submit(lambda tx: tx.put("Basic", "bad", b"{}", index=NO_ROWS, lineage=[], at="noon"))  # type: ignore[arg-type]
    gate.set()
    assert bad.exception(10) is not None
    assert [f.result(10).version for f in good] == [1, 1, 1]
    assert store.read("Basic", "bad") is None
    assert store.verify() == []


def test_a_receipt_that_cannot_be_written_spoils_no_other(store: Store, piece: Callable[..., Incoming]) -> None:
    """A row the schema refuses fails its own future only."""
    gate = threading.Event()
    store.submit(lambda _tx: gate.wait(5))
    good = [store.receive(piece(f"MSH|{n}")) for n in range(3)]
    bad = store.receive(piece("MSH|bad", event_time=1 << 70))
    gate.set()
    assert bad.exception(10) is not None
    assert [f.result(10).duplicate for f in good] == [False] * 3
    assert store.verify() == []


def test_receipts_pass_waiting_jobs(store: Store, piece: Callable[..., Incoming]) -> None:
    """However many jobs wait, a receipt is answered after the group that is being written."""
    slow = [store.submit(lambda _tx: time.sleep(0.004)) for _ in range(100)]
    store.receive(piece()).result(10)
    assert not slow[-1].done()
    for future in slow:
        future.result(10)


def test_the_higher_priority_goes_first(store: Store) -> None:
    """Within what waits, priority orders, then the order of coming."""
    seen: list[str] = []
    gate = threading.Event()
    store.submit(lambda _tx: gate.wait(5))
    time.sleep(0.05)
    futures = [store.submit(lambda _tx, w=w: seen.append(w), p) for w, p in (("a", 0), ("b", 5), ("c", 0), ("d", 5))]
    gate.set()
    for future in futures:
        future.result(10)
    assert seen == ["b", "d", "a", "c"]


def test_a_cancelled_job_is_not_run(store: Store) -> None:
    """What is cancelled before its turn has no effect."""
    ran: list[int] = []
    gate = threading.Event()
    store.submit(lambda _tx: gate.wait(5))
    time.sleep(0.05)
    future = store.submit(lambda _tx: ran.append(1))
    assert future.cancel()
    gate.set()
    store.submit(lambda _tx: None).result(10)
    assert ran == []


def test_closing_finishes_what_waits(tmp_path: Path, piece: Callable[..., Incoming]) -> None:
    """Everything handed in before `close` is done when it returns."""
    store = open_store(tmp_path / "other")
    futures = [store.receive(piece(f"MSH|{n}")) for n in range(50)]
    store.close()
    assert all(f.done() and not f.exception() for f in futures)


def test_two_stores_may_write_the_same_files(store: Store, piece: Callable[..., Incoming]) -> None:
    """A command beside the server (adding a user, say) mixes with its writing; numbers and words stay unique."""
    with open_store(store.directory) as other:
        for n in range(20):
            for turn, each in enumerate((store, other)):
                each.receive(piece(f"MSH|{n}-{turn}", feed=f"f{n}-{turn}")).result(10)
                each.submit(
                    lambda tx, i=f"{n}-{turn}": tx.put("Basic", i, b"{}", index=NO_ROWS, lineage=[], at=1)
                ).result(10)
        assert len(store.search_messages(limit=100)) == 40
        assert store.counts().resources == {"Basic": 40}
        assert {m.feed for m in other.search_messages(limit=100)} == {f"f{n}-{t}" for n in range(20) for t in (0, 1)}
        assert store.verify() == []


def test_many_threads_receive_and_read(store: Store, piece: Callable[..., Incoming]) -> None:
    """Reads from several threads go on beside receipts; everything that was acknowledged is there."""
    wrong: list[str] = []

    def work(name: int) -> None:
        for n in range(40):
            receipt = store.receive(piece(f"MSH|{name}|{n}")).result(10)
            if store.content(receipt.id) != f"MSH|{name}|{n}".encode():
                wrong.append(receipt.id)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert sum(f.messages for f in store.feeds()) == 240


def test_a_job_that_searched_and_failed_takes_nothing_of_its_group_with_it(store: Store) -> None:
    """What a search wrote early for others of the group stays; what it wrote for the failed job goes."""
    patient = {"resourceType": "Patient", "name": [{"family": "Doe"}]}

    def put(tx: Tx, id_: str) -> None:
        tx.put(
            "Patient", id_, json.encode({**patient, "id": id_}), index=index({**patient, "id": id_}), lineage=[], at=1
        )
        tx.audit(AuditRow("a", "create", what=id_))

    def bad(tx: Tx, *, linked: bool) -> None:
        put(tx, "bad")
        if linked:  # a statement of its own, so that the savepoint stands before the search
            tx.link("bad", None, "none", "", "m", 1, 1)
        assert {row.id for row in tx.search(_patients()).rows} >= {"bad", "first"}
        put(tx, "worse")
        tx.search(_patients())
        raise RuntimeError

    gate = threading.Event()
    waiting = store.submit(lambda _tx: gate.wait(5))
    futures = [store.submit(lambda tx: put(tx, "first"))]
    futures += [store.submit(lambda tx, linked=linked: bad(tx, linked=linked)) for linked in (False, True)]
    futures.append(store.submit(lambda tx: put(tx, "last")))
    gate.set()
    waiting.result(10)
    assert [type(future.exception(10)) for future in futures] == [type(None), RuntimeError, RuntimeError, type(None)]
    assert store.counts().resources == {"Patient": 2}
    assert {row.id for row in store.search(_patients()).rows} == {"first", "last"}
    assert [row.what for row in store.audit_rows()] == ["last", "first"]
    assert {issue.rule for issue in store.verify()} == {"storage.verify.patient_without_person"}


def _patients() -> Plan:
    """Every Patient named Doe."""
    search, _ = parse("Patient", [("family", "doe")], Vocabulary())
    assert search is not None
    return plan(search, Predicate(), Vocabulary())


def test_jobs_have_their_turn_while_receipts_come_without_end(store: Store, piece: Callable[..., Incoming]) -> None:
    """However many senders there are, what was received is also processed, and neither keeps the other for ever."""
    over = threading.Event()
    taken: list[int] = []

    def send(name: str) -> None:
        n = 0
        while not over.is_set():
            n += 1
            taken.append(store.receive(piece(f"MSH|{name}|{n}")).result(60).mid)

    senders = [threading.Thread(target=send, args=(name,)) for name in "abcd"]
    for each in senders:
        each.start()
    for n in range(20):
        row = AuditRow("ann", f"job {n}")
        store.submit(partial(Tx.audit, row=row)).result(60)
        before = len(taken)
        while len(taken) == before:
            threading.Event().wait(0.001)
    over.set()
    for each in senders:
        each.join()
    assert len(store.audit_rows()) == 20
    assert len(set(taken)) == len(taken)


def _between_two_jobs(
    store: Store, piece: Callable[..., Incoming], first: Callable[[Tx], object]
) -> tuple[bool, "Future[Any]"]:
    """Hand in four receipts while a group is at its first job; tell whether its second one found them acknowledged."""
    begun, gate = threading.Event(), threading.Event()

    def slow(tx: Tx) -> None:
        first(tx)
        begun.set()
        gate.wait(10)

    one = store.submit(slow)
    begun.wait(10)
    receipts = [store.receive(piece(f"MSH|{n}")) for n in range(4)]
    two = store.submit(lambda _tx: all(receipt.done() for receipt in receipts))
    gate.set()
    found = two.result(10)
    assert [receipt.result(10).duplicate for receipt in receipts] == [False] * 4
    return found, one


def test_receipts_go_before_a_group_that_has_written_nothing_yet(store: Store, piece: Callable[..., Incoming]) -> None:
    """A sender is answered while a group is gathered; what was gathered is written all the same, once."""
    found, one = _between_two_jobs(
        store, piece, lambda tx: tx.put("Basic", "a", b"{}", index=NO_ROWS, lineage=[], at=1)
    )
    one.result(10)
    assert found
    assert [stored.version for stored in store.history("Basic", "a")] == [1]
    assert store.verify() == []


def test_a_group_that_has_written_stays_one_transaction(store: Store, piece: Callable[..., Incoming]) -> None:
    """What a job has written is not committed with somebody else's rows before the rest of its group."""
    found, one = _between_two_jobs(store, piece, lambda tx: tx.switch_model("v1", b"model", "ann", 1))
    one.result(10)
    assert not found


def test_a_group_that_was_overtaken_begins_anew(store: Store, disk: Disk, piece: Callable[..., Incoming]) -> None:
    """Another process writes while a group stands aside: its jobs see that, and their numbers are their own."""
    runs: list[int] = []

    def first(tx: Tx) -> None:
        runs.append(len(runs))
        tx.put("Basic", "here", b"{}", index=NO_ROWS, lineage=[], previous=tx.current("Basic", "here"), at=1)

    with open_store(store.directory) as other:
        struck: list[str] = []

        def overtake(name: str) -> None:
            if name == "main" and not struck:
                struck.append(name)
                other.submit(lambda tx: tx.put("Basic", "there", b"{}", index=NO_ROWS, lineage=[], at=1)).result(10)

        disk.after_commit = overtake
        _, one = _between_two_jobs(store, piece, first)
        one.result(10)
    assert runs == [0, 1]
    assert store.counts().resources == {"Basic": 2}
    assert len({stored.rid for id_ in ("here", "there") for stored in store.history("Basic", id_)}) == 2
    assert store.verify() == []


def test_a_disk_that_fails_while_a_group_stands_aside_loses_nothing(
    store: Store, disk: Disk, piece: Callable[..., Incoming]
) -> None:
    """The receipts are not acknowledged; the group is written when the disk is well again, or its jobs hear of it."""
    begun, gate = threading.Event(), threading.Event()

    def slow(tx: Tx) -> None:
        tx.put("Basic", "a", b"{}", index=NO_ROWS, lineage=[], previous=tx.current("Basic", "a"), at=1)
        begun.set()
        gate.wait(10)

    one = store.submit(slow)
    begun.wait(10)
    receipts = [store.receive(piece(f"MSH|{n}")) for n in range(4)]
    two = store.submit(lambda _tx: None)
    disk.strike("before main", EIO)
    gate.set()
    assert all(isinstance(receipt.exception(10), NotDurableError) for receipt in receipts)
    one.result(10)
    two.result(10)
    assert store.counts().resources == {"Basic": 1}
    assert store.receive(piece("MSH|0")).result(10).duplicate is False
    assert store.verify() == []


def test_who_hears_of_a_replay_finds_it_queued(store: Store, piece: Callable[..., Incoming]) -> None:
    """The listener is told of messages to process again before the job's own future is done."""
    receipt = store.receive(piece("MSH|a", state="dead")).result(10)
    told: list[str] = []
    store.on_requeued(lambda items: told.extend(item.id for item in items))
    seen: list[list[str]] = []
    future = store.submit(lambda tx: tx.requeue(receipt.mid))
    future.add_done_callback(lambda _done: seen.append(list(told)))
    future.result(10)
    while not seen:
        threading.Event().wait(0.001)
    assert seen == [[receipt.id]]
