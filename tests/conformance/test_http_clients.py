"""Client libraries that others wrote do their creating, reading, changing, searching and paging unchanged."""

import uuid
from collections.abc import Iterator

import pytest

from tests.integration.served import Served, served

fhirpy = pytest.importorskip("fhirpy")
models = pytest.importorskip("fhirclient.models")


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A node of this module."""
    with served(tmp_path_factory.mktemp("node")) as found:
        yield found


def test_fhirpy(node: Served) -> None:
    """fhirpy: save, read, search, pages, count, conditional create and update, delete."""
    client = fhirpy.SyncFHIRClient(node.base)
    number = uuid.uuid4().hex
    named = [{"system": "urn:x", "value": number}]
    patient = client.resource("Patient", name=[{"family": "Py"}], identifier=named)
    patient.save()
    patient["active"] = True
    patient.save()
    assert client.reference("Patient", patient.id).to_resource()["active"] is True
    for n in range(7):
        reference = {"reference": f"Patient/{patient.id}"}
        client.resource("Observation", status="final", code={"text": str(n)}, subject=reference).save()
    found = client.resources("Observation").search(subject=patient.id)
    assert len(found.limit(3).fetch_all()) == 7
    assert found.count() == 7
    assert client.resources("Patient").search(identifier=f"urn:x|{number}").get()["id"] == patient.id
    other = client.resources("Patient").search(identifier=f"urn:x|{number}-2")
    made = client.resource("Patient", identifier=[{"system": "urn:x", "value": f"{number}-2"}])
    assert other.get_or_create(made)[1] is True
    assert other.get_or_create(made)[1] is False
    assert other.update(client.resource("Patient", identifier=made["identifier"], active=True))[1] is False
    found.first().delete()
    assert len(found.fetch_all()) == 6


def test_fhirclient(node: Served) -> None:
    """fhirclient: capabilities, create, read, update, search, pages, delete."""
    from fhirclient import client
    from fhirclient.models.humanname import HumanName
    from fhirclient.models.observation import Observation
    from fhirclient.models.patient import Patient

    smart = client.FHIRClient(settings={"app_id": "test", "api_base": node.base})
    assert smart.prepare()
    name = HumanName()
    name.family = "Client"
    patient = Patient()
    patient.name = [name]
    id_ = patient.create(smart.server)["id"]
    read = Patient.read(id_, smart.server)
    read.active = True
    read.update(smart.server)
    assert Patient.read(id_, smart.server).active is True
    assert [one.id for one in Patient.where(struct={"family": "Client"}).perform_resources_iter(smart.server)] == [id_]
    for n in range(5):
        body = {"resourceType": "Observation", "status": "final", "code": {"text": str(n)},
                "subject": {"reference": f"Patient/{id_}"}}  # fmt: skip
        Observation(body).create(smart.server)
    pages = Observation.where(struct={"subject": id_, "_count": "2"}).perform_iter(smart.server)
    assert sum(len(page.entry) for page in pages) == 5
    read.delete(smart.server)
    assert node.http.get(f"Patient/{id_}").status_code == 410
