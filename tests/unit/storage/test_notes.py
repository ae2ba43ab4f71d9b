"""What was read in notes is replaced; what clinicians said of it stays."""

import sqlite3

import pytest

from unsilo.notes import Derived, Fact, derived
from unsilo.storage import Store
from unsilo.storage.notes import (
    NoteProgress,
    NoteRow,
    forget_note,
    keep_progress,
    put_answer,
    put_note,
)


def _fact(text: str = "Has gout.", version: int = 1) -> Derived:
    fact = Fact(4, 8, "gout", "problem", [("http://hl7.org/fhir/sid/icd-10-cm", "M10.9", "Gout")], sentence=(0, 9))
    return derived("DocumentReference/a", version, "content[0].attachment.data", text, fact)


def test_what_was_read_is_replaced(store: Store) -> None:
    """One row a resource; the facts come back as they were."""
    store.submit(lambda tx: put_note(tx, NoteRow("DocumentReference/a", 1, "d1", 5, [_fact()]))).result(30)
    store.submit(lambda tx: put_note(tx, NoteRow("DocumentReference/a", 2, "d2", 6, [_fact()] * 2))).result(30)
    found = store.note("DocumentReference/a")
    assert found is not None
    assert (found.version, found.dictionary, len(found.facts)) == (2, "d2", 2)
    assert found.facts[0] == _fact()
    assert store.notes_read() == 1
    store.submit(lambda tx: forget_note(tx, "DocumentReference/a")).result(30)
    assert store.note("DocumentReference/a") is None


def test_the_id_stays_when_a_new_version_says_the_same() -> None:
    """So an answer holds for the next version, and not for other words."""
    assert _fact(version=1).id == _fact(version=2).id
    other = _fact()
    other.fact.text = "Gout"
    again = derived(other.ref, 1, other.path, "Has Gout.", other.fact)
    assert again.id != _fact().id
    assert (_fact().before, _fact().after) == ("Has ", ".")


def test_the_newest_answer_counts_and_none_is_changed(store: Store) -> None:
    """Triggers refuse an update and a delete."""
    fact = _fact()
    for at, answer in ((1, "refused"), (2, "open"), (3, "confirmed")):
        made = ("Condition/x", "Provenance/y") if answer == "confirmed" else ()
        store.submit(lambda tx, a=answer, t=at, m=made: put_answer(tx, fact, a, "ada", t, "why", m)).result(30)
    newest = store.note_answers("DocumentReference/a")[fact.id]
    assert (newest.answer, newest.actor, newest.at, newest.made) == (
        "confirmed",
        "ada",
        3,
        ("Condition/x", "Provenance/y"),
    )
    assert newest.fact == fact
    assert [each.answer for each in store.note_history("DocumentReference/a")] == ["refused", "open", "confirmed"]
    connection = sqlite3.connect(store.directory / "unsilo.db")
    for statement in ("UPDATE note_answer SET answer = 'x'", "DELETE FROM note_answer"):
        with pytest.raises(sqlite3.IntegrityError, match="stay"):
            connection.execute(statement)
    connection.close()


def test_progress_is_kept(store: Store) -> None:
    """A new store has none."""
    assert store.note_progress() == NoteProgress()
    store.submit(lambda tx: keep_progress(tx, NoteProgress("d1", {"Observation": 7}))).result(30)
    store.submit(lambda tx: keep_progress(tx, NoteProgress("d2", {"Observation": 8}))).result(30)
    assert store.note_progress() == NoteProgress("d2", {"Observation": 8})
