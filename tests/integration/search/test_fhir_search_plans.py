"""How searches are run: how many statements, and by which index; nothing that an index answers scans all resources."""

from collections.abc import Iterator
from random import Random

import msgspec
import pytest

from tests.integration.search.made import LOINC, hospital, query
from tests.integration.search.test_fhir_search_meaning import VOCABULARY, fill, search_of
from unsilo.policy import Compartment, Predicate
from unsilo.search import plan
from unsilo.storage import Store, connect, open_store
from unsilo.storage.faults import TooLongError
from unsilo.storage.plan import Chain, Plan, Reference
from unsilo.storage.render import plain as plain_room
from unsilo.storage.render.dialect import SQLITE, Sql
from unsilo.storage.render.plain import is_too_many, plain_query
from unsilo.storage.search import run

EVERYTHING = Predicate()
HIDING = Predicate(allow=Compartment(frozenset({"p1"})))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store with a hospital."""
    with open_store(tmp_path_factory.mktemp("store") / "s") as opened:
        fill(opened, hospital(5))
        yield opened


def made(kind: str | None, *pairs: tuple[str, str]) -> Plan:
    return plan(search_of(kind, list(pairs)), EVERYTHING, VOCABULARY)


def statements(store: Store, asked: Plan, few: int = 2000) -> list[tuple[Sql, list[str]]]:
    """Return the statements of a search with the steps by which SQLite runs each."""
    log: list[tuple[str, Sql]] = []
    with store._readers.moment() as ask:
        run(ask, asked, SQLITE, log, few)
        return [
            (said, [row[3] for row in ask(f"EXPLAIN QUERY PLAN {said.text}", said.values)]) for _, said in log
        ]  # fmt: skip


SCANNED = ("SCAN r", "SCAN t", "SCAN res", "SCAN p", "SCAN q", "SCAN z", "SCAN x", "SCAN y")


def scans(steps: list[str]) -> list[str]:
    """Return the steps that read a whole table of the store."""
    return [step for step in steps if step.startswith(SCANNED) and "VIRTUAL" not in step]


@pytest.mark.parametrize(
    ("kind", "pairs", "most"),
    [
        ("Patient", [("identifier", "urn:mrn|3")], 1),
        ("Patient", [("_id", "p1")], 2),
        ("Observation", [("code", f"{LOINC}|718-7")], 1),
        ("Observation", [("code", "718-7")], 3),
        ("Observation", [("patient", "p1")], 3),
        ("Observation", [("patient", "p1"), ("code", f"{LOINC}|718-7")], 3),
        ("Observation", [("patient", "p1"), ("_sort", "-date")], 3),
        ("Observation", [("subject:Patient.family", "smith")], 3),
        ("Patient", [("_has:Observation:patient:code", f"{LOINC}|718-7")], 3),
        ("Observation", [("date", "ge2020"), ("date", "lt2021")], 2),
        ("Patient", [("identifier", "urn:mrn|3"), ("_revinclude", "Observation:patient")], 2),
        ("Observation", [("code", f"{LOINC}|718-7"), ("_include", "Observation:patient")], 2),
        ("Observation", [("code", f"{LOINC}|718-7"), ("_total", "accurate")], 2),
        ("Observation", [], 1),
    ],
)
def test_statement_counts(store: Store, kind: str, pairs: list[tuple[str, str]], most: int) -> None:
    """A search takes no more statements than this, however many rows there are; p1 is one person with another."""
    assert len(statements(store, made(kind, *pairs))) <= most


@pytest.mark.parametrize(
    ("kind", "pairs"),
    [
        ("Patient", [("identifier", "urn:mrn|3")]),
        ("Observation", [("code", f"{LOINC}|718-7"), ("_count", "2")]),
        ("Observation", [("code", "|local")]),
        ("Observation", [("patient", "p1")]),
        ("Observation", [("patient", "Patient/p1"), ("_count", "1")]),
        ("Observation", [("patient", "nobody")]),
        ("Observation", [("code", f"{LOINC}|718-7"), ("patient", "p1")]),
        ("Observation", [("patient", "p2"), ("code", f"{LOINC}|718-7"), ("status", "http://hl7.org/x|final")]),
        ("Observation", [("patient", "p1"), ("_sort", "-date")]),
        ("Observation", [("patient", "p1"), ("_sort", "date,-_id,code"), ("_count", "2")]),
        ("Observation", [("patient", "p1"), ("code", f"{LOINC}|718-7"), ("_sort", "-value-quantity")]),
        ("Observation", [("patient.family", "a")]),
        ("Observation", [("patient.family", "o"), ("code", f"{LOINC}|718-7"), ("_count", "3")]),
        ("Observation", [("patient.identifier", "urn:mrn|1"), ("_sort", "-_lastUpdated")]),
        ("Observation", [("patient.family", "nobody")]),
        ("Patient", [("family", "a")]),
        ("Patient", [("name", "a"), ("_sort", "-birthdate"), ("_count", "2")]),
    ],
)
@pytest.mark.parametrize("persons", [True, False])
def test_a_plain_search_is_one_statement(
    store: Store, kind: str, pairs: list[tuple[str, str]], persons: bool
) -> None:  # fmt: skip
    """It finds what the general way finds, in the same order, with the same place for the next page."""
    asked = plan(search_of(kind, pairs), EVERYTHING, VOCABULARY)
    if not persons:
        single = [
            msgspec.structs.replace(c, kin=False) if isinstance(c, Reference | Chain) else c for c in asked.clauses
        ]
        asked = msgspec.structs.replace(asked, clauses=tuple(single))
    plain = plain_query(asked, SQLITE)
    assert plain is not None
    steps = [row[3] for row in store.rows(f"EXPLAIN QUERY PLAN {plain.text}", plain.values)]
    assert not scans(steps), steps
    with store._readers.moment() as ask:
        general = run(ask, asked)
    found = store.search(asked)
    assert [(row.id, row.version) for row in found.rows] == [(row.id, row.version) for row in general.rows]
    assert found.after == general.after
    assert plain_query(msgspec.structs.replace(asked, predicate=HIDING), SQLITE) is None


@pytest.mark.parametrize(
    ("kind", "pairs"),
    [
        ("Observation", [("patient", "p1"), ("_sort", "-date")]),
        ("Observation", [("patient.family", "o"), ("_count", "3")]),
        ("Observation", [("patient.name", "a")]),
        ("Patient", [("name", "a"), ("_sort", "_id")]),
        ("Patient", [("name", "a")]),
    ],
)
def test_where_too_many_would_be_gathered_the_general_way_is_gone(
    store: Store, monkeypatch: pytest.MonkeyPatch, kind: str, pairs: list[tuple[str, str]]
) -> None:  # fmt: skip
    """The answer is the same, and what is explained are the statements of both."""
    asked = made(kind, *pairs)
    wanted = store.search(asked)
    monkeypatch.setattr(plain_room, "_known", {})
    monkeypatch.setattr(plain_room, "_GATHERED", 1)
    monkeypatch.setattr(plain_room, "_LED_TO", 1)
    monkeypatch.setattr(plain_room.Tree.__init__, "__defaults__", (1,))
    plain = plain_query(asked, SQLITE)
    assert plain is not None
    assert is_too_many(store.rows(*plain))
    found = store.search(asked)
    assert [row.id for row in found.rows] == [row.id for row in wanted.rows] != []
    assert found.after == wanted.after
    assert store.explain(asked)


def test_a_plain_search_takes_no_longer_than_it_may(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """What turns out to be long ends, and the connection is as good as before."""
    monkeypatch.setattr(connect, "_STEPS", 1)
    asked = made("Observation", ("patient", "p1"))
    with pytest.raises(TooLongError):
        store.search(msgspec.structs.replace(asked, seconds=1e-9))
    assert store.search(asked).rows


def test_no_search_scans_a_table(store: Store) -> None:
    """Random searches, begun with a set, a list or a walk, by index alone; a search over all types walks its rows."""
    random = Random(11)
    for _ in range(250):
        kind, pairs = query(random)
        asked = made(kind, *pairs, ("_total", random.choice(("none", "accurate"))))
        for few in (0, 2000):
            for said, steps in statements(store, asked, few):
                found = scans(steps)
                if not asked.types or len(asked.types) > 1:
                    found = [step for step in found if step != "SCAN r"]
                assert not found, (kind, pairs, said.text, steps)


def test_a_compartment_is_met_by_its_index(store: Store) -> None:
    """A caller who sees one Patient searches by labels, dates and references without a scan."""
    asked = plan(
        search_of("Observation", [("code", "718-7"), ("date", "ge2019")]),
        Predicate(allow=Compartment(frozenset({"p1"}))), VOCABULARY,
    )  # fmt: skip
    found = statements(store, asked)
    for said, steps in found:
        assert not scans(steps), said.text
    assert any("ix_pat" in said.text and "own_pats" in said.text for said, _ in found[-1:])


def test_lists_are_read_in_their_order(store: Store) -> None:
    """A page of a list begins at its end and is not sorted."""
    for pairs in ([("code", f"{LOINC}|718-7")], []):
        ((_, steps),) = statements(store, made("Observation", *pairs, ("_count", "2")))
        assert not any("TEMP B-TREE" in step for step in steps), steps


def test_explanation_names_no_value(store: Store) -> None:
    """An operator sees clauses, statements, ways and counts, and nothing that was searched for."""
    told = store.explain(made("Patient", ("family", "Smith"), ("gender", "male"), ("identifier", "urn:mrn|3")))
    assert {"look up", "page", "rows by clause"} <= {part["for"] for part in told}
    assert "smith" not in str(told).casefold()
    assert "urn:mrn" not in str(told)
