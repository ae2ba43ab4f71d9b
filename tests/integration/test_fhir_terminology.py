"""Terminology over /fhir: the operations of R4 with their parameters, stored resources, search modifiers, bad input."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.served import Served, served
from tests.unit.terminology.release import made
from unsilo.flow.terminology.releases import import_release

SCT = "http://snomed.info/sct"
V3 = "http://terminology.hl7.org/CodeSystem/v3-ActCode"


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A node with a small made-up SNOMED CT and resources of a client."""
    data = tmp_path_factory.mktemp("node")
    with served(data / "data") as found:
        shelves: Any = found.service.terminology.shelf
        done, issues = import_release(shelves, made.snomed(data))
        assert (len(done), issues) == (1, [])
        put = found.http.put
        assert put("CodeSystem/own", json=OWN).status_code == 201
        assert put("ValueSet/hearts", json=HEARTS).status_code == 201
        assert put("ConceptMap/local", json=LOCAL).status_code == 201
        for id_, code in (("a", "22298006"), ("b", "57054005"), ("c", "80891009")):
            coding = [{"system": SCT, "code": code}]
            subject = {"reference": "Patient/p"}
            body = {"resourceType": "Condition", "id": id_, "code": {"coding": coding}, "subject": subject}
            assert put(f"Condition/{id_}", json=body).status_code == 201
        yield found


OWN = {
    "resourceType": "CodeSystem", "id": "own", "url": "urn:own", "version": "1", "status": "active",
    "content": "complete",
    "property": [{"code": "grade", "type": "string"}],
    "concept": [{"code": "a", "display": "Alpha", "concept": [{"code": "b", "display": "Beta",
        "property": [{"code": "grade", "valueString": "high"}]}]}],
}  # fmt: skip
HEARTS = {
    "resourceType": "ValueSet", "id": "hearts", "url": "urn:hearts", "status": "active",
    "compose": {"include": [{"system": SCT, "filter": [{"property": "concept", "op": "is-a", "value": "22298006"}]}]},
}  # fmt: skip
LOCAL = {
    "resourceType": "ConceptMap", "id": "local", "url": "urn:local-map", "status": "active", "version": "2",
    "group": [{"source": "urn:lab", "target": SCT, "unmapped": {"mode": "fixed", "code": "404684003"},
               "element": [{"code": "MI", "target": [{"code": "22298006", "equivalence": "equivalent"}]}]}],
}  # fmt: skip


def _values(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    rows = answer.json()["parameter"]
    return {p["name"]: next((v for k, v in p.items() if k.startswith("value")), p.get("part")) for p in rows}


def _codes(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [row["code"] for row in answer.json()["expansion"].get("contains", [])]


def _fault(answer: Any) -> tuple[int, str]:
    body = answer.json()
    assert body["resourceType"] == "OperationOutcome", body
    return answer.status_code, body["issue"][0]["code"]


def _post(node: Served, path: str, *rows: dict[str, Any]) -> Any:
    return node.http.post(path, json={"resourceType": "Parameters", "parameter": list(rows)})


def test_lookup(node: Served) -> None:
    """A code gives its display, version, terms and properties; single properties and languages may be asked for."""
    said = node.http.get("CodeSystem/$lookup", params={"system": SCT, "code": "22298006"})
    rows = said.json()["parameter"]
    found = _values(said)
    assert (found["name"], found["display"]) == ("SNOMED CT", "Myocardial infarction")
    assert found["version"] == f"{SCT}/900000000000207008/version/20260101"
    terms = [{p["name"]: p.get("valueString") for p in r["part"]}["value"] for r in rows if r["name"] == "designation"]
    assert "Heart attack" in terms
    only = node.http.get("CodeSystem/$lookup", params={"system": SCT, "code": "22298006", "property": "parent"})
    assert [[p.get("valueCode") for p in r["part"]] for r in only.json()["parameter"] if r["name"] == "property"] == [
        ["parent", "404684003"]
    ]
    coding = {"name": "coding", "valueCoding": {"system": SCT, "code": "57054005"}}
    assert _values(_post(node, "CodeSystem/$lookup", coding))["display"] == "Acute myocardial infarction"
    spoken = {"system": SCT, "code": "22298006", "displayLanguage": "sv"}
    assert _values(node.http.get("CodeSystem/$lookup", params=spoken))["display"] == "Hjärtinfarkt"
    assert _fault(node.http.get("CodeSystem/$lookup", params={"system": SCT, "code": "1"})) == (404, "not-found")
    assert _fault(node.http.get("CodeSystem/$lookup", params={"system": "urn:no", "code": "1"})) == (404, "not-found")
    assert _fault(node.http.get("CodeSystem/$lookup", params={"code": "1"})) == (422, "required")
    assert _values(node.http.get("CodeSystem/$lookup", params={"system": V3, "code": "AMB"}))["display"] == "ambulatory"


def test_validate_code(node: Served) -> None:
    """A code is told from no code, a term from another text, a member from what is outside, in every form of asking."""

    def ask(path: str = "CodeSystem", **given: str) -> dict[str, Any]:
        return _values(node.http.get(f"{path}/$validate-code", params=given))

    assert ask(url=SCT, code="22298006")["result"] is True
    assert ask(url=SCT, code="22298006", display="heart ATTACK")["result"] is True
    wrong = ask(url=SCT, code="22298006", display="Stroke")
    assert (wrong["result"], "no term" in wrong["message"]) == (False, True)
    assert ask(url=SCT, code="nope")["result"] is False
    assert ask(url=SCT, code="155304006")["inactive"] is True
    assert ask("ValueSet", url="urn:hearts", system=SCT, code="57054005")["result"] is True
    assert ask("ValueSet", url="urn:hearts", system=SCT, code="80891009")["result"] is False
    assert ask("ValueSet", url=f"{SCT}?fhir_vs=isa/404684003", system=SCT, code="57054005")["result"] is True
    assert ask("ValueSet", url="http://hl7.org/fhir/ValueSet/administrative-gender", code="male")["result"] is True
    many = {"name": "codeableConcept", "valueCodeableConcept": {"coding": [
        {"system": SCT, "code": "80891009"}, {"system": SCT, "code": "22298006"}]}}  # fmt: skip
    url = {"name": "url", "valueUri": "urn:hearts"}
    assert _values(_post(node, "ValueSet/$validate-code", many, url))["result"] is True
    inline = {"name": "valueSet", "resource": {**HEARTS, "url": "urn:other"}}
    coding = {"name": "coding", "valueCoding": {"system": SCT, "code": "404684003"}}
    assert _values(_post(node, "ValueSet/$validate-code", inline, coding))["result"] is False
    assert _values(node.http.get("ValueSet/hearts/$validate-code", params={"system": SCT, "code": "22298006"}))[
        "result"
    ]


def test_subsumes(node: Served) -> None:
    """Two codes stand to each other in one of four ways; an unknown one is not found."""

    def ask(a: str, b: str) -> Any:
        return node.http.get("CodeSystem/$subsumes", params={"system": SCT, "codeA": a, "codeB": b})

    assert _values(ask("404684003", "57054005"))["outcome"] == "subsumes"
    assert _values(ask("57054005", "404684003"))["outcome"] == "subsumed-by"
    assert _values(ask("57054005", "57054005"))["outcome"] == "equivalent"
    assert _values(ask("57054005", "80891009"))["outcome"] == "not-subsumed"
    assert _fault(ask("57054005", "x")) == (404, "not-found")
    own = {"codeA": "a", "codeB": "b"}
    assert _values(node.http.get("CodeSystem/own/$subsumes", params=own))["outcome"] == "subsumes"


def test_expand(node: Served) -> None:
    """A value set is listed in pages, by text, nested, by reference, implicit or inline; wrong ones say why."""

    def ask(**given: Any) -> Any:
        return node.http.get("ValueSet/$expand", params=given)

    assert _codes(ask(url="urn:hearts")) == ["22298006", "57054005"]
    assert _codes(ask(url=f"{SCT}?fhir_vs=ecl/< 404684003 MINUS 57054005")) == ["22298006"]
    first = ask(url=f"{SCT}?fhir_vs", count=3, offset=0).json()["expansion"]
    rest = ask(url=f"{SCT}?fhir_vs", count=50, offset=3).json()["expansion"]
    assert first["total"] == rest["total"] == 8 == len(first["contains"]) + len(rest["contains"])
    assert _codes(ask(url=f"{SCT}?fhir_vs", filter="heart att")) == ["22298006"]
    assert "155304006" not in _codes(ask(url=f"{SCT}?fhir_vs", activeOnly="true"))
    assert _codes(ask(url=f"{SCT}?fhir_vs", count=0)) == []
    shown = ask(url="urn:hearts", includeDesignations="true").json()["expansion"]["contains"][0]
    assert "Heart attack" in [d["value"] for d in shown["designation"]]
    nested = ask(url="urn:own", excludeNested="false").json()["expansion"]["contains"]
    assert [(row["code"], [c["code"] for c in row["contains"]]) for row in nested] == [("a", ["b"])]
    assert _codes(node.http.get("ValueSet/hearts/$expand", params={"count": 1})) == ["22298006"]
    inline = {"name": "valueSet", "resource": {"resourceType": "ValueSet", "compose": {"include": [{
              "system": "urn:own", "filter": [{"property": "grade", "op": "=", "value": "high"}]}]}}}  # fmt: skip
    assert _codes(_post(node, "ValueSet/$expand", inline)) == ["b"]
    assert _fault(ask(url="urn:nothing")) == (404, "not-found")
    assert _fault(ask(url=f"{SCT}?fhir_vs=ecl/<<")) == (422, "value")
    assert _fault(ask(url="urn:hearts", count="-1")) == (422, "value")
    assert _fault(ask(url="urn:hearts", colour="blue")) == (400, "not-supported")
    assert _fault(ask()) == (422, "required")


def test_what_a_client_stores_is_used_within_a_second(node: Served) -> None:
    """A ValueSet that is put again is expanded as it now is."""

    def listed() -> list[str]:
        answer = node.http.get("ValueSet/$expand", params={"url": "urn:moving"})
        return _codes(answer) if answer.status_code == 200 else []

    assert listed() == []
    for codes in (["22298006"], ["57054005", "80891009"]):
        said = {"resourceType": "ValueSet", "id": "moving", "url": "urn:moving", "status": "active",
                "compose": {"include": [{"system": SCT, "concept": [{"code": code} for code in codes]}]}}  # fmt: skip
        assert node.http.put("ValueSet/moving", json=said).status_code in (200, 201)
        tries = threading.Event()
        for _ in range(100):
            if listed() == codes:
                break
            tries.wait(0.1)
        assert listed() == codes


def test_translate(node: Served) -> None:
    """Stored and imported maps lead both ways, and what is unmapped is answered as the map says."""

    def ask(**given: str) -> dict[str, Any]:
        return _values(node.http.get("ConceptMap/$translate", params=given))

    found = ask(system="urn:lab", code="MI", url="urn:local-map")
    assert found["result"] is True
    parts = {p["name"]: p for p in found["match"]}
    assert parts["concept"]["valueCoding"] == {"system": SCT, "code": "22298006", "display": "Myocardial infarction"}
    assert parts["equivalence"]["valueCode"] == "equivalent"
    back = ask(system=SCT, code="22298006", url="urn:local-map", reverse="true")
    assert {p["name"]: p for p in back["match"]}["concept"]["valueCoding"]["code"] == "MI"
    fixed = ask(system="urn:lab", code="??", url="urn:local-map")
    assert {p["name"]: p for p in fixed["match"]}["concept"]["valueCoding"]["code"] == "404684003"
    assert ask(system=SCT, code="22298006", targetsystem="http://hl7.org/fhir/sid/icd-10")["result"] is True
    assert ask(system=SCT, code="80891009")["result"] is False
    assert _values(node.http.get("ConceptMap/local/$translate", params={"system": "urn:lab", "code": "MI"}))["result"]
    absent = {"system": SCT, "code": "1", "url": "urn:no-map"}
    assert _fault(node.http.get("ConceptMap/$translate", params=absent)) == (404, "not-found")


def test_closure(node: Served) -> None:
    """A closure table grows with each code, and gives again what became known since a version."""

    def concept(code: str) -> dict[str, Any]:
        return {"name": "concept", "valueCoding": {"system": SCT, "code": code}}

    name = {"name": "name", "valueString": "mine"}
    assert _fault(_post(node, "$closure", name, concept("22298006"))) == (404, "not-found")
    assert _post(node, "$closure", name).json()["version"] == "0"
    first = _post(node, "$closure", name, concept("404684003"), concept("57054005")).json()
    (group,) = first["group"]
    assert group["element"] == [{"code": "57054005", "target": [{"code": "404684003", "equivalence": "subsumes"}]}]
    second = _post(node, "$closure", name, concept("22298006")).json()
    pairs = {(e["code"], t["code"]) for g in second["group"] for e in g["element"] for t in e["target"]}
    assert pairs == {("57054005", "22298006"), ("22298006", "404684003")}
    since = _post(node, "$closure", name, {"name": "version", "valueString": "1"}).json()
    assert {(e["code"], t["code"]) for g in since["group"] for e in g["element"] for t in e["target"]} == pairs
    assert _fault(_post(node, "$closure", {"name": "name", "valueString": "../x"})) == (422, "value")


def test_find_matches(node: Served) -> None:
    """Codes are found by their properties."""
    parts = [{"name": "code", "valueCode": "grade"}, {"name": "value", "valueString": "high"}]
    given = {"name": "property", "part": parts}
    found = _post(node, "CodeSystem/$find-matches", {"name": "system", "valueUri": "urn:own"}, given).json()
    assert [row["part"][0]["valueCoding"]["code"] for row in found.get("parameter", [found])] == ["b"], found


def test_batch(node: Served) -> None:
    """Operations are entries of a batch."""
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": [
        {"request": {"method": "GET", "url": f"CodeSystem/$lookup?system={SCT}&code=22298006"}},
        {"request": {"method": "POST", "url": "CodeSystem/$subsumes"}, "resource": {"resourceType": "Parameters",
            "parameter": [{"name": "system", "valueUri": SCT}, {"name": "codeA", "valueCode": "404684003"},
                          {"name": "codeB", "valueCode": "22298006"}]}},
        {"request": {"method": "GET", "url": "ValueSet/$expand?url=urn:none"}},
    ]}  # fmt: skip
    entries = node.http.post("", json=bundle).json()["entry"]
    assert [entry["response"]["status"][:3] for entry in entries] == ["200", "200", "404"], entries
    assert entries[1]["resource"]["parameter"][0]["valueCode"] == "subsumes"


def test_searches_use_what_is_loaded(node: Served) -> None:
    """The modifiers in, not-in, above and below know imported systems and stored value sets."""

    def found(**given: str) -> set[str]:
        answer = node.http.get("Condition", params=given).json()
        return {entry["resource"]["id"] for entry in answer.get("entry", [])}

    assert found(**{"code:below": f"{SCT}|22298006"}) == {"a", "b"}
    assert found(**{"code:above": f"{SCT}|57054005"}) == {"a", "b"}
    assert found(**{"code:in": "urn:hearts"}) == {"a", "b"}
    assert found(**{"code:not-in": "urn:hearts"}) == {"c"}
    assert found(**{"code:in": f"{SCT}?fhir_vs=isa/80891009"}) == {"c"}


def test_bindings_use_what_is_loaded(node: Served) -> None:
    """Validation asks what is loaded where no definition knows."""
    profile = {"resourceType": "StructureDefinition", "url": "urn:p"}
    assert profile["url"]
    judge = node.service.judge
    assert judge._terminology is not None
    assert judge._terminology("urn:hearts", SCT, "22298006") is True
    assert judge._terminology("urn:hearts", SCT, "80891009") is False
    assert judge._terminology("urn:none", SCT, "80891009") is None


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("ValueSet/$expand", {"resourceType": "Patient"}),
        ("ValueSet/$expand", {"resourceType": "Parameters", "parameter": {}}),
        ("ValueSet/$expand", {"resourceType": "Parameters", "parameter": ["url"]}),
        ("ValueSet/$expand", {"resourceType": "Parameters", "parameter": [{"name": "valueSet", "resource": []}]}),
        ("ValueSet/$expand", {"resourceType": "Parameters", "parameter": [{"name": "valueSet", "resource": {}}]}),
        ("ValueSet/$expand", {"resourceType": "Parameters", "parameter": [{"name": "url", "valueUri": None}]}),
        ("CodeSystem/$lookup", {"resourceType": "Parameters", "parameter": [{"name": "coding", "valueCoding": "x"}]}),
        ("CodeSystem/$lookup", {"resourceType": "Parameters", "parameter": [{"name": "code", "valueCoding": {}}]}),
        ("CodeSystem/$subsumes", {"resourceType": "Parameters", "parameter": [
            {"name": "codingA", "valueCoding": {"code": 1}}]}),
        ("ConceptMap/$translate", {"resourceType": "Parameters", "parameter": [
            {"name": "conceptMap", "resource": {"group": 3}}]}),
        ("$closure", {"resourceType": "Parameters", "parameter": []}),
    ],
)  # fmt: skip
def test_bad_bodies_are_answered_with_the_reason(node: Served, path: str, body: Any) -> None:
    """Whatever a body is, the answer is an OperationOutcome below 500."""
    answer = node.http.post(path, content=json.dumps(body), headers={"content-type": "application/fhir+json"})
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.json()["resourceType"] == "OperationOutcome"


def test_xml_and_capabilities(node: Served) -> None:
    """Expansions are also XML, and the statements name operations and loaded systems."""
    answer = node.http.get("ValueSet/$expand?url=urn:hearts", headers={"accept": "application/fhir+xml"})
    assert answer.text.startswith("<")
    assert "57054005" in answer.text
    rest = node.http.get("metadata").json()["rest"][0]
    operations = {row["type"]: {o["name"] for o in row.get("operation", ())} for row in rest["resource"]}
    assert {"lookup", "validate-code", "subsumes"} <= operations["CodeSystem"]
    assert {"expand", "validate-code"} <= operations["ValueSet"]
    assert "translate" in operations["ConceptMap"]
    said = node.http.get("metadata?mode=terminology").json()
    assert SCT in [row["uri"] for row in said["codeSystem"]]
    assert said["translation"]["needsMap"] is False
