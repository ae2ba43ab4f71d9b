"""Links, decisions and their undoing keep the partition that they should, in any order and for ever."""

import random
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from unsilo import identity
from unsilo.flow.decide.link import link, unlink
from unsilo.flow.decide.review import decide_pair, pair_of, undo_pair, waiting
from unsilo.flow.persons.explain import explain_stored
from unsilo.flow.persons.place import decide_new, place_patient
from unsilo.flow.persons.rebuild import export, rebuild, sample
from unsilo.flow.persons.replaced import join
from unsilo.flow.persons.training import compared, source_of_file, source_of_store, switch_model, train
from unsilo.flow.process import Piece, prepare_resource
from unsilo.identity.rules import Comparison
from unsilo.identity.simulate import HEADER, rates, simulate
from unsilo.storage import Store, Tx, open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    with open_store(tmp_path / "store") as opened:
        yield opened


def patient(id_: str, given: str = "Magdalena", family: str = "Quist", born: str = "1971-08-30", **more: Any) -> Any:
    """A Patient who lives in Troy."""
    return {
        "resourceType": "Patient", "id": id_, "name": [{"family": family, "given": [given]}], "birthDate": born,
        "gender": "female", "address": [{"line": ["9 Canal Street"], "city": "Troy", "postalCode": "12180"}], **more,
    }  # fmt: skip


def put(store: Store, resource: Any, mid: int = 1) -> int:
    """Store a Patient as a message would, and return its person."""
    piece: Piece = prepare_resource(resource, [], 1, 0, [])

    def job(tx: Tx) -> int:
        now = tx.current("Patient", piece.id)
        tx.put(
            "Patient", piece.id, piece.body, index=piece.index, lineage=[], at=tx.at, digest=piece.digest, previous=now
        )
        place_patient(tx, piece, "test", tx.at, mid)
        person = tx.person_of(piece.id)
        assert person is not None
        return person

    return store.submit(job).result(20)


def service(store: Store) -> Any:
    """What the use cases need of a service."""
    return SimpleNamespace(store=store)


def partition(store: Store) -> set[frozenset[str]]:
    """Return the sets of source Patients."""
    found: dict[int, set[str]] = {}
    for _, id_, person, _ in store.match_records():
        found.setdefault(person, set()).add(id_)
    return {frozenset(ids) for ids in found.values()}


def test_the_scorer_links_and_says_so(store: Store) -> None:
    """A nickname, lost accents and a move are one person; the edge has score, version and a sentence of parts."""
    one = put(store, patient("a", "Margaret", "Šimić"))
    assert put(store, patient("b", "Peggy", "SIMIC")) == one
    edge = store.sources(one)[-1]
    assert edge.rule == f"scored by {identity.default().version}"
    assert 0.9 < edge.score < 1
    assert "the same birth date" in edge.reason


def test_twins_wait_and_a_decision_holds_for_ever(store: Store) -> None:
    """The second twin is alone and the pair waits; said to be apart, no later message joins them; undone, it waits."""
    one, other = put(store, patient("a", "Magdalena")), put(store, patient("b", "Agnieszka"))
    assert one != other
    [row] = waiting(store)
    assert {row.left, row.right} == {"a", "b"}
    pair = pair_of(store, row)
    assert pair.verdict is not None
    assert "twin" in pair.verdict.cautions
    assert decide_pair(service(store), "a", "b", "apart", "kim", "asked the mother").value == one
    assert waiting(store) == []
    for _ in range(3):
        assert put(store, patient("b", "Magdalena")) == other  # even with the other's particulars
        assert put(store, patient("b", "Agnieszka")) == other
    assert undo_pair(service(store), "a", "b", "kim", "the mother was another one").value == one
    assert [state for state in store.review_counts() if state == "open"] == ["open"]
    assert undo_pair(service(store), "a", "b", "kim", "again").value is None


def test_what_is_said_to_be_one_person_stays_one(store: Store) -> None:
    """`same` joins whatever the scorer thinks, and the record stays there; undoing parts them again."""
    one = put(store, patient("a"))
    put(store, patient("b", "Ruth", "Okafor", "1950-01-01"))
    assert decide_pair(service(store), "a", "b", "same", "kim", "she told me").value == one
    assert put(store, patient("b", "Ruth", "Okafor", "1950-01-02")) == one
    undo_pair(service(store), "a", "b", "kim", "wrong")
    assert partition(store) == {frozenset("a"), frozenset("b")}


def test_a_decision_needs_a_reason_and_two_patients(store: Store) -> None:
    """What cannot be decided is told as an Issue."""
    put(store, patient("a"))
    assert decide_pair(service(store), "a", "b", "same", "kim", " ").issues[0].rule == "review.reason"
    assert decide_pair(service(store), "a", "nobody", "same", "kim", "x").issues[0].rule == "review.patient"


@pytest.mark.parametrize("seed", range(4))
def test_links_undone_in_any_order_give_the_first_partition(store: Store, seed: int) -> None:
    """Random decisions and their undoing leave what was never linked; who was not touched keeps the person."""
    draw = random.Random(seed)
    first = {
        f"p{n}": put(store, patient(f"p{n}", family=f"Fam{n}ly", born=f"19{40 + n}-0{1 + n}-11")) for n in range(6)
    }
    before = partition(store)
    done: list[tuple[str, str]] = []
    for _ in range(5):
        left, right = draw.sample(sorted(first), 2)
        together = {id_: ids for ids in partition(store) for id_ in ids}
        if together[left] == together[right]:
            continue
        decide_pair(service(store), left, right, "same", "kim", "x")
        done.append((left, right))
    draw.shuffle(done)
    for left, right in done:
        undo_pair(service(store), left, right, "kim", "y")
    assert partition(store) == before
    touched = {id_ for pair in done for id_ in pair}
    assert all(store.person_of(id_) == first[id_] for id_ in first if id_ not in touched)
    assert store.verify() == []


@pytest.mark.parametrize("seed", range(3))
def test_cannot_link_holds_under_any_arrivals(store: Store, seed: int) -> None:
    """Two that are apart never share a person, in whatever order and wording their records come again."""
    draw = random.Random(seed)
    put(store, patient("a"))
    put(store, patient("b", "Agnieszka"))
    decide_pair(service(store), "a", "b", "apart", "kim", "x")
    for n in range(12):
        id_ = draw.choice(("a", "b", f"c{n % 3}"))
        put(
            store, patient(id_, draw.choice(("Magdalena", "Agnieszka", "Lena")), draw.choice(("Quist", "Kvist"))), n + 2
        )
        assert not any({"a", "b"} <= ids for ids in partition(store))


def apart(store: Store) -> set[frozenset[str]]:
    """Return the pairs of which it was said last that they are two persons."""

    def job(tx: Tx) -> set[frozenset[str]]:
        ids = [id_ for _, id_, _, _ in store.match_records()]
        return {frozenset({id_, other}) for id_ in ids for other, kind in tx.decided(id_).items() if kind == "apart"}

    return store.submit(job).result(20)


@pytest.mark.parametrize("seed", [1, 3, 4, 9, 11])
def test_cannot_link_holds_under_any_steps(store: Store, seed: int) -> None:
    """Arrivals, decisions, their undoing, links and unlinks by hand, merges of a sender: who is apart stays apart."""
    draw = random.Random(seed)
    ids = [f"p{n}" for n in range(5)]
    for id_ in ids:
        put(store, patient(id_, draw.choice(("Magdalena", "Agnieszka"))))
    barred = refused = 0
    for n in range(25):
        step, (left, right) = (
            draw.choice(("put", "same", "apart", "undo", "link", "unlink", "merge")),
            draw.sample(ids, 2),
        )
        if step == "put":
            given, family = draw.choice(("Magdalena", "Agnieszka", "Lena")), draw.choice(("Quist", "Kvist"))
            put(store, patient(left, given, family), n + 2)
        elif step in ("same", "apart"):
            refused += decide_pair(service(store), left, right, step, "kim", "x").value is None  # type: ignore[arg-type]
        elif step == "undo":
            undo_pair(service(store), left, right, "kim", "y")
        elif step == "link":
            link(service(store), left, store.person_of(right) or 0, "kim", "z")
        elif step == "unlink":
            unlink(service(store), left, "kim", "z")
        else:
            store.submit(lambda tx, a=left, b=right, n=n: join(tx, a, b, "feed:x", n + 2, "merged")).result(20)
        together = {frozenset(pair) for members in partition(store) for pair in combinations(sorted(members), 2)}
        assert not apart(store) & together, (n, step, left, right)
        barred += len(apart(store))
    assert barred
    assert refused


def test_who_is_apart_joins_through_nobody(store: Store) -> None:
    """Neither a person, nor a sender's merge, nor a number brings a record to a person of whom one is another's."""
    put(store, patient("a"))
    put(store, patient("x", "Otto", "Falk", "1940-01-02"))
    put(store, patient("c", "Lena", "Moser", "1990-11-12"))
    assert decide_pair(service(store), "a", "x", "same", "kim", "married").value is not None
    assert decide_pair(service(store), "a", "c", "apart", "kim", "seen both").value is not None
    said = decide_pair(service(store), "x", "c", "same", "lee", "same card")
    assert [issue.rule for issue in said.issues] == ["review.apart"]
    [issue] = store.submit(lambda tx: join(tx, "c", "x", "feed:x", 3, "merged")).result(20)
    assert (issue.rule, issue.severity) == ("merge.apart", "error")
    number = [{"system": "http://hl7.org/fhir/sid/us-ssn", "value": "412-55-1234"}]
    put(store, patient("x", "Otto", "Falk", "1940-01-02", identifier=number), 4)
    put(store, patient("c", "Otto", "Falk", "1940-01-02", identifier=number), 5)
    assert partition(store) == {frozenset({"a", "x"}), frozenset({"c"})}
    assert ("merge-apart", "open") in {(row.rule, row.state) for row in store.reviews("open")}


def made_up(people: int, seed: int) -> dict[str, tuple[Any, str]]:
    """Return Patients of made-up people, most with a social security number: id -> Patient and whose it is."""
    often = {**rates(), "ssn_missing": 0.1, "ssn_last4": 0.0}
    found = {}
    for cells in simulate(people, seed, often):
        row = dict(zip(HEADER, cells, strict=True))
        resource = patient(f"r{row['record_id']}", row["given_name"] or "?", row["family_name"] or "?", "")
        resource["birthDate"] = row["birth_date"] if "-" in row["birth_date"] else ""
        resource["identifier"] = [{"system": "http://hl7.org/fhir/sid/us-ssn", "value": row["ssn"]}]
        resource["address"] = [{"line": [row["street"]], "city": row["city"], "postalCode": row["postal_code"]}]
        resource["gender"] = {"M": "male", "F": "female"}.get(row["sex"], "unknown")
        found[resource["id"]] = resource, row["truth"]
    return found


def certain_pairs(resources: list[Any]) -> set[frozenset[str]]:
    """Return pairs with one number, where nothing contradicts among all who hang together by numbers."""
    records = {resource["id"]: identity.record(resource) for resource in resources}
    sets = {id_: {id_} for id_ in records}
    against, same = set(), set()
    for one, other in combinations(sorted(records), 2):
        found = Comparison(records[one], records[other])
        if found.conflicts:
            against.add(frozenset({one, other}))
        if found.same_identifier:
            same.add(frozenset({one, other}))
            joined = sets[one] | sets[other]
            sets.update(dict.fromkeys(joined, joined))
    return {
        pair for pair in same if not any(frozenset(two) in against for two in combinations(sorted(sets[min(pair)]), 2))
    }


def test_the_certain_links_do_not_depend_on_the_order(tmp_path: Path) -> None:
    """Made-up people in four orders: who has one number and nothing against it is one person, and nobody is wrongly."""
    made = made_up(70, 9)
    ids = sorted(made)
    wanted = certain_pairs([resource for resource, _ in made.values()])
    assert len(wanted) > 20
    wrong = 0
    for seed in range(4):
        random.Random(seed).shuffle(ids)
        with open_store(tmp_path / str(seed)) as store:
            for id_ in ids:
                put(store, made[id_][0])
            sets = partition(store)
            together = {frozenset(pair) for members in sets for pair in combinations(sorted(members), 2)}
            assert wanted <= together, wanted - together
            wrong += sum(len({made[id_][1] for id_ in members}) > 1 for members in sets)
    assert wrong == 0


def test_who_shares_few_keys_changes_no_decision(store: Store) -> None:
    """Whether those are read or not, a new record goes to the same person."""
    everybody = list(made_up(150, 21).values())
    arriving = everybody[::4]
    for resource, _ in (each for n, each in enumerate(everybody) if n % 4):
        put(store, resource)
    scorer = identity.default().scorer()

    def both(tx: Tx, resource: Any) -> tuple[int | None, int | None, bool]:
        record = identity.record(resource)
        keys = identity.keys(record)
        others = tx.met(keys)[1]
        whole = identity.decide(record, tx.candidates(keys), scorer)
        return decide_new(tx, record, keys, scorer).person, whole.person, bool(others)

    found = [store.submit(lambda tx, each=each: both(tx, each)).result(20) for each, _ in arriving]
    assert all(quick == whole for quick, whole, _ in found)
    assert sum(quick is not None for quick, _, _ in found) > 3
    assert any(others for _, _, others in found)


def test_training_compares_before_it_switches(store: Store, tmp_path: Path) -> None:
    """A model of a file is compared with the one that decides; only a switch changes who decides; both are kept."""
    people = tmp_path / "people.csv"
    text = [",".join(HEADER), *(",".join(row) for row in simulate(1500, 2, rates()))]
    people.write_text("\n".join(text), "utf-8")
    source = source_of_file(people).value
    assert source is not None
    model = train(source, "town-1").value
    assert model is not None
    assert 1.0 < model.shares.same < 2.0
    difference = compared(store, model, source)
    assert difference.pairs > 500
    assert store.match_model() is None
    switch_model(store, model, "kim")
    put(store, patient("a", "Margaret"))
    person = put(store, patient("b", "Margaret"))
    assert {edge.rule for edge in store.sources(person)} >= {"R2"}
    found = store.match_model()
    assert found is not None
    assert identity.unpack_model(found[1]) == model
    assert train(source, " ").value is None


def test_explanations_sum_and_the_index_is_made_anew(store: Store, tmp_path: Path) -> None:
    """Explain, rebuild, export and sample work on what is stored."""
    put(store, patient("a"))
    put(store, patient("b", "Agnieszka"))
    verdict = explain_stored(store, "a", "Patient/b").value
    assert verdict is not None
    assert verdict.score == pytest.approx(sum(part.weight for part in verdict.parts))
    assert all(part.says in verdict.sentence for part in verdict.parts[1:])
    assert explain_stored(store, "a", "nobody").value is None
    assert rebuild(store) == 2
    assert export(store, tmp_path / "edges.csv") == 2
    assert sample(store, tmp_path / "sample.csv", 10, 1) == 1


def test_a_full_block_is_bounded(store: Store) -> None:
    """Hundreds who share a telephone and an address are told apart, and none of them is linked by that."""

    def crowd(tx: Tx) -> None:
        for n in range(250):
            record = identity.record(patient(f"x{n}", f"Name{n}", f"Fam{n}ly", f"19{n % 60 + 30}-01-{n % 27 + 1:02}"))
            tx.remember(record.patient_id, identity.pack(record), identity.keys(record))
            tx.link(record.patient_id, None, "none", "", "test", 1, 1)

    store.submit(crowd).result(60)
    asked = identity.record(patient("y", "Zed", "Other", "1999-12-31"))
    found: Callable[[Tx], int] = lambda tx: len(tx.candidates(identity.keys(asked)))  # noqa: E731
    assert store.submit(found).result(20) <= 200


def test_training_from_the_store_heeds_what_people_decided(store: Store) -> None:
    """Without a file the records of the store are learned from; a handful of decisions is told to be too few."""
    assert source_of_store(store).value is None
    put(store, patient("a"))
    put(store, patient("b", "Agnieszka"))
    decide_pair(service(store), "a", "b", "apart", "kim", "twins, seen both")
    source = source_of_store(store).value
    assert source is not None
    assert source.answers == [("a", "b", False)]
    done = train(source, "town-2")
    assert done.value is not None
    assert [issue.rule for issue in done.issues] == ["train.answers"]


def test_parent_and_child_are_told_apart_without_asking(store: Store) -> None:
    """One is Sr, the other Jr, born a generation apart, at one address: two persons, and nobody need look."""
    one = put(store, patient("sr", "Walter", "King Sr", "1948-03-02"))
    other = put(store, patient("jr", "Walter", "King Jr", "1975-03-02"))
    assert one != other
    assert waiting(store) == []


def state(store: Store, left: str, right: str) -> tuple[str, str]:
    """Return state and actor of a pair of the queue."""
    return store.submit(lambda tx: tx.review_state(left, right)).result(20)


def test_a_second_opinion_is_somebody_elses(store: Store) -> None:
    """Who asks for it cannot decide, what was leaned to decides nothing, and both opinions stay in history."""
    put(store, patient("a"))
    put(store, patient("b", "Agnieszka"))
    before = partition(store)
    asked = decide_pair(service(store), "a", "b", "second", "kim", "cannot tell", leaning="same")
    assert asked.value is not None
    assert state(store, "a", "b") == ("second", "kim")
    assert partition(store) == before
    own = decide_pair(service(store), "a", "b", "same", "kim", "changed my mind")
    assert [issue.rule for issue in own.issues] == ["review.second"]
    put(store, patient("b", "Agnieszka", telecom=[{"system": "phone", "value": "5185550100"}]))
    assert state(store, "a", "b") == ("second", "kim")
    assert decide_pair(service(store), "a", "b", "apart", "lee", "twins").value is not None
    assert state(store, "a", "b") == ("apart", "lee")
    assert [(one.kind, one.actor) for one in store.opinions("a", "b")] == [("second-same", "kim"), ("apart", "lee")]
    assert undo_pair(service(store), "a", "b", "lee", "not so sure").value is not None
    assert state(store, "a", "b")[0] == "open"


def overlaid(store: Store) -> int:
    """Store a record whose number suddenly carries somebody else's particulars; return its person."""
    put(store, patient("a"))
    put(store, patient("a2"))
    person = put(store, patient("a", "Reginald", "Oyelaran", "1938-01-02", gender="male"))
    assert [(row.left, row.right, row.rule) for row in waiting(store)] == [("a", "a", "overlay")]
    return person


def test_an_overlay_stops_and_asks(store: Store) -> None:
    """It stays where it is until somebody says; as somebody else it is a person of its own; that can be undone."""
    person = overlaid(store)
    assert decide_pair(service(store), "a", "a", "apart", "kim", "another man's card").value not in (None, person)
    assert partition(store) == {frozenset({"a"}), frozenset({"a2"})}
    assert state(store, "a", "a") == ("apart", "kim")
    assert undo_pair(service(store), "a", "a", "kim", "it was her after all").value is not None
    assert state(store, "a", "a")[0] == "open"


def test_an_overlay_by_two_people(store: Store) -> None:
    """With the rule of two, one alone decides nothing, nobody confirms themselves, and who disagree set it aside."""
    overlaid(store)
    before = partition(store)
    decide_pair(service(store), "a", "a", "apart", "kim", "another man's card", two=True)
    assert (partition(store), state(store, "a", "a")) == (before, ("second", "kim"))
    assert decide_pair(service(store), "a", "a", "apart", "kim", "as I said", two=True).value is None
    decide_pair(service(store), "a", "a", "same", "lee", "she changed her name", two=True)
    assert (partition(store), state(store, "a", "a")) == (before, ("unsure", "lee"))
    decide_pair(service(store), "a", "a", "apart", "kim", "card seen", two=True)
    decide_pair(service(store), "a", "a", "apart", "lee", "card seen too", two=True)
    assert partition(store) != before
    assert state(store, "a", "a") == ("apart", "lee")


def test_ids_stay_under_random_steps(store: Store) -> None:
    """Hundreds of links and unlinks: the partition is as a model of it says, no id is ever used for another person."""
    draw = random.Random(7)
    ids = [f"p{n}" for n in range(12)]
    for id_ in ids:
        put(
            store,
            patient(id_, f"Name{id_}", f"Fam{id_}", f"19{30 + len(id_)}-0{1 + int(id_[1:]) % 9}-1{int(id_[1:]) % 9}"),
        )
    home = {id_: store.person_of(id_) or 0 for id_ in ids}
    uids: dict[int, str] = {}

    def step(tx: Tx) -> None:
        for _ in range(600):
            id_ = draw.choice(ids)
            if draw.random() < 0.4:
                fresh = tx.unlink(id_, "manual", "test", "kim", tx.at)
                assert fresh not in home.values()
                assert fresh not in uids
                home[id_] = fresh
            else:
                target = home[draw.choice(ids)]
                assert tx.link(id_, target, "manual", "test", "kim", tx.at) == target
                home[id_] = target
            uids.setdefault(home[id_], "")

    store.submit(step).result(60)
    assert {id_: store.person_of(id_) for id_ in ids} == home
    for person in set(home.values()):
        row = store.person(person)
        assert row is not None
        assert row.person == person
    assert len({row.uid for person in set(home.values()) if (row := store.person(person))}) == len(set(home.values()))
