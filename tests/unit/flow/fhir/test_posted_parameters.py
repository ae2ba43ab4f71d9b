"""SearchParameters that are posted: never half an answer, then the whole one, for old and for new resources."""

import time
from pathlib import Path
from typing import Any

from tests.unit.flow.fhir.node import ALL, body, got, node, patient
from unsilo.flow.fhir import write
from unsilo.flow.fhir.condition import condition
from unsilo.flow.fhir.outcome import Written
from unsilo.flow.service import Service
from unsilo.storage import open_store

RACE = "http://example.org/race"


def definition(code: str = "race", expression: str = "", **more: Any) -> dict[str, Any]:
    """A SearchParameter over an extension of Patient."""
    path = expression or f"Patient.extension.where(url = '{RACE}').value.ofType(code)"
    return {
        "resourceType": "SearchParameter", "url": f"http://example.org/{code}", "name": code, "status": "active",
        "description": "d", "code": code, "base": ["Patient"], "type": "token", "expression": path, **more,
    }  # fmt: skip


def of_race(mrn: str, race: str) -> dict[str, Any]:
    """A Patient with the extension."""
    return patient(mrn, extension=[{"url": RACE, "valueCode": race}])


def found(service: Service, query: str) -> set[str] | int:
    """The ids of what meets a query, or the status of its refusal."""
    plan = condition("Patient", query, ALL, service.parameters.vocabulary, most=1000)
    return plan.status if isinstance(plan, Written) else {row.id for row in service.store.search(plan).rows}


def settled(service: Service, seconds: float = 20) -> None:
    """Wait until every posted parameter is active."""
    for _ in range(int(seconds * 100)):
        active = all(state == "active" for _, _, state, _, _ in service.reindexing.progress())
        if active and not service.parameters.vocabulary.rebuilding:
            return
        time.sleep(0.01)
    raise TimeoutError


def test_a_posted_parameter_finds_old_and_new_or_is_refused(tmp_path: Path) -> None:
    """Before it, while it is extracted, after it: 400, 400, everything. Deleted, it is refused again."""
    with node(tmp_path) as service:
        old = {got(write.create(service, ALL, "Patient", of_race(str(n), "ab"[n % 2]))).id for n in range(350)}
        assert found(service, "race=a") == 400
        service.reindexing.stop()
        posted = got(write.create(service, ALL, "SearchParameter", definition()))
        assert (posted.status, posted.issues) == (201, [])
        assert found(service, "race=a") == 400
        assert service.reindexing.progress() == [("Patient", "race", "indexing", 0, 350)]
        new = got(write.create(service, ALL, "Patient", of_race("x", "a"))).id
        service.reindexing = type(service.reindexing)(service.store, service.parameters)
        service.reindexing.start()
        settled(service)
        hits = found(service, "race=a")
        assert isinstance(hits, set)
        assert new in hits
        assert len(hits) == 176
        assert hits - {new} <= old
        assert service.reindexing.progress() == [("Patient", "race", "active", 351, 351)]
        changed = got(write.update(service, ALL, "Patient", new, {**of_race("x", "b"), "id": new}))
        assert changed.version == 2
        assert new not in found(service, "race=a")  # type: ignore[operator]
        assert service.store.verify() == []
        got(write.delete(service, ALL, "SearchParameter", posted.id))
        assert found(service, "race=a") == 400


def test_posted_parameters_survive_a_restart_and_a_new_extraction(tmp_path: Path) -> None:
    """The definitions are in the store; what extracts everything anew extracts them too."""
    with node(tmp_path) as service:
        one = got(write.create(service, ALL, "Patient", of_race("1", "a"))).id
        got(write.create(service, ALL, "SearchParameter", definition()))
        settled(service)
    with open_store(tmp_path) as store:
        store.submit(lambda tx: tx.run("UPDATE keep SET value = x'00' WHERE name = 'index'", ())).result(10)
    with node(tmp_path) as service:
        assert found(service, "race=a") == {one}
        assert service.store.verify() == []


def test_an_updated_definition_is_extracted_anew(tmp_path: Path) -> None:
    """Until then it is refused; the keys of the former meaning answer no more."""
    with node(tmp_path) as service:
        one = got(write.create(service, ALL, "Patient", of_race("1", "a"))).id
        posted = got(write.create(service, ALL, "SearchParameter", definition()))
        settled(service)
        assert found(service, "race=a") == {one}
        other = {**body(posted), "expression": "Patient.gender"}
        assert got(write.update(service, ALL, "SearchParameter", posted.id, other)).version == 2
        settled(service)
        assert found(service, "race=a") == set()


def test_what_cannot_be_searched_by_is_stored_and_said(tmp_path: Path) -> None:
    """A standard code keeps its meaning; a bad expression, a retired definition or a taken code are warnings."""
    with node(tmp_path) as service:
        got(write.create(service, ALL, "SearchParameter", definition("mine")))
        settled(service)
        for sent in (
            definition("gender"), definition("bad", "Patient.((("), definition("old", status="retired"),
            definition("none", base=["Nothing"]), definition("a b"), definition("mine"), definition("n", base=5),
            {"resourceType": "SearchParameter"},
        ):  # fmt: skip
            done = got(write.create(service, ALL, "SearchParameter", sent))
            assert done.status == 201
            assert [issue.severity for issue in done.issues] == ["warning"], sent
        assert [code for _, code, _, _, _ in service.reindexing.progress()] == ["mine"]
        got(write.update(service, ALL, "Patient", "p", patient(id="p")))
        assert found(service, "gender=male") == set()
