"""Persons: link edges with history, stable uids, candidates, snapshot lists, finding people."""

from collections.abc import Callable

import pytest

from tests.unit.storage.keyed import ids_found, person, rows
from unsilo.fhir.index import IndexRows
from unsilo.identity.record import pack, record
from unsilo.storage import Store, Stored, Tx
from unsilo.storage.tx_matching import MOST_IN_BLOCK

Put = Callable[..., Stored]


def fact(of: str, date: int = 0) -> IndexRows:
    """Index rows of a clinical resource."""
    return rows([], [], [("date", date, date + 1)], [("subject", of), ("patient", of)], [(of, date, "s|c", "lab")])


def link(store: Store, patient_id: str, person: int | None, at: int = 1, mid: int = 1, reason: str = "why") -> int:
    """Link in a job of its own."""
    return store.submit(lambda tx: tx.link(patient_id, person, "R1", reason, "matcher", at, mid, 0.9)).result(10)


def test_a_person_is_the_set_of_its_linked_patients(store: Store, put: Put) -> None:
    """Facts of all its source Patients are the person's, newest first, and link and unlink act at once."""
    for n in ("a", "b"):
        put(f"Patient/{n}", index=person("Doe"))
        put(f"Observation/o{n}", index=fact(f"Patient/{n}", 5 if n == "a" else 9))
    one = link(store, "a", None)
    assert [f.id for f in store.facts(one)] == ["oa"]
    assert link(store, "Patient/b", one) == one
    assert [f.id for f in store.facts(one)] == ["ob", "oa"]
    assert ids_found(store, "Observation?subject=Patient/a") == ["ob", "oa"]
    assert ids_found(store, "Observation?subject=Patient/a", kin=False) == ["oa"]
    two = store.submit(lambda tx: tx.unlink("b", "hand", "another birth date", "steward", 5)).result(10)
    assert two != one
    assert [f.id for f in store.facts(one)] == ["oa"]
    assert [f.id for f in store.facts(two)] == ["ob"]
    assert store.verify() == []


def test_the_history_of_links_is_kept_for_ever(store: Store, put: Put) -> None:
    """Every change says from where to where, why, by whom, when; it can neither be changed nor removed."""
    put("Patient/a", index=person("Doe"))
    put("Patient/b", index=person("Roe"))
    one, two = link(store, "a", None), link(store, "b", None)
    link(store, "b", one, at=7, reason="same number")
    back = store.submit(lambda tx: tx.unlink("b", "hand", "wrong person", "kim", 9)).result(10)
    events = [(e.kind, e.patient_id, e.former, e.person, e.reason, e.actor, e.at) for e in store.link_events(one)]
    assert events == [
        ("link", "a", 0, one, "why", "matcher", 1),
        ("link", "b", two, one, "same number", "matcher", 7),
        ("unlink", "b", one, back, "wrong person", "kim", 9),
    ]
    for sql in ("DELETE FROM link_event", "UPDATE link_event SET reason = 'x'"):
        future = store.submit(lambda tx, sql=sql: tx.run(sql, ()))
        with pytest.raises(Exception, match="append only"):
            future.result(10)
    assert len(store.link_events(one)) == 3


def test_a_uid_leads_to_where_the_person_went(store: Store, put: Put) -> None:
    """A bookmarked person that was merged away is found under its old uid, through any number of merges."""
    people = []
    for n in "abc":
        put(f"Patient/{n}", index=person(n))
        people.append(link(store, n, None))
    uids = [store.person(p).uid for p in people if store.person(p)]  # type: ignore[union-attr]
    link(store, "a", people[1])
    store.submit(lambda tx: [tx.link(p, people[2], "R1", "", "m", 3, 1) for p in ("a", "b")]).result(10)
    for uid in uids:
        found = store.person(uid)
        assert found is not None
        assert (found.uid, found.patients) == (uids[2], ["a", "b", "c"])
    assert store.person("nobody") is None
    assert store.counts().persons == 1
    assert store.counts().merged == 2


def test_a_link_found_again_keeps_its_first_reason(store: Store, put: Put) -> None:
    """A machine that meets a known edge changes nothing; a person who confirms it is on record."""
    put("Patient/a", index=person("Doe"))
    one = link(store, "a", None, reason="first")
    link(store, "a", one, reason="again")
    assert [s.reason for s in store.sources(one)] == ["first"]
    link(store, "a", one, mid=0, reason="I know her")
    assert [s.reason for s in store.sources(one)] == ["I know her"]
    assert [e.reason for e in store.link_events(one)] == ["first", "I know her"]


def test_asking_for_a_person_leaves_no_trace(store: Store) -> None:
    """A question about an unknown Patient makes no row of it."""
    assert store.submit(lambda tx: tx.person_of("nobody")).result(10) is None
    assert store.rows("SELECT count(*) FROM res") == [(0,)]


def test_a_link_to_nobody_is_refused(store: Store) -> None:
    """A person number that does not exist is a mistake of the caller."""
    with pytest.raises(ValueError, match="no person 99"):
        link(store, "a", 99)


def test_sources_say_why_each_record_is_there(store: Store, put: Put) -> None:
    """Rule, score and resource of each edge; a Patient that was only spoken of has no resource."""
    put("Patient/a", b"A", index=person("Doe"))
    one = link(store, "a", None)
    link(store, "stub", one)
    sources = store.sources(one)
    assert [(s.patient_id, s.rule, s.score, s.resource and s.resource.body) for s in sources] == [
        ("a", "R1", 0.9, b"A"), ("stub", "R1", 0.9, None),
    ]  # fmt: skip
    assert store.person_of("Patient/a") == one
    assert store.person_of("nobody") is None


def remember(tx: Tx, id_: str, family: str, keys: list[int]) -> None:
    """Put a Patient's record and keys."""
    tx.remember(
        id_, pack(record({"resourceType": "Patient", "id": id_, "name": [{"family": family, "given": ["Ann"]}]})), keys
    )


def test_candidates_share_a_key(store: Store) -> None:
    """A linked record is found by each key that it has now, and not by those that it had."""

    def first(tx: Tx) -> int:
        remember(tx, "a", "Doe", [1, 2])
        return tx.link("a", None, "none", "", "matcher", 1, 5)

    person = store.submit(first).result(10)
    [found] = store.submit(lambda tx: tx.candidates([2, 9], "a")).result(10)
    assert (found.patient_id, found.person, found.settled) == ("a", person, False)
    store.submit(lambda tx: remember(tx, "a", "Roe", [2, 3])).result(10)
    assert store.submit(lambda tx: tx.candidates([1])).result(10) == []
    assert [c.patient_id for c in store.submit(lambda tx: tx.candidates([3])).result(10)] == ["a"]


def test_those_who_share_several_keys_are_met_first(store: Store) -> None:
    """Who shares less than three is named by number and read when asked for; where nobody does, all are read."""

    def job(tx: Tx) -> None:
        for id_, keys in (("near", [1, 2, 3, 9]), ("far", [3, 4]), ("else", [5])):
            remember(tx, id_, "Doe", keys)
            tx.link(id_, None, "none", "", "matcher", 1, 5)

    def met(tx: Tx, keys: list[int]) -> tuple[list[str], list[str]]:
        near, others = tx.met(keys)
        return [c.patient_id for c in near], [c.patient_id for c in tx.further(others)]

    store.submit(job).result(10)
    assert store.submit(lambda tx: met(tx, [1, 2, 3, 4])).result(10) == (["near"], ["far"])
    assert store.submit(lambda tx: met(tx, [1, 3, 4])).result(10) == (["near", "far"], [])
    assert store.submit(lambda tx: met(tx, [7])).result(10) == ([], [])
    both = store.submit(lambda tx: tx.candidates([1, 2, 3, 4])).result(10)
    assert [c.patient_id for c in both] == ["near", "far"]


def test_a_full_block_is_not_counted_among_what_two_share(store: Store) -> None:
    """A key that two hundred records have says nothing, so that it brings no record near."""

    def job(tx: Tx) -> None:
        for n in range(MOST_IN_BLOCK):
            remember(tx, f"p{n}", "Doe", [5, *([6, 7] if n == 0 else [8, 9, 10] if n == 1 else [])])
            tx.link(f"p{n}", None, "none", "", "matcher", 1, 5)

    store.submit(job).result(60)
    near, others = store.submit(lambda tx: tx.met([5, 6, 7, 8, 9, 10])).result(10)
    assert [c.patient_id for c in near] == ["p1"]
    assert [c.patient_id for c in store.submit(lambda tx: tx.further(others)).result(10)] == ["p0"]


def test_a_link_made_by_hand_or_shared_is_settled(store: Store) -> None:
    """A later matcher may only move a record that stands alone and that nobody decided on."""

    def settled(tx: Tx) -> list[bool]:
        return [c.settled for id_ in "ab" for c in tx.candidates([ord("a"), ord("b")], id_) if c.patient_id == id_]

    def job(tx: Tx) -> tuple[list[bool], list[bool]]:
        for id_ in "ab":
            remember(tx, id_, "Doe", [ord(id_)])
        one = tx.link("a", None, "none", "", "matcher", 1, 5)
        tx.link("b", None, "hand", "", "kim", 1, 0)
        before = settled(tx)
        tx.link("b", one, "R1", "", "matcher", 1, 5)
        return before, settled(tx)

    assert store.submit(job).result(10) == ([False, True], [True, True])


def test_two_that_meet_the_same_new_person_make_one(store: Store) -> None:
    """Jobs of one group see each other's persons: the second finds what the first made."""

    def meet(tx: Tx, id_: str) -> int:
        known = tx.candidates([77])
        remember(tx, id_, "Doe", [77])
        return tx.link(id_, known[0].person if known else None, "R1", "", "matcher", 1, 5)

    futures = [store.submit(lambda tx, n=n: meet(tx, f"p{n}")) for n in range(50)]
    assert len({f.result(10) for f in futures}) == 1
    assert store.counts().persons == 1


def test_people_are_found_as_one_types(store: Store, put: Put) -> None:
    """Beginnings of names, identifiers and birth dates in any order and case, with and without accents."""
    put("Patient/a", index=person("müller", "Änne", birth="1980-05-18", mrn="MRN-00123"))
    put("Patient/b", index=person("Mueller", "Ann", birth="1970-01-01", mrn="9"))
    put("Patient/c", index=person("O'Neill", "Bo", birth="1970-01-02", mrn="77"))
    one, two, three = (link(store, n, None) for n in "abc")
    for text, expected in (
        ("mul", [one]), ("MÜL änn", [one]), ("anne mueller", []), ("ann mue", [two]), ("mrn-001", [one]),
        ("1980-05-18", [one]), ("18-May-1980", [one]), ("18.05.1980", [one]), ("19800518", [one]), ("o'n", [three]),
        ("77 neill", []), ("77 O'Neill", [three]), ("zzz", []), ("", []), ("  ,; ", []),
    ):  # fmt: skip
        assert [hit.person for hit in store.find_people(text)] == expected, text


def test_a_person_is_found_once_with_all_its_records(store: Store, put: Put) -> None:
    """Two records of a person that match are one hit."""
    put("Patient/a", b"A", index=person("Doe"))
    put("Patient/b", b"B", index=person("Doe"))
    one = link(store, "a", None)
    link(store, "b", one)
    [hit] = store.find_people("doe")
    assert [p.body for p in hit.patients] == [b"A", b"B"]


def test_facts_can_be_narrowed(store: Store, put: Put) -> None:
    """By type, by date, by count; deleted and duplicate ones do not show."""
    put("Patient/a", index=person("Doe"))
    one = link(store, "a", None)
    link(store, "b", one)
    for n in range(6):
        put(f"Observation/o{n}", index=fact("Patient/a", n))
    both = rows([], [], [], [], [("Patient/a", 10, "", ""), ("Patient/b", 10, "", "")])
    put("Condition/c", index=both)
    assert [f.id for f in store.facts(one)] == ["c", "o5", "o4", "o3", "o2", "o1", "o0"]
    assert [f.id for f in store.facts(one, limit=3)] == ["c", "o5", "o4"]
    assert [f.id for f in store.facts(one, types=["Observation"], since=4)] == ["o5", "o4"]
    assert store.facts(one, types=[]) == []
    assert store.facts(99) == []


def test_of_what_was_read_before_only_the_new_is_read_again(store: Store, put: Put) -> None:
    """The same facts in the same order as when all are read; what is gone is gone, what changed has its new body."""
    put("Patient/a", index=person("Doe"))
    one = link(store, "a", None)
    for n in range(4):
        put(f"Observation/o{n}", b'{"n":1}', index=fact("Patient/a", n))
    known = {(f.rid, f.version): f for f in store.facts(one)}
    assert store.facts_beside(one, {}) == store.facts(one)
    for each in known.values():
        each.body = b"known"
    put("Observation/o1", b'{"n":2}', index=fact("Patient/a", 9))
    put("Observation/o5", b'{"n":1}', index=fact("Patient/a", 1))
    store.submit(lambda tx: tx.delete("Observation", "o3", previous=tx.current("Observation", "o3"), at=2)).result(10)
    found = store.facts_beside(one, known)
    assert [(f.id, f.version, f.body) for f in found] == [
        ("o1", 2, b'{"n":2}'), ("o2", 1, b"known"), ("o5", 1, b'{"n":1}'), ("o0", 1, b"known"),
    ]  # fmt: skip
    assert [f.id for f in found] == [f.id for f in store.facts(one)]
    assert store.facts_beside(99, known) == []


def test_a_member_that_vanished_from_a_snapshot_is_named(store: Store) -> None:
    """No longer sent is known, with since when; sent again it is back; an older snapshot changes nothing."""

    def note(members: list[str], at: int) -> list[str]:
        return store.submit(lambda tx: tx.note_list("p", "AL1", members, at, at)).result(10)

    assert note(["A/1", "A/2"], 10) == []
    assert note(["A/2", "A/3"], 20) == ["A/1"]
    assert note(["A/1"], 15) == []
    assert [(m.member, m.seen, m.gone, m.gone_mid) for m in store.list_state("Patient/p")] == [
        ("A/1", 10, 20, 20), ("A/2", 20, 0, 0), ("A/3", 20, 0, 0),
    ]  # fmt: skip
    assert note(["A/1", "A/2", "A/3"], 30) == []
    assert all(m.gone == 0 for m in store.list_state("p"))
    assert note([], 40) == ["A/1", "A/2", "A/3"]
    assert note([], 50) == []
