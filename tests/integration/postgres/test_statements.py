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
    "person": {"model_add", "members_of_blocks", "placed"},
    "audit": {"next_run", "gather"},
    "verify": {"audit_of"},
    "resource": {"audit", "audit_alone", "audit_bound"},
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


_ADD = load("resource")["add_tok"]
_OF_THEM = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE 'INSERT INTO \"ix_tok\"%'"


def _write(session: Session, first: int, *, wrong: bool = False) -> None:
    session.begin("SELECT 1")
    session.run_flat(_ADD, 4, [n for rid in range(first, first + 3) for n in (1, rid, 0, rid)])
    if wrong:
        session.execute("INSERT INTO keep (name, value) VALUES (?, ?)", ("it", None))
    session.execute("COMMIT")


def test_what_is_sent_together_is_prepared_once(session: Session) -> None:
    """The third time makes the statement, later times use it, in one turn with the end of the transaction."""
    for turn in range(6):
        _write(session, turn * 3)
        assert session.run(_OF_THEM).fetchone()[0] == (1 if turn > 1 else 0)
    assert session.run("SELECT count(*) FROM ix_tok").fetchone()[0] == 18


def test_a_statement_that_fails_in_between_does_no_harm(session: Session) -> None:
    """Neither the first time nor later: nothing of its transaction stays, and the next one goes through."""
    for turn in range(4):
        with pytest.raises(Exception, match="null value"):
            _write(session, 100, wrong=True)
        session.execute("ROLLBACK")
        _write(session, turn * 3)
        _write(session, 50 + turn * 3)
    assert session.run("SELECT count(*) FROM ix_tok WHERE rid >= 100").fetchone()[0] == 0
    assert session.run("SELECT count(*) FROM ix_tok").fetchone()[0] == 24
