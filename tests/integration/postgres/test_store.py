"""What a store on PostgreSQL has to show of its own: no secret in its tables, a trail that grows, no half job."""

from collections.abc import Callable

import psycopg
import pytest

from tests.unit.storage.conftest import piece, put, receive  # noqa: F401 # fixtures
from tests.unit.storage.keyed import rows
from unsilo.storage import AuditRow, Store, Stored, Tx, open_store

HOUR = 3_600_000_000


def test_no_secret_is_in_the_tables(store: Store, database: str) -> None:
    """Sessions, sign-in links and tokens are kept as hashes only."""
    number = store.users.add("ann", "Ann", ["clinician"]).result(10)
    secrets = [
        store.users.open_session(number, HOUR),
        store.users.sign_in_link(number, HOUR),
        store.users.add_token("t", []),
    ]
    for _, kept in secrets:
        kept.result(10)
    with psycopg.connect(database) as connection:
        kept_rows = [
            connection.execute("TABLE session").fetchall(),
            connection.execute("TABLE sign_in").fetchall(),
            connection.execute("TABLE client_token").fetchall(),
        ]
    text = repr(kept_rows)
    assert all(len(found) == 1 for found in kept_rows)
    assert not [secret for secret, _ in secrets if secret in text]


@pytest.mark.parametrize("sql", ["UPDATE audit SET actor = 'x'", "DELETE FROM audit", "TRUNCATE audit"])
def test_the_audit_trail_only_grows(store: Store, database: str, sql: str) -> None:
    """Nobody with a connection changes or removes a row of the trail by mistake."""
    store.audit(AuditRow("ann", "read", what="Patient/1")).result(10)
    with psycopg.connect(database) as connection, pytest.raises(psycopg.Error, match="append only"):
        connection.execute(sql)
    assert [row.actor for row in store.audit_rows()] == ["ann"]


def test_a_failed_job_leaves_no_row(store: Store, put: Callable[..., Stored], database: str) -> None:  # noqa: F811
    """What a failed job put, referred to or superseded is as before for the next in the same group."""
    put("Device/p", b"1")

    def bad(tx: Tx) -> None:
        former = tx.current("Device", "p")
        keys = rows(references=[("subject", "Patient/new")], tokens=[("code", "", "a")])
        tx.put("Device", "p", b"2", index=keys, lineage=[], previous=former, at=2)
        tx.put("Observation", "o", b"3", index=keys, lineage=[], previous=None, at=2)
        tx.settle()
        raise RuntimeError("no")

    failed = store.submit(bad)
    after = store.submit(lambda tx: tx.current("Device", "p"))
    assert isinstance(failed.exception(10), RuntimeError)
    kept = after.result(10)
    assert kept is not None
    assert (kept.version, kept.body) == (1, b"1")
    with psycopg.connect(database) as connection:
        assert connection.execute("SELECT count(*) FROM res").fetchone() == (1,)
        assert connection.execute("SELECT count(*) FROM ix_tok").fetchone() == (0,)
    assert store.verify() == []


def test_an_opened_store_is_opened_again(database: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A second start finds the tables of the first, and what it kept."""
    folder = tmp_path_factory.mktemp("node")
    with open_store(folder, database=database) as store:
        secret = store.secret("cursor")
    with open_store(folder, database=database) as store:
        assert store.secret("cursor") == secret


def test_text_that_no_table_can_hold_finds_nothing(store: Store, put: Callable[..., Stored]) -> None:  # noqa: F811
    """NUL characters, lone surrogates and numbers beyond 64 bits are no error of the database."""
    put("Patient/p", b"{}", {"resourceType": "Patient", "name": [{"family": "a\x00b\ud800"}]})
    assert store.read("Patient", "p\x00") is None
    assert store.read("Patient", "p\ud800") is None
    assert store.message("\x00") is None
    assert store.person(1 << 70) is None
    assert [hit.patients for hit in store.find_people("\x00")] == []
