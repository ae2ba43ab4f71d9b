"""Each server SHALL of Bulk Data Access 2.0 that applies, by its number; the others are explained in the docs."""

import json
import re
import time
from pathlib import Path

import pytest

from tests.integration.served import served
from unsilo.flow.fhir import write
from unsilo.flow.fhir.outcome import Caller
from unsilo.policy import Predicate

ROOT = Path(__file__).parents[2]
ASYNC = {"Prefer": "respond-async", "Accept": "application/fhir+json"}
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(Z|[+-]\d\d:\d\d)")


class Seen:
    """What a client saw: kick-offs, statuses, manifests, files."""

    def __init__(self, node):
        self.http, self.base = node.http, node.base
        self.running = None
        self.system = self.export("$export")
        self.patient = self.export("Patient/$export")
        self.group = self.export("Group/some/$export?_type=Patient,Observation")
        self.since = self.export("$export?_since=2020-01-01T00:00:00Z")
        self.refused = self.http.get("$export?_type=Hospital", headers=ASYNC)
        self.twice = self.export("$export?_type=Patient&_type=Observation")
        self.filters = self.export(
            "$export?_type=Observation&_typeFilter=Observation%3Fstatus%3Dfinal&_typeFilter=Observation%3F_id%3Do1"
        )
        self.elements = self.export("$export?_type=Observation&_elements=Observation.code")
        self.one = self.export("Patient/$export?_type=Patient,Observation&patient=Patient/p2")
        self.posted = self.export("Patient/$export", post=True)
        kick = self.http.get("$export?_type=Patient", headers=ASYNC)
        self.place = kick.headers["content-location"]
        self.cancelled = self.http.delete(self.place)
        self.gone = self.http.get(self.place)
        self.again = self.http.delete(self.place)

    def export(self, path, *, post=False):
        """Export and return (kick-off, status, manifest, lines by type, headers of files)."""
        body = {"resourceType": "Parameters", "parameter": [{"name": "_type", "valueString": "Patient"}]}
        kick = self.http.post(path, json=body, headers=ASYNC) if post else self.http.get(path, headers=ASYNC)
        assert kick.status_code == 202, kick.text
        while (told := self.http.get(kick.headers["content-location"])).status_code == 202:
            self.running = told
            time.sleep(0.01)
        manifest = told.json()
        files = {}
        self.files = [self.http.get(each["url"]) for each in manifest["output"]]
        for each, answer in zip(manifest["output"], self.files, strict=True):
            files.setdefault(each["type"], []).extend(json.loads(line) for line in answer.text.splitlines())
        return kick, told, manifest, files, self.files


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """A node with some resources, and what a client saw of it."""
    with served(tmp_path_factory.mktemp("node")) as node:
        put = node.http.put
        for id_ in ("p1", "p2"):
            put(f"Patient/{id_}", json={"resourceType": "Patient", "id": id_})
        for n in range(6):
            put(f"Observation/o{n}", json={
                "resourceType": "Observation", "id": f"o{n}", "status": "final" if n % 2 else "amended",
                "code": {"text": "x"}, "subject": {"reference": f"Patient/p{1 + n // 4}"}})  # fmt: skip
        put("Observation/o0", json={
            "resourceType": "Observation", "id": "o0", "status": "corrected", "code": {"text": "x"},
            "subject": {"reference": "Patient/p1"}})  # fmt: skip
        put("Organization/g", json={"resourceType": "Organization", "id": "g", "name": "G"})
        put("Provenance/v", json={
            "resourceType": "Provenance", "id": "v", "target": [{"reference": "Observation/o1"}],
            "recorded": "2026-01-01T00:00:00Z", "agent": [{"who": {"reference": "Organization/g"}}]})  # fmt: skip
        put("Group/some", json={
            "resourceType": "Group", "id": "some", "type": "person", "actual": True,
            "member": [{"entity": {"reference": "Patient/p1"}}]})  # fmt: skip
        put("Basic/b", json={"resourceType": "Basic", "id": "b", "code": {"text": "x"}})
        node.http.delete("Basic/b")
        yield Seen(node)


KICK, STATUS, MANIFEST, FILES, ANSWERS = range(5)


def _levels(s):
    return all(
        each[KICK].status_code == 202 and each[STATUS].status_code == 200 for each in (s.system, s.patient, s.group)
    )


def _outcome(answer):
    return answer.status_code >= 400 and answer.json()["resourceType"] == "OperationOutcome"


def _formats(s):
    names = ("application/fhir%2Bndjson", "application/ndjson", "ndjson")
    return all(s.export(f"$export?_type=Patient&_outputFormat={name}")[STATUS].status_code == 200 for name in names)


def _deleted(s):
    gone = s.since[MANIFEST]["deleted"]
    return [json.loads(line) for each in gone for line in s.http.get(each["url"]).text.splitlines()]


def _output(s):
    return s.system[MANIFEST]["output"]


def _waits(s):
    """A status is 202 with progress while an export runs, and 404 where there is none."""
    ran = s.running is None or (s.running.status_code == 202 and "x-progress" in s.running.headers)
    return ran and _outcome(s.http.get("$export-status/none"))


CHECKS = {
    "20 28 223 224 225 227 229 249 272": _levels,
    "21 132 310": _waits,
    "22 147 144": lambda s: s.system[STATUS].status_code == 200 and isinstance(s.system[MANIFEST], dict),
    "23 24 25 14 13 204 206 148": lambda s: all(a.status_code == 200 for a in s.system[ANSWERS]),
    "29": lambda s: s.system[KICK].request.method == "GET",
    "32": lambda s: set(s.twice[FILES]) == {"Patient", "Observation"},
    "47 49 51 52 231 251 274": _formats,
    "53 59 234 254": lambda s: not s.export("$export?_since=2099-01-01T00:00:00Z")[FILES],
    "62": lambda s: set(s.group[FILES]) == {"Patient", "Observation"},
    "63": lambda s: set(s.system[FILES]) == {"Patient", "Observation", "Organization", "Provenance", "Group"},
    "77": lambda s: _outcome(s.http.get("$export?_elements=Observation.code.text", headers=ASYNC)) and all(
        "status" in row and "subject" not in row for row in s.elements[FILES]["Observation"]),
    "85": lambda s: {row["id"] for row in s.one[FILES]["Observation"]} == {"o4", "o5"},
    "103": lambda s: {row["id"] for row in s.filters[FILES]["Observation"]} == {"o1", "o3", "o5"},
    "109 110": lambda s: [row["id"] for row in s.patient[FILES]["Provenance"]] == ["v"],
    "111 112": lambda s: [row["id"] for row in s.system[FILES]["Provenance"]] == ["v"],
    "117": lambda s: len(s.filters[FILES]["Observation"]) == 3,
    "122": lambda s: s.gone.status_code == 404 and _outcome(s.gone),
    "136 137": lambda s: _outcome(s.gone) and s.gone.headers["content-type"].startswith("application/fhir+json"),
    "145": lambda s: s.system[STATUS].headers["content-type"] == "application/json",
    "150 151 152": lambda s: INSTANT.fullmatch(s.system[MANIFEST]["transactionTime"]),
    "154": lambda s: all(
        row["meta"]["lastUpdated"] <= s.system[MANIFEST]["transactionTime"] for row in s.system[FILES]["Observation"]),
    "155 156 157": lambda s: s.since[MANIFEST]["request"] == f"{s.base}/$export?_since=2020-01-01T00:00:00Z",
    "158": lambda s: s.posted[MANIFEST]["request"] == f"{s.base}/Patient/$export",
    "159 160 161 162": lambda s: s.system[MANIFEST]["requiresAccessToken"] is True,
    "164 165 166": lambda s: len(_output(s)) == len(s.system[FILES]),
    "168 169": lambda s: all({"type", "url"} <= set(each) for each in _output(s)),
    "170": lambda s: all(row["resourceType"] == kind for kind, rows in s.system[FILES].items() for row in rows),
    "175": lambda s: all(each["url"].startswith("http") for each in _output(s)),
    "178": lambda s: all(type(each["count"]) is int for each in _output(s)),
    "180 181": lambda s: isinstance(s.since[MANIFEST]["deleted"], list) and len(s.since[MANIFEST]["deleted"]) == 1,
    "186": lambda s: "Basic" not in s.since[FILES],
    "187 188": lambda s: all(row["type"] == "transaction" and row["entry"] for row in _deleted(s)),
    "189 190": lambda s: [e["request"] for row in _deleted(s) for e in row["entry"]] == [
        {"method": "DELETE", "url": "Basic/b"}],
    "191 192 193": lambda s: s.system[MANIFEST]["error"] == [],
    "202": lambda s: [row["status"] for row in s.system[FILES]["Observation"] if row["id"] == "o0"] == ["corrected"],
    "207 208": lambda s: all(a.headers["content-type"] == "application/fhir+ndjson" for a in s.system[ANSWERS]),
    "209": lambda s: all(a.text.endswith("}\n") for a in s.system[ANSWERS]),
    "210": lambda s: s.http.get("$export-file/none.Patient.1.ndjson").status_code == 404,
    "250 298": lambda s: s.group[STATUS].status_code == 200,
    "273 297": lambda s: s.patient[STATUS].status_code == 200,
    "299": lambda s: s.system[STATUS].status_code == 200,
    "300": lambda s: s.system[KICK].status_code == 202,
    "301": lambda s: s.system[KICK].headers["content-location"].startswith(s.base),
    "303 304": lambda s: s.refused.status_code == 400 and _outcome(s.refused),
    "305 306": lambda s: s.cancelled.status_code == 202,
    "308 309": lambda s: s.again.status_code == 404 and _outcome(s.again),
}  # fmt: skip
"""Numbers of requirements (hl7.fhir.uv.bulkdata_2.0.0) and what a client must have seen."""

OTHERWISE = {
    "2": "with sign-in: TLS is a setting of the node (`tls`), off on loopback",
    "5": "with sign-in", "12": "with sign-in", "19": "with sign-in",
    "92": "includeAssociatedData is not supported: refused, or left out under lenience",
    "96": "see 92", "97": "see 92", "98": "see 92", "99": "see 92",
    "142": "there is no partial success: an export is whole or fails", "143": "see 142",
    "196": "there are no error files, see 142", "198": "optional", "199": "optional",
    "213": "attachments leave as they are stored: with data, or with the address that their sender gave",
    "214": "see 213",
    "215": "see 213", "216": "see 213",
}  # fmt: skip
"""Requirements without a check here, and why."""

PREDICATE = ("9", "27", "226")
"""What a client may not see is in no file."""

SINGLE = [(number, check) for numbers, check in CHECKS.items() for number in numbers.split()]


@pytest.mark.parametrize(("number", "check"), SINGLE, ids=[f"bulkdata-2.0.0-{number}" for number, _ in SINGLE])
def test_requirement(seen, number, check):
    """The requirement of that number holds."""
    assert check(seen)


@pytest.mark.parametrize("number", PREDICATE, ids=[f"bulkdata-2.0.0-{number}" for number in PREDICATE])
def test_an_export_shows_no_more_than_a_search(tmp_path, number):
    """The predicate of the client is part of every statement of an export."""
    policies = {"*": {"allow": {"types": ["Patient"]}}}
    with served(tmp_path, policies=policies) as node:
        node.http.put("Patient/p1", json={"resourceType": "Patient", "id": "p1"})
        basic = {"resourceType": "Basic", "id": "b", "code": {"text": "x"}}
        write.update(node.service, Caller("t", "t", Predicate()), "Basic", "b", basic).result(10)
        kick = node.http.get("$export", headers=ASYNC)
        while (told := node.http.get(kick.headers["content-location"])).status_code == 202:
            time.sleep(0.01)
        assert [each["type"] for each in told.json()["output"]] == ["Patient"]


def test_the_docs_name_every_requirement():
    """The table of the docs has each number once, with its test or its reason."""
    page = (ROOT / "docs/reference/bulk-data.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| (\d+) \| (.+?) \|$", page, re.M))
    assert set(rows) == {number for number, _ in SINGLE} | set(PREDICATE) | set(OTHERWISE)
    for number, reason in OTHERWISE.items():
        assert rows[number] == reason
