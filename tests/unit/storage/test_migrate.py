"""Migrations run forward with data in place; what is newer is refused."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.storage.keyed import ids_found, rows
from unsilo.kernel import json
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


_SAME = (
    "feed", "message", "control_seen", "message_key", "outcome", "effect", "feed_day", "feed_minute", "feed_last",
    "feed_latency", "res", "hist", "lineage", "tx", "person", "link", "link_event", "audit", "outbox",
)  # fmt: skip


def _older(directory: Path, number: int) -> None:
    """Make of a store what an unsilo with schema `number` would have written: types counted as they came, no keys."""
    old = connect(directory / "old.db")
    migrate(old, directory / "old.db", migrations()[:number])
    old.execute(f"ATTACH '{directory / 'unsilo.db'}' AS new")
    for table in _SAME:
        had = [row[1] for row in old.execute(f"PRAGMA main.table_info({table})")]
        has = {row[1] for row in old.execute(f"PRAGMA new.table_info({table})")}
        columns = ", ".join(column for column in had if column in has)
        old.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM new.{table}")  # noqa: S608
    used = [row[0] for row in old.execute("SELECT DISTINCT type FROM res ORDER BY type DESC")]
    for place, type_ in enumerate(used, 1):
        old.execute("UPDATE res SET type = ? WHERE type = ?", (10_000 + place, type_))
        old.execute("INSERT INTO main.resource_type SELECT ?, name FROM new.resource_type WHERE id = ?", (place, type_))
    old.execute("UPDATE res SET type = type - 10000, idx = x'96' WHERE type > 10000")
    if number > 1:
        old.execute("DELETE FROM main.type_total")
        old.execute("INSERT INTO main.feed_total SELECT * FROM new.feed_total")
        old.execute("INSERT INTO main.type_total SELECT type, count(*) FROM main.res WHERE state = 0 GROUP BY type")
    old.execute("DETACH new")
    old.close()
    (directory / "old.db").replace(directory / "unsilo.db")


@pytest.mark.parametrize("number", [1, 5])
def test_a_store_of_an_older_schema_comes_forward_with_its_data(
    tmp_path: Path, piece: Callable[..., Incoming], number: int
) -> None:
    """Totals, numbers of types, histories and every search key are there afterwards, and the store is sound."""
    bodies = {
        "Patient/p": {"resourceType": "Patient", "id": "p", "name": [{"family": "Doe"}], "gender": "male"},
        "Observation/o": {
            "resourceType": "Observation", "id": "o", "status": "final", "subject": {"reference": "Patient/p"},
            "performer": [{"reference": "Practitioner/x"}],
        },
    }  # fmt: skip
    with open_store(tmp_path) as store:
        for n in range(5):
            store.receive(piece(f"MSH|{n}", feed="ab"[n % 2])).result(10)
        for name, body in bodies.items():
            kind, _, id_ = name.partition("/")
            for content in (b"{}", json.encode(body)):
                store.submit(
                    lambda tx, k=kind, i=id_, c=content: tx.put(
                        k, i, c, index=rows(), lineage=[], previous=tx.current(k, i), at=1
                    )
                ).result(10)
        store.submit(lambda tx: tx.link("p", None, "none", "", "m", 1, 1)).result(10)
        before = (store.counts(), store.feeds(), store.history("Patient", "p"))
    _older(tmp_path, number)
    with open_store(tmp_path) as store:
        assert (store.counts(), store.feeds(), store.history("Patient", "p")) == before
        assert ids_found(store, "Patient?family=do") == ["p"]
        assert ids_found(store, "Observation?subject=Patient/p") == ["o"]
        assert [hit.uid for hit in store.find_people("doe")] != []
        assert store.verify() == []
        store.submit(lambda tx: tx.rid("Practitioner/x")).result(10)


def test_keys_are_extracted_anew_when_this_version_extracts_others(tmp_path: Path) -> None:
    """A store that was written with other keys gets those of this version when it is opened."""
    body = {"resourceType": "Patient", "id": "p", "gender": "male"}
    with open_store(tmp_path) as store:
        store.submit(lambda tx: tx.put("Patient", "p", json.encode(body), index=rows(), lineage=[], at=1)).result(10)
        store.submit(lambda tx: tx.link("p", None, "none", "", "m", 1, 1)).result(10)
        assert len(ids_found(store, "Patient?gender=male")) == 0
    connection = connect(tmp_path / "unsilo.db")
    connection.execute("UPDATE keep SET value = x'00' WHERE name = 'index'")
    connection.close()
    with open_store(tmp_path) as store:
        assert len(ids_found(store, "Patient?gender=male")) == 1
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
