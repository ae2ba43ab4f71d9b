"""Merging two source Patients and undoing it: edges, versions and decisions, one at a time and many at once."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from unsilo.config import Feed, Settings
from unsilo.flow.commit import commit
from unsilo.flow.decide.link import unlink
from unsilo.flow.decide.merge import Merged, Named, merge, unmerge
from unsilo.flow.fhir import write
from unsilo.flow.fhir.outcome import Caller
from unsilo.flow.process import process
from unsilo.flow.service import Service
from unsilo.kernel import clock, json
from unsilo.policy import Predicate
from unsilo.policy.predicate import Compartment, Not

KIM = Caller("client:kim", "test", Predicate())


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Service]:
    """A node without workers."""
    service = Service(Settings(data=tmp_path / "node"))
    yield service
    service.store.close()


def patient(id_: str, given: str, family: str, born: str, **more: Any) -> dict[str, Any]:
    """A Patient with one number."""
    return {
        "resourceType": "Patient", "id": id_, "identifier": [{"system": "urn:mrn", "value": id_.upper()}],
        "name": [{"family": family, "given": [given]}], "birthDate": born, "gender": "female", **more,
    }  # fmt: skip


ADA = patient("ada", "Ada", "Okafor", "1950-01-01", active=True)
BEA = patient("bea", "Beatrix", "Lindqvist", "1971-08-30")
CLO = patient("clo", "Chloe", "Marchetti", "1988-03-12")


def put(node: Service, *resources: dict[str, Any]) -> None:
    """Store Patients as a program would."""
    for resource in resources:
        assert write.update(node, KIM, "Patient", resource["id"], resource).result(20).status < 300


def run(node: Service, source: str, target: str, **more: Any) -> Merged:
    """Merge by ids."""
    return merge(node, KIM, Named(source), Named(target), **more).result(20)


def body(node: Service, id_: str) -> dict[str, Any]:
    """Return the current content."""
    row = node.store.read("Patient", id_)
    assert row is not None
    return dict(json.decode(row.body))


def rules(done: Merged) -> tuple[int, list[str]]:
    """Return status and codes of what was said."""
    return done.status, [issue.code for issue in done.issues if issue.severity == "error"]


def test_a_merge_retires_links_and_is_one_person_at_once(node: Service) -> None:
    """The source says by what it was replaced, the target what it replaces; both are one person; a preview is none."""
    put(node, ADA, BEA)
    store = node.store
    target = store.person_of("bea")
    assert store.person_of("ada") != target
    seen = run(node, "ada", "bea", preview=True)
    assert seen.status == 200
    assert seen.target is not None
    assert seen.target["link"] == [{"other": {"reference": "Patient/ada"}, "type": "replaces"}]
    assert body(node, "bea") == BEA
    done = run(node, "ada", "bea")
    assert done.target == {**BEA, "link": [{"other": {"reference": "Patient/ada"}, "type": "replaces"}]}
    assert body(node, "ada")["active"] is False
    assert body(node, "ada")["link"] == [{"other": {"reference": "Patient/bea"}, "type": "replaced-by"}]
    assert store.person_of("ada") == target
    edge = next(source for source in store.sources(target or 0) if source.patient_id == "ada")
    assert (edge.rule, edge.actor) == ("merge", "client:kim")
    assert "merge" in {row.action for row in store.audit_rows()}


def test_undoing_restores_exactly(node: Service) -> None:
    """Contents, persons and decisions are what they were; a second time there is nothing to undo."""
    put(node, ADA, BEA)
    before = {id_: node.store.person_of(id_) for id_ in ("ada", "bea")}
    run(node, "ada", "bea")
    assert unmerge(node, KIM, Named("ada"), Named("bea"), preview=True).result(20).status == 200
    assert body(node, "ada")["active"] is False
    assert unmerge(node, KIM, Named("ada"), Named("bea")).result(20).status == 200
    assert (body(node, "ada"), body(node, "bea")) == (ADA, BEA)
    assert {id_: node.store.person_of(id_) for id_ in ("ada", "bea")} == before
    assert node.store.submit(lambda tx: tx.decision("ada", "bea")).result(20) == "open"
    again = unmerge(node, KIM, Named("ada"), Named("bea")).result(20)
    assert rules(again) == (422, ["not-found"])


def test_undoing_keeps_what_was_said_since(node: Service) -> None:
    """What somebody changed after the merge stays; only what the merge said goes."""
    put(node, ADA, BEA)
    run(node, "ada", "bea")
    put(node, {**body(node, "ada"), "maritalStatus": {"text": "Widowed"}})
    put(node, {**body(node, "bea"), "gender": "unknown"})
    unmerge(node, KIM, Named("ada"), Named("bea")).result(20)
    assert body(node, "ada") == {**ADA, "maritalStatus": {"text": "Widowed"}}
    assert body(node, "bea") == {**BEA, "gender": "unknown"}


def test_result_patient_says_what_the_survivor_is(node: Service) -> None:
    """It must be the target and lead to the source; undone, the survivor says what it said before."""
    put(node, ADA, BEA)
    wrong = run(node, "ada", "bea", result={**BEA, "id": "clo"})
    assert rules(wrong) == (400, ["value"])
    assert rules(run(node, "ada", "bea", result=BEA)) == (400, ["required"])
    result = {
        **BEA, "identifier": [*BEA["identifier"], *ADA["identifier"]],
        "link": [{"other": {"reference": "http://h/fhir/Patient/ada"}, "type": "replaces"}],
    }  # fmt: skip
    assert run(node, "ada", "bea", result=result).target == result
    unmerge(node, KIM, Named("ada"), Named("bea")).result(20)
    assert body(node, "bea") == BEA


def test_by_identifiers(node: Service) -> None:
    """All identifiers must be those of one Patient, and of the one whose id is given."""
    put(node, ADA, BEA, patient("dup", "Dora", "Ng", "1990-09-09", identifier=[{"system": "urn:x|y", "value": "a,b"}]))
    ada, dup = ("urn:mrn", "ADA"), ("urn:x|y", "a,b")
    for source, codes in (
        (Named("", (("urn:mrn", "NOBODY"),)), ["not-found"]),
        (Named("", (ada, ("urn:mrn", "BEA"))), ["not-found"]),
        (Named("bea", (ada,)), ["conflict"]),
        (Named("", (("urn:mrn", ""),)), ["not-found"]),
    ):
        assert rules(merge(node, KIM, source, Named("dup")).result(20)) == (422, codes)
    assert rules(merge(node, KIM, Named(), Named("dup")).result(20)) == (400, ["required"])
    assert merge(node, KIM, Named("", (ada,)), Named("", (dup,))).result(20).status == 200
    assert node.store.person_of("ada") == node.store.person_of("dup")


def test_what_contradicts_is_refused_and_changes_nothing(node: Service) -> None:
    """Itself, nobody, deleted, merged already, A into B and B into A, over others, and what people said is two."""
    put(node, ADA, BEA, CLO, patient("dee", "Dee", "Gone", "1940-04-04"))
    write.delete(node, KIM, "Patient", "dee").result(20)
    assert rules(run(node, "ada", "ada")) == (422, ["business-rule"])
    assert rules(run(node, "ada", "nobody")) == (422, ["not-found"])
    assert rules(run(node, "dee", "ada")) == (422, ["not-found"])
    assert rules(run(node, "../x", "ada")) == (400, ["required"])
    assert run(node, "ada", "bea").status == 200
    assert rules(run(node, "ada", "bea")) == (422, ["duplicate"])
    assert rules(run(node, "bea", "ada")) == (422, ["conflict"])
    assert rules(run(node, "ada", "clo")) == (422, ["conflict"])
    assert rules(run(node, "clo", "ada")) == (422, ["conflict"])
    assert run(node, "bea", "clo").status == 200
    assert rules(run(node, "clo", "ada")) == (422, ["conflict"])
    circle = {**body(node, "clo"), "link": [{"other": {"reference": "Patient/ada"}, "type": "replaced-by"}]}
    refused = write.update(node, KIM, "Patient", "clo", circle).result(20)
    assert (refused.status, refused.issues[0].rule) == (422, "merge.circle")


def test_a_decision_of_people_stands_against_a_merge(node: Service) -> None:
    """What somebody said to be two persons is not merged until that is taken back."""
    put(node, ADA, BEA)
    run(node, "ada", "bea")
    unlink(node, "ada", "kim", "the mother was another one")
    unmerge(node, KIM, Named("ada"), Named("bea")).result(20)
    put(node, CLO)
    node.store.submit(lambda tx: tx.decide("clo", "bea", "apart", "seen both", "kim", tx.at)).result(20)
    assert rules(run(node, "clo", "bea")) == (422, ["conflict"])


def test_who_may_not_see_cannot_merge(node: Service) -> None:
    """A hidden Patient is as if it were not there; who sees a part only may not change."""
    put(node, ADA, BEA)
    blind = Caller("client:blind", "test", Predicate(allow=Not(Compartment(frozenset(("bea",))))))
    done = merge(node, blind, Named("ada"), Named("bea")).result(20)
    nobody = merge(node, blind, Named("ada"), Named("bex")).result(20)
    assert [issue.text.replace("bea", "bex") for issue in done.issues] == [issue.text for issue in nobody.issues]
    masked = Caller("client:part", "test", Predicate(elements={"Patient": frozenset(("birthDate",))}))
    assert merge(node, masked, Named("ada"), Named("bea")).result(20).status == 403


def test_merges_at_once_leave_one_survivor(node: Service) -> None:
    """Every pair of six in both directions at once: no circle, the losers inactive, and all of it can be undone."""
    ids = [f"p{n}" for n in range(6)]
    put(node, *(patient(id_, f"Given{n}", f"Family{n}x", f"19{40 + n}-0{1 + n}-11") for n, id_ in enumerate(ids)))
    pairs = [(a, b) for a in ids for b in ids if a != b]
    random.Random(7).shuffle(pairs)
    done = [merge(node, KIM, Named(a), Named(b)) for a, b in pairs]
    good = [pair for pair, future in zip(pairs, done, strict=True) if future.result(30).status == 200]
    alive = [id_ for id_ in ids if body(node, id_).get("active") is not False]
    assert len(good) == len(ids) - len(alive)
    for source, target in reversed(good):
        assert unmerge(node, KIM, Named(source), Named(target)).result(20).status == 200
    assert all("link" not in body(node, id_) and "active" not in body(node, id_) for id_ in ids)
    assert len({node.store.person_of(id_) for id_ in ids}) == len(ids)


def test_a_feed_by_fhir_merges_by_identifier(node: Service) -> None:
    """ITI-104: replaced-by with an identifier joins the survivor; without it again, it is what it was."""
    put(node, ADA, BEA)
    home = node.store.person_of("ada")
    link = [{"other": {"identifier": {"system": "urn:mrn", "value": "BEA"}}, "type": "replaced-by"}]
    put(node, {**ADA, "active": False, "link": link})
    assert node.store.person_of("ada") == node.store.person_of("bea")
    put(node, ADA)
    assert node.store.person_of("ada") == home
    unknown = [{"other": {"identifier": {"value": "Z9"}}, "type": "replaced-by"}]
    told = write.update(node, KIM, "Patient", "ada", {**ADA, "link": unknown}).result(20)
    assert [(told.status, issue.rule) for issue in told.issues] == [(200, "merge.survivor")]


def test_a_feed_of_bundles_merges_too(node: Service) -> None:
    """A Bundle whose Patient says that another one replaced it joins both; a survivor nobody knows is a warning."""
    feed = Feed("fhir", "fhir")

    def take(*people: dict[str, Any]) -> list[str]:
        entries = [{"fullUrl": f"urn:uuid:{one['id']}", "resource": one} for one in people]
        content = json.encode({"resourceType": "Bundle", "type": "collection", "entry": entries})
        incoming = node.read(feed, content).whole
        receipt = node.store.receive(incoming).result(20)
        done = node.store.submit(commit(process(incoming.envelope, feed, receipt.mid), feed, clock.now())).result(20)
        return [issue.rule for issue in done.issues]

    def person(number: str) -> int | None:
        return next(p for _, id_, p, _ in node.store.match_records() if number in str(body(node, id_)["identifier"]))

    take(ADA, BEA)
    assert person("ADA") != person("BEA")
    gone = {**ADA, "active": False, "link": [{"other": {"reference": "urn:uuid:bea"}, "type": "replaced-by"}]}
    assert not {"merge.survivor", "commit.merge-circle"} & set(take(gone, BEA))
    assert person("ADA") == person("BEA")
