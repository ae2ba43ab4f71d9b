"""Every statement of the store is one that PostgreSQL understands."""

from collections.abc import Iterator

import pytest

from unsilo.storage import Store
from unsilo.storage.postgres.session import Session
from unsilo.storage.postgres.translate import bulk, own, translate
from unsilo.storage.statements import load

_TOPICS = (
    "account", "audit", "dictionary", "message", "names", "parameter", "person", "resource", "store", "verify", "view",
    "workbench",
)  # fmt: skip
_SQLITES = {
    "store": {"checkpoint", "data_version"},
    "names": {"feed_insert", "resource_type_insert", "system_insert", "key_kind_insert"},
    "message": {"finish", "top_mid"},
    "person": {"model_add"},
}
"""Statements that are run on SQLite only, only for many rows at once, or never for more than one."""


@pytest.fixture
def session(database: str) -> Iterator[Session]:
    """A connection to an empty store."""
    made = Session(database)
    yield made
    made.close()


@pytest.mark.parametrize("topic", _TOPICS)
def test_every_statement_can_be_prepared(store: Store, session: Session, topic: str) -> None:
    """Each named statement of SQLite's store says something here too."""
    for name, sql in load(topic).items():
        if name in _SQLITES.get(topic, ()) or sql.endswith("FROM audit"):
            continue
        text = translate(sql)
        session.run("BEGIN")
        try:
            session.script(f"PREPARE it AS {text}")
        except Exception as error:  # noqa: BLE001 # which one it was is the point
            pytest.fail(f"{topic}.{name}: {error}\n{text}")
        finally:
            session.script("ROLLBACK; DEALLOCATE ALL")


def test_every_insert_has_a_form_for_many_rows(store: Store, session: Session) -> None:
    """What is gathered in memory is written in one statement a table."""
    for topic in _TOPICS:
        for name, sql in load(topic).items():
            if name in _SQLITES.get(topic, ()) or "VALUES (?" not in sql or "RETURNING" in sql:
                continue
            made = bulk(sql, session.columns())
            assert made is not None, name
            session.run("BEGIN")
            session.script(f"PREPARE it AS {made.text}")
            session.script("ROLLBACK; DEALLOCATE ALL")


@pytest.mark.parametrize("topic", ["content", "queue", "names", "resource", "message", "store", "migration"])
def test_own_statements_can_be_prepared(store: Store, session: Session, topic: str) -> None:
    """The statements that only PostgreSQL has."""
    for text in own(topic).values():
        if text.startswith("CREATE") or "json" in text:
            continue
        session.run("BEGIN")
        session.script(f"PREPARE it AS {text}")
        session.script("ROLLBACK; DEALLOCATE ALL")


def test_marks_and_words_are_translated() -> None:
    """Question marks in texts stay, the others are numbered; numbered ones keep their number."""
    assert translate("SELECT '?', ?, ?") == "SELECT '?', $1, $2"
    assert translate("SELECT ?2, ?1, ?2") == "SELECT $2, $1, $2"
    assert translate("INSERT OR IGNORE INTO t (a) VALUES (?)") == "INSERT INTO t (a) VALUES ($1) ON CONFLICT DO NOTHING"
    assert translate("SELECT a FROM t INDEXED BY t_a WHERE b = x'00ff'") == (
        "SELECT a FROM t WHERE b = CAST('\\x00ff' AS bytea)"
    )
