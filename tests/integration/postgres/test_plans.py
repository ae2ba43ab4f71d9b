"""Searches are run along indexes: no statement of an indexed search reads all of `res`."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

import psycopg
import pytest

from tests.integration.postgres.borrowed import Databases
from unsilo.fhir.index import index
from unsilo.kernel import json
from unsilo.policy import And, Compartment, Label, Not, Predicate
from unsilo.search import Bounds, Vocabulary, parse, plan
from unsilo.storage import Store, Tx, terms

LOINC = "http://loinc.org"
VOCABULARY = Vocabulary(bounds=Bounds())
STRICT = Predicate(allow=And((Not(Label("urn:l", "R")), Compartment(frozenset(f"p{n}" for n in range(40))))))


def people() -> Iterator[dict[str, Any]]:
    """Two hundred Patients with fifteen Observations each."""
    for n in range(200):
        yield {
            "resourceType": "Patient", "id": f"p{n}", "name": [{"family": f"Family{n % 50}"}],
            "identifier": [{"system": "urn:mrn", "value": str(n)}], "birthDate": f"19{n % 90 + 10}-01-02",
        }  # fmt: skip
        for m in range(15):
            yield {
                "resourceType": "Observation", "id": f"o{n}-{m}", "status": "final",
                "subject": {"reference": f"Patient/p{n}"},
                "code": {"coding": [{"system": LOINC, "code": f"{m % 5}-0"}], "text": f"kind {m % 5}"},
                "effectiveDateTime": f"2025-{m % 12 + 1:02d}-{n % 28 + 1:02d}",
                "valueQuantity": {
                    "value": n + m, "unit": "mg/dL", "system": "http://unitsofmeasure.org", "code": "mg/dL"
                },
            }  # fmt: skip


@pytest.fixture(scope="module")
def filled(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """A store whose statistics are gathered."""
    folder = tmp_path_factory.mktemp("plans")
    with databases.open(folder) as store:

        def job(tx: Tx) -> None:
            for one in people():
                find = terms(one) if one["resourceType"] == "Patient" else []
                tx.put(one["resourceType"], one["id"], json.encode(one), index=index(one), find=find, lineage=[], at=1)
                if one["resourceType"] == "Patient":
                    tx.link(one["id"], None, "own", "", "test", 1)

        store.submit(job).result(60)
        with psycopg.connect(databases.address(folder), autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
        yield store


@pytest.mark.parametrize("predicate", [Predicate(), STRICT], ids=["all", "strict"])
@pytest.mark.parametrize(
    "address",
    [
        "Patient?identifier=urn:mrn|7",
        "Patient?_id=p7",
        "Patient?family=family1",
        "Patient?birthdate=1950-01-02",
        f"Observation?code={LOINC}|1-0",
        f"Observation?patient=Patient/p7&code={LOINC}|1-0",
        "Observation?patient=Patient/p7&_sort=-date",
        "Observation?patient.family=family7",
        f"Patient?_has:Observation:patient:code={LOINC}|1-0",
        "Observation?date=2025-03-05",
        "Observation?value-quantity=gt190|http://unitsofmeasure.org|mg/dL",
        "Observation?code:text=kind",
        "Patient?_id=p7&_revinclude=Observation:patient",
        "Observation?_id=o7-1&_include=Observation:patient",
        f"Observation?code={LOINC}|1-0&_total=accurate",
        "Observation?_lastUpdated=ge2020",
    ],
)
def test_no_statement_reads_all_resources(filled: Store, address: str, predicate: Predicate) -> None:
    """Every statement of the search, as PostgreSQL says that it runs it."""
    kind, _, query = address.partition("?")
    found, issues = parse(kind, parse_qsl(query), VOCABULARY)
    assert found is not None, issues
    for told in filled.guarded.explain(plan(found, predicate, VOCABULARY)):
        steps = "\n".join(told.get("steps", ()))
        assert "Seq Scan on res" not in steps, f"{told['sql']}\n{steps}"


def test_an_explanation_says_how_it_is_run(filled: Store) -> None:
    """Statements with their steps, and how many rows each clause has."""
    found, _ = parse("Observation", [("patient", "Patient/p7"), ("code", f"{LOINC}|1-0")], VOCABULARY)
    assert found is not None
    told = filled.guarded.explain(plan(found, Predicate(), VOCABULARY))
    assert any("ix_ref" in step for each in told for step in each.get("steps", ()))
    assert told[-1]["for"] == "rows by clause"
