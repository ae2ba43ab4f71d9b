"""Synthea's patients, loaded as published: nothing refused, nothing lost, every reference led to its target."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.loading import FHIR, everything, load_synthea, pages
from tests.integration.served import Served, served
from unsilo.kernel import json

pytestmark = [pytest.mark.corpora, pytest.mark.slow, pytest.mark.timeout(600)]
Loaded = tuple[Served, list[tuple[dict[str, Any], dict[str, Any]]]]
_LOCATION = re.compile(r"/fhir/([A-Za-z]+)/([^/]+)/_history/\d+$")


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loaded]:
    """A node with all bundles, and what was sent with its answers."""
    with served(tmp_path_factory.mktemp("synthea")) as node:
        yield node, load_synthea(node)


def placed(answer: dict[str, Any]) -> tuple[str, str] | None:
    """Return type and id of an answered entry."""
    found = _LOCATION.search(answer["response"].get("location", ""))
    return (found[1], found[2]) if found else None


def references(value: Any) -> Iterator[str]:
    """Give every `reference` of a resource."""
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        value = list(value.values())
    for each in value if isinstance(value, list) else []:
        yield from references(each)


def rewritten(value: Any, links: dict[str, str]) -> Any:
    """Return a resource with its references led to where the entries have gone."""
    if isinstance(value, dict):
        made = {key: rewritten(each, links) for key, each in value.items()}
        if isinstance(made.get("reference"), str):
            made["reference"] = links.get(made["reference"], made["reference"])
        return made
    return [rewritten(each, links) for each in value] if isinstance(value, list) else value


def test_every_entry_is_taken(loaded: Loaded) -> None:
    """Each of the entries is created, or met what its condition found; counts by type are those that were sent."""
    node, sent = loaded
    made: Counter[str] = Counter()
    for bundle, answer in sent:
        assert len(answer["entry"]) == len(bundle["entry"])
        statuses = Counter(entry["response"]["status"][:3] for entry in answer["entry"])
        assert set(statuses) <= {"200", "201"}
        made.update(kind for entry in answer["entry"] if entry["response"]["status"][:3] == "201"
                    for kind, _ in [placed(entry) or ("", "")])  # fmt: skip
    assert made["Patient"] == 14
    assert sum(made.values()) > 10_000
    for kind, count in made.items():
        answer = node.http.get(f"{kind}?_summary=count")
        assert answer.json()["total"] == count, kind


def test_every_reference_leads_to_its_entry(loaded: Loaded) -> None:
    """What was sent comes back as it was, references as ids of what is there, the conditional ones too."""
    node, sent = loaded
    links: dict[str, str] = {}
    for bundle, answer in sent:
        for entry, said in zip(bundle["entry"], answer["entry"], strict=True):
            place = placed(said)
            assert place is not None
            links[entry["fullUrl"]] = f"{place[0]}/{place[1]}"
    kinds = sorted({entry["resource"]["resourceType"] for bundle, _ in sent for entry in bundle["entry"]})
    stored = {f"{one['resourceType']}/{one['id']}": one for one in everything(node, kinds)}
    conditional = {
        f"{one['resourceType']}?identifier={each.get('system', '')}|{each.get('value', '')}": name
        for name, one in stored.items() for each in one.get("identifier", []) if isinstance(each, dict)
    }  # fmt: skip
    checked = 0
    for bundle, answer in sent:
        for entry, said in zip(bundle["entry"], answer["entry"], strict=True):
            if not said["response"]["status"].startswith("201"):
                continue
            kind, id_ = placed(said) or ("", "")
            kept = dict(stored[f"{kind}/{id_}"])
            own = rewritten(entry["resource"], {**conditional, **links})
            for one in (kept, own):
                meta = {k: v for k, v in one.pop("meta", {}).items() if k not in ("versionId", "lastUpdated")}
                one.pop("id", None)
                if meta:
                    one["meta"] = meta
            assert kept == own, f"{kind}/{id_}"
            for reference in references(kept):
                if not reference.startswith("#"):
                    assert reference in stored, (f"{kind}/{id_}", reference)
                    checked += 1
    assert checked > 10_000


def test_a_second_load_makes_no_second_of_what_has_a_condition(loaded: Loaded) -> None:
    """`If-None-Exist` meets what the first load made, whatever else the bundle holds."""
    node, sent = loaded
    bundle = next(bundle for bundle, _ in sent if any("ifNoneExist" in e["request"] for e in bundle["entry"]))
    conditional = [entry for entry in bundle["entry"] if "ifNoneExist" in entry["request"]]
    answer = node.http.post("", content=json.encode({**bundle, "entry": conditional}), headers=FHIR)
    assert {entry["response"]["status"][:3] for entry in answer.json()["entry"]} == {"200"}


def test_a_patients_record_is_whole(loaded: Loaded) -> None:
    """$everything holds each resource of the patient's bundle that belongs to a patient."""
    node, sent = loaded
    _, answer = min((pair for pair in sent if pair[0]["type"] == "transaction"), key=lambda p: len(p[0]["entry"]))
    made = {f"{p[0]}/{p[1]}" for entry in answer["entry"] if (p := placed(entry)) is not None}
    patient = next(name for name in made if name.startswith("Patient/"))
    found = {
        f"{entry['resource']['resourceType']}/{entry['resource']['id']}"
        for page in pages(node, f"{patient}/$everything?_count=200") for entry in page["entry"]
    }  # fmt: skip
    # Claims and what comes of them belong to the patient as well; medications belong to nobody and come along.
    assert {name for name in made if not name.startswith(("Medication/",))} <= found
