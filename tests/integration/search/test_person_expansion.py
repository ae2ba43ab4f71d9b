"""A search over a person is the union over its source Patients, at once, whatever was linked and unlinked before."""

from collections.abc import Iterator
from functools import partial
from random import Random
from typing import Any

import pytest

from tests.integration.search.made import hospital
from tests.integration.search.test_fhir_search_meaning import VOCABULARY, put
from unsilo.flow.fhir.everything import facts, record
from unsilo.policy import Predicate
from unsilo.search import parse, plan
from unsilo.storage import Store, Tx, open_store
from unsilo.storage.search import run

PATIENTS, ROUNDS, STEPS = 10, 4, 5
ALL = Predicate()
Pairs = list[tuple[str, str]]

BY_PATIENT: dict[str, tuple[str, Any]] = {
    "patient": ("Observation", lambda p: [("patient", p)]),
    "subject": ("Observation", lambda p: [("subject", f"Patient/{p}")]),
    "subject of a type": ("Condition", lambda p: [("subject:Patient", p)]),
    "patient and code": ("Observation", lambda p: [("patient", f"Patient/{p}"), ("code", "718-7,8867-4,AbC")]),
    "patient and date": ("Encounter", lambda p: [("patient", p), ("date", "ge2020")]),
    "performer": ("Observation", lambda p: [("performer", f"Patient/{p}")]),
    "chain to the id": ("Observation", lambda p: [("patient._id", p)]),
    "chain by way of the encounter": ("Observation", lambda p: [("encounter:Encounter.subject:Patient._id", p)]),
}
"""Searches that name one source Patient: name -> resource type, and the query for a Patient's id."""

OF_PATIENTS: dict[str, Pairs] = {
    "_has": [("_has:Observation:patient:code", "718-7,2345-7")],
    "_has a condition": [("_has:Condition:subject:_id", "c1,c3,c5,c7")],
}
"""Searches for Patients by what refers to them."""


def ids(store: Store, kind: str | None, pairs: Pairs, *, kin: bool, patient: str = "") -> set[str]:
    """Search, and return `Type/id` of all matches."""
    compartment = ("Patient", patient) if patient else None
    found, issues = parse(kind, [*pairs, ("_count", "1000")], VOCABULARY, compartment=compartment, kin=kin)
    assert found is not None, (kind, pairs, issues)
    made, names = plan(found, ALL, VOCABULARY), []
    for few in (0, 3, 2000) if kin else (2000,):  # begun with a set, a list or a walk
        with store._readers.moment() as ask:
            page = run(ask, made, few=few)
        assert page.after is None
        names.append({f"{one.type}/{one.id}" for one in page.rows})
    assert names[1:] == names[:-1], (kind, pairs, names)
    return names[0]


def whole(store: Store, patient: str) -> set[str]:
    """The person's record without what belongs to no patient."""
    found = record(store.view(shared=True), ALL, patient, b"k" * 32, kinds=None, since=0, count=1000, page="")
    assert found is not None
    assert found.next == ""
    assert found.total == len(found.rows)
    return {f"{one.type}/{one.id}" for one in found.rows}


def step(tx: Tx, draw: Random, persons: dict[str, int]) -> None:
    """Link or unlink some source Patients, in the store and in the model of it."""
    for _ in range(STEPS):
        patient = draw.choice(sorted(persons))
        if draw.random() < 0.4:
            persons[patient] = tx.unlink(patient, "manual", "test", "kim", tx.at)
        else:
            persons[patient] = tx.link(patient, persons[draw.choice(sorted(persons))], "manual", "test", "kim", tx.at)


def agrees(store: Store, patient: str, kin: set[str]) -> None:
    """Hold every search about a Patient to the union over the Patients of its person."""
    for name, (kind, query) in BY_PATIENT.items():
        wanted = set().union(*(ids(store, kind, query(one), kin=False) for one in kin))
        assert ids(store, kind, query(patient), kin=True) == wanted, name
    compartments: dict[str, set[str]] = {}
    for kind in ("Observation", "Condition", "Encounter", "Patient", None):
        found = ids(store, kind, [], kin=True, patient=patient)
        alone = [ids(store, kind, [], kin=False, patient=one) for one in kin]
        assert found == set().union(*alone), f"compartment of {kind}"
        compartments[kind or ""] = found
    assert whole(store, patient) == compartments[""] | {f"Patient/{one}" for one in kin}
    seen = facts(store.view(shared=True), ALL, patient, ["Observation"])
    assert {f"Observation/{one.id}" for one in seen} == compartments["Observation"]


def agrees_of_patients(store: Store, persons: dict[str, int]) -> None:
    """A person one of whose Patients fits is found with all of them."""
    for name, pairs in OF_PATIENTS.items():
        fit = {one.removeprefix("Patient/") for one in ids(store, "Patient", pairs, kin=False)}
        wanted = {f"Patient/{one}" for one, person in persons.items() if person in {persons[each] for each in fit}}
        assert ids(store, "Patient", pairs, kin=True) == wanted, name


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, dict[str, int]]]:
    """A store with a hospital in which every Patient is a person of its own."""
    bodies = [body for body in hospital(3, PATIENTS) if body["resourceType"] != "List"]

    def job(tx: Tx) -> dict[str, int]:
        for at, body in enumerate(bodies, 1_700_000_000_000_000):
            put(tx, body, at)
        patients = [body["id"] for body in bodies if body["resourceType"] == "Patient"]
        return {one: tx.link(one, None, "own", "", "test", tx.at) for one in patients}

    with open_store(tmp_path_factory.mktemp("store") / "s") as store:
        yield store, store.submit(job).result(60)


@pytest.mark.parametrize("seed", range(3))
def test_searches_over_a_person_are_the_union_over_its_sources(town: tuple[Store, dict[str, int]], seed: int) -> None:
    """By patient, subject, chain, _has, compartment and $everything, after each of many links and unlinks."""
    store, persons = town
    draw = Random(seed)
    several = 0
    for _ in range(ROUNDS):
        store.submit(partial(step, draw=draw, persons=persons)).result(60)
        for patient in draw.sample(sorted(persons), 2):
            kin = {one for one, person in persons.items() if person == persons[patient]}
            several += len(kin) > 1
            agrees(store, patient, kin)
        agrees_of_patients(store, persons)
    assert several, "no person of several Patients was looked at"
