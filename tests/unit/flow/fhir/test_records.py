"""A person's whole record, its summary, and histories: complete, in pages, and no more than the caller may see."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.flow.fhir.node import ALL, got, node
from unsilo.flow.fhir import history, write
from unsilo.flow.fhir.everything import facts, members, record
from unsilo.flow.fhir.summary import SECTIONS, summary
from unsilo.flow.service import Service
from unsilo.kernel import Json, json
from unsilo.policy import And, Not, Predicate, Types

FREE = Predicate()
KEY = b"k" * 32


def put(service: Service, resource: Json) -> None:
    """Store a resource under its id."""
    done = got(write.update(service, ALL, resource["resourceType"], resource["id"], resource))
    assert done.status in (200, 201), done.issues


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Two linked records of a person, a stranger, and what belongs to no patient."""
    with node(tmp_path_factory.mktemp("node")) as found:
        named: Json = {"name": [{"family": "Delgado", "given": ["Ana"]}], "birthDate": "1980-05-17", "gender": "female"}
        mrn = [{"system": "urn:oid:2.999.1", "value": "A1"}]
        ana, ana_2 = {"reference": "Patient/ana"}, {"reference": "Patient/ana-2"}
        wrong = {"coding": [{"code": "entered-in-error"}]}
        put(found, {"resourceType": "Organization", "id": "lab", "name": "Lab"})
        put(found, {"resourceType": "Patient", "id": "ana", "identifier": mrn, **named})
        put(found, {"resourceType": "Patient", "id": "ana-2", "identifier": mrn, **named})
        put(found, {"resourceType": "Patient", "id": "bo", "name": [{"family": "Quist"}]})
        for n in range(5):
            who = {"reference": f"Patient/{('ana', 'ana-2', 'bo')[n % 3]}"}
            put(found, {
                "resourceType": "Observation", "id": f"o{n}", "status": "final", "code": {"text": f"test {n}"},
                "subject": who, "valueString": "<b>high</b>", "performer": [{"reference": "Organization/lab"}],
                "effectiveDateTime": f"2026-01-0{n + 1}",
            })  # fmt: skip
        for resource in (
            {"resourceType": "AllergyIntolerance", "id": "nuts", "patient": ana_2, "code": {"text": "Peanut"}},
            {"resourceType": "Condition", "id": "wrong", "subject": ana, "verificationStatus": wrong},
            {"resourceType": "Procedure", "id": "odd", "status": 5, "code": ["x"], "subject": ana},
        ):
            put(found, resource)
        yield found


def pages(service: Service, predicate: Predicate, patient: str, **asked: Any) -> tuple[list[str], set[str]]:
    """`Type/id` of all pages in order, and of what they refer to."""
    said = {"kinds": None, "since": 0, "count": 2, "page": "", **asked}
    rows: list[str] = []
    around: set[str] = set()
    while True:
        found = record(service.store.guarded, predicate, patient, KEY, **said)
        assert found is not None
        rows += [f"{row.type}/{row.id}" for row in found.rows]
        around |= {f"{row.type}/{row.id}" for row in found.around}
        if not found.next:
            return rows, around
        said["page"] = found.next


def test_the_record_holds_all_linked_patients(service: Service) -> None:
    """Everything of both records once, the asked Patient first, nothing of a stranger, and who took part."""
    rows, around = pages(service, FREE, "ana-2")
    assert rows[:2] == ["Patient/ana-2", "Patient/ana"]
    assert sorted(rows[2:]) == [
        "AllergyIntolerance/nuts", "Condition/wrong", "Observation/o0", "Observation/o1", "Observation/o3",
        "Observation/o4", "Procedure/odd",
    ]  # fmt: skip
    assert around == {"Organization/lab"}


def test_the_record_by_type_time_and_predicate(service: Service) -> None:
    """`_type` and `_since` narrow; what the predicate hides is not there, nor counted; a made-up page is none."""
    rows, around = pages(service, FREE, "ana", kinds=frozenset(("Observation",)))
    assert (len(rows), around) == (4, set())
    assert pages(service, FREE, "ana", since=1 << 60)[0] == []
    hidden = Predicate(allow=And((Not(Types(frozenset(("Observation", "Organization")))),)))
    rows, around = pages(service, hidden, "ana")
    assert (len(rows), around) == (5, set())
    assert record(service.store.guarded, FREE, "ana", KEY, kinds=None, since=0, count=2, page="made-up") is None
    assert facts(service.store.guarded, hidden, "ana", ["Observation"]) == []
    assert {"Patient", "Observation"} <= members()


def test_the_summary_says_what_is_known_and_what_is_not(service: Service) -> None:
    """Required sections stand without facts too; errors are left out; the narrative is escaped; references resolve."""
    patient = service.store.guarded.read(FREE, "Patient", "ana")
    assert patient is not None
    bundle, used = summary(service.store.guarded, FREE, patient, "http://x/fhir", 1_770_000_000_000_000)
    composition = bundle["entry"][0]["resource"]
    assert composition["resourceType"] == "Composition"
    sections = {section["code"]["coding"][0]["code"]: section for section in composition["section"]}
    assert {section.loinc for section in SECTIONS if section.required} <= set(sections)
    held = {
        f"{entry['resource']['resourceType']}/{entry['resource']['id']}": entry["resource"] for entry in bundle["entry"]
    }
    for section in composition["section"]:
        assert all(entry["reference"] in held for entry in section["entry"])
    assert held["AllergyIntolerance/nuts"]
    assert "Condition/wrong" not in held
    assert "Procedure/odd" in held
    absent = held[sections["11450-4"]["entry"][0]["reference"]]
    assert absent["code"]["coding"][0]["code"] == "no-problem-info"
    assert "<b>" not in json.encode(composition).decode()
    assert "Organization/lab" in held
    assert {row.id for row in used} >= {"ana", "nuts"}


def asked(**said: str) -> history.Asked:
    """The parameters of a history."""
    found, issues = history.asked(list(said.items()), KEY, "s", lenient=False)
    assert issues == []
    return found


def test_histories_in_pages(service: Service) -> None:
    """Every version once over pages, of an instance, a type and all; numbers agree; hidden ones are not counted."""
    reads = service.store.guarded
    put(service, {"resourceType": "Organization", "id": "lab", "name": "Laboratory"})
    for type_, id_ in (("Organization", "lab"), ("Observation", None), (None, None)):
        said, seen = asked(_count="2"), []
        while True:
            page = history.page(reads, FREE, type_, id_, said, KEY, "s")
            seen += [(row.type, row.id, row.version) for row in page.rows]
            if not page.next:
                break
            said = asked(_count="2", _page=page.next)
        assert len(seen) == len(set(seen)) == page.total
    hidden = Predicate(allow=Not(Types(frozenset(("Organization",)))))
    assert history.page(reads, hidden, "Organization", None, asked(), KEY, "s").total == 0
    assert history.page(reads, FREE, None, None, asked(_summary="count"), KEY, "s").rows == []


@pytest.mark.parametrize(
    ("name", "value"),
    [("_since", "soon"), ("_at", "x"), ("_count", "-1"), ("_count", "1e9"), ("_page", "AAAA"), ("colour", "red"),
     ("_sort", "name")],
)  # fmt: skip
def test_wrong_histories_are_refused_by_name(name: str, value: str) -> None:
    """What is not understood is an Issue that names it."""
    _, issues = history.asked([(name, value)], KEY, "s", lenient=False)
    assert [issue.where.path for issue in issues] == [f"http.{name}"]
    assert value not in ("soon", "x") or value not in issues[0].text.split()


def test_what_became_of_a_version(service: Service) -> None:
    """The entry of a history says method, address and status of each version."""
    row = service.store.guarded.read(FREE, "Patient", "bo")
    assert row is not None
    said = history.about(row)
    assert said["request"] == {"method": "POST", "url": "Patient"}
    assert said["response"]["status"] == "201"


def test_the_tree_of_a_store_is_not_needed(tmp_path: Path) -> None:
    """A record of nobody is empty."""
    with node(tmp_path) as empty:
        assert pages(empty, FREE, "nobody") == ([], set())


def test_the_summary_has_one_row_for_one_fact_and_every_statement_among_its_entries(service: Service) -> None:
    """A heart attack in a code and in words is one row that names both; two strengths stay a row each."""
    subject = {"reference": "Patient/ana"}
    sct = {"system": "http://snomed.info/sct", "code": "22298006", "display": "Myocardial infarction"}
    put(service, {"resourceType": "Condition", "id": "h1", "subject": subject, "code": {"coding": [sct]}})
    put(service, {"resourceType": "Condition", "id": "h2", "subject": subject, "code": {"text": "Heart attack"}})
    for n in (3, 5):
        put(service, {"resourceType": "MedicationStatement", "id": f"w{n}", "subject": subject, "status": "active",
                      "medicationCodeableConcept": {"text": f"Warfarin {n} mg tablet"}})  # fmt: skip
    patient = service.store.guarded.read(FREE, "Patient", "ana")
    assert patient is not None
    bundle, _ = summary(service.store.guarded, FREE, patient, "http://x/fhir", 1_770_000_000_000_000)
    sections = {s["code"]["coding"][0]["code"]: s for s in bundle["entry"][0]["resource"]["section"]}
    problems, medicines = sections["11450-4"], sections["10160-0"]
    assert problems["text"]["div"].count("<tr>") == 1
    assert "also as:" in problems["text"]["div"]
    assert "SNOMED CT 22298006" in problems["text"]["div"]
    assert len(problems["entry"]) == 2
    assert medicines["text"]["div"].count("<tr>") == 2
    assert medicines["text"]["div"].count("differ in strength") == 2
