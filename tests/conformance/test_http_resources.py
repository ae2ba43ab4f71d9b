"""What the server says of itself and of a person holds to the models that another library made of the standard."""

from collections.abc import Iterator

import pytest

from tests.integration.served import Served, served

pytest.importorskip("fhir.resources")
from fhir.resources.R4B import get_fhir_model_class

FHIR = {"Content-Type": "application/fhir+json"}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A node with one Patient."""
    with served(tmp_path_factory.mktemp("node")) as found:
        body = {"resourceType": "Patient", "id": "a", "name": [{"family": "A"}], "birthDate": "1980-01-02"}
        found.http.put("Patient/a", json=body, headers=FHIR)
        yield found


@pytest.mark.parametrize(
    "path",
    ["metadata", "metadata?mode=terminology", "Patient", "Patient/a", "Patient/a/_history", "Patient/a/$everything",
     "Patient/a/$summary", "Patient/a/$meta", "Nothing", "Patient?colour=red", "Patient?colour=red&_format=json"],
)  # fmt: skip
def test_answers_hold_to_the_models(node: Served, path: str) -> None:
    """Each answer is a resource that the library takes and writes the same."""
    said = node.http.get(path).json()
    model = get_fhir_model_class(said["resourceType"]).model_validate(said)
    assert model.model_dump(mode="json", exclude_none=True)["resourceType"] == said["resourceType"]
