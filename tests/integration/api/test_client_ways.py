"""Small things that clients rely on: totals of short searches, exact codes of refusals, patches under a plain type."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.served import Served, served

PATIENT: dict[str, Any] = {"resourceType": "Patient", "identifier": [{"system": "urn:x", "value": "1"}]}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A node of this module."""
    with served(tmp_path_factory.mktemp("node")) as found:
        yield found


def _code(answer: Any) -> str:
    issues = answer.json()["issue"]
    return str(issues[0]["code"])


def test_a_page_that_holds_all_says_how_many(node: Served) -> None:
    """The number is told where it costs nothing, and where it was asked for; `_total=none` leaves it out."""
    for n in range(3):
        node.http.put(f"Basic/b{n}", json={"resourceType": "Basic", "id": f"b{n}", "code": {"text": "x"}})
    assert node.http.get("Basic").json()["total"] == 3
    assert node.http.get("Basic?_id=none").json()["total"] == 0
    assert "total" not in node.http.get("Basic?_total=none").json()
    first = node.http.get("Basic?_count=2").json()
    assert "total" not in first
    following = next(link["url"] for link in first["link"] if link["relation"] == "next")
    assert "total" not in node.http.get(following).json()
    assert node.http.get("Basic?_count=2&_total=accurate").json()["total"] == 3


def test_refusals_say_what_the_standard_calls_them(node: Served) -> None:
    """A deleted resource is `deleted`, a condition that several meet `multiple-matches` (issue-type)."""
    made = [node.http.post("Patient", json=PATIENT).json()["id"] for _ in range(2)]
    several = node.http.post("Patient", json=PATIENT, headers={"If-None-Exist": "identifier=urn:x|1"})
    assert (several.status_code, _code(several)) == (412, "multiple-matches")
    several = node.http.put("Patient?identifier=urn:x|1", json=PATIENT)
    assert (several.status_code, _code(several)) == (412, "multiple-matches")
    node.http.delete(f"Patient/{made[0]}")
    for gone in (node.http.get(f"Patient/{made[0]}"), node.http.get(f"Patient/{made[0]}/$everything")):
        assert (gone.status_code, _code(gone)) == (410, "deleted")


def test_a_json_patch_under_a_plain_type(node: Served) -> None:
    """An array is a JSON Patch, whatever JSON it is called; an object is a resource."""
    id_ = node.http.post("Patient", json=PATIENT).json()["id"]
    patched = node.http.patch(f"Patient/{id_}", json=[{"op": "add", "path": "/active", "value": True}])
    assert (patched.status_code, patched.json()["active"]) == (200, True)
    merge = node.http.patch(f"Patient/{id_}", json={"active": False})
    assert merge.status_code == 422
    broken = node.http.patch(f"Patient/{id_}", content=b'[{"op":"add"', headers={"Content-Type": "application/json"})
    assert broken.status_code == 400
    said = (
        ("type", "valueCode", "replace"),
        ("path", "valueString", "Patient.active"),
        ("value", "valueBoolean", False),
    )
    operation = {"name": "operation", "part": [{"name": name, kind: value} for name, kind, value in said]}
    path = node.http.patch(f"Patient/{id_}", json={"resourceType": "Parameters", "parameter": [operation]})
    assert (path.status_code, path.json()["active"]) == (200, False)


def test_what_is_stored_is_validated_without_a_body(node: Served) -> None:
    """`$validate` of an instance by POST needs no resource: the stored one is meant."""
    id_ = node.http.post("Patient", json={**PATIENT, "gender": "q"}).json()["id"]
    stored = node.http.post(f"Patient/{id_}/$validate")
    assert (stored.status_code, _code(stored)) == (200, "code-invalid")
    assert node.http.post(f"Patient/{id_}/$validate?mode=delete").status_code == 200
    assert node.http.post("Patient/$validate").status_code == 415
