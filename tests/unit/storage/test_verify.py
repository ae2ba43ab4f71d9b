"""`verify` finds what is wrong and says nothing about a sound store."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.storage.keyed import rows
from unsilo.storage import Receipt, Store, Stored, verify
from unsilo.storage.days import day_path


def spoil(store: Store, sql: str) -> None:
    """Change the main database behind the store's back."""
    connection = sqlite3.connect(store.directory / "unsilo.db")
    connection.execute(sql)
    connection.commit()
    connection.close()


@pytest.fixture
def filled(store: Store, receive: Callable[..., Receipt], put: Callable[..., Stored]) -> Store:
    """A sound store with something of everything."""
    mid = receive("MSH|1", control_id="C1").mid
    keys = rows(
        [("code", "s", "c")],
        [("value-string", "doe")],
        [("date", 1, 2)],
        [("subject", "Patient/p")],
        [("Patient/p", 1, "", "")],
    )
    put("Patient/p", index=keys, mid=mid)
    put("Patient/p", b"2", index=keys, mid=mid)
    put("Observation/o", index=keys, mid=mid)
    store.submit(lambda tx: tx.link("p", None, "none", "", "m", 1, mid)).result(10)
    store.submit(lambda tx: tx.finish(mid, "done", entries=2)).result(10)
    assert store.verify() == []
    return store


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("UPDATE res SET state = 1 WHERE fhir_id = 'o'", "index_without_resource"),
        ("INSERT INTO ix_tok VALUES (1, 1, 1, 999)", "index_without_resource"),
        ("DELETE FROM link", "patient_without_person"),
        ("INSERT INTO link VALUES (999, 1, '', '', 0, '', 0, 0)", "link_without_resource"),
        ("UPDATE link SET person = 99", "link_without_person"),
        ("INSERT INTO effect VALUES (1, 1, 9)", "effect_without_version"),
        ("DELETE FROM effect", "done_without_effect"),
        ("DELETE FROM outcome", "done_without_outcome"),
        ("DELETE FROM hist", "version_gap"),
        ("UPDATE hist SET version = 7, late = 1", "late_is_current"),
        ("UPDATE feed_day SET messages = messages + 1 WHERE state = 'done'", "figures"),
        ("INSERT INTO feed_day VALUES (1, 20200101, 'done', 3, 3)", "figures"),
        ("UPDATE feed_total SET bytes = bytes + 1", "totals"),
        ("UPDATE type_total SET live = live + 1", "type_totals"),
        ("DELETE FROM message_key", "message_without_key"),
        ("UPDATE message SET sha256 = zeroblob(32)", "content"),
        ("UPDATE message SET slot = 55", "content"),
        ("UPDATE message SET day = 20200101", "content"),
    ],
)
def test_each_kind_of_damage_is_named(filled: Store, sql: str, rule: str) -> None:
    """One change behind the store's back gives at least the issue of its kind, with what to do."""
    spoil(filled, sql)
    assert f"storage.verify.{rule}" in {issue.rule for issue in filled.verify()}


@pytest.mark.parametrize("seed", range(6))
def test_a_flipped_bit_in_the_bytes_is_found(filled: Store, seed: int) -> None:
    """Damage in a day file is named, by SQLite's check or by the hash, and never raised."""
    day = day_path(filled.directory, int(filled.search_messages()[0].day))
    filled.close()
    raw = bytearray(day.read_bytes())
    at = raw.rfind(b"MSH|1") if seed == 0 else len(raw) * seed // 6
    raw[at : at + 64] = bytes(b ^ 0x55 for b in raw[at : at + 64])
    day.write_bytes(raw)
    issues = verify(filled.directory)
    assert seed != 0 or issues
    assert all(issue.rule.startswith("storage.verify.") for issue in issues)


def test_a_file_that_is_no_database_is_said(tmp_path: Path) -> None:
    """Nothing there, or something else there, is an issue and no exception."""
    [issue] = verify(tmp_path)
    assert "no store" in issue.text
    (tmp_path / "unsilo.db").write_bytes(b"not a database at all" * 100)
    assert [i.rule for i in verify(tmp_path)] == ["storage.verify.file"]


def test_contents_may_be_left_out(filled: Store) -> None:
    """The quick check does not read every byte."""
    spoil(filled, "UPDATE message SET sha256 = zeroblob(32)")
    assert filled.verify(contents=False) == []
