"""Migrations run forward with data in place; what is newer is refused."""

from collections.abc import Callable
from pathlib import Path

import pytest

from unsilo.fhir.extract import IndexRows
from unsilo.storage import Incoming, StoreTooNewError, open_store
from unsilo.storage.connect import connect
from unsilo.storage.migrate import APPLICATION_ID, migrate, migrations, version_of


def test_migrations_are_numbered_without_gap() -> None:
    """The numbers are 1, 2, 3 and so on."""
    assert [number for number, _, _ in migrations()] == list(range(1, len(migrations()) + 1))


def test_a_new_store_has_the_newest_schema_and_its_record(tmp_path: Path) -> None:
    """Every migration is recorded with name, time and hash, and the file says whose it is."""
    open_store(tmp_path).close()
    connection = connect(tmp_path / "unsilo.db")
    try:
        assert version_of(connection) == migrations()[-1][0]
        assert connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
        recorded = connection.execute("SELECT number, name, length(sha256) FROM migration").fetchall()
        assert recorded == [(n, name, 64) for n, name, _ in migrations()]
    finally:
        connection.close()


def test_opening_again_migrates_nothing(tmp_path: Path) -> None:
    """A store of this version is left as it is."""
    open_store(tmp_path).close()
    connection = connect(tmp_path / "unsilo.db")
    assert migrate(connection, tmp_path) == []
    connection.close()


def test_a_migration_keeps_the_data(tmp_path: Path, piece: Callable[..., Incoming]) -> None:
    """A later migration finds the rows that an earlier version wrote."""
    with open_store(tmp_path) as store:
        mid = store.receive(piece("MSH|old")).result(10).mid
    connection = connect(tmp_path / "unsilo.db")
    number = migrations()[-1][0] + 1
    later = [*migrations(), (number, "more", "ALTER TABLE message ADD COLUMN extra INTEGER NOT NULL DEFAULT 7;\n")]
    assert migrate(connection, tmp_path, later) == [number]
    assert connection.execute("SELECT mid, extra FROM message").fetchall() == [(mid, 7)]
    connection.close()


def test_totals_are_made_of_what_is_there(tmp_path: Path, piece: Callable[..., Incoming]) -> None:
    """A store of the first schema gets its totals from its rows, and is sound afterwards."""
    with open_store(tmp_path) as store:
        for n in range(5):
            store.receive(piece(f"MSH|{n}", feed="ab"[n % 2])).result(10)
        rows = IndexRows([("code", "s", "1")], [], [], [], [])
        store.submit(lambda tx: tx.put("Basic", "b", b"{}", index=rows, lineage=[], at=1)).result(10)
        before = (store.counts(), store.feeds())
    connection = connect(tmp_path / "unsilo.db")
    for table in ("feed_total", "type_total"):
        connection.execute(f"DROP TABLE {table}")
    for index in ("message_holds", "ix_find_rid", "res_live"):
        connection.execute(f"DROP INDEX {index}")
    connection.execute("ALTER TABLE message DROP COLUMN holds")
    connection.execute("DELETE FROM migration WHERE number > 1")
    connection.execute("PRAGMA user_version = 1")
    connection.close()
    with open_store(tmp_path) as store:
        assert (store.counts(), store.feeds()) == before
        assert store.verify() == []


def test_a_migration_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    """Half a migration is none: the schema and its number are as before."""
    open_store(tmp_path).close()
    connection = connect(tmp_path / "unsilo.db")
    before = version_of(connection)
    bad = [*migrations(), (before + 1, "bad", "CREATE TABLE half (a) STRICT;\n")]
    with pytest.raises(Exception, match="half"):
        migrate(connection, tmp_path, bad)
    assert version_of(connection) == before
    assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'half'").fetchone()[0] == 0
    connection.close()


def test_only_the_owner_may_look_into_a_store(tmp_path: Path) -> None:
    """The directory that holds patients' data is closed to other users."""
    open_store(tmp_path / "new").close()
    assert (tmp_path / "new").stat().st_mode & 0o077 == 0


def test_a_newer_store_is_refused_with_what_to_do(tmp_path: Path) -> None:
    """A database of a later version is not touched, and the message says what to install."""
    open_store(tmp_path).close()
    connection = connect(tmp_path / "unsilo.db")
    connection.execute("PRAGMA user_version = 9999")
    connection.close()
    with pytest.raises(StoreTooNewError, match=r"schema 9999.*install the newer unsilo"):
        open_store(tmp_path)
