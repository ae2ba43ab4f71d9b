"""Many clients at once over HTTP: a condition makes one resource, a guarded write loses nothing."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2 as httpx
import pytest

from tests.integration.served import Served, served
from unsilo.kernel import json

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

FHIR = {"Content-Type": "application/fhir+json"}
Act = Callable[[httpx.Client, int], Any]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A node of this module."""
    with served(tmp_path_factory.mktemp("node")) as found:
        yield found


def at_once(node: Served, clients: int, act: Act) -> list[Any]:
    """Let clients, each with a connection of its own, begin at one moment; return what each found."""
    gate = threading.Barrier(clients)

    def one(n: int) -> Any:
        with httpx.Client(base_url=f"{node.base}/", timeout=60) as client:
            client.get("metadata?_elements=status")  # the connection is there
            gate.wait(60)
            return act(client, n)

    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(one, range(clients)))


def patient(number: str) -> bytes:
    """Return a Patient with a record number."""
    return json.encode({"resourceType": "Patient", "identifier": [{"system": "urn:mrn", "value": number}]})


def test_64_clients_create_the_same_under_a_condition(node: Served) -> None:
    """One is told 201, 63 are told 200, all the same id; by itself, by PUT and within transactions."""

    def single(client: httpx.Client, _: int) -> tuple[int, str]:
        answer = client.post(
            "Patient", content=patient("A"), headers={**FHIR, "If-None-Exist": "identifier=urn:mrn|A"}
        )  # fmt: skip
        return answer.status_code, answer.json()["id"]

    def put(client: httpx.Client, _: int) -> tuple[int, str]:
        answer = client.put("Patient?identifier=urn:mrn|B", content=patient("B"), headers=FHIR)
        return answer.status_code, answer.json()["id"]

    def whole(client: httpx.Client, n: int) -> tuple[int, str]:
        request = {"method": "POST", "url": "Patient", "ifNoneExist": "identifier=urn:mrn|C"}
        fact = {"resourceType": "Observation", "status": "final", "code": {"text": str(n)},
                "subject": {"reference": "urn:uuid:1"}}  # fmt: skip
        entries = [{"fullUrl": "urn:uuid:1", "resource": json.decode(patient("C")), "request": request},
                   {"resource": fact, "request": {"method": "POST", "url": "Observation"}}]  # fmt: skip
        content = json.encode({"resourceType": "Bundle", "type": "transaction", "entry": entries})
        answer = client.post("", content=content, headers=FHIR)
        assert answer.status_code == 200, answer.text
        first, second = answer.json()["entry"]
        id_ = first["response"]["location"].split("/")[-3]
        fact_id = second["response"]["location"].split("/")[-3]
        kept = client.get(f"Observation/{fact_id}").json()
        assert kept["subject"] == {"reference": f"Patient/{id_}"}
        return int(first["response"]["status"][:3]), id_

    for number, act in (("A", single), ("B", put), ("C", whole)):
        found = at_once(node, 64, act)
        assert len({id_ for _, id_ in found}) == 1, number
        assert sorted(status for status, _ in found) == [200] * 63 + [201], number
        assert node.http.get(f"Patient?identifier=urn:mrn|{number}&_summary=count").json()["total"] == 1
    assert node.http.get("Observation?subject.identifier=urn:mrn|C&_summary=count").json()["total"] == 64
    assert node.service.store.verify() == []


def test_50_writers_with_if_match_lose_no_update(node: Served) -> None:
    """Each adds its mark to what it read, and reads again when it was too late: every mark and version is there."""
    begun = {"resourceType": "Basic", "id": "shared", "code": {"text": "x"}, "extension": [{"url": "urn:w:start"}]}
    assert node.http.put("Basic/shared", content=json.encode(begun), headers=FHIR).status_code == 201

    def add(client: httpx.Client, n: int) -> tuple[int, int]:
        for tries in range(1, 500):
            now = client.get("Basic/shared")
            body = json.decode(now.content)
            body["extension"].append({"url": f"urn:w:{n}"})
            etag = now.headers["etag"]
            done = client.put("Basic/shared", content=json.encode(body), headers={**FHIR, "If-Match": etag})
            if done.status_code == 200:
                return int(done.headers["etag"][3:-1]), tries
            assert done.status_code == 412, done.text
        raise AssertionError("never its turn")

    found = at_once(node, 50, add)
    assert sorted(version for version, _ in found) == list(range(2, 52))
    body = node.http.get("Basic/shared").json()
    assert {each["url"] for each in body["extension"]} == {"urn:w:start", *(f"urn:w:{n}" for n in range(50))}
    history = node.http.get("Basic/shared/_history?_count=100").json()
    tags = [entry["response"]["etag"] for entry in history["entry"]]
    assert tags == [f'W/"{n}"' for n in range(51, 0, -1)]
    marks = [len(entry["resource"]["extension"]) for entry in history["entry"]]
    assert marks == list(range(51, 0, -1))


def test_one_id_is_created_once(node: Served) -> None:
    """Of 32 creations under one id by `If-None-Match: *` one is made; deletions of one version are one."""

    def make(client: httpx.Client, n: int) -> int:
        body = json.encode({"resourceType": "Basic", "id": "once", "code": {"text": str(n)}})
        return client.put("Basic/once", content=body, headers={**FHIR, "If-None-Match": "*"}).status_code

    def remove(client: httpx.Client, _: int) -> int:
        return client.delete("Basic/once").status_code

    assert sorted(at_once(node, 32, make)) == [201] + [412] * 31
    assert at_once(node, 32, remove) == [204] * 32
    history = node.http.get("Basic/once/_history").json()
    assert history["entry"][0]["request"]["method"] == "DELETE"
    assert history["total"] == 2


def test_a_crowd_of_patches_is_one_line(node: Served) -> None:
    """64 patches of one resource, each adding its own part: all are there, each in a version of its own."""
    body = json.encode({"resourceType": "Basic", "id": "crowd", "code": {"text": "x"}, "extension": [{"url": "urn:0"}]})
    assert node.http.put("Basic/crowd", content=body, headers=FHIR).status_code == 201

    def patch(client: httpx.Client, n: int) -> int:
        added = json.encode([{"op": "add", "path": "/extension/-", "value": {"url": f"urn:p:{n}"}}])
        kind = {"Content-Type": "application/json-patch+json"}
        return client.patch("Basic/crowd", content=added, headers=kind).status_code

    assert at_once(node, 64, patch) == [200] * 64
    found = node.http.get("Basic/crowd")
    assert len(found.json()["extension"]) == 65
    assert found.headers["etag"] == 'W/"65"'
