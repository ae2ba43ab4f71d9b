"""References and bundles: found wherever they stand, moved without touching anything else."""

import pytest

from unsilo.fhir import bundle, outcome
from unsilo.fhir.leaves import at, leaves, pointer
from unsilo.fhir.references import rewrite, split, walk
from unsilo.kernel import Issue, Where

RESOURCE = {
    "resourceType": "Observation",
    "subject": {"reference": "urn:uuid:1"},
    "performer": [{"reference": "Practitioner/2"}, {"display": "x"}],
    "contained": [{"resourceType": "Patient", "link": [{"other": {"reference": "urn:uuid:1"}}]}],
    "extension": [{"url": "urn:uuid:1", "valueUri": "urn:uuid:1"}],
    "identifier": [{"system": "urn:ietf:rfc:3986", "value": "urn:uuid:1"}],
}


def test_walk_finds_all() -> None:
    """Every reference comes with its path, also inside contained resources."""
    assert list(walk(RESOURCE)) == [
        ("subject.reference", "urn:uuid:1"),
        ("performer[0].reference", "Practitioner/2"),
        ("contained[0].link[0].other.reference", "urn:uuid:1"),
    ]


def test_rewrite_moves_references_only() -> None:
    """Identifiers with the same text stay; unchanged parts are shared; the input is not changed."""
    moved = rewrite(RESOURCE, {"urn:uuid:1": "Patient/p"})
    assert [r for _, r in walk(moved)] == ["Patient/p", "Practitioner/2", "Patient/p"]
    assert moved["identifier"] is RESOURCE["identifier"]
    assert moved["extension"][0]["valueUri"] == "Patient/p"
    assert RESOURCE["subject"] == {"reference": "urn:uuid:1"}
    assert rewrite(RESOURCE, {"nothing": "x"}) is RESOURCE


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("Patient/1", ("Patient", "1")),
        ("http://x.org/fhir/Patient/1/_history/3", ("Patient", "1")),
        ("urn:uuid:1", None),
        ("#a", None),
        ("Patient", None),
        ("Patient/", None),
        ("http://x.org/thing", None),
    ],
)
def test_split(reference: str, parts: tuple[str, str] | None) -> None:
    """Type and id of RESTful references only."""
    assert split(reference) == parts


def test_leaves_and_paths() -> None:
    """Paths as lineage rows name them, and as JSON pointers."""
    resource = {"resourceType": "Patient", "id": "1", "name": [{"given": ["A", None, "B"]}], "active": True}
    assert list(leaves(resource)) == [
        ("id", "1"),
        ("name[0].given[0]", "A"),
        ("name[0].given[2]", "B"),
        ("active", True),
    ]
    assert at(resource, "name[0].given[2]") == "B"
    assert at(resource, "name[3].given") is None
    assert at(resource, "id.x") is None
    assert pointer("name[0].given[2]") == "/name/0/given/2"


def test_bundles() -> None:
    """A collection's full URLs make its relative references resolve; entries skip what is no resource."""
    made = bundle.collection([{"resourceType": "Patient", "id": "1"}])
    assert made["entry"][0]["fullUrl"] == "http://unsilo.invalid/fhir/Patient/1"
    assert [e[2]["id"] for e in bundle.entries(made)] == ["1"]
    assert list(bundle.entries({"entry": [1, {"fullUrl": 3, "resource": {}}, {}]})) == [(1, "", {})]
    found = bundle.searchset([], total=0, links=[("self", "x")])
    assert found["total"] == 0
    assert "entry" not in found


def test_operation_outcome() -> None:
    """Issues keep severity, code, place, rule and hint; none at all is said too."""
    issue = Issue("error", "value", "Bad date.", Where("Patient.birthDate", (3, 9)), "Send YYYY-MM-DD.", "x.date")
    [said] = outcome.operation_outcome([issue])["issue"]
    assert said["code"] == "value"
    assert said["expression"] == ["Patient.birthDate"]
    assert said["diagnostics"] == "Send YYYY-MM-DD. bytes 3-9"
    assert outcome.operation_outcome([])["issue"][0]["severity"] == "information"
