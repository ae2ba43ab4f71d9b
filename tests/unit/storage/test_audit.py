"""The audit trail and the outbox."""

import time
from pathlib import Path

import pytest

from unsilo.fhir.index import IndexRows
from unsilo.storage import AuditRow, Store, Tx
from unsilo.storage.connect import connect
from unsilo.storage.listing import audit_query
from unsilo.storage.migrate import migrate, migrations
from unsilo.storage.verify import verify


def test_audit_rows_are_found_by_person_user_and_time(store: Store) -> None:
    """Who, what, when, from where, why; newest first, in pages."""
    for n in range(6):
        row = AuditRow(
            "kim" if n % 2 else "abe", "read", n % 3, f"Patient/{n}", "192.0.2.1", "care", 9, "success", 100 + n
        )
        store.audit(row).result(10)
    assert [r.at for r in store.audit_rows(actor="kim")] == [105, 103, 101]
    assert [r.at for r in store.audit_rows(person=2)] == [105, 102]
    assert [r.at for r in store.audit_rows(since=102, until=104)] == [103, 102]
    assert [r.at for r in store.audit_rows(actor="abe", person=1)] == [104]
    assert store.audit_rows(action="write") == []
    first = store.audit_rows(limit=2)
    assert [r.at for r in store.audit_rows(limit=2, before=first[-1].n)] == [103, 102]
    assert first[0] == AuditRow("kim", "read", 2, "Patient/5", "192.0.2.1", "care", 9, "success", 105, 6)


@pytest.mark.parametrize(
    "sql", ["DELETE FROM audit", "UPDATE audit SET actor = 'x'", "INSERT OR REPLACE INTO audit SELECT * FROM audit"]
)
def test_the_audit_trail_only_grows(store: Store, sql: str) -> None:
    """The database itself refuses to change or remove a row, even for this program."""
    store.audit(AuditRow("kim", "read")).result(10)
    future = store.submit(lambda tx: tx.run(sql, ()))
    with pytest.raises(Exception, match="append only"):
        future.result(10)
    assert [r.actor for r in store.audit_rows()] == ["kim"]


def test_audit_and_outbox_share_the_fate_of_their_job(store: Store) -> None:
    """A job that fails leaves neither."""

    def job(tx: Tx, *, fail: bool) -> None:
        tx.audit(AuditRow("kim", "write"))
        tx.outbox("changed", b"x")
        if fail:
            raise RuntimeError

    with pytest.raises(RuntimeError):
        store.submit(lambda tx: job(tx, fail=True)).result(10)
    store.submit(lambda tx: job(tx, fail=False)).result(10)
    assert len(store.audit_rows()) == len(store.outbox()) == 1


def test_the_outbox_is_read_in_order_until_sent(store: Store) -> None:
    """Numbers only grow; what was sent is not given again."""
    for n in range(3):
        store.submit(lambda tx, n=n: tx.outbox("k", str(n).encode(), at=n + 1)).result(10)
    rows = store.outbox()
    assert [(r.kind, r.payload, r.at) for r in rows] == [("k", b"0", 1), ("k", b"1", 2), ("k", b"2", 3)]
    assert [r.payload for r in store.outbox(after=rows[0].seq, limit=1)] == [b"1"]
    store.sent(rows[1].seq, 9).result(10)
    assert [r.payload for r in store.outbox()] == [b"0", b"2"]


def test_rows_of_readings_name_their_persons(store: Store) -> None:
    """However many come at once: a row for each person, 0 for who is nobody's, once for one of several records."""

    def people(tx: Tx) -> int:
        for id_ in ("a", "b", "c"):
            tx.put("Patient", id_, b"{}", index=IndexRows(), find=[], lineage=[], at=tx.at)
        person = tx.link("a", None, "own", "", "test", tx.at)
        tx.link("b", person, "own", "", "test", tx.at)
        tx.link("c", None, "own", "", "test", tx.at)
        return person

    person = store.submit(people).result(10)

    def row(at: int, patients: list[str], what: str = "x") -> tuple[object, ...]:
        return (at, "kim", "read", what, patients, "api", "", "success")

    store.audit_many([row(n, ["b"]) for n in range(3)]).result(10)  # bound
    store.audit_many([row(10, []), row(11, ["nobody"]), row(12, ["c"], "\ud800")]).result(10)  # cleaned
    store.audit_many([row(20, ["a", "b", "c"]), row(21, ["a"])]).result(10)  # several persons of one row
    store.audit_many([row(30 + n, ["a"]) for n in range(200)]).result(10)  # many at once
    assert sorted(r.at for r in store.audit_rows(person=person, until=30)) == [0, 1, 2, 20, 21]
    assert sorted((r.at, r.person) for r in store.audit_rows(since=10, until=12)) == [(10, 0), (11, 0)]
    assert [r.what for r in store.audit_rows(since=12, until=13)] == ["?"]
    assert len({r.person for r in store.audit_rows(since=20, until=21)}) == 2
    assert len(store.audit_rows(person=person, since=30, limit=500)) == 200


def test_rows_are_gathered_by_person_a_run_at_a_time(store: Store) -> None:
    """A person's rows are found before and after their run is gathered, in any order of asking; verify counts them."""

    def people(tx: Tx) -> list[int]:
        for id_ in "abc":
            tx.put("Patient", id_, b"{}", index=IndexRows(), find=[], lineage=[], at=tx.at)
        return [tx.link(id_, None, "own", "", "test", tx.at) for id_ in "abc"]

    persons = store.submit(people).result(10)
    wanted: dict[str, list[int]] = {"a": [], "b": [], "c": []}
    run, count = 1 << 14, 2 * (1 << 14) + 500
    for start in range(0, count, 5_000):
        rows = []
        for at in range(start, min(start + 5_000, count)):
            who = "a" if at % 4_000 == 7 else "b" if at % 3 == 0 else ""  # nobody's rows stand between
            if who:
                wanted[who].append(at)
            rows.append((at, "kim", "read", "x", [who] if who else [], "api", "", "success"))
        store.audit_many(rows).result(30)

    def gathered() -> list[tuple[int, int]]:
        connection = connect(store.directory / "unsilo.db", read_only=True)
        try:
            return connection.execute("SELECT run, count(*) FROM audit_of GROUP BY run ORDER BY run").fetchall()
        finally:
            connection.close()

    deadline = time.monotonic() + 30
    while len(gathered()) < 2 and time.monotonic() < deadline:
        store.submit(lambda _: None).result(10)  # it is looked for after some work, once a second
        time.sleep(0.05)
    first, second = (range(k * run, (k + 1) * run) for k in (0, 1))  # numbers of rows, from 1
    told = sorted(at + 1 for who in "ab" for at in wanted[who])
    assert gathered() == [(0, 1 + sum(n in first for n in told)), (1, 1 + sum(n in second for n in told))]
    for who, person in zip("abc", persons, strict=True):
        assert [r.at for r in store.audit_rows(person=person, limit=count)] == wanted[who][::-1]
    page = store.audit_rows(person=persons[0], limit=3)
    assert [r.at for r in store.audit_rows(person=persons[0], limit=3, before=page[-1].n)] == wanted["a"][::-1][3:6]
    assert [r.at for r in store.audit_rows(person=persons[0], since=5_000, until=9_000)] == [8_007]
    assert store.audit_rows(person=0) == []
    assert verify(store.directory) == []
    lost = "DELETE FROM audit_of WHERE run = 1 AND n = (SELECT max(n) FROM audit_of WHERE run = 1)"
    store.submit(lambda tx: tx.run(lost, ())).result(10)
    assert [issue.rule for issue in verify(store.directory)] == ["storage.verify.audit_of"]


def test_a_former_trail_is_gathered_when_its_store_is_opened(tmp_path: Path) -> None:
    """The migration gathers the whole runs of a store that had an index of persons, and leaves the rest."""
    steps = migrations()
    connection = connect(tmp_path / "old.db")
    migrate(connection, tmp_path / "old.db", [step for step in steps if step[0] < 15])
    rows = [(n, "kim", "read", n % 7, "x", "", "", 0, "success") for n in range(1, 40_000)]
    sql = "INSERT INTO audit (at, actor, action, person, what, origin, reason, mid, outcome) VALUES (?,?,?,?,?,?,?,?,?)"
    connection.execute("BEGIN")
    connection.executemany(sql, rows)
    connection.execute("COMMIT")
    migrate(connection, tmp_path / "old.db", [step for step in steps if step[0] <= 15])
    assert [row[0] for row in connection.execute("SELECT run FROM audit_of WHERE person = 0 ORDER BY run")] == [0, 1]
    for person in range(8):
        sql, values = audit_query("SELECT n FROM audit", person, "", "", 0, 0, 40_000, None)
        assert [n for (n,) in connection.execute(sql, values)][::-1] == [
            n for n in range(1, 40_000) if person and n % 7 == person
        ]
    connection.close()
