"""$export over HTTP: kick-off, status, files, parameters, groups, deletions, cancelling, restart, what is refused."""

import json
import time

import pytest

from tests.integration.served import served
from unsilo.flow.bulk.job import Job, Jobs
from unsilo.flow.bulk.request import types_of
from unsilo.policy import Predicate

ASYNC = {"Prefer": "respond-async", "Accept": "application/fhir+json"}


def _observation(n, patient):
    return {
        "resourceType": "Observation", "id": f"o{n}", "status": "final" if n % 2 else "amended",
        "code": {"text": f"x{n}"}, "subject": {"reference": f"Patient/{patient}"}, "valueString": "y",
    }  # fmt: skip


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    """A node with two Patients, ten Observations, an Organization, a Group of one, and a deletion."""
    with served(tmp_path_factory.mktemp("node")) as found:
        for id_ in ("p1", "p2"):
            found.http.put(f"Patient/{id_}", json={"resourceType": "Patient", "id": id_, "gender": "other"})
        for n in range(10):
            found.http.put(f"Observation/o{n}", json=_observation(n, "p1" if n < 7 else "p2"))
        found.http.put("Organization/g1", json={"resourceType": "Organization", "id": "g1", "name": "A"})
        group = {
            "resourceType": "Group", "id": "some", "type": "person", "actual": True,
            "member": [
                {"entity": {"reference": "Patient/p1"}}, {"entity": {"reference": "Patient/p2"}, "inactive": True},
            ],
        }  # fmt: skip
        found.http.put("Group/some", json=group)
        found.http.put("Basic/b1", json={"resourceType": "Basic", "id": "b1", "code": {"text": "x"}})
        found.http.delete("Basic/b1")
        yield found


def _await(node, answer):
    assert answer.status_code == 202, answer.text
    place = answer.headers["content-location"]
    for _ in range(200):
        told = node.http.get(place)
        if told.status_code != 202:
            assert told.status_code == 200, told.text
            return place, told
        assert "x-progress" in told.headers
        time.sleep(0.05)
    raise AssertionError("the export does not end")


def _lines(node, manifest, kind="output"):
    found = {}
    for file in manifest[kind]:
        answer = node.http.get(file["url"])
        assert answer.headers["content-type"] == "application/fhir+ndjson"
        rows = [json.loads(line) for line in answer.text.splitlines()]
        assert len(rows) == file["count"]
        found.setdefault(file["type"], []).extend(rows)
    return found


def _export(node, path, **headers):
    _, told = _await(node, node.http.get(path, headers={**ASYNC, **headers}))
    return told.json(), _lines(node, told.json())


def test_the_whole_system(node):
    """Every live resource once, with version and time, by type; the manifest says what it must."""
    manifest, found = _export(node, "$export")
    assert {kind: len(rows) for kind, rows in found.items()} == {
        "Patient": 2, "Observation": 10, "Organization": 1, "Group": 1,
    }  # fmt: skip
    assert manifest["requiresAccessToken"] is True
    assert manifest["request"].endswith("/fhir/$export")
    assert manifest["error"] == []
    assert all(row["meta"]["versionId"] == "1" for rows in found.values() for row in rows)


def test_patients_and_groups(node):
    """Only what belongs to Patients; of a Group only its active members; `patient` narrows both."""
    _, found = _export(node, "Patient/$export")
    assert {kind: len(rows) for kind, rows in found.items()} == {"Patient": 2, "Observation": 10, "Group": 1}
    _, found = _export(node, "Group/some/$export?_type=Patient,Observation")
    assert {row["id"] for row in found["Patient"]} == {"p1"}
    assert len(found["Observation"]) == 7
    _, found = _export(node, "Patient/$export?_type=Observation&patient=Patient/p2")
    assert {row["id"] for row in found["Observation"]} == {"o7", "o8", "o9"}


def test_types_filters_and_elements(node):
    """`_type`, `_typeFilter` (several are alternatives), `_elements` with SUBSETTED."""
    _, found = _export(
        node, "$export?_type=Observation&_typeFilter=Observation%3Fstatus%3Dfinal&_elements=Observation.code"
    )
    assert {row["id"] for row in found["Observation"]} == {"o1", "o3", "o5", "o7", "o9"}
    assert "valueString" not in found["Observation"][0]
    assert found["Observation"][0]["meta"]["tag"][0]["code"] == "SUBSETTED"
    both = "&_typeFilter=Observation%3F_id%3Do1&_typeFilter=Observation%3Fstatus%3Dfinal"
    _, found = _export(node, f"$export?_type=Observation{both}")
    assert len(found["Observation"]) == 5


def test_since_gives_changes_and_deletions(node):
    """What changed since, and what was deleted as transaction Bundles; nothing from before."""
    manifest, found = _export(node, "$export?_since=2020-01-01T00:00:00Z")
    gone = _lines(node, manifest, "deleted")
    assert [e["request"] for e in gone["Bundle"][0]["entry"]] == [{"method": "DELETE", "url": "Basic/b1"}]
    assert len(found["Observation"]) == 10
    manifest, found = _export(node, "$export?_since=2099-01-01T00:00:00Z")
    assert found == {}
    assert manifest["deleted"] == []


def test_post_with_parameters(node):
    """A Parameters resource says the same as the query."""
    body = {"resourceType": "Parameters", "parameter": [
        {"name": "_type", "valueString": "Patient"},
        {"name": "patient", "valueReference": {"reference": "Patient/p2"}},
    ]}  # fmt: skip
    _, told = _await(node, node.http.post("Patient/$export", json=body, headers=ASYNC))
    assert [row["id"] for row in _lines(node, told.json())["Patient"]] == ["p2"]


def test_cancelling_removes_everything(node):
    """After DELETE neither status nor files are there."""
    place, told = _await(node, node.http.get("$export", headers=ASYNC))
    assert "expires" in told.headers
    assert node.http.delete(place).status_code == 202
    assert node.http.get(place).status_code == 404
    assert node.http.get(told.json()["output"][0]["url"]).status_code == 404
    assert node.http.delete(place).status_code == 404


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("$export", {"Prefer": ""}),
        ("$export?_type=Hospital", {}),
        ("$export?_since=yesterday", {}),
        ("$export?_typeFilter=Observation", {}),
        ("$export?_typeFilter=Observation%3Fcolour%3Dblue", {}),
        ("$export?_outputFormat=text/csv", {}),
        ("$export?colour=blue", {}),
        ("$export?patient=Patient/p1", {}),
        ("$export?includeAssociatedData=LatestProvenanceResources", {}),
        ("Patient/$export?_type=Organization", {}),
    ],
)
def test_what_cannot_be_done_is_refused(node, path, headers):
    """400 and an OperationOutcome."""
    answer = node.http.get(path, headers={**ASYNC, **headers})
    assert answer.status_code == 400
    assert answer.json()["resourceType"] == "OperationOutcome"


def test_what_may_be_left_out_is_under_lenience(node):
    """`handling=lenient` goes on without what is optional; a Group that is not there is 404 either way."""
    lenient = {**ASYNC, "Prefer": "respond-async, handling=lenient"}
    _await(node, node.http.get("$export?includeAssociatedData=x&_type=Patient", headers=lenient))
    assert node.http.get("Group/none/$export", headers=lenient).status_code == 404
    assert node.http.get("$export-status/none").status_code == 404
    assert node.http.get("$export-file/none.Patient.1.ndjson").status_code == 404


def test_done_is_said_when_it_is_certain_and_a_cancel_is_never_lost(node, monkeypatch):
    """On a slow disk too: what a client is told is what a restart would find, and DELETE holds at any moment."""
    certain = Jobs.keep

    def slowly(self, job):
        time.sleep(0.2)
        certain(self, job)

    monkeypatch.setattr(Jobs, "keep", slowly)
    place, _ = _await(node, node.http.get("$export?_type=Patient", headers=ASYNC))
    assert Jobs(node.service.settings.data / "bulk", Job).get(place.rpartition("/")[2]).state == "done"
    for pause in (0, 0.1, 0.3, 0.5):
        place = node.http.get("$export?_type=Patient", headers=ASYNC).headers["content-location"]
        time.sleep(pause)
        assert node.http.delete(place).status_code == 202
        assert node.http.get(place).status_code == node.http.delete(place).status_code == 404
        time.sleep(0.6)
        assert node.http.get(place).status_code == 404


def test_an_interrupted_export_goes_on_after_a_restart(tmp_path):
    """What was written after the last certain moment is written again, nothing comes twice, nothing is missing."""
    with served(tmp_path) as first:
        for n in range(30):
            first.http.put(f"Observation/o{n}", json=_observation(n, "p1"))
        jobs = Jobs(tmp_path / "bulk", Job)
        place, told = _await(first, first.http.get("$export", headers=ASYNC))
        job = jobs.get(place.rpartition("/")[2])
        file = next(f for f in job.files if f.type == "Observation")
        content = jobs.path(job, file.name).read_bytes().splitlines(keepends=True)
        kinds = types_of("system")
        tenth = first.service.store.view().walk(Predicate(), "Observation", limit=10)[-1]
        file.size, file.count = sum(map(len, content[:10])), 10
        job.state, job.place, job.written, job.files = "running", (kinds.index("Observation"), tenth.rid), 10, [file]
        jobs.keep(job)
    with served(tmp_path) as second:
        for _ in range(200):
            told = second.http.get(f"$export-status/{job.id}")
            if told.status_code == 200:
                break
            time.sleep(0.05)
        ids = [row["id"] for row in _lines(second, told.json())["Observation"]]
        assert len(ids) == len(set(ids)) == 30
