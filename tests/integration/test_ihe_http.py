"""IHE's identity transactions over a real socket, against the tables of the profiles: PIXm (ITI-83, ITI-104) and PDQm
(ITI-78, ITI-119); `$merge`, `$unmerge` and `$golden` beside them."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.integration.served import Served, served

FHIR = {"Content-Type": "application/fhir+json"}
RED, BLUE, GREEN = "urn:oid:2.999.13.1", "urn:oid:2.999.13.2", "urn:oid:2.999.13.3"
MAIDEN = "http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName"


def alice(id_: str, system: str, value: str, **more: Any) -> dict[str, Any]:
    """One record of Alice Mohr."""
    return {
        "resourceType": "Patient", "id": id_, "active": True, "identifier": [{"system": system, "value": value}],
        "name": [{"family": "Mohr", "given": ["Alice"]}], "gender": "female", "birthDate": "1958-01-30",
        "address": [{"line": ["9 Canal Street"], "city": "Troy", "state": "NY", "postalCode": "12180"}],
        "telecom": [{"system": "phone", "value": "555-0142"}], **more,
    }  # fmt: skip


CHIP = {
    "resourceType": "Patient", "id": "chip-red", "identifier": [{"system": RED, "value": "C-1"}],
    "name": [{"family": "Moore", "given": ["Chip"]}], "gender": "male", "birthDate": "1999-12-01",
}  # fmt: skip


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A node with Alice in three domains and Chip in one."""
    with served(tmp_path_factory.mktemp("ihe")) as found:
        extra = [{"url": MAIDEN, "valueString": "Keane"}]
        for one in (
            alice("alice-red", RED, "R-994"), alice("alice-blue", BLUE, "B-994", extension=extra),
            alice("alice-green", GREEN, "G-994", telecom=[{"system": "email", "value": "alice@example.org"}]), CHIP,
        ):  # fmt: skip
            assert found.http.put(f"Patient/{one['id']}", json=one, headers=FHIR).status_code == 201
        store = found.service.store
        assert len({store.person_of(f"alice-{colour}") for colour in ("red", "blue", "green")}) == 1
        yield found


def crossed(answer: Any) -> tuple[set[tuple[str, str]], set[str]]:
    """Return identifiers and references of a PIXm answer."""
    assert answer.status_code == 200, answer.text
    rows = answer.json().get("parameter", [])
    names = {row["name"] for row in rows}
    assert names <= {"targetIdentifier", "targetId"}
    return (
        {(r["valueIdentifier"]["system"], r["valueIdentifier"]["value"]) for r in rows if "valueIdentifier" in r},
        {r["valueReference"]["reference"] for r in rows if "valueReference" in r},
    )


def pix(node: Served, source: str, *targets: str) -> Any:
    """Ask by GET."""
    pairs = [("sourceIdentifier", source), *(("targetSystem", target) for target in targets)]
    return node.http.get("Patient/$ihe-pix", params=pairs)


def issue(answer: Any) -> tuple[int, str, str, str]:
    """Return status, severity, code and words of a refusal."""
    said = answer.json()
    assert said["resourceType"] == "OperationOutcome"
    one = said["issue"][0]
    return answer.status_code, one["severity"], one["code"], one.get("diagnostics", "")


# ITI-83


def test_83_all_identifiers_but_the_one_asked(node: Served) -> None:
    """2:3.83.4.2.2.1: every other business identifier, and the Patients."""
    found = crossed(pix(node, f"{RED}|R-994"))
    assert found[0] == {(BLUE, "B-994"), (GREEN, "G-994")}
    assert {"Patient/alice-blue", "Patient/alice-green"} <= found[1]


def test_83_of_wanted_domains(node: Served) -> None:
    """2:3.83.4.1.2.2: `targetSystem` repeats; only those domains are answered, with the Patients that hold them."""
    assert crossed(pix(node, f"{RED}|R-994", BLUE)) == ({(BLUE, "B-994")}, {"Patient/alice-blue"})
    both = crossed(pix(node, f"{RED}|R-994", BLUE, GREEN))
    assert both == ({(BLUE, "B-994"), (GREEN, "G-994")}, {"Patient/alice-blue", "Patient/alice-green"})
    assert crossed(pix(node, f"{RED}|C-1", BLUE)) == (set(), set())


def test_83_by_the_id_of_a_patient_here(node: Served) -> None:
    """2:3.83.4.1.2.1: the server's address is the domain of its ids; it may be asked for as well."""
    found = crossed(pix(node, f"{node.base}|Patient/alice-red"))
    assert found[0] == {(RED, "R-994"), (BLUE, "B-994"), (GREEN, "G-994")}
    assert found[1] == {"Patient/alice-blue", "Patient/alice-green"}
    assert crossed(pix(node, f"{RED}|C-1", node.base)) == (set(), {"Patient/chip-red"})


def test_83_errors_of_the_table(node: Served) -> None:
    """2:3.83.4.2.2.2 to 2:3.83.4.2.2.4: 404, 400 and 403 with the profile's codes and words."""
    unknown = (404, "error", "not-found", "sourceIdentifier Patient Identifier not found")
    assert issue(pix(node, f"{RED}|nobody")) == unknown
    assert issue(pix(node, f"{node.base}|Patient/nobody")) == unknown
    domain = (400, "error", "code-invalid", "sourceIdentifier Assigning Authority not found")
    assert issue(pix(node, "urn:oid:2.999.99|R-994")) == domain
    target = (403, "error", "code-invalid", "targetSystem not found")
    assert issue(pix(node, f"{RED}|R-994", "urn:oid:2.999.99")) == target
    assert issue(pix(node, f"{RED}|R-994", BLUE, "urn:oid:2.999.99")) == target


@pytest.mark.parametrize(
    "query",
    [
        "", "sourceIdentifier=R-994", f"sourceIdentifier={RED}|", "sourceIdentifier=|R-994", "sourceIdentifier=|",
        f"sourceIdentifier={RED}|R-994&sourceIdentifier={RED}|C-1", f"sourceIdentifier={RED}|R-994&targetSystem=blue",
        f"sourceIdentifier={RED}|R-994&other=1", f"sourceIdentifier={RED}|R-994&targetSystem=",
        f"sourceIdentifier={RED}|R-994" + "&targetSystem=urn:x" * 150,
    ],
)  # fmt: skip
def test_83_wrong_questions(node: Served, query: str) -> None:
    """What is not a question of the profile is 400 with an OperationOutcome."""
    answer = node.http.get(f"Patient/$ihe-pix?{query}")
    assert answer.status_code == 400
    assert answer.json()["resourceType"] == "OperationOutcome"


def test_83_hostile_values(node: Served) -> None:
    """Commas, bars, backslashes, NULs and very long values are taken literally, and find nobody."""
    for value in (
        "R-994,C-1",
        "R-994|C-1",
        "R\\994",
        "x" * 60_000,
        "\u0000",
        "%",
        "'; DROP TABLE res; --",
        "Patient/..",
    ):
        answer = pix(node, f"{RED}|{value}")
        assert answer.status_code in (400, 404), value
        assert answer.json()["resourceType"] == "OperationOutcome"
    assert pix(node, f"{RED}|R-994\\").status_code == 404


def test_83_post_and_xml(node: Served) -> None:
    """The operation may be invoked by POST with Parameters; JSON and XML are answered."""
    body = {
        "resourceType": "Parameters",
        "parameter": [
            {"name": "sourceIdentifier", "valueString": f"{RED}|R-994"}, {"name": "targetSystem", "valueUri": BLUE},
        ],
    }  # fmt: skip
    assert crossed(node.http.post("Patient/$ihe-pix", json=body, headers=FHIR))[0] == {(BLUE, "B-994")}
    said = node.http.get("Patient/$ihe-pix", params={"sourceIdentifier": f"{RED}|R-994", "_format": "xml"})
    assert said.headers["content-type"].startswith("application/fhir+xml")
    assert b"<targetIdentifier" not in said.content
    assert b'<name value="targetIdentifier"/>' in said.content
    assert pix(node, f"{RED}|R-994", BLUE).status_code == 200


def test_83_is_recorded(node: Served) -> None:
    """Every question leaves an audit row with the person, and one that found nobody too."""
    pix(node, f"{RED}|R-994")
    person = node.service.store.person_of("alice-red")
    rows = node.service.store.audit_rows(action="pix", limit=500)
    assert person in {row.person for row in rows}
    assert "not-found" in {row.outcome for row in rows}


# ITI-104


def test_104_add_revise_resolve_and_remove(node: Served) -> None:
    """2:3.104.4: conditional PUT by identifier adds and revises; replaced-by merges; a subsumed number names nobody
    and is returned for nobody; conditional DELETE removes."""

    def feed(value: str, **more: Any) -> Any:
        body = {
            "resourceType": "Patient", "identifier": [{"system": RED, "value": value}], "active": True,
            "name": [{"family": "Moody", "given": ["Warren"]}], "gender": "male", "birthDate": "1978-01-23", **more,
        }  # fmt: skip
        return node.http.put("Patient", params={"identifier": f"{RED}|{value}"}, json=body, headers=FHIR)

    assert [feed("W-1").status_code, feed("W-1", birthDate="1978-01-24").status_code] == [201, 200]
    assert feed("W-2", name=[{"family": "Muddy", "given": ["Quentin"]}], birthDate="1933-03-03").status_code == 201
    assert crossed(pix(node, f"{RED}|W-1"))[0] == set()
    link = [{"other": {"identifier": {"system": RED, "value": "W-1"}}, "type": "replaced-by"}]
    assert feed("W-2", active=False, link=link).status_code == 200
    assert issue(pix(node, f"{RED}|W-2"))[:3] == (404, "error", "not-found")
    assert crossed(pix(node, f"{RED}|W-1"))[0] == set()
    circle = [{"other": {"identifier": {"system": RED, "value": "W-2"}}, "type": "replaced-by"}]
    assert feed("W-1", active=False, link=circle).status_code == 422
    gone = node.http.delete("Patient", params={"identifier": f"{RED}|W-1"})
    assert gone.status_code in (200, 204)
    assert issue(pix(node, f"{RED}|W-1"))[:3] == (404, "error", "not-found")


def test_104_and_78_are_in_the_capability_statement(node: Served) -> None:
    """Conditional update and delete, the operations, the search parameters, and what is fulfilled."""
    said = node.http.get("metadata").json()
    assert any(url.endswith("IHE.PIXm.Manager") for url in said["instantiates"])
    assert any(url.endswith("IHE.PDQm.PatientDemographicsSupplier") for url in said["instantiates"])
    patient = next(row for row in said["rest"][0]["resource"] if row["type"] == "Patient")
    assert (patient["conditionalUpdate"], patient["conditionalDelete"]) == (True, "single")
    operations = {row["name"]: row["definition"] for row in patient["operation"]}
    assert operations["ihe-pix"] == "https://profiles.ihe.net/ITI/PIXm/OperationDefinition/IHE.PIXm.pix"
    assert {"match", "merge", "unmerge", "golden"} <= set(operations)
    wanted = {
        "_id", "active", "family", "given", "identifier", "telecom", "birthdate", "address", "address-city",
        "address-country", "address-postalcode", "address-state", "gender", "_lastUpdated", "mothersMaidenName",
    }  # fmt: skip
    assert wanted <= {row["name"] for row in patient["searchParam"]}


# ITI-78


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("_id=alice-red", {"alice-red"}),
        ("family=MOHR&active=true", {"alice-red", "alice-blue", "alice-green"}),
        ("given=ali&family=mohr&identifier=urn:oid:2.999.13.1|R-994", {"alice-red"}),
        ("family:exact=Mohr&gender=female&_id=alice-blue", {"alice-blue"}),
        ("family:exact=mohr", set()),
        ("birthdate=1999-12-01&family=Moore", {"chip-red"}),
        ("birthdate=gt1999-01-01&gender=male", {"chip-red"}),
        ("address=Troy&_id=alice-red", {"alice-red"}),
        ("address-city=Troy&address-state=NY&address-postalcode=12180&_id=alice-red,chip-red", {"alice-red"}),
        ("address-country=NL", set()),
        ("telecom=alice@example.org", {"alice-green"}),
        ("identifier=R-994", {"alice-red"}),
        ("identifier=urn:oid:2.999.13.1|R-994,urn:oid:2.999.13.1|C-1", {"alice-red", "chip-red"}),
        ("identifier=urn:oid:2.999.13.1|R-994&identifier=urn:oid:2.999.13.2|B-994", set()),
        ("mothersMaidenName=Keane", {"alice-blue"}),
        ("mothersMaidenName:exact=keane", set()),
    ],
)  # fmt: skip
def test_78_parameters(node: Served, query: str, found: set[str]) -> None:
    """2:3.78.4.1.2.1: every parameter of the table, AND and OR, `:exact`, by GET and by POST."""
    answers = (
        node.http.get(f"Patient?{query}&_total=accurate"),
        node.http.post(
            "Patient/_search", content=f"{query}&_total=accurate",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        ),
    )  # fmt: skip
    for answer in answers:
        assert answer.status_code == 200, answer.text
        said = answer.json()
        assert {entry["resource"]["id"] for entry in said.get("entry", [])} == found
        assert said["total"] == len(found)


def test_78_domains_that_are_wanted(node: Served) -> None:
    """2:3.78.4.1.2.3, cases 2 and 4: identifiers of other domains are left out and the Patient is tagged as a part; a
    domain that is not recognised is a warning beside the results."""
    both = alice("alice-two", RED, "R-995")
    both["identifier"].append({"system": BLUE, "value": "B-995"})
    assert node.http.put("Patient/alice-two", json=both, headers=FHIR).status_code == 201
    said = node.http.get(f"Patient?family=Mohr&_id=alice-two&identifier={RED}|").json()
    [entry] = said["entry"]
    assert entry["resource"]["identifier"] == [{"system": RED, "value": "R-995"}]
    assert entry["resource"]["meta"]["tag"][0]["code"] == "SUBSETTED"
    assert "tag" not in node.http.get("Patient/alice-two").json()["meta"]
    whole = node.http.get(f"Patient?_id=alice-two&identifier={RED}|,{BLUE}|").json()["entry"][0]["resource"]
    assert whole["identifier"] == both["identifier"]
    mixed = node.http.get(f"Patient?_id=alice-two&identifier={RED}|R-995,{BLUE}|").json()["entry"][0]["resource"]
    assert mixed["identifier"] == both["identifier"]
    odd = node.http.get(f"Patient?family=Mohr&identifier={RED}|,urn:oid:2.999.99|").json()
    modes = [row["search"]["mode"] for row in odd["entry"]]
    assert modes.count("match") == 2
    outcome = next(row["resource"] for row in odd["entry"] if row["search"]["mode"] == "outcome")
    [said_of] = outcome["issue"]
    assert (said_of["severity"], said_of["code"], said_of["diagnostics"]) == (
        "warning", "not-found", "targetSystem not found",
    )  # fmt: skip
    node.http.delete("Patient/alice-two")


def test_78_nothing_found_and_other_forms(node: Served) -> None:
    """Case 3: 200 and a total of 0 without entries. Case 5: 406 for a form that is not served."""
    none = node.http.get("Patient?family=Zzyzx&_total=accurate")
    assert (none.status_code, none.json()["total"], none.json().get("entry")) == (200, 0, None)
    assert node.http.get("Patient?family=Mohr&_format=text/csv").status_code == 406
    assert node.http.get("Patient?family=Mohr", headers={"Accept": "application/fhir+xml"}).status_code == 200


def test_78_retrieve(node: Served) -> None:
    """2:3.78.4.3.3: the Patient, or 404 with not-found."""
    assert node.http.get("Patient/alice-red").json()["id"] == "alice-red"
    assert issue(node.http.get("Patient/nobody"))[:3] == (404, "error", "not-found")


# ITI-119


def match(node: Served, patient: dict[str, Any], **parameters: Any) -> Any:
    """Ask by POST."""
    kinds = {"count": "valueInteger"}
    rows: list[dict[str, Any]] = [{"name": "resource", "resource": patient}]
    rows += [{"name": name, kinds.get(name, "valueBoolean"): value} for name, value in parameters.items()]
    return node.http.post("Patient/$match", json={"resourceType": "Parameters", "parameter": rows}, headers=FHIR)


def test_119_cases(node: Served) -> None:
    """2:3.119.4.1.3: found, several, certain only, none certain, count, nobody; scores and grades on each entry."""
    whole = alice("", RED, "R-994")
    del whole["id"]
    [entry] = match(node, whole).json()["entry"]
    assert 0 < entry["search"]["score"] <= 1
    grades = [row["valueCode"] for row in entry["search"]["extension"] if row["url"].endswith("match-grade")]
    assert grades == ["certain"]
    assert match(node, whole, onlyCertainMatches=True).json()["total"] == 1
    assert match(node, whole, count=1, onlySingleMatch=True).json()["total"] == 1
    loose = {"resourceType": "Patient", "name": [{"family": "Mohr", "given": ["Alice"]}]}
    assert match(node, loose, onlyCertainMatches=True).json()["total"] == 0
    nobody = {"resourceType": "Patient", "name": [{"family": "Zzyzx"}]}
    empty = match(node, nobody)
    assert (empty.status_code, empty.json()["total"], empty.json().get("entry")) == (200, 0, None)
    alone = node.http.post("Patient/$match", json=whole, headers=FHIR)
    assert alone.json()["total"] == 1
    assert match(node, {"resourceType": "Observation"}).status_code == 400
    assert match(node, whole, onlySingleMatch="yes").status_code == 400


# Merging


def merging(node: Served, source: Any, target: Any, operation: str = "merge", **more: Any) -> Any:
    """Ask for a merge by references, or by parameters as given."""
    rows = [{"name": f"{side}-patient", "valueReference": {"reference": f"Patient/{value}"}} for side, value in
            (("source", source), ("target", target)) if value]  # fmt: skip
    rows += [{"name": name.replace("_", "-"), **value} for name, value in more.items()]
    return node.http.post(f"Patient/${operation}", json={"resourceType": "Parameters", "parameter": rows}, headers=FHIR)


def test_merge_and_unmerge(node: Served) -> None:
    """Input, outcome and result come back; a preview keeps nothing; undone, both are as before."""
    one = {**CHIP, "id": "m-one", "identifier": [{"system": RED, "value": "M-1"}], "birthDate": "1970-07-01"}
    two = {**CHIP, "id": "m-two", "identifier": [{"system": RED, "value": "M-2"}], "birthDate": "1921-02-03"}
    for each in (one, two):
        node.http.put(f"Patient/{each['id']}", json=each, headers=FHIR)
    preview = merging(node, "m-one", "m-two", preview={"valueBoolean": True})
    assert preview.status_code == 200
    assert node.http.get("Patient/m-one").headers["etag"] == 'W/"1"'
    done = merging(node, "m-one", "m-two").json()
    parts = {row["name"]: row["resource"] for row in done["parameter"]}
    assert list(parts) == ["input", "outcome", "result"]
    assert parts["result"]["link"] == [{"other": {"reference": "Patient/m-one"}, "type": "replaces"}]
    assert issue(merging(node, "m-two", "m-one"))[:3] == (422, "error", "conflict")
    both = node.http.get("Observation?patient=Patient/m-one")
    assert both.status_code == 200
    assert merging(node, "m-one", "m-two", "unmerge").status_code == 200
    assert {k: v for k, v in node.http.get("Patient/m-one").json().items() if k != "meta"} == one
    assert merging(node, "m-one", "m-two", "unmerge").status_code == 422


def test_merge_by_identifier_and_its_faults(node: Served) -> None:
    """Parameters that are missing, doubled, of another kind or unknown are 400; who is not there is 422."""
    assert merging(node, "", "").status_code == 400
    assert merging(node, "alice-red", "").status_code == 400
    assert merging(node, "nobody", "alice-red").status_code == 422
    assert merging(node, "alice-red", "alice-red").status_code == 422
    assert merging(node, "alice-red", "chip-red", preview={"valueString": "true"}).status_code == 400
    assert merging(node, "alice-red", "chip-red", other={"valueString": "x"}).status_code == 400
    number = {"valueIdentifier": {"system": RED, "value": "nobody"}}
    assert merging(node, "", "chip-red", source_patient_identifier=number).status_code == 422
    assert merging(node, "", "chip-red", source_patient_identifier={"valueIdentifier": {}}).status_code == 400
    for body in (b"", b"{}", b"[]", b'{"resourceType":"Parameters"}', b'{"resourceType":"Parameters","parameter":[1]}'):
        assert node.http.post("Patient/$merge", content=body, headers=FHIR).status_code == 400, body
    foreign = {"valueReference": {"reference": "http://elsewhere/fhir/Patient/1"}}
    assert merging(node, "", "chip-red", source_patient=foreign).status_code == 400
    assert merging(node, "alice-red", "chip-red", result_patient={"resource": CHIP}).status_code == 400


def test_merges_at_once_over_http(node: Served) -> None:
    """A into B and B into A at the same moment: one is done, the other refused."""
    for n in range(4):
        pair = [f"x{n}a", f"x{n}b"]
        for at, id_ in enumerate(pair):
            body = {"resourceType": "Patient", "id": id_, "name": [{"family": f"Xu{n}{at}", "given": [f"G{n}{at}"]}]}
            assert node.http.put(f"Patient/{id_}", json=body, headers=FHIR).status_code == 201
        with ThreadPoolExecutor(2) as pool:
            done = list(pool.map(lambda p: merging(node, *p).status_code, (pair, pair[::-1])))
        assert sorted(done) == [200, 422]


# The golden record


def test_golden_is_a_patient_with_its_sources(node: Served) -> None:
    """All numbers side by side, each element with the Patients that state it; it cannot be written back."""
    answer = node.http.get("Patient/alice-red/$golden")
    assert answer.status_code == 200
    said = answer.json()
    assert said["id"] not in ("alice-red", "alice-blue", "alice-green")
    assert {item["value"] for item in said["identifier"]} == {"R-994", "B-994", "G-994"}
    assert {link["other"]["reference"] for link in said["link"]} == {
        "Patient/alice-red", "Patient/alice-blue", "Patient/alice-green",
    }  # fmt: skip
    origin = said["_birthDate"]["extension"][0]["extension"]
    assert [part["valueReference"]["reference"] for part in origin if part["url"] == "source"] == [
        "Patient/alice-blue", "Patient/alice-green", "Patient/alice-red",
    ]  # fmt: skip
    assert node.http.get("Patient/alice-blue/$golden").json() == said
    back = node.http.put(f"Patient/{said['id']}", json=said, headers=FHIR)
    assert back.status_code == 422
    assert node.http.get("Patient/nobody/$golden").status_code == 404
    assert node.http.get("Patient/alice-red/$golden?_elements=birthDate").json().get("identifier") is None
    checked = node.http.post("Patient/$validate", json=said, headers=FHIR).json()
    assert not [row for row in checked["issue"] if row["severity"] in ("error", "fatal")], checked
