"""Resources and their versions: current, history, late arrivals, deletions, index rows, lineage."""

from collections.abc import Callable

import pytest

from tests.unit.storage.keyed import NONE, ids_found, rows
from unsilo.fhir.index import IndexRows
from unsilo.kernel import Lineage, Row
from unsilo.storage import StaleVersionError, Store, Stored, Tx, pack_lineage
from unsilo.storage.connect import connect

Put = Callable[..., Stored]
Rows = Callable[..., IndexRows]


def lineage(*paths: str) -> list[Lineage]:
    """Lineage of some paths, with the three kinds of source."""
    sources = [(1, 5, 0, 1, 0), "/a/b[1]", None]
    return [Lineage("env", "map", [Row(path, f"rule.{path}", sources[n % 3]) for n, path in enumerate(paths)])]


def test_a_version_is_read_back_as_it_was_put(store: Store, put: Put) -> None:
    """Body to the byte, clock, rank, digest, message."""
    made = put("Observation/o", b'{"v": 1.00}', clock=5, rank=2, digest=b"d", mid=7, at=9)
    found = store.read("Observation", "o")
    assert found is not None
    assert (found.body, found.clock, found.rank, found.digest, found.mid, found.updated) == (
        b'{"v": 1.00}',
        5,
        2,
        b"d",
        7,
        9,
    )
    assert (found.rid, found.version, found.state, found.late) == (made.rid, 1, 0, False)


def test_the_former_version_stays(store: Store, put: Put) -> None:
    """An update keeps what was there, with its own time and message, to be read by number."""
    put("Observation/o", b"1", clock=1, mid=1, at=10)
    put("Observation/o", b"2", clock=2, mid=2, at=20)
    put("Observation/o", b"3", clock=3, mid=3, at=30)
    assert [(v.version, v.body, v.mid, v.updated) for v in store.history("Observation", "o")] == [
        (3, b"3", 3, 30), (2, b"2", 2, 20), (1, b"1", 1, 10),
    ]  # fmt: skip
    second = store.read("Observation", "o", 2)
    assert second is not None
    assert second.body == b"2"
    assert store.read("Observation", "o", 4) is None
    assert store.verify() == []


def test_versions_within_one_group_are_all_kept(store: Store) -> None:
    """Several versions in one transaction each have their row."""

    def job(tx: Tx) -> None:
        previous = None
        for n in range(1, 6):
            previous = tx.put(
                "Basic", "b", str(n).encode(), index=NONE, lineage=lineage(f"p{n}"), previous=previous, at=n
            )
            assert tx.current("Basic", "b") == previous
            assert tx.lineage("Basic", "b") == lineage(f"p{n}")

    store.submit(job).result(10)
    assert [v.body for v in store.history("Basic", "b")] == [b"5", b"4", b"3", b"2", b"1"]
    assert store.lineage("Basic", "b", 2) == lineage("p2")
    assert store.verify() == []


def test_a_late_version_is_history_and_never_current(store: Store, put: Put) -> None:
    """What is older than the current version is kept, flagged, and searches do not find it."""
    put("Observation/o", b"new", clock=20, mid=2, index=rows([("status", "", "final")], [], [], [], []))

    def late(tx: Tx) -> int:
        current = tx.current("Observation", "o")
        assert current is not None
        number = tx.put_late("Observation", "o", b"old", lineage=lineage("x"), clock=10, mid=3, previous=current, at=30)
        assert tx.current("Observation", "o") is not None
        return number

    assert store.submit(late).result(10) == 2
    assert [(v.version, v.body, v.late, v.clock) for v in store.history("Observation", "o")] == [
        (2, b"old", True, 10), (1, b"new", False, 20),
    ]  # fmt: skip
    found = store.read("Observation", "o")
    assert found is not None
    assert (found.body, found.version) == (b"new", 1)
    assert put("Observation/o", b"newest").version == 3
    assert store.lineage("Observation", "o", 2) == lineage("x")
    assert ids_found(store, "Observation?status=final") == []
    assert store.verify() == []


def test_a_deletion_is_a_version(store: Store, put: Put) -> None:
    """The deleted is gone from searches, its versions stay, and it can come back."""
    keys = rows([("code", "s", "c")], [], [], [], [("Patient/p", 5, "s|c", "lab")])
    put("Observation/o", b"1", keys)

    def delete(tx: Tx) -> Stored:
        current = tx.current("Observation", "o")
        assert current is not None
        return tx.delete("Observation", "o", mid=4, previous=current, at=50)

    gone = store.submit(delete).result(10)
    assert (gone.version, gone.state, gone.body) == (2, 1, b"")
    assert ids_found(store, "Observation?code=s|c") == []
    assert [(v.version, v.state) for v in store.history("Observation", "o")] == [(2, 1), (1, 0)]
    assert put("Observation/o", b"3", keys).version == 3
    assert ids_found(store, "Observation?code=s|c") == ["o"]
    assert store.verify() == []


def test_a_reference_to_the_unknown_makes_a_stub_that_nobody_reads(store: Store, put: Put) -> None:
    """What is only referred to has a number and no version; its first version is number one."""
    put("Observation/o", index=rows([], [], [], [("subject", "Patient/p")], [("Patient/p", 0, "", "")]))
    assert store.read("Patient", "p") is None
    assert store.history("Patient", "p") == []
    assert store.submit(lambda tx: tx.current("Patient", "p")).result(10) is None
    assert store.counts().resources == {"Observation": 1}
    assert put("Patient/p", b"1").version == 1
    assert ids_found(store, "Observation?subject=Patient/p") == ["o"]


def test_a_resource_may_refer_to_itself(store: Store, put: Put) -> None:
    """A reference to one's own id is the same row."""
    put("Location/l", index=rows(references=[("partof", "Location/l")], kind="Location"))
    assert ids_found(store, "Location?partof=Location/l") == ["l"]
    assert store.counts().resources == {"Location": 1}


def test_a_decision_on_an_old_version_is_refused(store: Store, put: Put) -> None:
    """Who read version 1 cannot write over version 2, nor create what is there."""
    first = put("Basic/b", b"1")
    put("Basic/b", b"2")
    for previous in (first, None):
        future = store.submit(
            lambda tx, p=previous: tx.put("Basic", "b", b"x", index=NONE, lineage=[], previous=p, at=1)
        )
        assert isinstance(future.exception(10), StaleVersionError)
    assert [v.body for v in store.history("Basic", "b")] == [b"2", b"1"]


def test_index_rows_follow_the_current_version(store: Store, put: Put) -> None:
    """A value that went is not found any more, one that came is, one that stayed stays."""
    put(
        "Observation/o",
        index=rows(
            [("code", "s", "stays"), ("code", "s", "goes")], [("value-string", "abc")], [("date", 0, 10)], [], []
        ),
    )
    put(
        "Observation/o",
        index=rows(
            [("code", "s", "stays"), ("code", "s", "comes")],
            [("value-string", "abx")],
            [("date", 1 << 50, (1 << 50) + 9)],
            [],
            [],
        ),
    )
    for code, expected in (("stays", 1), ("goes", 0), ("comes", 1)):
        assert len(ids_found(store, f"Observation?code=s|{code}")) == expected
    assert ids_found(store, "Observation?value-string=abc") == []
    assert ids_found(store, "Observation?date=1970-01-01") == []
    assert store.verify() == []


def test_a_failed_job_leaves_no_version_and_no_stub(store: Store, put: Put) -> None:
    """What a failed job put, referred to or superseded is as before for the next in the same group."""
    put("Basic/b", b"1")

    def bad(tx: Tx) -> None:
        tx.put("Basic", "b", b"2", index=rows([], [], [], [("author", "Patient/new")], [], kind="Basic"), lineage=[],
               previous=tx.current("Basic", "b"), at=1)  # fmt: skip
        raise RuntimeError

    failed = store.submit(bad)
    after = store.submit(lambda tx: tx.current("Basic", "b"))
    assert isinstance(failed.exception(10), RuntimeError)
    current = after.result(10)
    assert current is not None
    assert (current.version, current.body) == (1, b"1")
    connection = connect(store.directory / "unsilo.db", read_only=True)
    assert connection.execute("SELECT count(*) FROM res").fetchone() == (1,)
    connection.close()


def test_lineage_comes_back_whole(store: Store, put: Put) -> None:
    """Every path, rule and kind of locator is kept, also when a worker packed it."""
    put("Basic/a", lineage=lineage("x", "y[0].z", "w"))
    put("Basic/b", lineage=pack_lineage(lineage("x", "y[0].z", "w")))
    assert store.lineage("Basic", "a") == store.lineage("Basic", "b") == lineage("x", "y[0].z", "w")
    put("Basic/c")
    assert store.lineage("Basic", "c") == []
    assert store.lineage("Basic", "nothing") == []


def test_a_message_shows_what_it_made_and_said_again(store: Store, put: Put) -> None:
    """Versions that a message made, and current ones that it repeated, are found by its number."""
    put("Basic/a", b"1", mid=1)
    unchanged = put("Basic/b", b"1", mid=1)
    put("Basic/a", b"2", mid=2)
    store.submit(lambda tx: tx.touched(unchanged, 2)).result(10)
    assert [(e.id, e.version, e.body) for e in store.effects(1)] == [("a", 1, b"1"), ("b", 1, b"1")]
    assert [(e.id, e.version, e.body) for e in store.effects(2)] == [("a", 2, b"2"), ("b", 1, b"1")]


def test_prefetch_and_read_many_give_what_single_reads_give(store: Store, put: Put) -> None:
    """Many at once are the same as one by one, the missing among them."""
    names = [("Basic", f"b{n}") for n in range(150)]
    for _, id_ in names[:100]:
        put(f"Basic/{id_}", id_.encode())

    def job(tx: Tx) -> list[bytes | None]:
        tx.prefetch(names)
        return [None if (found := tx.current(*name)) is None else found.body for name in names]

    expected = [n.encode() for _, n in names[:100]] + [None] * 50
    assert store.submit(job).result(10) == expected
    assert {k: v.body for k, v in store.read_many(names).items()} == {
        ("Basic", f"b{n}"): f"b{n}".encode() for n in range(100)
    }


@pytest.mark.parametrize("text", ["a\ud800b", "x\x00y", "'; DROP TABLE res; --", "%", "\U0010ffff", "é" * 10_000, ""])
def test_hostile_values_are_values(store: Store, put: Put, text: str) -> None:
    """Odd texts in index rows neither break the store nor act as anything but text."""
    put(
        "Observation/o",
        index=rows(
            [("code", text, text)],
            [("value-string", text)],
            [("date", -(1 << 62), 1 << 70)],
            [("subject", "Patient/p")],
            [],
        ),
    )
    store.find_people(text)
    store.search_messages(text)
    assert store.counts().resources == {"Observation": 1}
    assert store.verify() == []
