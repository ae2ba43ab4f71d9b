"""Each index table answers its kind of search by key, over HTTP, in as many statements however full it is."""

import re
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.served import Served, served
from unsilo.kernel import json

FHIR = {"Content-Type": "application/fhir+json"}
UCUM = "http://unitsofmeasure.org"

ASKED = {
    "ix_tok": "Observation?code=urn:c|c1",
    "ix_txt": "Observation?code:text=glucose",
    "ix_str": "Patient?family=bergstrom",
    "ix_dat": "Observation?date=ge2020-03-01&date=lt2020-03-09",
    "ix_num": "RiskAssessment?probability=gt0.5",
    "ix_qty": f"Observation?value-quantity=gt5|{UCUM}|mg",
    "ix_uri": "ValueSet?url=urn:v:1",
    "ix_ref": "Observation?encounter=Encounter/e1",
    "ix_cmp": f"Observation?code-value-quantity=urn:c|every$gt17|{UCUM}|mg",
    "ix_pat": "Patient/p1/Observation?code=urn:c|c1",
    "ix_pos": "Location?near=50.1|8.2|50|km",
    "ix_code": "Observation?code=urn:c|c1&_sort=status",
}  # fmt: skip


def rows(times: int) -> list[dict[str, Any]]:
    """Return resources with a key in each table, so many of each kind."""
    found: list[dict[str, Any]] = []
    for n in range(times):
        day = f"2020-03-{1 + n % 28:02d}"
        codings = [{"system": "urn:c", "code": code, "display": "Glucose in blood"} for code in (f"c{n % 7}", "every")]
        code = {"coding": codings}
        quantity = {"value": 20 - n % 20, "system": UCUM, "code": "mg"}
        subject = {"reference": f"Patient/p{n % 9}"}
        found += [
            {"resourceType": "Patient", "id": f"p{n}", "name": [{"family": f"Bergström{n}"}]},
            {"resourceType": "Encounter", "id": f"e{n}", "status": "finished", "class": {"code": "AMB"},
             "subject": subject},
            {"resourceType": "Observation", "id": f"o{n}", "status": "final", "code": code, "subject": subject,
             "effectiveDateTime": day, "valueQuantity": quantity, "encounter": {"reference": f"Encounter/e{n % 5}"}},
            {"resourceType": "RiskAssessment", "id": f"r{n}", "status": "final", "subject": subject,
             "prediction": [{"probabilityDecimal": (n % 10) / 10}]},
            {"resourceType": "ValueSet", "id": f"v{n}", "status": "active", "url": f"urn:v:{n}"},
            {"resourceType": "Location", "id": f"l{n}", "position": {"latitude": 50 + n % 3, "longitude": 8}},
        ]  # fmt: skip
    return found


def load(node: Served, some: list[dict[str, Any]]) -> None:
    """Write resources in one transaction."""
    entries = [
        {"resource": one, "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}} for one in some
    ]
    content = json.encode({"resourceType": "Bundle", "type": "transaction", "entry": entries})
    answer = node.http.post("", content=content, headers=FHIR)
    assert answer.status_code == 200, answer.text[:300]


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Served]]:
    """A node with a little and one with ten times as much."""
    with served(tmp_path_factory.mktemp("few")) as few, served(tmp_path_factory.mktemp("many")) as many:
        load(few, rows(12))
        load(many, rows(300))
        yield few, many


def statements(node: Served, query: str) -> list[dict[str, Any]]:
    """Return the statements of a search with the steps by which the store runs each."""
    answer = node.http.get(f"{query}&__explain=true")
    assert answer.status_code == 200, answer.text[:300]
    return [each for each in answer.json()["statements"] if "sql" in each]


def test_no_table_is_forgotten(nodes: tuple[Served, Served]) -> None:
    """Every index table of the schema is asked here; that of the console's person search has its own tests."""
    with sqlite3.connect(nodes[0].service.settings.data / "unsilo.db") as db:
        made = db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'ix~_%' ESCAPE '~'")
        assert {row[0] for row in made} == {*ASKED, "ix_find"}
    db.close()


@pytest.mark.parametrize("table", ASKED)
def test_a_table_answers_by_key(nodes: tuple[Served, Served], table: str) -> None:
    """Nothing scans `res` or an index, and where there is much the table is searched by its key."""
    for node in nodes:
        assert node.http.get(ASKED[table]).json().get("entry"), table
        used = False
        for each in statements(node, ASKED[table]):
            for alias in [*re.findall(rf"\b{table} (\w+)\b", each["sql"]), table]:
                used |= any(step.startswith(f"SEARCH {alias} USING") for step in each["steps"])
            named = dict(re.findall(r"\b(?:FROM|JOIN) (ix_\w+|res|link|hist) (?!WHERE|ON)(\w+)\b", each["sql"]))
            whole = {*named, *named.values()} - set(re.findall(r"\) (\w+)\b", each["sql"]))  # or a list made before
            for step in each["steps"]:
                scanned = re.match(r"SCAN (\w+)", step)
                assert scanned is None or scanned[1] not in whole, (each["sql"], step)
        assert used or node is nodes[0], [each["steps"] for each in statements(node, ASKED[table])]


@pytest.mark.parametrize("table", ASKED)
def test_the_number_of_statements_does_not_grow(nodes: tuple[Served, Served], table: str) -> None:
    """A search over 25 times as much takes one more to count a further clause at most, and few in all."""
    few, many = (len(statements(node, ASKED[table])) for node in nodes)
    assert many <= min(few + 1, 5)
