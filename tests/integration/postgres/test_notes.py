"""What was read in notes and the answers to it, with the store on PostgreSQL."""

import pytest

from tests.integration.postgres.borrowed import borrow
from unsilo.storage import Store

borrow(globals(), "tests/unit/storage/test_notes.py", ["test_the_newest_answer_counts_and_none_is_changed"])


def test_no_answer_is_ever_changed(store: Store) -> None:
    """Triggers refuse it here too; the newest answer counts."""
    import psycopg

    from unsilo.notes import Derived, Fact, derived
    from unsilo.storage.notes import newest_answer, put_answer

    fact: Derived = derived(
        "Observation/a", 1, "valueString", "gout", Fact(0, 4, "gout", "problem", [], sentence=(0, 4))
    )
    for at, answer in ((1, "refused"), (2, "open")):
        store.submit(lambda tx, a=answer, t=at: put_answer(tx, fact, a, "ada", t, "why")).result(30)
    found = store.submit(lambda tx: newest_answer(tx, fact.ref, fact.id)).result(30)
    assert found is not None
    assert (found.answer, found.at) == ("open", 2)
    for statement in ("UPDATE note_answer SET answer = 'x'", "DELETE FROM note_answer", "TRUNCATE note_answer"):
        with pytest.raises(psycopg.errors.RaiseException, match="stay"):
            store.submit(lambda tx, s=statement: tx.run(s, ())).result(30)
