"""What a policy hides changes no answer: two nodes that differ only in it answer alike, byte for byte."""

from pathlib import Path
from urllib.parse import quote

import pytest

from tests.integration.served import served
from tests.proof.asking import run
from tests.proof.twins import ELEMENTS, POLICIES, twins
from unsilo.api.policies import Policies
from unsilo.config import Settings


def test_the_proof_can_fail(tmp_path: Path) -> None:
    """Were the policy not kept, the very same requests would tell the two nodes apart."""
    with twins(tmp_path, "labels", 31) as pair:
        for node in (pair.poor, pair.rich):
            node.app.fhir.policies = Policies(Settings())
        assert len(run(pair, 80, 32)) == 10


def test_a_part_is_no_way_to_the_rest(tmp_path: Path) -> None:
    """Who sees a part of a type neither changes the rest nor learns it by a patch, a guess or a condition."""
    name = [{"family": "Ström"}]
    whole = {"resourceType": "Patient", "id": "p", "active": True, "name": name}
    with served(tmp_path) as node:
        assert node.http.put("Patient/p", json=whole).status_code == 201
    policy = {"*": {"elements": {"Patient": ["name"]}}}
    with served(tmp_path, policies=policy) as node:
        seen = node.http.get("Patient/p").json()
        assert "name" not in seen
        for said in ("Ström", "Berg"):
            guess = node.http.put("Patient/p", json={**whole, "name": [{"family": said}]})
            assert (guess.status_code, guess.headers.get("etag")) == (403, None)
            tried = [{"op": "test", "path": "/name/0/family", "value": said}]
            kind = {"Content-Type": "application/json-patch+json"}
            assert node.http.patch("Patient/p", json=tried, headers=kind).status_code == 403
            assert node.http.patch("Patient?_id=p", json=tried, headers=kind).status_code == 403
            assert node.http.get(f"Patient?family={said}").status_code == 403
            condition = {"If-None-Exist": f"family={quote(said)}"}
            assert node.http.post("Patient", json=whole, headers=condition).status_code == 403
        assert node.http.put("Patient/p", json=seen).status_code in (403, 422)
        entry = {"resource": {**whole, "active": False}, "request": {"method": "PUT", "url": "Patient/p"}}
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
        assert node.http.post("", json=bundle).status_code == 403
        met = node.http.post("Patient", json=whole, headers={"If-None-Exist": "_id=p"})
        assert met.status_code == 200
        assert "Ström" not in met.text
    with served(tmp_path) as node:
        kept = node.http.get("Patient/p")
        assert (kept.json()["name"], kept.headers["etag"]) == (name, 'W/"1"')


@pytest.mark.slow
@pytest.mark.parametrize("policy", POLICIES)
def test_hidden_data_changes_no_answer(tmp_path: Path, policy: str) -> None:
    """Random requests of every kind; `make proof` asks many more."""
    with twins(tmp_path, policy, 31) as pair:
        assert pair.hidden or policy in ELEMENTS
        told = run(pair, 80, 32)
        assert not told, "\n".join(told)
