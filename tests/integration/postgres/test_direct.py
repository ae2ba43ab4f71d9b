"""Statements through libpq: prepared when they come again, faults as of the driver."""

from collections.abc import Iterator

import pytest

from unsilo.fhir.index import IndexRows
from unsilo.storage import AuditRow, Store, Tx
from unsilo.storage.faults import TooLongError
from unsilo.storage.postgres import direct
from unsilo.storage.postgres.faults import CutError
from unsilo.storage.postgres.session import Session


@pytest.fixture
def session(database: str) -> Iterator[Session]:
    """A reading connection to an empty store."""
    made = Session(database, reading=True)
    yield made
    made.close()


def _prepared(session: Session) -> int:
    return int(session.run("SELECT count(*) FROM pg_prepared_statements").fetchone()[0])


@pytest.mark.parametrize("value", [0, -1, 1 << 62, 2.5, "ö\u2028x", "", b"\x00\xff", True, None])
def test_a_value_comes_back_as_it_went_in_each_time(session: Session, value: object) -> None:
    """Before and after the statement is prepared."""
    kind = {int: "bigint", float: "double precision", bytes: "bytea", bool: "boolean"}.get(type(value), "text")
    for _ in range(5):
        assert session.run(f"SELECT CAST($1 AS {kind})", [value]).fetchone() == (value,)
    assert _prepared(session) == 1


def test_a_statement_is_prepared_for_each_kind_of_value(session: Session) -> None:
    """The same text with a number and with a text is two statements, as the server sees it."""
    for _ in range(4):
        assert session.run("SELECT CAST($1 AS text)", ["7"]).fetchall() == [("7",)]
        assert session.run("SELECT CAST($1 AS text)", [7]).fetchall() == [("7",)]
    assert _prepared(session) == 2


def test_what_is_prepared_is_bounded(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """All are given up when there are too many, and made again as they come."""
    monkeypatch.setattr(direct, "_MOST_PREPARED", 4)
    for turn in range(3):
        for n in range(7):
            for _ in range(4):
                assert session.run(f"SELECT {n} + $1", [turn]).fetchone() == (n + turn,)
            assert _prepared(session) <= 4
    for n in range(40):  # what comes once only is forgotten too
        assert session.run(f"SELECT {n} * $1", [2]).fetchone() == (2 * n,)


def test_faults_are_those_of_the_store(session: Session, database: str) -> None:
    """What takes too long, what is wrong, and a connection that is gone; after each but the last it goes on."""
    session.limit(0.05)
    for _ in range(4):
        with pytest.raises(TooLongError):
            session.run("SELECT pg_sleep(20)")
    with pytest.raises(Exception, match="nowhere"):
        session.run("SELECT 1 FROM nowhere")
    session.limit(0)
    assert session.run("SELECT 1").fetchone() == (1,)
    other = Session(database)
    other.run("SELECT pg_terminate_backend(CAST($1 AS integer))", [session.raw.info.backend_pid])
    with pytest.raises(CutError):
        session.run("SELECT 2")
    other.close()


def test_a_connection_that_goes_in_the_middle_of_a_turn_is_told(database: str) -> None:
    """What waited is not written, nobody waits for answers that never come, and the fault is that of a cut."""
    session, other = Session(database), Session(database)
    session.begin("SELECT 1")
    session.later("INSERT INTO keep (name, value) VALUES ($1, $2)", ("it", "x"))
    other.run("SELECT pg_terminate_backend(CAST($1 AS integer))", [session.raw.info.backend_pid])
    with pytest.raises(CutError):
        session.execute("COMMIT")
    assert other.run("SELECT count(*) FROM keep WHERE name = 'it'").fetchone() == (0,)
    other.close()


def test_an_audit_row_is_written_once_for_each_person(store: Store) -> None:
    """Rows alone and in a job; a Patient of no person, and none, leave the row's own."""

    def job(tx: Tx) -> list[int]:
        for name in "abc":
            tx.put("Patient", name, b"{}", index=IndexRows(), lineage=[], at=tx.at)
        first = tx.link("a", None, "own", "", "test", tx.at)
        tx.link("b", first, "same", "", "test", tx.at)
        return [first, tx.link("c", None, "own", "", "test", tx.at)]

    one, two = store.submit(job).result(30)
    said = [("search", ["a", "b", "c", "nobody"]), ("read", ["c"]), ("none", [])]
    store.audit_many([(5, "kim\x00", what, "Pätient", ids, "api", "", "success") for what, ids in said]).result(30)
    store.audit_many([(6, "abe", "read", "x", ["b"], "api", "", "success")] * 2).result(30)
    row = AuditRow("ann", "write", 9, "Patient/a", patients=("a", "c"))
    alone = AuditRow("ann", "write", 9, "Patient/x", patients=("x",))
    store.submit(lambda tx: [tx.audit(row), tx.audit(alone)]).result(30)
    found = [(r.actor, r.action, r.person) for r in reversed(store.audit_rows())]
    kim = "kim\ufffd"
    assert found == [
        (kim, "search", one), (kim, "search", two), (kim, "read", two), (kim, "none", 0),
        ("abe", "read", one), ("abe", "read", one),
        ("ann", "write", one), ("ann", "write", two), ("ann", "write", 9),
    ]  # fmt: skip
