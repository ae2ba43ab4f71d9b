"""Single writes: ids, versions, conditions, hidden resources, audit, references."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.flow.fhir.node import ALL, TAG, WAIT, body, bundle, caller, entry, got, node, observation, patient
from unsilo.fhir.subset import subset
from unsilo.flow.fhir import write
from unsilo.flow.fhir.outcome import Caller, Written
from unsilo.flow.fhir.transaction import transaction
from unsilo.flow.service import Service
from unsilo.kernel import json
from unsilo.policy import Label, Not, Predicate, Types


def test_create_gives_an_id_and_keeps_what_was_sent(service: Service) -> None:
    """The client's id, versionId and lastUpdated are replaced; everything else is as it was sent."""
    meta = {"versionId": "7", "lastUpdated": "2020-01-01T00:00:00Z", "tag": [{"code": "t"}], "profile": ["urn:p"]}
    sent = patient(id="mine", meta=meta)
    done = got(write.create(service, ALL, "Patient", sent))
    assert (done.status, done.version) == (201, 1)
    assert done.id != "mine"
    kept = body(done)
    assert kept["meta"] == {"tag": [{"code": "t"}], "profile": ["urn:p"]}
    assert list(kept) == ["resourceType", "id", "meta", "name", "identifier"]
    assert sent["meta"] == meta
    row = service.store.guarded.read(ALL.predicate, "Patient", done.id)
    assert row is not None
    assert (row.version, row.updated, row.body) == (1, done.updated, done.body)


@pytest.mark.parametrize(
    ("resource", "status"),
    [
        (None, 400), ([], 400), ("x", 400), ({}, 400), ({"resourceType": "Observation"}, 400),
        ({"resourceType": "Nothing"}, 400), ({"resourceType": 5}, 400), ({"resourceType": ["Patient"]}, 400),
        ({"resourceType": "Patient", "meta": []}, 400), ({"resourceType": "Patient", "meta": "x"}, 400),
        ({"resourceType": "Patient", "name": "text", "identifier": {"value": 5}, "birthDate": {}}, 201),
    ],
)  # fmt: skip
def test_what_is_no_resource_is_refused_with_its_place(service: Service, resource: Any, status: int) -> None:
    """Garbage gives Issues; wrong shapes inside are kept as they are, for validation to judge."""
    done = got(write.create(service, ALL, "Patient", resource))
    assert done.status == status
    assert bool(done.issues) == (status >= 400)


@pytest.mark.parametrize("id_", ["", "a\n", "a b", "a/b", "x" * 65, "é", "١٢", "a\u200b", "..", "a" * 64, "A-1.b"])
def test_ids_are_ids(service: Service, id_: str) -> None:
    """Only 1 to 64 ASCII letters, digits, `-` and `.`; a line end after it makes it none."""
    done = got(write.update(service, ALL, "Patient", id_, patient(id=id_)))
    good = id_ in ("..", "a" * 64, "A-1.b")
    assert done.status == (201 if good else 400)


def test_an_update_makes_the_next_version(service: Service) -> None:
    """Versions are gapless; an update that changes nothing makes none."""
    for n, status in ((1, 201), (2, 200), (2, 200), (3, 200)):
        done = got(write.update(service, ALL, "Patient", "a", patient(str(n), id="a")))
        assert (done.status, done.version) == (status, n)
    assert [row.version for row in service.store.history("Patient", "a")] == [3, 2, 1]


def test_the_id_of_an_update_is_that_of_the_address(service: Service) -> None:
    """Another id or none in the resource is refused."""
    for sent in (patient(), patient(id="b"), patient(id=5)):
        assert got(write.update(service, ALL, "Patient", "a", sent)).status == 400


def test_creating_by_put_can_be_switched_off(tmp_path: Path) -> None:
    """Then an unknown id is 405, a known one is updated."""
    with node(tmp_path, update_create=False) as service:
        assert got(write.update(service, ALL, "Patient", "a", patient(id="a"))).status == 405
        known = got(write.create(service, ALL, "Patient", patient())).id
        assert got(write.update(service, ALL, "Patient", known, patient("9", id=known))).status == 200


def test_if_match_guards_every_change(service: Service) -> None:
    """Only who names the current version changes it; nothing there matches no version."""
    got(write.update(service, ALL, "Patient", "a", patient(id="a")))
    update = lambda match: got(write.update(service, ALL, "Patient", "a", patient(match, id="a"), if_match=match))  # noqa: E731
    for match, status in (('W/"2"', 412), ("garbage", 412), ('W/"1"', 200), ('W/"1"', 412), ("2", 200), ("*", 200)):
        assert update(match).status == status, match
    patch: list[Any] = [{"op": "add", "path": "/active", "value": True}]
    assert got(write.patch(service, ALL, "Patient", "a", "json", patch, if_match='W/"1"')).status == 412
    assert got(write.delete(service, ALL, "Patient", "a", if_match='W/"1"')).status == 412
    assert got(write.update(service, ALL, "Patient", "new", patient(id="new"), if_match='W/"1"')).status == 412
    assert got(write.update(service, ALL, "Patient", "new", patient(id="new"), if_match="*")).status == 412


def test_if_none_match_creates_only(service: Service) -> None:
    """`*` refuses what exists; what was deleted does not."""
    put = lambda: got(write.update(service, ALL, "Patient", "a", patient(id="a"), if_none_match="*")).status  # noqa: E731
    assert put() == 201
    assert put() == 412
    got(write.delete(service, ALL, "Patient", "a"))
    assert put() == 201


def test_delete_is_idempotent_and_comes_back(service: Service) -> None:
    """204 twice without a further version, and for what never was; an update brings it back as the next version."""
    got(write.update(service, ALL, "Patient", "a", patient(id="a")))
    never = got(write.delete(service, ALL, "Patient", "never"))
    assert (never.status, never.id, [i.severity for i in never.issues]) == (204, "", ["information"])
    assert got(write.delete(service, ALL, "Patient", "never", if_match='W/"1"')).status == 412
    assert service.store.guarded.count_history(ALL.predicate, None, None) == 1
    first, second = (got(write.delete(service, ALL, "Patient", "a")) for _ in range(2))
    assert (first.status, first.version, second.status, second.version) == (204, 2, 204, 2)
    assert got(write.patch(service, ALL, "Patient", "a", "json", [])).status == 410
    again = got(write.update(service, ALL, "Patient", "a", patient(id="a")))
    assert (again.status, again.version) == (201, 3)


def test_a_conditional_create_creates_once(service: Service) -> None:
    """What meets the condition is the answer; several are 412; what is not understood, or nothing asked, is refused."""
    one = got(write.create(service, ALL, "Patient", patient("1"), if_none_exist="identifier=urn:mrn|1"))
    two = got(write.create(service, ALL, "Patient", patient("1", "Roe"), if_none_exist="identifier=urn%3Amrn%7C1"))
    assert (one.status, two.status, one.id == two.id, two.body == one.body) == (201, 200, True, True)
    got(write.create(service, ALL, "Patient", patient("1")))
    assert got(write.create(service, ALL, "Patient", patient(), if_none_exist="identifier=urn:mrn|1")).status == 412
    for query, status in (("nothing=1", 400), ("_count=5", 412), ("birthdate=x", 400), ("&&&", 412), ("%ff=%ff", 400)):
        assert got(write.create(service, ALL, "Patient", patient(), if_none_exist=query)).status == status, query


def test_a_conditional_update_updates_or_creates(service: Service) -> None:
    """No match creates (under the resource's id, if it has one), one match is updated, several are 412."""
    update = lambda sent, query="identifier=urn:mrn|1", **more: got(  # noqa: E731
        write.update_conditional(service, ALL, "Patient", query, sent, **more)
    )
    one = update(patient("1"))
    assert (one.status, one.version) == (201, 1)
    assert (update(patient("1")).version, update(patient("1", "Roe")).version) == (1, 2)
    assert update(patient("1", id="other")).status == 400
    assert update(patient("1", "Poe", id=one.id)).version == 3
    assert update(patient("1", "Moe"), if_match='W/"1"').status == 412
    assert update(patient("2", id="mine"), "identifier=urn:mrn|2").id == "mine"
    assert update(patient("3", id="mine"), "identifier=urn:mrn|3").status == 409
    got(write.create(service, ALL, "Patient", patient("1")))
    assert update(patient("1")).status == 412


def test_patches_change_and_are_refused(service: Service) -> None:
    """JSON Patch and FHIRPath Patch; what cannot be applied, or touches id or type, is 422 and changes nothing."""
    got(write.update(service, ALL, "Patient", "a", patient(id="a")))
    patch = lambda how, said: got(write.patch(service, ALL, "Patient", "a", how, said))  # noqa: E731
    done = patch("json", [{"op": "add", "path": "/active", "value": True}])
    assert (done.status, done.version, body(done)["active"]) == (200, 2, True)
    value = {"name": "operation", "part": [
        {"name": "type", "valueCode": "replace"}, {"name": "path", "valueString": "Patient.active"},
        {"name": "value", "valueBoolean": False},
    ]}  # fmt: skip
    done = patch("fhirpath", {"resourceType": "Parameters", "parameter": [value]})
    assert (done.version, body(done)["active"]) == (3, False)
    for said in (
        [{"op": "replace", "path": "/id", "value": "b"}],
        [{"op": "replace", "path": "/resourceType", "value": "Group"}],
        [{"op": "remove", "path": "/nothing"}], {"op": "x"}, "garbage", [{"op": "test", "path": "/active", "value": 1}],
    ):  # fmt: skip
        refused = patch("json", said)
        assert refused.status in (400, 422), said
        assert refused.issues
    assert got(write.patch(service, ALL, "Patient", "zzz", "json", [])).status == 404
    found = got(write.patch_conditional(service, ALL, "Patient", "identifier=urn:mrn|1", "json", [
        {"op": "remove", "path": "/active"},
    ]))  # fmt: skip
    assert (found.status, found.version) == (200, 4)
    assert got(write.patch_conditional(service, ALL, "Patient", "identifier=x", "json", [])).status == 404


def test_a_conditional_delete_deletes_as_the_setting_says(tmp_path: Path) -> None:
    """One only, or all that meet it, or it is switched off."""
    for way, several in (("single", 412), ("multiple", 204), ("off", 405)):
        with node(tmp_path / way, conditional_delete=way) as service:
            for mrn in "1223":
                got(write.create(service, ALL, "Patient", patient(mrn)))
            statuses = tuple(
                got(write.delete_conditional(service, ALL, "Patient", f"identifier=urn:mrn|{mrn}")).status
                for mrn in "129"
            )
            assert statuses == ((204, several, 204) if way != "off" else (405, 405, 405))
            left = {"single": 3, "multiple": 1, "off": 4}[way]
            assert service.store.counts().resources == {"Patient": left}


def test_a_hidden_resource_is_as_one_that_is_not_there(service: Service) -> None:
    """A delete does nothing, a patch is 404, a version does not fit; 409 for its id; conditions do not meet it."""
    secret = {"security": [{"system": TAG, "code": "R"}]}
    got(write.update(service, ALL, "Patient", "a", patient(id="a", meta=secret)))
    before = service.store.read("Patient", "a")
    who = caller(Not(Label(TAG, "R")), "blind")
    patch: list[Any] = [{"op": "add", "path": "/active", "value": True}]
    tried: list[tuple[Callable[[str], Any], bool]] = [
        (lambda id_: write.patch(service, who, "Patient", id_, "json", patch), True),
        (lambda id_: write.delete(service, who, "Patient", id_), True),
        (lambda id_: write.delete(service, who, "Patient", id_, if_match='W/"1"'), True),
        (lambda id_: write.update(service, who, "Patient", id_, patient(id=id_), if_match='W/"1"'), True),
        (lambda _id: write.delete_conditional(service, who, "Patient", "identifier=urn:mrn|1"), True),
        (lambda _id: write.patch_conditional(service, who, "Patient", "identifier=urn:mrn|1", "json", patch), True),
    ]
    for attempt, _ in tried:
        hidden, absent = got(attempt("a")), got(attempt("zzz"))
        assert hidden.status == absent.status
        assert (hidden.id, hidden.version, hidden.body) == (absent.id and "a", absent.version, absent.body)
        assert [i.text.replace("/a", "/zzz") for i in hidden.issues] == [i.text for i in absent.issues]
    taken = got(write.update(service, who, "Patient", "a", patient(id="a")))
    assert (taken.status, taken.body, taken.version, taken.updated) == (409, None, 0, 0)
    created = got(write.create(service, who, "Patient", patient("1"), if_none_exist="identifier=urn:mrn|1"))
    assert created.status == 201
    assert service.store.read("Patient", "a") == before
    outcomes = {row.outcome for row in service.store.audit_rows(actor="blind")}
    assert {"refused 404", "refused 409", "refused 412", "success"} <= outcomes


def test_who_may_not_see_a_type_still_cannot_take_its_ids(service: Service) -> None:
    """A predicate over types hides deleted resources too."""
    got(write.update(service, ALL, "Patient", "a", patient(id="a")))
    got(write.delete(service, ALL, "Patient", "a"))
    who = caller(Types(frozenset(("Observation",))))
    assert got(write.update(service, who, "Patient", "a", patient(id="a"))).status == 409
    assert got(write.delete(service, who, "Patient", "a")).status == 204
    assert service.store.read("Patient", "a").version == 2


def test_a_patient_gets_its_person_and_facts_their_audit(service: Service) -> None:
    """Two records of the same person are linked as messages link them; each write says whose data it touched."""
    born = {"birthDate": "1970-01-01", "gender": "female"}
    for n in "ab":
        name = {"resourceType": "Patient", "id": n, "name": [{"family": "Garcia", "given": ["Ann"]}], **born}
        kind = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]}
        number = [{"system": "urn:mrn", "value": "7", "type": kind}]
        assert got(write.update(service, ALL, "Patient", n, {**name, "identifier": number})).status == 201
    person = service.store.person_of("a")
    assert person is not None
    assert service.store.person_of("b") == person
    done = got(write.create(service, ALL, "Observation", observation("Patient/b")))
    assert {row.what for row in service.store.audit_rows(person=person, action="create")} == {f"Observation/{done.id}"}
    assert [json.decode(row.payload)["changed"] for row in service.store.outbox()] == [
        ["Patient/a"], ["Patient/b"], [f"Observation/{done.id}"],
    ]  # fmt: skip
    assert service.store.verify() == []


@pytest.mark.parametrize(("way", "status"), [("off", 201), ("warn", 201), ("reject", 409)])
def test_references_to_nowhere(tmp_path: Path, way: str, status: int) -> None:
    """Kept in silence, named as a warning, or refused, as the setting says; what is hidden is as what is not there."""
    with node(tmp_path, referential_integrity=way) as service:
        got(
            write.update(
                service, ALL, "Patient", "p", patient(id="p", meta={"security": [{"system": TAG, "code": "R"}]})
            )
        )
        blind = caller(Not(Label(TAG, "R")))
        for target, who, lost in (("Patient/p", ALL, False), ("Patient/x", ALL, True), ("Patient/p", blind, True)):
            done = got(write.create(service, who, "Observation", observation(target)))
            assert done.status == (status if lost else 201)
            assert bool(done.issues) == (lost and way != "off")
        assert got(write.create(service, ALL, "Observation", observation("urn:uuid:1"))).status == 201


def test_what_is_referred_to_may_be_kept(tmp_path: Path) -> None:
    """With the setting, a delete is refused while something else refers to it."""
    with node(tmp_path, delete_referenced=False) as service:
        got(write.update(service, ALL, "Patient", "p", patient(id="p", link=[{"other": {"reference": "Patient/p"}}])))
        fact = got(write.create(service, ALL, "Observation", observation()))
        assert got(write.delete(service, ALL, "Patient", "p")).status == 409
        assert got(write.delete(service, ALL, "Observation", fact.id)).status == 204
        assert got(write.delete(service, ALL, "Patient", "p")).status == 204
        assert service.store.verify() == []


@pytest.mark.parametrize(("way", "status"), [("off", 201), ("warn", 201), ("reject", 422)])
def test_what_is_written_is_validated_as_the_setting_says(tmp_path: Path, way: str, status: int) -> None:
    """Not at all, with what is wrong said in the answer, or refused: creations, updates, patches, transactions."""
    wrong = patient(id="a", gender="nonsense", birthDate="yesterday")
    with node(tmp_path, validation=way) as service:
        for done in (
            got(write.create(service, ALL, "Patient", wrong)),
            got(write.update(service, ALL, "Patient", "a", wrong)),
            got(write.update_conditional(service, ALL, "Patient", "identifier=urn:mrn|77", {**wrong, "id": "b"})),
        ):
            assert done.status == status
            assert bool(done.issues) == (way != "off")
        whole = transaction(service, ALL, bundle(entry("POST", "Patient", wrong))).result(WAIT)
        issues = whole.issues if isinstance(whole, Written) else [i for one in whole if one for i in one.issues]
        assert isinstance(whole, Written) == (way == "reject")
        assert all(issue.where.path.startswith("Bundle.entry[0].resource") for issue in issues)
        assert bool(issues) == (way != "off")
        got(write.update(service, ALL, "Patient", "good", patient(id="good")))
        bad: list[Any] = [{"op": "add", "path": "/gender", "value": "nonsense"}]
        patched = got(write.patch(service, ALL, "Patient", "good", "json", bad))
        assert patched.status == (422 if way == "reject" else 200)


def test_a_part_of_a_resource_does_not_replace_the_whole(service: Service) -> None:
    """What `_summary` or `_elements` gave is refused as an update."""
    got(write.update(service, ALL, "Patient", "a", patient(id="a")))
    part = subset({**patient(id="a"), "meta": {}}, ("name",))
    done = got(write.update(service, ALL, "Patient", "a", part))
    assert (done.status, done.issues[0].rule) == (422, "fhir.write.subset")
    whole = transaction(service, ALL, bundle(entry("PUT", "Patient/a", part))).result(WAIT)
    assert isinstance(whole, Written)
    assert whole.status == 422


def test_who_does_not_see_all_elements_changes_none(service: Service) -> None:
    """Updates and patches are refused before they are tried, the same whatever is stored; creating is not changing."""
    for id_ in ("a", "b"):
        got(write.update(service, ALL, "Patient", id_, patient(id=id_, gender="male" if id_ == "a" else "female")))
    before = service.store.guarded.history(ALL.predicate, None, None, limit=99)
    who = Caller("half", "test", Predicate(elements={"Patient": frozenset(("gender",))}))
    guess: list[Any] = [{"op": "test", "path": "/gender", "value": "male"}]
    for id_ in ("a", "b", "nobody"):
        put = patient(id=id_, gender="male")
        for done in (
            got(write.update(service, who, "Patient", id_, put)),
            got(write.patch(service, who, "Patient", id_, "json", guess)),
            got(write.update_conditional(service, who, "Patient", f"_id={id_}", put)),
            got(write.patch_conditional(service, who, "Patient", f"_id={id_}", "json", guess)),
            transaction(service, who, bundle(entry("PUT", f"Patient/{id_}", put))).result(WAIT),
        ):
            assert isinstance(done, Written)
            assert (done.status, done.body, done.version) == (403, None, 0)
    assert service.store.guarded.history(ALL.predicate, None, None, limit=99) == before
    assert {row.outcome for row in service.store.audit_rows(actor="half")} == {"refused 403"}
    assert got(write.create(service, who, "Patient", patient("9"))).status == 201
    assert got(write.update(service, who, "Observation", "o", observation(id="o"))).status == 201
