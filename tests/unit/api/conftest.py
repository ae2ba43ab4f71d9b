"""A node with a few stored resources, without workers or sources."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from unsilo.api.figures import Counting, Requests
from unsilo.api.front import Front
from unsilo.api.routes import routes
from unsilo.config import Settings
from unsilo.fhir.index import index
from unsilo.flow.service import Service
from unsilo.kernel import json, seal
from unsilo.storage import Incoming, Tx

AT = 1_770_000_000_000_000
ANA = {
    "resourceType": "Patient",
    "id": "ana-north",
    "identifier": [{"system": "urn:oid:2.999.1", "value": "N1"}],
    "name": [{"family": "Šimić", "given": ["Ana"]}],
    "gender": "female",
    "birthDate": "1980-05-17",
}


def observation(n: int, patient: str = "ana-north", code: str = "2345-7") -> dict[str, Any]:
    """A glucose of a patient."""
    return {
        "resourceType": "Observation",
        "id": f"glucose-{n}",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "subject": {"reference": f"Patient/{patient}"},
        "effectiveDateTime": f"2026-01-{n:02d}",
        "valueQuantity": {"value": 100 + n, "unit": "mg/dL"},
    }


def ids(answer: dict[str, Any]) -> list[str]:
    """The ids of a Bundle's entries."""
    return [entry["resource"]["id"] for entry in answer.get("entry", [])]


def put(tx: Tx, resource: dict[str, Any], at: int = AT) -> None:
    """Store a resource the way a commit does."""
    kind, id_ = resource["resourceType"], resource["id"]
    tx.put(
        kind, id_, json.encode(resource), index=index(resource), lineage=[], digest=b"x" * 16,
        previous=tx.current(kind, id_), at=at,
    )  # fmt: skip


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A node whose store holds two source Patients of one person, another person, and results."""
    node = Service(Settings(data=tmp_path_factory.mktemp("node")))

    def fill(tx: Tx) -> None:
        put(tx, ANA)
        put(tx, {**ANA, "id": "ana-brigid", "identifier": [{"system": "urn:oid:2.999.2", "value": "B1"}]})
        put(tx, {**ANA, "id": "other", "identifier": [], "name": [{"family": "Quill", "given": ["Bo"]}]})
        person = tx.link("ana-north", None, "none", "First.", "test", AT)
        tx.link("ana-brigid", person, "R2", "Same.", "test", AT)
        tx.link("other", None, "none", "First.", "test", AT)
        for n in range(1, 6):
            put(tx, observation(n))
        put(tx, observation(6, "ana-brigid", "14749-6"))
        put(tx, observation(7, "other"))
        put(tx, observation(9))

    node.store.submit(fill).result()

    def amend(tx: Tx) -> None:
        put(tx, {**observation(1), "status": "amended", "meta": {"tag": [{"code": "x"}]}}, AT + 5_000_000)
        current = tx.current("Observation", "glucose-9")
        assert current is not None
        tx.delete("Observation", "glucose-9", previous=current, at=AT)

    node.store.submit(amend).result()
    envelope = seal("north", "hl7v2", b"MSH|^~\\&|A\r\xff", AT)
    node.store.receive(Incoming(envelope=envelope, type="ADT^A01", control_id="1", state="queued")).result()
    yield node
    node.store.close()


def app_of(service: Service) -> Starlette:
    """The node's web application without console and sources."""
    requests = Requests()
    app = Front(service, requests, routes=routes(service))
    app.add_middleware(Counting, requests=requests)
    return app


@pytest.fixture(scope="module")
def http(service: Service) -> Iterator[TestClient]:
    """A client on the same machine."""
    with TestClient(
        app_of(service), base_url="http://127.0.0.1:8080", client=("127.0.0.1", 50_000),
        raise_server_exceptions=False,
    ) as client:  # fmt: skip
        yield client


@pytest.fixture
def restate(service: Service) -> Callable[[int, str], None]:
    """Give a stored glucose another status."""
    return lambda n, status: service.store.submit(
        lambda tx: put(tx, {**observation(n), "status": status}, AT + 1)
    ).result()
