"""What a caller may see of versions: reads, histories of one, of a type and of all, page by page."""

from collections.abc import Iterator
from typing import Any

import pytest

from unsilo.fhir.index import index
from unsilo.kernel import json
from unsilo.policy import NOTHING, And, Compartment, Label, Not, Or, Predicate, Types
from unsilo.storage import Store, Stored, Tx
from unsilo.storage.view import View

ALL = Predicate()
OF_A = Predicate(allow=Compartment(frozenset(("a",))))
TAG = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
OPEN = Predicate(allow=Not(Label(TAG, "R")))


def put(store: Store, resource: dict[str, Any]) -> None:
    """Make a version."""
    kind, id_ = resource["resourceType"], resource["id"]

    def job(tx: Tx) -> None:
        former = tx.current(kind, id_)
        tx.put(kind, id_, json.encode(resource), index=index(resource), lineage=[], previous=former, at=tx.at)
        if kind == "Patient" and tx.person_of(id_) is None:
            tx.link(id_, None, "none", "", "m", 1, 1)

    store.submit(job).result(10)


def delete(store: Store, kind: str, id_: str) -> None:
    """Delete."""

    def job(tx: Tx) -> None:
        current = tx.current(kind, id_)
        assert current is not None
        tx.delete(kind, id_, previous=current, at=tx.at)

    store.submit(job).result(10)


@pytest.fixture
def filled(store: Store) -> Store:
    """A patient with five versions; an observation that changes its patient and its label, is deleted and returns."""
    for n in range(5):
        put(store, {"resourceType": "Patient", "id": "a", "name": [{"family": f"Doe{n}"}]})
        of = "Patient/a" if n % 2 == 0 else "Patient/b"
        label = {"meta": {"security": [{"system": TAG, "code": "R"}]}} if n == 2 else {}
        put(store, {"resourceType": "Observation", "id": "o", **label, "valueInteger": n, "subject": {"reference": of}})
    delete(store, "Observation", "o")
    put(store, {"resourceType": "Observation", "id": "o", "valueInteger": 9, "subject": {"reference": "Patient/a"}})
    return store


def names(rows: list[Stored]) -> list[tuple[str, int]]:
    """(first letter of the type, version) of each."""
    return [(row.type[0], row.version) for row in rows]


def pages(view: View, predicate: Predicate, size: int) -> Iterator[Stored]:
    """All versions, a page at a time."""
    before = None
    while rows := view.history(predicate, None, None, before=before, limit=size):
        yield from rows
        before = (rows[-1].updated, rows[-1].rid, rows[-1].version)


def test_histories_are_in_the_order_of_time(filled: Store) -> None:
    """Of all, of a type, of one; a deletion is a version; the number is counted alike."""
    view = filled.view()
    both = [("O", 7), ("O", 6)] + [(kind, n) for n in range(5, 0, -1) for kind in "OP"]
    assert names(view.history(ALL, None, None, limit=99)) == both
    assert [row.state for row in view.history(ALL, "Observation", None, limit=2)] == [0, 1]
    assert names(view.history(ALL, "Patient", "a", limit=99)) == [("P", n) for n in range(5, 0, -1)]
    assert (view.count_history(ALL, None, None), view.count_history(ALL, "Patient", None)) == (12, 5)
    assert view.history(ALL, "Nothing", None) == view.history(ALL, "Patient", "x") == []


@pytest.mark.parametrize("size", [1, 3, 12, 50])
@pytest.mark.parametrize("predicate", [ALL, OF_A, OPEN])
def test_pages_join(filled: Store, size: int, predicate: Predicate) -> None:
    """Pages of any size hold together what one page holds, each version once."""
    view = filled.view()
    assert names(list(pages(view, predicate, size))) == names(view.history(predicate, None, None, limit=99))


def test_former_versions_are_looked_at_for_themselves(filled: Store) -> None:
    """One of another patient, with a label, or a deletion of which nothing is known, is hidden by itself."""
    view = filled.view()
    assert [row.version for row in view.history(OF_A, "Observation", "o", limit=99)] == [7, 5, 3, 1]
    assert [row.version for row in view.history(OPEN, "Observation", "o", limit=99)] == [7, 5, 4, 2, 1]
    assert view.count_history(OF_A, "Observation", "o") == 4
    for version in range(1, 9):
        found = view.version(OF_A, "Observation", "o", version)
        assert (found is not None) == (version in (1, 3, 5, 7))


def test_since_and_at(filled: Store) -> None:
    """Changed since a time; current at some time within."""
    view = filled.view(shared=True)
    rows = view.history(ALL, "Patient", "a", limit=99)
    assert names(view.history(ALL, "Patient", "a", since=rows[1].updated)) == [("P", 5), ("P", 4)]
    moment = (rows[2].updated + 1, rows[2].updated + 2)
    assert names(view.history(ALL, "Patient", "a", at=moment)) == [("P", 3)]
    assert names(view.history(ALL, "Patient", "a", at=(rows[3].updated, rows[2].updated + 1))) == [("P", 3), ("P", 2)]
    assert view.count_history(ALL, "Patient", "a", at=(0, 1)) == 0


def test_what_is_hidden_is_not_there(filled: Store) -> None:
    """Reads, versions and histories under predicates that hide the whole resource."""
    view = filled.view()
    for allow in (NOTHING, Types(frozenset(("Observation",))), And((Types(frozenset()),)), Or(())):
        hidden = Predicate(allow=allow)
        assert view.read(hidden, "Patient", "a") is None
        assert view.version(hidden, "Patient", "a", 2) is None
        assert view.history(hidden, "Patient", "a") == []
        assert view.count_history(hidden, "Patient", None) == 0
    assert view.read(Predicate(tenant=5), "Patient", "a") is None
    assert view.read(ALL, "Patient", "b") is None  # only referred to
    assert view.read(ALL, "Nothing", "a") is None


def test_secrets_stay_and_differ(store: Store) -> None:
    """A name has one secret for ever, another name another one."""
    one = store.secret("page")
    assert (one == store.secret("page"), one == store.secret("other"), len(one)) == (True, False, 32)
