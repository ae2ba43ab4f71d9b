"""FHIR JSON passes as it came, under our ids, with closed references and the source of every leaf."""

import copy
import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unsilo.fhir import codec
from unsilo.fhir.leaves import leaves
from unsilo.fhir.references import walk
from unsilo.kernel import seal
from unsilo.mapping import Mapped, Site, load
from unsilo.mapping.fhir_json import lines, span

BUNDLE: dict[str, Any] = {
    "resourceType": "Bundle",
    "type": "transaction",
    "id": "b1",
    "timestamp": "2020-01-02T03:04:05Z",
    "entry": [
        {
            "fullUrl": "urn:uuid:11111111-1111-1111-1111-111111111111",
            "resource": {
                "resourceType": "Patient",
                "id": "p1",
                "meta": {"versionId": "7", "lastUpdated": "2020-01-01T00:00:00Z", "source": "urn:x"},
                "identifier": [{"system": "urn:oid:1.2.3", "value": "MRN1"}],
                "name": [{"family": "Müller"}],
                "birthDate": "1970-01-01",
            },
            "request": {"method": "POST", "url": "Patient"},
        },
        {
            "fullUrl": "http://a.org/fhir/Observation/o1",
            "resource": {
                "resourceType": "Observation",
                "id": "o1",
                "status": "final",
                "code": {"text": "K"},
                "subject": {"reference": "urn:uuid:11111111-1111-1111-1111-111111111111"},
                "encounter": {"reference": "Encounter/e9/_history/2"},
                "performer": [
                    {"reference": "Practitioner?identifier=http://hl7.org/fhir/sid/us-npi|123"},
                    {"reference": "http://other.org/fhir/Practitioner/1"},
                    {"reference": "urn:uuid:99999999-9999-9999-9999-999999999999"},
                ],
                "basedOn": [{"reference": "#c"}],
                "contained": [{"resourceType": "ServiceRequest", "id": "c"}],
                "effectiveDateTime": "2019-05-06",
                "valueQuantity": {"value": Decimal("5.40"), "unit": "mmol/L"},
            },
        },
    ],
}


def run(document: Any, **site: Any) -> Mapped:
    """Map a document of the feed `f` of Org One."""
    content = codec.encode(document)
    decoded = codec.decode(content)
    assert decoded.value is not None
    return load("fhir", Site(feed="f", organisation="Org One", **site)).run(
        decoded.value, seal("f", "fhir", content, 5)
    )


def resource(mapped: Mapped, kind: str) -> dict[str, Any]:
    """The first resource of a type."""
    found: dict[str, Any] = next(e.resource for e in mapped.entries if e.resource["resourceType"] == kind)
    return found


def test_a_bundle_is_taken_in() -> None:
    """Ids are ours, references follow, digits stay, and one Provenance names the original."""
    mapped = run(BUNDLE)
    patient, observation = resource(mapped, "Patient"), resource(mapped, "Observation")
    provenance = mapped.entries[-1].resource
    assert patient["id"] != "p1"
    assert observation["subject"] == {"reference": f"Patient/{patient['id']}"}
    assert observation["valueQuantity"]["value"] == Decimal("5.40")
    assert patient["meta"]["tag"] == [{"system": "urn:unsilo:org-one:id", "code": "p1"}]
    assert patient["meta"]["source"] == "urn:x"
    assert "versionId" not in patient["meta"]
    assert patient["identifier"] == [{"system": "urn:oid:1.2.3", "value": "MRN1"}]
    assert provenance["resourceType"] == "Provenance"
    assert provenance["occurredDateTime"] == "2020-01-02T03:04:05Z"
    assert {t["reference"] for t in provenance["target"]} == {
        f"Patient/{patient['id']}",
        f"Observation/{observation['id']}",
    }
    assert provenance["entity"][0]["what"]["reference"].startswith("Binary/")


def test_references_of_every_kind() -> None:
    """Versions go, conditional ones become identifiers, other servers' stay, lost ones are said."""
    mapped = run(BUNDLE)
    observation = resource(mapped, "Observation")
    first, second, third = observation["performer"]
    assert first == {
        "type": "Practitioner", "identifier": {"system": "http://hl7.org/fhir/sid/us-npi", "value": "123"},
    }  # fmt: skip
    assert second == {"reference": "http://other.org/fhir/Practitioner/1"}
    assert third == {
        "identifier": {"system": "urn:ietf:rfc:3986", "value": "urn:uuid:99999999-9999-9999-9999-999999999999"}
    }
    assert observation["basedOn"] == [{"reference": "#c"}]
    assert [i.rule for i in mapped.issues] == ["fhir.reference"]
    assert mapped.issues[0].where.path == "/entry/1/resource/performer/2/reference"
    later = run({"resourceType": "Encounter", "id": "e9", "status": "planned", "class": {"code": "AMB"}})
    assert observation["encounter"] == {"reference": f"Encounter/{resource(later, 'Encounter')['id']}"}


def test_conditional_reference_within_the_bundle() -> None:
    """A conditional reference to what is in the bundle is a reference to it."""
    document = copy.deepcopy(BUNDLE)
    practitioner = {
        "resourceType": "Practitioner",
        "identifier": [{"system": "http://hl7.org/fhir/sid/us-npi", "value": "123"}],
    }
    document["entry"].append({"fullUrl": "urn:uuid:2", "resource": practitioner})
    mapped = run(document)
    made = resource(mapped, "Practitioner")
    assert resource(mapped, "Observation")["performer"][0] == {"reference": f"Practitioner/{made['id']}"}


def test_ids_are_the_organisations() -> None:
    """The same foreign id of the same organisation is the same resource; of another organisation another."""
    one = resource(run({"resourceType": "Patient", "id": "p1"}), "Patient")["id"]
    assert resource(run(BUNDLE), "Patient")["id"] == one
    other = load("fhir", Site(feed="f", organisation="Org Two"))
    content = b'{"resourceType":"Patient","id":"p1"}'
    again = other.run(codec.decode(content).value, seal("f", "fhir", content, 0))
    assert again.entries[0].resource["id"] != one


def test_every_leaf_has_a_source_that_holds_it() -> None:
    """Each leaf has a row; its bytes are the value, for what passed unchanged."""
    content = codec.encode(BUNDLE)
    mapped = run(BUNDLE)
    for entry in mapped.entries:
        rows = {row.path: row for row in entry.rows}
        for path, value in leaves(entry.resource):
            row = rows[path]
            if row.rule != "fhir.json":
                continue
            assert isinstance(row.source, str)
            place = span(content, row.source)
            assert place is not None
            assert content[place[0] : place[1]].decode() == str(value)


def test_unconsumed_is_exactly_what_is_not_cited() -> None:
    """What has no place in a resource of ours is listed."""
    rest = {place for place, _, _ in run(BUNDLE).unconsumed}
    assert rest == {
        "/resourceType", "/type",
        "/entry/0/request/method", "/entry/0/request/url", "/entry/0/resource/meta/versionId",
    }  # fmt: skip


def test_clock_and_rank() -> None:
    """The server's lastUpdated orders versions, else the resource's own time; a result's status ranks."""
    mapped = run(BUNDLE)
    found = {e.resource["resourceType"]: e for e in mapped.entries}
    assert found["Patient"].clock == 1577836800_000000
    assert found["Observation"].clock == 1557100800_000000
    assert found["Observation"].rank == 2
    assert found["Patient"].rank == 0


def test_invalid_resources_are_reported_and_others_go_on() -> None:
    """A resource of a wrong shape is left out with an Issue, the rest of the bundle is taken."""
    document = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [
            {"resource": {"resourceType": "Patient", "id": "a", "name": "Doe"}},
            {"resource": {"resourceType": "Nonsense", "id": "b"}},
            {"resource": {"id": "c"}},
            {"resource": [1]},
            7,
            {"resource": {"resourceType": "OperationOutcome", "issue": []}},
            {
                "resource": {
                    "resourceType": "Patient",
                    "id": "d",
                    "birthDate": "1.2.1970",
                    "colour": "red",
                    "gender": "female",
                }
            },
        ],
    }
    mapped = run(document)
    kept = [e.resource for e in mapped.entries if e.resource["resourceType"] == "Patient"]
    assert len(kept) == 1
    assert kept[0]["gender"] == "female"
    assert "birthDate" not in kept[0]
    assert "colour" not in kept[0]
    assert {"/entry/6/resource/birthDate", "/entry/6/resource/colour"} <= {u[0] for u in mapped.unconsumed}
    assert {"fhir.shape", "fhir.invalid", "fhir.type", "fhir.value", "fhir.element"} <= {i.rule for i in mapped.issues}
    assert all(i.where.path.startswith("/entry/") for i in mapped.issues)


def test_items_left_out_do_not_move_the_lineage_of_others() -> None:
    """When an item of a list is left out, the others still lead to where they stood."""
    document = {"resourceType": "Patient", "id": "a", "name": [{"family": "A", "given": ["", "Bo"]}]}
    mapped = run(document)
    assert mapped.entries[0].resource["name"] == [{"family": "A", "given": ["Bo"]}]
    rows = {r.path: r.source for r in mapped.entries[0].rows}
    assert rows["name[0].given[0]"] == "/name/0/given/1"


def test_deletes_are_actions() -> None:
    """A transaction's DELETE asks for the deletion of our resource of that name."""
    document = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [
            {"request": {"method": "DELETE", "url": "Observation/o1"}},
            {"request": {"method": "DELETE", "url": "X?y=1"}},
        ],
    }
    mapped = run(document)
    [action] = mapped.actions
    assert action.kind == "delete"
    assert action.retired == f"Observation/{resource(run(BUNDLE), 'Observation')['id']}"
    assert mapped.entries == []
    assert mapped.issues[0].rule == "fhir.delete"


def test_the_same_bytes_give_the_same_result() -> None:
    """Mapping is deterministic, also for resources without any id."""
    document = {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Basic", "code": {"text": "x"}}}]}
    assert [e.resource for e in run(document).entries] == [e.resource for e in run(document).entries]
    assert run(document).entries[0].resource["id"]


def test_the_same_resource_twice_is_one_entry() -> None:
    """Equal content is one entry that cites both places; of different versions the newest stands and it is said."""
    patient = {"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Patient", "id": "p", "gender": "male"}}
    twice = run({"resourceType": "Bundle", "entry": [patient, patient]})
    assert [e.resource["resourceType"] for e in twice.entries] == ["Patient", "Provenance"]
    sources = [r.source for r in twice.entries[0].rows if r.path == "gender"]
    assert sources == ["/entry/0/resource/gender", "/entry/1/resource/gender"]
    assert not twice.issues
    older = copy.deepcopy(patient)
    older["resource"] |= {"gender": "other", "meta": {"lastUpdated": "2020-01-01T00:00:00Z"}}  # type: ignore[operator]
    newer = copy.deepcopy(patient)
    newer["resource"] |= {"meta": {"lastUpdated": "2021-01-01T00:00:00Z"}}  # type: ignore[operator]
    mapped = run({"resourceType": "Bundle", "type": "history", "entry": [newer, older]})
    assert mapped.entries[0].resource["gender"] == "male"
    assert len(mapped.entries) == 2
    assert [(i.rule, i.where.path) for i in mapped.issues] == [("fhir.version", "/entry/1/resource")]
    assert "/entry/1/resource/gender" in {u[0] for u in mapped.unconsumed}


def test_ndjson_lines() -> None:
    """NDJSON is cut into its lines with their places."""
    assert lines(b'\xef\xbb\xbf{"a":1}\r\n\n{"b":2}') == [(3, b'{"a":1}\r'), (13, b'{"b":2}')]


_any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.sampled_from(["", "x", "Patient/1", "#a", "urn:uuid:1", "2020-13"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "resource",
                    "reference",
                    "identifier",
                    "system",
                    "value",
                    "meta",
                    "tag",
                    "id",
                    "entry",
                    "name",
                    "a/b.c~",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(
    st.sampled_from(["Bundle", "Patient", "Observation", "Basic"]),
    st.dictionaries(
        st.sampled_from(["entry", "id", "meta", "name", "subject", "identifier", "timestamp", "contained"]), _any
    ),
)
def test_any_shape_is_survived(kind: str, document: dict[str, Any]) -> None:
    """Whatever stands in the elements, the result is entries or Issues, never an exception."""
    mapped = run({**document, "resourceType": kind})
    for entry in mapped.entries:
        paths = {row.path for row in entry.rows}
        assert {p for p, _ in leaves(entry.resource)} <= paths


@pytest.mark.corpora
def test_real_bundles_close() -> None:
    """Every reference of real transaction bundles leads into the bundle, to a contained resource or the original."""
    root = os.environ.get("UNSILO_CORPORA")
    if not root:
        pytest.skip("UNSILO_CORPORA names no folder of test data")
    path = min(Path(root, "synthea-r4").rglob("*.json"), key=lambda p: p.stat().st_size)
    mapped = run(codec.decode(path.read_bytes()).value)
    ids = {f"{e.resource['resourceType']}/{e.resource['id']}" for e in mapped.entries}
    for entry in mapped.entries:
        for _, reference in walk(entry.resource):
            assert reference in ids or reference.startswith(("#", "Binary/"))
    assert len(json.dumps([i.text for i in mapped.issues])) == 2
