"""Transactions: links between entries, conditions, order, all or nothing."""

import base64
from pathlib import Path
from typing import Any

import pytest

from tests.unit.flow.fhir.node import ALL, WAIT, body, bundle, entry, got, node, observation, patient
from unsilo.flow.fhir import write
from unsilo.flow.fhir.outcome import Written
from unsilo.flow.fhir.transaction import transaction
from unsilo.flow.service import Service
from unsilo.kernel import json

ONE, TWO = "urn:uuid:11111111-1111-1111-1111-111111111111", "urn:uuid:22222222-2222-2222-2222-222222222222"


def run(service: Service, *entries: Any) -> list[Written]:
    """The answers of a transaction that succeeds, without those of readings."""
    done = transaction(service, ALL, bundle(*entries)).result(WAIT)
    assert isinstance(done, list), done
    assert len(done) == len(entries)
    return [one for one in done if one is not None]


def refused(service: Service, *entries: Any) -> Written:
    """The refusal of a transaction, of which nothing is left."""
    before = service.store.counts(), service.store.guarded.count_history(ALL.predicate, None, None)
    done = transaction(service, ALL, bundle(*entries)).result(WAIT)
    assert isinstance(done, Written), done
    assert done.issues
    assert (service.store.counts(), service.store.guarded.count_history(ALL.predicate, None, None)) == before
    return done


def test_entries_refer_to_each_other(service: Service) -> None:
    """References, links in elements of type uri and in the narrative, and relative ones, get the new ids."""
    div = f'<div><a href="{ONE}">p</a><img src="{TWO}#x"/> {ONE}</div>'
    within = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": observation("urn:uuid:own")}]}
    linked = observation(
        ONE, text={"status": "generated", "div": div}, extension=[{"url": "urn:e", "valueUri": ONE}],
        instantiatesUri=[TWO, "urn:other"], note=[{"text": ONE}], derivedFrom=[{"reference": f"{TWO}#part"}],
        focus=[{"reference": "Patient/old"}, {"reference": "Patient/stays"}],
    )  # fmt: skip
    entries = [
        entry("POST", "Observation", linked, TWO),
        entry("POST", "Patient", patient(), ONE),
        entry("POST", "Patient", patient("2"), "http://old.example/fhir/Patient/old"),
        entry("POST", "Bundle", within),
    ]
    first, second, third, fourth = run(service, *entries)
    made, p, o = body(first), f"Patient/{second.id}", f"Observation/{first.id}"
    assert made["subject"] == {"reference": p}
    assert made["text"]["div"] == f'<div><a href="{p}">p</a><img src="{o}#x"/> {ONE}</div>'
    assert made["extension"] == [{"url": "urn:e", "valueUri": p}]
    assert made["instantiatesUri"] == [o, "urn:other"]
    assert made["note"] == [{"text": ONE}]
    assert made["derivedFrom"] == [{"reference": f"{o}#part"}]
    assert [f["reference"] for f in made["focus"]] == [f"Patient/{third.id}", "Patient/stays"]
    assert body(fourth)["entry"] == within["entry"]  # what a Bundle within names are entries of its own
    assert [w.status for w in (first, second, third)] == [201, 201, 201]
    assert service.store.verify() == []


def test_the_standards_order_not_the_bundles(service: Service) -> None:
    """Deletions come before creations, these before changes; answers are in the Bundle's order, None for readings."""
    got(write.update(service, ALL, "Patient", "gone", patient("7", id="gone")))
    got(write.update(service, ALL, "Patient", "kept", patient("8", id="kept")))
    patch = base64.b64encode(json.encode([{"op": "add", "path": "/active", "value": True}])).decode()
    binary = {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": patch}
    done = run(
        service,
        entry("GET", "Patient?identifier=urn:mrn|7"),
        entry("PATCH", "Patient/kept", binary),
        entry("PUT", "Patient/new", patient("9", id="new")),
        entry("POST", "Patient", patient("7"), ifNoneExist="identifier=urn:mrn|7777"),
        entry("DELETE", "Patient/gone"),
    )
    assert [(w.status, w.version) for w in done] == [
        (200, 2), (201, 1), (201, 1), (204, 2),
    ]  # fmt: skip
    assert service.store.counts().resources == {"Patient": 3}


def test_conditions_are_met_or_create(service: Service) -> None:
    """ifNoneExist, updates and deletions by condition, and conditional references, within one transaction."""
    known = got(write.create(service, ALL, "Patient", patient("1"))).id
    old = got(write.create(service, ALL, "Patient", patient("old"))).id
    done = run(
        service,
        entry("POST", "Patient", patient("1", "Other"), ONE, ifNoneExist="identifier=urn:mrn|1"),
        entry("POST", "Observation", observation(ONE)),
        entry("POST", "Observation", observation("Patient?identifier=urn:mrn|1", 2)),
        entry("PUT", "Patient?identifier=urn:mrn|2", patient("2"), TWO),
        entry("POST", "Observation", observation(TWO, 3)),
        entry("DELETE", "Patient?identifier=urn:mrn|old"),
    )
    assert [w.status for w in done] == [200, 201, 201, 201, 201, 204]
    first, by_entry, by_search, put, by_put, dropped = done
    assert first.id == known
    assert dropped.id == old
    assert body(by_entry)["subject"] == body(by_search)["subject"] == {"reference": f"Patient/{known}"}
    assert body(by_put)["subject"] == {"reference": f"Patient/{put.id}"}
    again = run(service, entry("PUT", "Patient?identifier=urn:mrn|2", patient("2", "New"), TWO))
    assert (again[0].status, again[0].id, again[0].version) == (200, put.id, 2)


def test_deletions_that_meet_nothing_are_done(service: Service) -> None:
    """They are as when it had been deleted before: by id and by condition, and what else the Bundle says is written."""
    gone, none, made = run(
        service, entry("DELETE", "Patient/never"), entry("DELETE", "Patient?identifier=urn:mrn|none"), GOOD
    )  # fmt: skip
    assert [(w.status, w.id, w.version) for w in (gone, none)] == [(204, "", 0)] * 2
    assert made.status == 201


def test_deletions_by_condition_may_be_switched_off(tmp_path: Path) -> None:
    """The setting holds in a transaction too."""
    with node(tmp_path, conditional_delete="off") as service:
        got(write.create(service, ALL, "Patient", patient("1")))
        answer = refused(service, GOOD, entry("DELETE", "Patient?identifier=urn:mrn|1"))
        assert (answer.status, answer.issues[0].where.path) == (405, "Bundle.entry[1]")


def test_patches_refer_to_entries_too(service: Service) -> None:
    """Links in a JSON Patch and in a FHIRPath Patch become those of what the Bundle creates."""
    got(write.update(service, ALL, "Observation", "a", observation(id="a")))
    got(write.update(service, ALL, "Observation", "b", observation(id="b")))
    patch = [
        {"op": "replace", "path": "/subject/reference", "value": ONE},
        {"op": "add", "path": "/focus", "value": [{"reference": ONE}]},
        {"op": "add", "path": "/subject/display", "value": ONE},
    ]
    binary = {
        "resourceType": "Binary", "contentType": "application/json-patch+json",
        "data": base64.b64encode(json.encode(patch)).decode(),
    }  # fmt: skip
    parts = [
        {"name": "type", "valueCode": "replace"}, {"name": "path", "valueString": "Observation.subject"},
        {"name": "value", "valueReference": {"reference": ONE}},
    ]  # fmt: skip
    parameters = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}
    first, second, made = run(
        service, entry("PATCH", "Observation/a", binary), entry("PATCH", "Observation/b", parameters),
        entry("POST", "Patient", patient(), ONE),
    )  # fmt: skip
    there = {"reference": f"Patient/{made.id}"}
    assert (body(first)["subject"], body(first)["focus"]) == ({**there, "display": ONE}, [there])
    assert body(second)["subject"] == there


def test_two_creations_under_one_condition_make_one(service: Service) -> None:
    """The second entry stands for what the first makes."""
    create = entry("POST", "Patient", patient("5"), ONE, ifNoneExist="identifier=urn:mrn|5")
    second = entry("POST", "Patient", patient("5"), TWO, ifNoneExist="identifier=urn:mrn|5")
    done = run(service, create, second, entry("POST", "Observation", observation(TWO)))
    assert [w.status for w in done] == [201, 200, 201]
    assert done[0].id == done[1].id
    assert body(done[2])["subject"] == {"reference": f"Patient/{done[0].id}"}
    assert service.store.counts().resources == {"Observation": 1, "Patient": 1}


GOOD = entry("POST", "Patient", patient("good"))


@pytest.mark.parametrize(
    ("wrong", "status", "place"),
    [
        (5, 400, "Bundle.entry[1]"),
        ({}, 400, "Bundle.entry[1].request"),
        (entry("POST", "Patient"), 400, "Bundle.entry[1].resource"),
        (entry("POST", "Patient", observation()), 400, "Bundle.entry[1].resource.resourceType"),
        (entry("POST", "Patient/1", patient()), 400, "Bundle.entry[1].request.url"),
        (entry("POST", "Patient/$match", patient()), 400, "Bundle.entry[1].request.url"),
        (entry("POST", "Nothing", patient()), 400, "Bundle.entry[1].request.url"),
        (entry("PUT", "Patient", patient()), 400, "Bundle.entry[1].request.url"),
        (entry("PUT", "Patient/a\n", patient(id="a\n")), 400, "Bundle.entry[1].request.url"),
        (entry("PUT", "Patient/a", patient(id="b")), 400, "Bundle.entry[1].resource.id"),
        (entry("PUT", "Patient/a", patient(id="a"), ifMatch='W/"3"'), 412, "Bundle.entry[1]"),
        (entry("PUT", "Patient/a", patient(id="a"), ifMatch=3), 400, "Bundle.entry[1].request.ifMatch"),
        (entry("EAT", "Patient/a"), 400, "Bundle.entry[1].request.method"),
        (entry("DELETE", "Patient/never", ifMatch='W/"1"'), 412, "Bundle.entry[1]"),
        (entry("POST", "Observation", observation(ONE)), 400, "Bundle.entry[1].resource.subject.reference"),
        (entry("POST", "Observation", observation("Patient/a", partOf=[{}, {"reference": "urn:oid:2.999"}])), 400,
         "Bundle.entry[1].resource.partOf[1].reference"),
        (entry("PUT", "Observation/a", observation(f"{ONE}#part", id="a")), 400,
         "Bundle.entry[1].resource.subject.reference"),
        (entry("DELETE", "Patient?nothing=1"), 400, "Bundle.entry[1].http.nothing"),
        (entry("PATCH", "Patient/never", {"resourceType": "Parameters"}), 404, "Bundle.entry[1]"),
        (entry("PATCH", "Patient/a", {"resourceType": "Binary", "data": "!"}), 400,
         "Bundle.entry[1].resource.contentType"),
        (entry("POST", "Observation", observation("Patient?identifier=none")), 412, "Bundle.entry[1]"),
        (entry("POST", "Patient", {"resourceType": "Patient", "meta": 1}), 400, "Bundle.entry[1].resource.meta"),
        (entry("POST", "Patient", patient(), ifNoneExist="identifier=urn:mrn|twice"), 412, "Bundle.entry[1]"),
    ],
)  # fmt: skip
def test_one_wrong_entry_undoes_all(service: Service, wrong: Any, status: int, place: str) -> None:
    """The answer names the entry, and nothing of the others was written."""
    for _ in range(2):
        got(write.create(service, ALL, "Patient", patient("twice")))
    for others in ([GOOD], [GOOD, wrong]):
        done = refused(service, *others, wrong) if len(others) == 1 else refused(service, GOOD, wrong, GOOD)
        assert done.status == status
        assert done.issues[0].where.path == place


def test_the_same_resource_twice_is_refused(service: Service) -> None:
    """Two entries for one identity, by id or by condition, and two with one fullUrl."""
    known = got(write.create(service, ALL, "Patient", patient("1"))).id
    put = entry("PUT", f"Patient/{known}", patient("1", "A", id=known))
    for other in (put, entry("DELETE", f"Patient/{known}"), entry("PUT", "Patient?identifier=urn:mrn|1", patient("1"))):
        assert refused(service, put, other).status == 400
    assert refused(service, entry("POST", "Patient", patient(), ONE), entry("POST", "Group", {
        "resourceType": "Group"}, ONE)).status == 400  # fmt: skip


@pytest.mark.parametrize(
    "said", [None, [], {}, {"resourceType": "Bundle"}, {"resourceType": "Bundle", "type": "batch"},
             {"resourceType": "Bundle", "type": "transaction", "entry": {}}],
)  # fmt: skip
def test_what_is_no_transaction(service: Service, said: Any) -> None:
    """It is refused; one without entries, or that only reads, writes nothing."""
    done = transaction(service, ALL, said).result(WAIT)
    assert isinstance(done, Written)
    assert done.status == 400
    assert transaction(service, ALL, {"resourceType": "Bundle", "type": "transaction"}).result(WAIT) == []
    assert run(service, entry("GET", "Patient/1")) == []


def test_a_condition_that_changes_before_the_writers_turn_is_asked_again(service: Service) -> None:
    """What was found ahead is not believed: between it and the transaction somebody else may write."""
    entries = [entry("POST", "Patient", patient("6"), ONE, ifNoneExist="identifier=urn:mrn|6"),
               entry("POST", "Observation", observation(ONE))]  # fmt: skip
    meanwhile = service.store.submit(lambda _tx: __import__("time").sleep(0.2))
    other = write.create(service, ALL, "Patient", patient("6"))
    done = transaction(service, ALL, bundle(*entries)).result(WAIT)
    meanwhile.result(WAIT)
    assert isinstance(done, list)
    first, second = (one for one in done if one is not None)
    assert (first.status, first.id) == (200, got(other).id)
    assert body(second)["subject"] == {"reference": f"Patient/{got(other).id}"}
    assert service.store.counts().resources == {"Observation": 1, "Patient": 1}


def test_one_audit_row_and_one_outbox_row(service: Service) -> None:
    """A transaction is one act: a row for each person concerned, and one list of what changed."""
    run(service, entry("POST", "Patient", patient("1"), ONE), entry("POST", "Observation", observation(ONE)))
    [row] = service.store.audit_rows(action="transaction")
    assert row.what == "2 resources"
    assert row.person != 0
    [sent] = service.store.outbox()
    assert len(json.decode(sent.payload)["changed"]) == 2
