"""Populations loaded by transactions over HTTP are all there, found by what they say, and refer to each other."""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.population import bundle, people, staff
from tests.integration.served import Served, served
from unsilo.kernel import json

FOLDER = os.environ.get("UNSILO_CORPORA")
PATIENTS = 12


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Served]:
    """A new node behind its web server."""
    with served(tmp_path / "data") as one:
        yield one


def send(node: Served, content: dict[str, Any] | bytes) -> dict[str, Any]:
    """POST a transaction; it must be taken as a whole."""
    body = content if isinstance(content, bytes) else json.encode(content)
    answer = node.http.post("", content=body, headers={"content-type": "application/fhir+json"})
    assert answer.status_code == 200, answer.text[:600]
    return dict(answer.json())


def total(node: Served, query: str) -> int:
    """How many a search finds."""
    mark = "&" if "?" in query else "?"
    answer = node.http.get(f"{query}{mark}_summary=count")
    assert answer.status_code == 200, answer.text[:600]
    return int(answer.json()["total"])


def found(node: Served, query: str) -> list[dict[str, Any]]:
    """The matches of all pages of a search."""
    matches, path = [], query
    while path:
        answer = node.http.get(path)
        assert answer.status_code == 200, answer.text[:600]
        page = answer.json()
        matches += [e["resource"] for e in page.get("entry", []) if e["search"]["mode"] == "match"]
        path = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")
    return matches


def test_a_made_up_population_under_its_own_ids(node: Served) -> None:
    """PUT entries: counts by type, a read back, and what each kind of search finds agree with the population."""
    groups = [list(staff(PATIENTS)), *people(PATIENTS)]
    everything = [one for group in groups for one in group]
    for group in groups:
        answer = send(node, bundle(group))
        assert [entry["response"]["status"][:3] for entry in answer["entry"]] == ["201"] * len(group)
    for kind, count in Counter(one["resourceType"] for one in everything).items():
        assert total(node, kind) == count, kind
    kept = node.http.get("Patient/p3").json()
    kept["meta"] = {k: v for k, v in kept["meta"].items() if k == "profile"}
    assert kept == json.decode(json.encode(next(one for one in everything if one.get("id") == "p3")))

    patient = groups[4][0]
    assert patient["id"] == "p3"
    mine = [one for one in groups[4] if one["resourceType"] == "Observation"]
    results = found(node, "Observation?patient=Patient/p3&_sort=-date&_count=3")
    assert [one["id"] for one in results] == [one["id"] for one in dated(results)]
    assert {one["id"] for one in results} == {one["id"] for one in mine}
    number = patient["identifier"][0]
    assert [p["id"] for p in found(node, f"Patient?identifier={number['system']}|{number['value']}")] == ["p3"]
    assert "p3" in {p["id"] for p in found(node, f"Patient?family={patient['name'][0]['family'][:3].upper()}")}
    high = [
        one["id"] for one in everything
        if one["resourceType"] == "Observation" and any(
            part["code"]["coding"][0]["code"] == "8480-6" and part["valueQuantity"]["value"] > 130
            for part in one.get("component", []))
    ]  # fmt: skip
    query = "Observation?component-code-value-quantity=http://loinc.org|8480-6$gt130|http://unitsofmeasure.org|mm[Hg]"
    assert sorted(one["id"] for one in found(node, query)) == sorted(high)
    assert sorted(one["id"] for one in found(node, query.replace("component-", "combo-"))) == sorted(high)


def dated(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Observations, the newest first; equal ones stay as they are."""
    return sorted(results, key=lambda one: str(one["effectiveDateTime"]), reverse=True)


def test_a_made_up_population_under_new_ids(node: Served) -> None:
    """POST entries: `urn:uuid` between the entries becomes the ids that the server gave."""
    for group in people(PATIENTS, seed=2):
        local = [one for one in group if one["resourceType"] in ("Patient", "Encounter", "Observation")]
        send(node, bundle(local, post=True))
    patients = found(node, "Patient?_count=5")
    assert len(patients) == PATIENTS
    for one in patients:
        count = total(node, f"Observation?patient={one['id']}")
        assert count == total(node, f"Observation?subject=Patient/{one['id']}")
        family = one["name"][0]["family"]
        assert total(node, f"Observation?patient.family:exact={family}") >= count
    linked = found(node, "Observation?_count=50")
    assert linked
    assert all(one["encounter"]["reference"].startswith("Encounter/") for one in linked)
    assert total(node, "Encounter?_has:Observation:encounter:status=final") == len(
        {one["encounter"]["reference"] for one in linked}
    )


@pytest.mark.corpora
@pytest.mark.slow
@pytest.mark.skipif(not FOLDER, reason="UNSILO_CORPORA names no folder of test data")
def test_synthea_bundles_load(node: Served) -> None:
    """What the patients refer to by condition comes first, in batches; then each patient's transaction as a whole."""
    kinds: Counter[str] = Counter()
    bundles = [path.read_bytes() for path in sorted(Path(str(FOLDER), "synthea-r4").rglob("*.json"))]
    for content in sorted(bundles, key=lambda content: json.decode(content)["type"]):
        sent = json.decode(content)
        answer = send(node, content)
        assert len(answer["entry"]) == len(sent["entry"])
        assert {entry["response"]["status"][:3] for entry in answer["entry"]} <= {"200", "201"}
        kinds.update(
            entry["response"]["location"].split("/")[-4]
            for entry in answer["entry"]
            if entry["response"]["status"].startswith("201")
        )
    assert kinds["Patient"] == 14
    for kind, count in kinds.items():
        assert total(node, kind) == count, kind
    everyone = found(node, "Patient?_count=3&_sort=family")
    assert len(everyone) == 14
    for one in everyone:
        mine = found(node, f"Observation?patient={one['id']}&_sort=-date&_count=100")
        assert mine
        assert all(seen["subject"]["reference"] == f"Patient/{one['id']}" for seen in mine)
