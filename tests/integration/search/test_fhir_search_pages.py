"""Pages, links and includes of searches: stable while others write, bounded, and proof against forgery."""

import base64
from collections.abc import Iterator
from concurrent.futures import Future
from random import Random
from typing import Any

import msgspec
import pytest

from tests.integration.search.made import LOINC, hospital
from tests.integration.search.test_fhir_search_meaning import AT, VOCABULARY, fill, put, search_of
from unsilo.flow.fhir.search import Found, explain, prepare, search
from unsilo.policy import Predicate
from unsilo.search import Bounds, Vocabulary, plan
from unsilo.storage import Store, Tx, open_store
from unsilo.storage.faults import TooLongError
from unsilo.storage.plan import Plan

KEY = b"k" * 32
EVERYTHING = Predicate()


@pytest.fixture
def store(tmp_path: Any) -> Iterator[Store]:
    """A store with a hospital."""
    with open_store(tmp_path / "s") as opened:
        fill(opened, hospital(5))
        yield opened


def found(store: Store, kind: str | None, *pairs: tuple[str, str], vocabulary: Vocabulary = VOCABULARY) -> Found:
    asked, issues = prepare(EVERYTHING, kind, list(pairs), vocabulary, KEY)
    assert asked is not None, issues
    return search(store.guarded, asked, KEY)


def names(rows: list[Any]) -> list[str]:
    return [f"{row.type}/{row.id}" for row in rows]


@pytest.mark.parametrize("sort", ["", "date", "-date", "code,-date", "_lastUpdated", "-value-quantity"])
def test_pages_are_stable_while_others_write(store: Store, sort: str) -> None:
    """What does not change neither repeats nor vanishes; what is written meanwhile may or may not be seen."""
    pairs = [("_count", "4"), *([("_sort", sort)] if sort else [])]
    whole = names(found(store, "Observation", ("_count", "500"), *pairs[1:]).rows)
    seen: list[str] = []
    mark: list[tuple[str, str]] = []
    changed: set[str] = set()
    n = 0
    while True:
        page = found(store, "Observation", *pairs, *mark)
        seen += names(page.rows)
        if not page.next:
            break
        mark = [("_page", page.next)]
        new = {"resourceType": "Observation", "id": f"new{n}", "status": "final", "code": {}}
        deleted = whole[(n * 7) % len(whole)]
        changed.add(deleted)

        def job(tx: Tx, new: dict[str, Any] = new, deleted: str = deleted, n: int = n) -> None:
            put(tx, new, AT + 1000 + n)
            now = tx.current("Observation", deleted.partition("/")[2])
            if now is not None and now.state == 0:
                tx.delete("Observation", now.id, previous=now, at=AT + 2000 + n)

        store.submit(job).result(10)
        n += 1
    assert len(seen) == len(set(seen))
    still = [name for name in whole if name not in changed]
    assert [name for name in seen if name in set(still)] == still


def test_a_mark_is_good_for_its_search_only(store: Store) -> None:
    """Forged, cut, foreign or changed marks are refused with the place; `_count` may change between pages."""
    first = found(store, "Observation", ("_count", "3"), ("status", "final"))
    assert first.next
    again = found(store, "Observation", ("_count", "5"), ("status", "final"), ("_page", first.next))
    assert len(again.rows) == 5
    raw = base64.urlsafe_b64decode(first.next + "==")
    other = base64.urlsafe_b64encode(raw[:-1] + bytes([raw[-1] ^ 1])).decode().rstrip("=")
    for mark in ("x", first.next[:-2], first.next + "A", other, "", "\ud800", "é", "A" * 5000, "AAAA"):
        if mark == "":
            continue
        asked, issues = prepare(EVERYTHING, "Observation", [("status", "final"), ("_page", mark)], VOCABULARY, KEY)
        assert asked is None, mark
        assert issues[0].where.path == "http._page"
    for kind, pairs in [("Observation", [("status", "amended")]), ("Condition", []), (None, [])]:
        asked, issues = prepare(EVERYTHING, kind, [*pairs, ("_page", first.next)], VOCABULARY, KEY)
        assert asked is None


def test_marks_hold_no_row_numbers(store: Store) -> None:
    """A mark says which resource was last, not how many others there are."""
    page = store.search(plan(search_of("Observation", [("_count", "1")]), EVERYTHING, VOCABULARY))
    assert page.after == (f"Observation/{page.rows[0].id}",)


def test_the_last_row_may_be_deleted_between_pages(store: Store) -> None:
    """The next page begins after where it was."""
    first = found(store, "Observation", ("_count", "3"))
    whole = names(found(store, "Observation", ("_count", "100")).rows)
    last = first.rows[-1]

    def job(tx: Tx) -> None:
        now = tx.current("Observation", last.id)
        assert now is not None
        tx.delete("Observation", last.id, previous=now, at=AT + 5000)

    store.submit(job).result(10)
    assert names(found(store, "Observation", ("_count", "100"), ("_page", first.next)).rows) == whole[3:]


def test_includes(store: Store) -> None:
    """Of a page only, once each, never a match again, by type, reverse, by canonical, by iteration."""
    page = found(store, "Observation", ("_count", "10"), ("_include", "Observation:subject"))
    subjects = {msgspec.json.decode(row.body).get("subject", {}).get("reference") for row in page.rows} - {None}
    every = set(names(found(store, "Patient", ("_count", "100")).rows))
    assert set(names(page.includes)) == subjects & every
    assert len(page.includes) == len(set(names(page.includes)))
    back = found(store, "Patient", ("_id", "p1"), ("_revinclude", "Observation:subject"))
    about = names(found(store, "Observation", ("subject", "Patient/p1"), ("_count", "100")).rows)
    own = [
        name for name in about
        if store.read("Observation", name.partition("/")[2]).body.find(b'"Patient/p1"') > 0  # type: ignore[union-attr]
    ]  # fmt: skip
    assert set(names(back.includes)) >= set(own)
    deep = found(
        store, "Observation", ("_count", "100"), ("_include", "Observation:subject"),
        ("_include:iterate", "Patient:organization"), ("_include:iterate", "Organization:partof"),
    )  # fmt: skip
    assert {row.type for row in deep.includes} == {"Patient", "Organization"}
    parents = {row.id for row in deep.includes if row.type == "Organization"}
    assert "o0" in parents
    (answer,) = found(store, "QuestionnaireResponse", ("_include", "QuestionnaireResponse:questionnaire")).includes
    assert names([answer]) == ["Questionnaire/q1"]
    assert found(store, "Observation", ("_count", "5"), ("_include", "*")).includes
    assert found(store, "Patient", ("_count", "5"), ("_revinclude", "*")).includes


def test_includes_that_go_round_end(store: Store) -> None:
    """References in a circle are followed once."""
    circle = [
        {"resourceType": "Organization", "id": f"c{n}", "partOf": {"reference": f"Organization/c{(n + 1) % 3}"}}
        for n in range(3)
    ]
    store.submit(lambda tx: [put(tx, body, AT + 9000) for body in circle]).result(10)
    page = found(store, "Organization", ("_id", "c0"), ("_include:iterate", "Organization:partof"),
                 ("_revinclude:iterate", "Organization:partof"))  # fmt: skip
    assert sorted(names(page.includes)) == ["Organization/c1", "Organization/c2"]


def test_includes_are_bounded_and_say_so(store: Store) -> None:
    """Beyond the bound the rest is left out with a warning."""
    few = Vocabulary(bounds=Bounds(included=3))
    page = found(store, "Patient", ("_revinclude", "Observation:subject"), vocabulary=few)
    assert len(page.includes) == 3
    assert any(issue.code == "incomplete" for issue in page.warnings)


def test_linked_patients(store: Store) -> None:
    """A subject stands for all source Patients of its person, unless that is turned off; entries keep their subject."""

    def ids(kin: bool) -> set[str]:
        asked, _ = prepare(EVERYTHING, "Observation", [("patient", "p0"), ("_count", "100")], VOCABULARY, KEY, kin=kin)
        assert asked is not None
        return set(names(search(store.guarded, asked, KEY).rows))

    alone = {name: ids_of(store, name) for name in ("p0", "p5", "p7")}
    assert ids(False) == alone["p0"]
    assert ids(True) == alone["p0"] | alone["p5"] | alone["p7"]


def ids_of(store: Store, patient: str) -> set[str]:
    asked, _ = prepare(EVERYTHING, "Observation", [("patient", patient), ("_count", "100")], VOCABULARY, KEY, kin=False)
    assert asked is not None
    return set(names(search(store.guarded, asked, KEY).rows))


def test_a_transaction_sees_its_own_writes(store: Store) -> None:
    """A search inside the writer's transaction finds what the job has put."""

    def job(tx: Tx) -> tuple[list[str], list[str]]:
        asked = plan(search_of("Patient", [("identifier", "urn:fresh|1")]), EVERYTHING, VOCABULARY)
        before = names(tx.search(asked).rows)
        body = {"resourceType": "Patient", "id": "fresh", "identifier": [{"system": "urn:fresh", "value": "1"}]}
        put(tx, body, AT + 7000)
        return before, names(tx.search(asked).rows)

    future: Future[tuple[list[str], list[str]]] = store.submit(job)
    assert future.result(10) == ([], ["Patient/fresh"])


HOSTILE = [
    "' OR 1=1 --", '"; DROP TABLE res; --', "%", "_", "*", "\\", "x'; SELECT own_has(1,2,3)", "$.a[*]", "${x}", "{0}",
    "?", ":x", "\u202e", "𝒳", "a" * 399, "/", "Patient/../x", "\x7f", "1e400", "9" * 39, "-9" * 10, "\uffff",
]  # fmt: skip


def test_hostile_values(store: Store) -> None:
    """SQL, wildcards and odd characters are text: nothing is found, nothing breaks, nothing is lost."""
    before = names(found(store, "Patient", ("_count", "100")).rows)
    random = Random(1)
    for kind, name in [
        ("Patient", "family"), ("Patient", "family:contains"), ("Patient", "family:exact"), ("Patient", "identifier"),
        ("Patient", "_id"), ("Observation", "code:text"), ("Observation", "subject"), ("Observation", "date"),
        ("Observation", "value-quantity"), ("Observation", "code-value-quantity"), ("ValueSet", "url:below"),
        ("ValueSet", "url:above"), ("Observation", "patient.name"), ("Patient", "_has:Observation:patient:code"),
        ("Patient", "_list"), ("Patient", "_filter"), ("Location", "near"), ("Patient", "identifier:of-type"),
        ("Patient", "_source"), ("Patient", "_tag"), ("Patient", "_profile"),
    ]:  # fmt: skip
        for value in HOSTILE:
            asked, issues = prepare(
                EVERYTHING, kind, [(name, value), ("_sort", random.choice(("_id", "-_lastUpdated")))], VOCABULARY, KEY
            )
            assert (asked is None) == bool(issues and any(i.severity == "error" for i in issues))
            if asked is not None:
                search(store.guarded, asked, KEY)
    assert names(found(store, "Patient", ("_count", "100")).rows) == before


def test_deepest_chain_and_most_values(store: Store) -> None:
    """What the bounds allow is answered: six steps, five hundred codes, for a caller who sees little."""
    from unsilo.policy import And, Compartment, Label, Not

    strict = Predicate(allow=And((Not(Label("s", "R")), Compartment(frozenset({"p1", "p2"}), frozenset({1})))))
    chain = "patient.organization.partof.partof.partof.partof.name"
    back = "_has:Observation:patient:" + "_has:Observation:derived-from:" * 4 + "code"
    codes = ",".join(f"{LOINC}|{n}" for n in range(500))
    dates = ",".join(f"gt{1900 + n}" for n in range(100))
    for predicate in (EVERYTHING, strict):
        for kind, pairs in [
            ("Observation", [(chain, "x"), ("encounter.patient.general-practitioner.family", "y")]),
            ("Patient", [(back, "718-7")]), ("Observation", [("code", codes), ("date", dates)]),
            ("Patient", [("_id", ",".join(f"p{n}" for n in range(500)))]),
            ("Observation", [("subject", ",".join(f"Patient/p{n}" for n in range(500)))]),
            ("Observation", [("code:not", codes), ("_sort", "patient,code,-date,status,_id")]),
        ]:  # fmt: skip
            for few in (0, 2000):
                made: Plan = plan(search_of(kind, pairs), predicate, VOCABULARY)
                with store._readers.moment() as ask:
                    from unsilo.storage.search import run

                    run(ask, made, few=few)


def test_explanations(store: Store) -> None:
    """Clauses as a tree, and the statements."""
    asked, _ = prepare(EVERYTHING, "Observation", [("patient.name", "x"), ("code", "a,b")], VOCABULARY, KEY)
    assert asked is not None
    told = explain(store, asked)
    assert told["clauses"][0]["Chain"] == {"Text": [2254]}
    assert told["statements"]


def test_a_search_ends_in_time(store: Store) -> None:
    """One that takes longer than it may is ended, and the next one runs."""
    made = plan(search_of("Observation", [("code:missing", "false")]), EVERYTHING, VOCABULARY)
    slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    with pytest.raises(TooLongError), store._readers.moment(0.05) as ask:
        ask(slow, [])
    assert store.search(made).rows
