"""The FHIR server over a real socket: every interaction, as clients use them."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.served import Served, served

FHIR = {"Content-Type": "application/fhir+json"}
ANA = {
    "resourceType": "Patient",
    "identifier": [{"system": "urn:mrn", "value": "A1"}],
    "name": [{"family": "Delgado", "given": ["Ana"]}],
}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A node of this module."""
    with served(tmp_path_factory.mktemp("node")) as found:
        yield found


def made(node: Served, resource: dict[str, Any]) -> dict[str, Any]:
    """Create a resource and return it as the server has it."""
    answer = node.http.post(resource["resourceType"], json=resource, headers=FHIR)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def test_a_resource_lives_from_create_to_delete(node: Served) -> None:
    """create, read, update, vread, delete, gone; each with its headers."""
    created = node.http.post("Patient", json=ANA, headers=FHIR)
    assert created.status_code == 201
    id_ = created.json()["id"]
    assert created.headers["location"] == f"{node.base}/Patient/{id_}/_history/1"
    assert created.headers["etag"] == 'W/"1"'
    assert "last-modified" in created.headers
    read = node.http.get(f"Patient/{id_}")
    assert read.json() == created.json()
    changed = node.http.put(f"Patient/{id_}", json={**ANA, "id": id_, "active": True}, headers=FHIR)
    assert (changed.status_code, changed.headers["etag"]) == (200, 'W/"2"')
    assert "location" not in changed.headers
    same = node.http.put(f"Patient/{id_}", json={**ANA, "id": id_, "active": True}, headers=FHIR)
    assert same.headers["etag"] == 'W/"2"'
    assert "active" not in node.http.get(f"Patient/{id_}/_history/1").json()
    assert node.http.delete(f"Patient/{id_}").status_code == 204
    assert node.http.delete(f"Patient/{id_}").status_code == 204
    gone = node.http.get(f"Patient/{id_}")
    assert (gone.status_code, gone.headers["etag"]) == (410, 'W/"3"')
    entries = node.http.get(f"Patient/{id_}/_history").json()["entry"]
    assert [entry["request"]["method"] for entry in entries] == ["DELETE", "PUT", "POST"]


def test_conditions_of_writes(node: Served) -> None:
    """If-Match, If-None-Match, If-None-Exist, conditional update, patch and delete."""
    one = made(node, {**ANA, "identifier": [{"system": "urn:mrn", "value": "C1"}]})
    url, body = f"Patient/{one['id']}", {**one, "active": True}
    assert node.http.put(url, json=body, headers={**FHIR, "If-Match": 'W/"7"'}).status_code == 412
    assert node.http.put(url, json=body, headers={**FHIR, "If-None-Match": "*"}).status_code == 412
    assert node.http.put(url, json=body, headers={**FHIR, "If-Match": 'W/"1"'}).status_code == 200
    twin = {**ANA, "identifier": [{"system": "urn:mrn", "value": "C1"}]}
    met = node.http.post("Patient", json=twin, headers={**FHIR, "If-None-Exist": "identifier=urn:mrn|C1"})
    assert (met.status_code, met.json()["id"]) == (200, one["id"])
    assert f"/Patient/{one['id']}/" in met.headers["location"]
    entry = {"resource": twin, "request": {"method": "POST", "url": "Patient", "ifNoneExist": "identifier=urn:mrn|C1"}}
    for kind in ("batch", "transaction"):
        said = node.http.post("", json={"resourceType": "Bundle", "type": kind, "entry": [entry]}, headers=FHIR).json()
        assert f"/Patient/{one['id']}/" in said["entry"][0]["response"]["location"], said
    where = "Patient?identifier=urn:mrn|C1"
    assert node.http.put(where, json={**twin, "gender": "female"}, headers=FHIR).json()["gender"] == "female"
    patch = [{"op": "remove", "path": "/gender"}]
    kind = {"Content-Type": "application/json-patch+json"}
    assert "gender" not in node.http.patch(where, content=json.dumps(patch), headers=kind).json()
    made(node, twin)
    assert node.http.put(where, json=twin, headers=FHIR).status_code == 412
    assert node.http.delete("Patient?_format=json").status_code == 412
    assert node.http.delete("Patient?identifier=urn:mrn|none").status_code == 204


def test_conditional_reads(node: Served) -> None:
    """What the client has already is 304 without a body."""
    one = made(node, ANA)
    url = f"Patient/{one['id']}"
    first = node.http.get(url)
    for headers in ({"If-None-Match": 'W/"1"'}, {"If-Modified-Since": first.headers["last-modified"]}):
        known = node.http.get(url, headers=headers)
        assert (known.status_code, known.content) == (304, b"")
    assert node.http.get(url, headers={"If-None-Match": 'W/"9"'}).status_code == 200


def test_preferences(node: Served) -> None:
    """`Prefer: return` decides about the body of a write."""
    minimal = node.http.post("Patient", json=ANA, headers={**FHIR, "Prefer": "return=minimal"})
    assert (minimal.status_code, minimal.content) == (201, b"")
    assert minimal.headers["location"]
    outcome = node.http.post("Patient", json=ANA, headers={**FHIR, "Prefer": "return=OperationOutcome"})
    assert outcome.json()["resourceType"] == "OperationOutcome"
    nothing = node.http.delete("Patient/never", headers={"Prefer": "return=OperationOutcome"})
    assert (nothing.status_code, nothing.json()["issue"][0]["code"]) == (200, "not-found")
    assert (node.http.delete("Patient/never").status_code, node.http.get("Patient/never").status_code) == (204, 404)


def test_patches(node: Served) -> None:
    """JSON Patch and FHIRPath Patch change the same way; what cannot be applied changes nothing."""
    one = made(node, ANA)
    url = f"Patient/{one['id']}"
    kind = {"Content-Type": "application/json-patch+json"}
    added = node.http.patch(url, content=b'[{"op":"add","path":"/active","value":true}]', headers=kind)
    assert added.json()["active"] is True
    parts = [
        {"name": "type", "valueCode": "replace"}, {"name": "path", "valueString": "Patient.active"},
        {"name": "value", "valueBoolean": False},
    ]  # fmt: skip
    said = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}
    assert node.http.patch(url, json=said, headers=FHIR).json()["active"] is False
    failed = node.http.patch(url, content=b'[{"op":"test","path":"/active","value":true}]', headers=kind)
    assert failed.status_code == 422
    assert node.http.patch(url, content=b"[", headers=kind).status_code == 400
    assert node.http.patch(url, content=b'1,"x":2', headers=kind).status_code in (400, 422)
    assert node.http.patch(url, content=b"[]", headers={"Content-Type": "text/plain"}).status_code == 415
    assert node.http.get(url).headers["etag"] == 'W/"3"'


def test_both_forms_say_the_same(node: Served) -> None:
    """What went in as XML comes out as JSON and back, decimals, contained and unknown extensions unchanged."""
    body = (
        b'{"resourceType":"Observation","id":"forms","contained":[{"resourceType":"Patient","id":"p"}],'
        b'"extension":[{"url":"http://example.org/x","valueDecimal":1.00}],"status":"final","code":{"text":"a"},'
        b'"subject":{"reference":"#p"},"_effectiveDateTime":{"extension":[{"url":"http://example.org/y",'
        b'"valueCode":"unknown"}]},"valueQuantity":{"value":0.10}}'
    )
    assert node.http.put("Observation/forms", content=body, headers=FHIR).status_code == 201
    as_xml = node.http.get("Observation/forms", headers={"Accept": "application/fhir+xml"})
    assert as_xml.headers["content-type"].startswith("application/fhir+xml")
    assert b'value="0.10"' in as_xml.content
    again = as_xml.content.replace(b'value="forms"', b'value="forms2"')
    made = node.http.put("Observation/forms2", content=again, headers={"Content-Type": "application/fhir+xml"})
    assert made.status_code == 201, made.text
    assert made.json()["extension"][0]["url"] == "http://example.org/x"
    one, two = (node.http.get(f"Observation/{id_}").content for id_ in ("forms", "forms2"))
    assert b'"value":0.10' in one
    assert b'"valueDecimal":1.00' in two
    strip = [{k: v for k, v in json.loads(found).items() if k not in ("id", "meta")} for found in (one, two)]
    assert strip[0] == strip[1]


def test_a_batch_answers_each_entry(node: Served) -> None:
    """Reads, writes, searches and mistakes in one batch, each with its own status, in the order of the request."""
    one = made(node, ANA)
    entries = [
        {"request": {"method": "GET", "url": f"Patient/{one['id']}"}},
        {"request": {"method": "POST", "url": "Patient"}, "resource": ANA},
        {"request": {"method": "GET", "url": "Patient?family=Delgado&_count=1"}},
        {"request": {"method": "GET", "url": "Nothing/1"}},
        {"request": {"method": "PUT", "url": f"Patient/{one['id']}", "ifMatch": 'W/"9"'}, "resource": one},
        {"request": {"method": "TRACE", "url": "Patient"}},
        {},
    ]
    answer = node.http.post("", json={"resourceType": "Bundle", "type": "batch", "entry": entries}, headers=FHIR)
    assert answer.status_code == 200
    bundle = answer.json()
    assert bundle["type"] == "batch-response"
    assert [entry["response"]["status"][:3] for entry in bundle["entry"]] == [
        "200", "201", "200", "404", "412", "400", "400",
    ]  # fmt: skip
    assert bundle["entry"][0]["resource"]["id"] == one["id"]
    assert bundle["entry"][1]["response"]["location"]
    assert "resource" not in bundle["entry"][1]
    assert bundle["entry"][2]["resource"]["type"] == "searchset"
    whole = {**FHIR, "Prefer": "return=representation"}
    again = node.http.post("", json={"resourceType": "Bundle", "type": "batch", "entry": entries[1:2]}, headers=whole)
    assert again.json()["entry"][0]["resource"]["name"] == ANA["name"]
    assert bundle["entry"][3]["response"]["outcome"]["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"resourceType": "Patient"}, 400), ({"resourceType": "Bundle", "type": "searchset"}, 422),
        ({"resourceType": "Bundle", "type": "batch", "entry": 5}, 400), ({"resourceType": "Bundle"}, 422),
    ],
)  # fmt: skip
def test_what_is_no_batch_is_refused(node: Served, body: dict[str, Any], status: int) -> None:
    """Only Bundles of the two kinds are taken at the base."""
    answer = node.http.post("", json=body, headers=FHIR)
    assert answer.status_code == status
    assert answer.json()["resourceType"] == "OperationOutcome"


def test_binary_content_both_ways(node: Served) -> None:
    """Raw content goes in and comes out as it is; FHIR is given who asks for it."""
    content = bytes(range(256))
    created = node.http.post("Binary", content=content, headers={"Content-Type": "application/pdf"})
    assert created.status_code == 201
    id_ = created.json()["id"]
    raw = node.http.get(f"Binary/{id_}")
    assert (raw.content, raw.headers["content-type"]) == (content, "application/pdf")
    assert raw.headers["content-disposition"] == "attachment"
    assert node.http.get(f"Binary/{id_}", headers={"Accept": "application/fhir+json"}).json()["contentType"] == (
        "application/pdf"
    )
    changed = node.http.put(f"Binary/{id_}", content=b"text", headers={"Content-Type": "text/plain"})
    assert changed.status_code == 200
    assert node.http.get(f"Binary/{id_}").content == b"text"
    assert node.http.get(f"Binary/{id_}/_history/1").content == content


def test_histories_in_pages(node: Served) -> None:
    """Of an instance, a type and the server; pages hold every version once; `_since` and `_at` narrow."""
    one = made(node, {"resourceType": "Basic", "code": {"text": "a"}})
    for n in range(5):
        node.http.put(f"Basic/{one['id']}", json={**one, "code": {"text": str(n)}}, headers=FHIR)
    for start in (f"Basic/{one['id']}/_history", "Basic/_history", "_history"):
        url, seen = f"{node.base}/{start}?_count=2", []
        while url:
            bundle = node.http.get(url).json()
            seen += [(entry["fullUrl"], entry["response"]["etag"]) for entry in bundle["entry"]]
            url = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), "")
        assert len(seen) == len(set(seen)) == bundle["total"]
        assert len(seen) >= 6
    latest = node.http.get(f"Basic/{one['id']}").json()["meta"]["lastUpdated"]
    assert node.http.get(f"Basic/{one['id']}/_history", params={"_since": latest}).json()["total"] == 1
    assert node.http.get(f"Basic/{one['id']}/_history", params={"_at": latest}).json()["total"] >= 1
    assert node.http.get(f"Basic/{one['id']}/_history", params={"_at": "1999"}).json()["total"] == 0
    assert "entry" not in node.http.get(f"Basic/{one['id']}/_history", params={"_summary": "count"}).json()


def test_searches_by_get_post_and_compartment(node: Served) -> None:
    """The same search in each way finds the same; pages are followed to their end."""
    patient = made(node, {**ANA, "identifier": [{"system": "urn:mrn", "value": "S1"}]})
    for n in range(5):
        made(node, {"resourceType": "Observation", "status": "final", "code": {"text": f"o{n}"},
                    "subject": {"reference": f"Patient/{patient['id']}"}})  # fmt: skip
    by_get = node.http.get("Observation", params={"subject": patient["id"], "_count": 2})
    by_post = node.http.post("Observation/_search", data={"subject": patient["id"], "_count": "2"})
    for answer in (by_get, by_post):
        url, seen = "", [entry["resource"]["id"] for entry in answer.json()["entry"]]
        links = {link["relation"]: link["url"] for link in answer.json()["link"]}
        while url := links.get("next", ""):
            bundle = node.http.get(url).json()
            seen += [entry["resource"]["id"] for entry in bundle.get("entry", [])]
            links = {link["relation"]: link["url"] for link in bundle["link"]}
        assert len(seen) == len(set(seen)) == 5
    assert len(node.http.get(f"Patient/{patient['id']}/Observation").json()["entry"]) == 5
    assert len(node.http.get(f"Patient/{patient['id']}/*").json()["entry"]) >= 5
    for types in ("Patient,Observation", "Patient"):
        both = node.http.get("", params={"_type": types, "_id": patient["id"]}).json()
        assert [entry["resource"]["id"] for entry in both["entry"]] == [patient["id"]]
    included = node.http.get("Observation", params={"subject": patient["id"], "_include": "Observation:subject"}).json()
    assert [entry["search"]["mode"] for entry in included["entry"]].count("include") == 1
    other = node.http.post("Patient/_search", content=b"{}", headers=FHIR)
    assert other.status_code == 415


def test_parts_of_resources(node: Served) -> None:
    """`_summary`, `_elements` and `_pretty` on reads and searches, tagged as incomplete."""
    one = made(node, {**ANA, "active": True, "photo": [{"title": "x"}]})
    url = f"Patient/{one['id']}"
    summary = node.http.get(url, params={"_summary": "true"}).json()
    assert "photo" not in summary
    assert summary["meta"]["tag"][0]["code"] == "SUBSETTED"
    assert set(node.http.get(url, params={"_elements": "active"}).json()) == {"resourceType", "id", "meta", "active"}
    found = node.http.get("Patient", params={"_id": one["id"], "_elements": "active"}).json()
    assert "name" not in found["entry"][0]["resource"]
    assert b"\n" in node.http.get(url, params={"_pretty": "true"}).content
    assert node.http.get(url, params={"_elements": "colour"}).status_code == 400


def test_meta_operations(node: Served) -> None:
    """Tags are added once and taken away again."""
    one = made(node, ANA)
    said = {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": {"tag": [{"code": "t"}]}}]}
    for _ in range(2):
        node.http.post(f"Patient/{one['id']}/$meta-add", json=said, headers=FHIR)
    meta = node.http.get(f"Patient/{one['id']}/$meta").json()["parameter"][0]["valueMeta"]
    assert (meta["tag"], meta["versionId"]) == ([{"code": "t"}], "2")
    gone = node.http.post(f"Patient/{one['id']}/$meta-delete", json=said, headers=FHIR).json()
    assert "tag" not in gone["parameter"][0]["valueMeta"]
    assert node.http.post(f"Patient/{one['id']}/$meta-add", json=ANA, headers=FHIR).status_code == 400
    assert node.http.post("Patient/none/$meta-add", json=said, headers=FHIR).status_code == 404


def test_the_server_describes_itself(node: Served) -> None:
    """CapabilityStatement in its modes and OpenAPI, made of the same table."""
    statement = node.http.get("metadata").json()
    assert statement["fhirVersion"] == "4.0.1"
    assert {row["code"] for row in statement["rest"][0]["interaction"]} == {
        "batch", "transaction", "search-system", "history-system",
    }  # fmt: skip
    patient = next(row for row in statement["rest"][0]["resource"] if row["type"] == "Patient")
    assert {"read", "vread", "update", "patch", "delete", "create", "search-type", "history-instance"} <= {
        row["code"] for row in patient["interaction"]
    }
    assert "everything" in {row["name"] for row in patient["operation"]}
    assert len(node.http.get("metadata", params={"mode": "normative"}).json()["rest"][0]["resource"]) == 11
    assert node.http.get("metadata", params={"mode": "terminology"}).json()["resourceType"] == "TerminologyCapabilities"
    assert node.http.get("metadata", headers={"Accept": "application/fhir+xml"}).content.startswith(b"<?xml")
    described = node.http.get("openapi.json").json()
    assert described["openapi"] == "3.1.0"
    assert {"get", "post"} <= set(described["paths"]["/Patient"])
    assert "get" in described["paths"]["/Patient/{id}/$everything"]
    assert "post" in described["paths"]["/{type}/{id}/$meta-add"]
    names = [method["operationId"] for path in described["paths"].values() for method in path.values()]
    assert len(names) == len(set(names))


def test_headers_of_every_answer(node: Served) -> None:
    """HEAD, OPTIONS, packing, request ids, no caching."""
    one = made(node, {**ANA, "address": [{"text": "x" * 3000}]})
    url = f"Patient/{one['id']}"
    head = node.http.head(url)
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) > 100
    assert "PATCH" in node.http.options(url).headers["allow"]
    packed = node.http.get(url, headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.json()["id"] == one["id"]
    assert node.http.get(url, headers={"X-Request-Id": "mine-1"}).headers["x-request-id"] == "mine-1"
    made_up = node.http.get(url, headers={"X-Request-Id": "not one: <b>"}).headers["x-request-id"]
    assert made_up not in ("", "not one: <b>")
    assert head.headers["cache-control"] == "no-store"
    body = gzip.compress(json.dumps(ANA).encode())
    assert node.http.post("Patient", content=body, headers={**FHIR, "Content-Encoding": "gzip"}).status_code == 201


def test_an_operator_sees_the_plan(node: Served) -> None:
    """`__explain` shows clauses and statements, and no value of a patient."""
    answer = node.http.get("Patient", params={"identifier": "urn:mrn|SECRET", "__explain": "1"})
    assert answer.status_code == 200
    assert answer.json()["statements"]
    assert "SECRET" not in answer.text


def test_a_transaction_is_all_or_nothing(node: Served) -> None:
    """References between entries become those of the new resources; one wrong entry undoes all."""
    patient, observation = (
        "urn:uuid:6f0f1f3a-0000-4000-8000-000000000001",
        "urn:uuid:6f0f1f3a-0000-4000-8000-000000000002",
    )
    entries = [
        {"fullUrl": observation, "request": {"method": "POST", "url": "Observation"},
         "resource": {"resourceType": "Observation", "status": "final", "code": {"text": "t"},
                      "subject": {"reference": patient}}},
        {"request": {"method": "GET", "url": "Patient?identifier=urn:mrn|T1"}},
        {"fullUrl": patient, "request": {"method": "POST", "url": "Patient", "ifNoneExist": "identifier=urn:mrn|T1"},
         "resource": {**ANA, "identifier": [{"system": "urn:mrn", "value": "T1"}]}},
    ]  # fmt: skip
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    answer = node.http.post("", json=bundle, headers=FHIR)
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert said["type"] == "transaction-response"
    assert [entry["response"]["status"][:3] for entry in said["entry"]] == ["201", "200", "201"]
    id_ = said["entry"][2]["response"]["location"].split("/Patient/")[1].split("/")[0]
    assert said["entry"][1]["resource"]["entry"][0]["resource"]["id"] == id_
    place = said["entry"][0]["response"]["location"].removeprefix(node.base + "/")
    assert node.http.get(place).json()["subject"]["reference"] == f"Patient/{id_}"
    wrong = {**bundle, "entry": [entries[0], {"request": {"method": "DELETE", "url": "Patient/unknown"}}]}
    before = node.http.get("Observation?_summary=count").json()["total"]
    failed = node.http.post("", json=wrong, headers=FHIR)
    assert failed.status_code >= 400
    assert failed.json()["resourceType"] == "OperationOutcome"
    assert node.http.get("Observation?_summary=count").json()["total"] == before


def test_operations_by_post(node: Served) -> None:
    """A Parameters body says the same as the address; a body that is none is refused."""
    one = made(node, {**ANA, "identifier": [{"system": "urn:mrn", "value": "P1"}]})
    url = f"Patient/{one['id']}/$everything"
    rows = [{"name": "_type", "valueCode": "Patient"}, {"name": "_count", "valueInteger": 1}]
    answer = node.http.post(url, json={"resourceType": "Parameters", "parameter": rows}, headers=FHIR)
    assert [entry["resource"]["id"] for entry in answer.json()["entry"]] == [one["id"]]
    assert node.http.post(url).status_code == 200
    for wrong in ({"resourceType": "Patient"}, {"resourceType": "Parameters", "parameter": [{"name": "_type"}]},
                  {"resourceType": "Parameters", "parameter": [{"name": "_type", "valueCoding": {}}]},
                  {"resourceType": "Parameters", "parameter": 5}):  # fmt: skip
        assert node.http.post(url, json=wrong, headers=FHIR).status_code == 400
    assert node.http.post(f"Patient/{one['id']}/$summary").json()["type"] == "document"
