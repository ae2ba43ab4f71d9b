"""Transactions over HTTP that drafting processes make ready, beside those that the node makes ready itself."""

import json
import time
from pathlib import Path
from typing import Any

from tests.integration.served import Served, served
from unsilo.flow.fhir.drafting import Drafting

FHIR = {"Content-Type": "application/fhir+json"}


def _bundle(name: str, count: int = 60) -> dict[str, Any]:
    """A Patient and its Observations, which refer to it by a URN."""
    urn = "urn:uuid:00000000-0000-0000-0000-000000000001"
    person = {"resourceType": "Patient", "id": name, "name": [{"family": name}]}
    entries: list[Any] = [{"fullUrl": urn, "resource": person, "request": {"method": "PUT", "url": f"Patient/{name}"}}]
    for n in range(count):
        fact = {
            "resourceType": "Observation", "status": "final", "subject": {"reference": urn}, "valueInteger": n,
            "code": {"coding": [{"system": "http://loinc.org", "code": f"{n}-1"}], "text": "ä" * 20},
        }  # fmt: skip
        entries.append({"resource": fact, "request": {"method": "POST", "url": "Observation"}})
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def _drafting(node: Served) -> Drafting:
    found: Drafting = node.app.fhir.drafting
    return found


def _started(node: Served) -> None:
    end = time.monotonic() + 60
    while not any(one.ready for one in _drafting(node)._processes):
        assert node.http.post("", json=_bundle("first"), headers=FHIR).status_code == 200
        assert time.monotonic() < end


def test_both_ways_answer_and_refuse_alike(tmp_path: Path) -> None:
    """The entries of the answer have the same statuses and places; a refusal names its entry; all or nothing."""
    with served(tmp_path / "data") as node:
        try:
            here = node.http.post("", json=_bundle("a"), headers=FHIR)
            _started(node)
            there = node.http.post("", json=_bundle("b"), headers=FHIR)
            assert (here.status_code, there.status_code) == (200, 200)
            for one, other in zip(here.json()["entry"], there.json()["entry"], strict=True):
                assert set(one["response"]) == set(other["response"]) == {"status", "location", "etag", "lastModified"}
                assert one["response"]["status"] == other["response"]["status"] == "201 Created"
                assert other["response"]["location"].endswith("/_history/1")
            found = node.http.get("Observation?subject=Patient/b&_count=100").json()
            assert len(found["entry"]) == 60
            wrong = _bundle("c")
            wrong["entry"][7]["resource"]["resourceType"] = "Patient"
            refused = node.http.post("", content=json.dumps(wrong), headers=FHIR)
            assert refused.status_code == 400
            assert refused.json()["issue"][0]["expression"] == ["Bundle.entry[7].resource.resourceType"]
            assert node.http.get("Patient/c").status_code == 404
            reads = _bundle("d")
            reads["entry"].append({"request": {"method": "GET", "url": "Patient/b"}})
            answer = node.http.post("", json=reads, headers=FHIR).json()
            assert answer["entry"][-1]["resource"]["id"] == "b"
        finally:
            _drafting(node).stop()
