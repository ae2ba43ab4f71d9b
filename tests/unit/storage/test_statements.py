"""The loader of annotated SQL files, and statements over many rows."""

import re
import sqlite3
from pathlib import Path

import pytest

from unsilo.storage.connect import connect
from unsilo.storage.migrate import migrate
from unsilo.storage.statements import ROWS_AT_ONCE, load, run_rows, split, statements_of

ROOM = Path(__file__).parents[3] / "src" / "unsilo" / "storage"


def test_statements_are_found_by_name() -> None:
    """Each `-- name:` line begins a statement; the last semicolon is not part of it."""
    found = statements_of("-- about this file\n-- name: one\nSELECT 1;\n\n-- name: two\nSELECT\n  2")
    assert found == {"one": "SELECT 1", "two": "SELECT\n  2"}


def test_a_name_may_stand_once() -> None:
    """Two statements of one name are a mistake that is said at once."""
    with pytest.raises(ValueError, match="twice"):
        statements_of("-- name: one\nSELECT 1\n-- name: one\nSELECT 2")


def test_scripts_are_cut_into_whole_statements() -> None:
    """The semicolons inside a trigger do not end it."""
    script = "CREATE TABLE t (a);\nCREATE TRIGGER x BEFORE DELETE ON t BEGIN\n  SELECT 1;\nEND;\n"
    assert [s.split()[1] for s in split(script)] == ["TABLE", "TRIGGER"]


@pytest.mark.parametrize("count", [0, 1, 3, 16, ROWS_AT_ONCE, ROWS_AT_ONCE + 21, 3 * ROWS_AT_ONCE])
def test_many_rows_are_all_written(count: int) -> None:
    """However many rows there are, each is written once."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE t (a, b)")
    assert run_rows(connection, "INSERT INTO t VALUES (?, ?)", [(n, str(n)) for n in range(count)]) == count
    assert connection.execute("SELECT a, b FROM t ORDER BY a").fetchall() == [(n, str(n)) for n in range(count)]
    connection.close()


def test_every_statement_fits_the_schema(tmp_path: Path) -> None:
    """Each statement of each file is accepted by a database of the newest schema."""
    path = tmp_path / "x.db"
    connection = connect(path)
    migrate(connection, path)
    connection.execute(load("content")["table"])
    checked = 0
    for file in sorted((ROOM / "sql").glob("*.sql")):
        for name, sql in load(file.stem).items():
            if sql.startswith("PRAGMA"):
                continue
            numbered = max((int(n) for n in re.findall(r"\?(\d)", sql)), default=0)
            try:
                connection.execute("EXPLAIN %s" % sql, [None] * (numbered or sql.count("?")))  # noqa: UP031
            except sqlite3.Error as error:  # pragma: no cover
                pytest.fail(f"{file.name} {name}: {error}")
            checked += 1
    connection.close()
    assert checked > 100


def test_no_statement_changes_or_removes_audit_rows() -> None:
    """The audit trail and the link history have no statement that updates or deletes them."""
    for file in (ROOM / "sql").glob("*.sql"):
        for sql in load(file.stem).values():
            words = " ".join(sql.upper().split())
            for table in ("AUDIT", "LINK_EVENT"):
                assert not re.search(rf"(DELETE FROM|UPDATE) {table}\b", words)


def test_every_statement_is_used() -> None:
    """A statement that nothing runs is not there."""
    code = "".join(path.read_text("utf-8") for path in ROOM.glob("*.py"))
    unused = [
        f"{file.stem}.{name}"
        for file in (ROOM / "sql").glob("*.sql")
        for name in load(file.stem)
        if f'"{name}"' not in code and not re.match(r"(add|drop)_|.*_(all|insert)$", name)
    ]
    assert unused == []
