"""What clients may write in headers, forms and Bundles beside the plain requests, over a real connection."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from tests.integration.served import Served, served
from unsilo.config import Fhir

FHIR = {"Content-Type": "application/fhir+json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PATCH = {"Content-Type": "application/json-patch+json"}
NUMBER = [{"system": "urn:mrn", "value": "1"}]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A node with a Patient, where she is registered, and what was seen of her."""
    with served(tmp_path_factory.mktemp("asking")) as found:
        put(found, {"resourceType": "Organization", "id": "clinic", "name": "Clinic"})
        put(
            found,
            {"resourceType": "Patient", "id": "ana", "managingOrganization": {"reference": "Organization/clinic"}},
        )
        for month in range(1, 6):
            put(found, seen(f"o{month}", f"2026-0{month}-15"))
        put(found, seen("undated", None))
        yield found


def put(node: Served, resource: dict[str, Any], **headers: str) -> httpx.Response:
    """Update under the resource's own id."""
    place = f"{resource['resourceType']}/{resource['id']}"
    return node.http.put(place, json=resource, headers={**FHIR, **headers})


def seen(id_: str, when: str | None) -> dict[str, Any]:
    """An Observation of her."""
    made = {"resourceType": "Observation", "id": id_, "status": "final", "code": {"text": "weight"}}
    return {**made, "subject": {"reference": "Patient/ana"}, **({"effectiveDateTime": when} if when else {})}


def person(node: Served) -> str:
    """The address of a new Patient with the number 1; those of before are gone."""
    node.http.delete("Patient?identifier=urn:mrn|1")
    made = node.http.post("Patient", json={"resourceType": "Patient", "identifier": NUMBER}, headers=FHIR)
    return str(made.headers["location"]).removeprefix(node.base + "/").partition("/_history")[0]


def test_every_write_looks_at_its_conditions(node: Served) -> None:
    """If-Match and If-None-Match hold for conditional updates, patches and deletions too; a time is refused."""
    place, query = person(node), "Patient?identifier=urn:mrn|1"
    whole = {"resourceType": "Patient", "identifier": NUMBER, "active": True}
    patch = [{"op": "add", "path": "/active", "value": False}]
    for header, value in (("If-None-Match", "*"), ("If-None-Match", 'W/"1"'), ("If-Match", 'W/"7"')):
        said = {header: value}
        assert node.http.put(query, json=whole, headers={**FHIR, **said}).status_code == 412
        assert node.http.patch(query, json=patch, headers={**PATCH, **said}).status_code == 412
        assert node.http.patch(place, json=patch, headers={**PATCH, **said}).status_code == 412
    assert node.http.delete(query, headers={"If-Match": 'W/"7"'}).status_code == 412
    assert node.http.delete("Patient?identifier=urn:mrn|none", headers={"If-Match": 'W/"1"'}).status_code == 412
    late = {"If-Unmodified-Since": "Mon, 01 Jan 2001 00:00:00 GMT"}
    assert node.http.put(query, json=whole, headers={**FHIR, **late}).status_code == 400
    assert node.http.delete(place, headers=late).status_code == 400
    assert node.http.get(place).json()["meta"]["versionId"] == "1"
    assert node.http.patch(place, json=patch, headers={**PATCH, "If-None-Match": 'W/"7"'}).status_code == 200
    assert node.http.delete(query, headers={"If-Match": 'W/"2"'}).status_code == 204
    new = node.http.put(query, json=whole, headers={**FHIR, "If-None-Match": "*"})
    assert new.status_code == 201


def test_the_same_conditions_in_a_transaction(node: Served) -> None:
    """ifNoneMatch and ifMatch of entries with a condition or a patch."""
    place, query = person(node), "Patient?identifier=urn:mrn|1"
    whole = {"resourceType": "Patient", "identifier": NUMBER, "active": True}
    nothing = {"resourceType": "Parameters"}
    for method, url, resource, condition in (
        ("PUT", query, whole, {"ifNoneMatch": "*"}), ("PATCH", place, nothing, {"ifNoneMatch": "*"}),
        ("DELETE", query, None, {"ifMatch": 'W/"7"'}),
    ):  # fmt: skip
        entry = {"request": {"method": method, "url": url, **condition}, **({"resource": resource} if resource else {})}
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
        answer = node.http.post("", json=bundle, headers=FHIR)
        assert answer.status_code == 412, (method, answer.text)
    assert node.http.get(place).json()["meta"]["versionId"] == "1"


def test_an_empty_condition_of_a_creation_is_refused(node: Served) -> None:
    """Who sends the header wants no second one: it is not taken for a plain creation."""
    before = node.http.get("Patient?_summary=count").json()["total"]
    for said in ("", "?", "Patient?"):
        answer = node.http.post("Patient", json={"resourceType": "Patient"}, headers={**FHIR, "If-None-Exist": said})
        assert answer.status_code == 412, said
    assert node.http.get("Patient?_summary=count").json()["total"] == before


def test_a_posted_search_says_how_to_answer(node: Served) -> None:
    """`_format` and `_pretty` stand in the form, as every other parameter."""
    ask = lambda form: node.http.post("Patient/_search", content=form, headers=FORM)  # noqa: E731
    assert ask("_id=ana&_format=xml").headers["content-type"].startswith("application/fhir+xml")
    assert '<total value="1"/>' in ask("_id=ana&_format=xml").text
    assert ask("_id=ana&_format=text/html").status_code == 406
    assert "\n" in ask("_id=ana&_pretty=true").text
    assert "\n" not in ask("_id=ana").text


def test_a_batch_searches_the_system_and_looks_at_heads(node: Served) -> None:
    """An entry may ask what `GET [base]?` asks; HEAD shows no resource; a Bundle within is not taken."""
    asked = [("GET", "?_type=Patient&_id=ana"), ("HEAD", "Patient/ana"), ("POST", "")]
    entries: list[dict[str, Any]] = [{"request": {"method": method, "url": url}} for method, url in asked]
    entries[2]["resource"] = {"resourceType": "Bundle", "type": "batch"}
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": entries}
    found, head, within = node.http.post("", json=bundle, headers=FHIR).json()["entry"]
    assert found["resource"]["total"] == 1
    assert (head["response"]["status"], head["response"]["etag"]) == ("200 OK", 'W/"1"')
    assert "resource" not in head
    assert within["response"]["status"].startswith("405")


@pytest.mark.parametrize(
    ("said", "packed"),
    [
        ("gzip", True), ("br, GZIP;q=0.5", True), ("x-gzip", True), ("gzip;q=0", False), ("gzip; q=0.000", False),
        ("br, gzip;q=0, *", False), ("gzipped", False), ("identity", False), ("", False),
    ],
)  # fmt: skip
def test_gzip_is_sent_to_who_takes_it(node: Served, said: str, packed: bool) -> None:
    """By its name and quality (RFC 9110 12.5.3)."""
    answer = node.http.get("metadata", headers={"Accept-Encoding": said})
    assert answer.headers.get("content-encoding") == ("gzip" if packed else None)
    assert answer.json()["resourceType"] == "CapabilityStatement"


def test_a_record_of_care_between_two_dates(node: Served) -> None:
    """`start` and `end` are about care; what has no time is never left out; where she is registered comes along."""

    def record(query: str) -> set[str]:
        answer = node.http.get(f"Patient/ana/$everything?{query}")
        assert answer.status_code == 200, answer.text
        return {entry["resource"]["id"] for entry in answer.json()["entry"]}

    always = {"ana", "clinic", "undated"}
    assert record("") == always | {"o1", "o2", "o3", "o4", "o5"}
    assert record("start=2026-02-15&end=2026-04-15") == always | {"o2", "o3", "o4"}
    assert record("start=2026-04") == always | {"o4", "o5"}
    assert record("end=2026-01") == always | {"o1"}
    assert record("start=2030&_type=Observation") == {"undated"}
    said = {"resourceType": "Parameters", "parameter": [{"name": "start", "valueDate": "2026-05-01"}]}
    posted = node.http.post("Patient/ana/$everything", json=said, headers=FHIR).json()
    assert {entry["resource"]["id"] for entry in posted["entry"]} == always | {"o5"}
    assert node.http.get("Patient/ana/$everything?start=soon").status_code == 400


def test_pages_of_a_record_between_two_dates(node: Served) -> None:
    """The dates stand in the page's mark: it is good for them alone, and no entry comes twice."""
    url, found = "Patient/ana/$everything?start=2026-02&_count=2", []
    while url:
        page = node.http.get(url).json()
        found += [entry["resource"]["id"] for entry in page["entry"]]
        last, url = url, next((link["url"] for link in page["link"] if link["relation"] == "next"), "")
    assert sorted(found) == ["ana", "clinic", "o2", "o3", "o4", "o5", "undated"]
    assert node.http.get(last.replace("start=2026-02", "start=2026-03")).status_code == 400


@pytest.mark.parametrize(
    ("way", "creates", "said"),
    [("off", True, "not-supported"), ("single", True, "single"), ("multiple", False, "multiple")],
)
def test_the_server_says_what_its_settings_allow(tmp_path: Path, way: Any, creates: bool, said: str) -> None:
    """Deleting by a condition, and creating by an update, stand in the CapabilityStatement as they are."""
    with served(tmp_path, fhir=Fhir(conditional_delete=way, update_create=creates)) as node:
        resource = node.http.get("metadata").json()["rest"][0]["resource"][0]
        assert (resource["conditionalDelete"], resource["updateCreate"]) == (said, creates)


def test_small_words(node: Served) -> None:
    """A preference in capitals, a version number with a nought before it, an operation that is not there."""
    answer = node.http.post("Patient", json={"resourceType": "Patient"}, headers={**FHIR, "Prefer": "Return=Minimal"})
    assert (answer.status_code, answer.content) == (201, b"")
    assert node.http.get("Patient/ana/_history/1").status_code == 200
    assert node.http.get("Patient/ana/_history/01").status_code == 404
    for path in ("$graphql?query=x", "Observation/$lastn", "Patient/ana/$nothing"):
        refused = node.http.get(path)
        assert refused.status_code == 404
        assert refused.json()["issue"][0]["details"]["text"].startswith("there is no operation $")
