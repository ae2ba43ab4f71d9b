"""Many clients at once: conditional creates make one, guarded updates lose none."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.unit.flow.fhir.node import ALL, WAIT, body, bundle, entry, got, node, observation, patient
from unsilo.flow.fhir import write
from unsilo.flow.fhir.transaction import transaction
from unsilo.kernel import json


def test_the_same_conditional_create_by_64_clients_makes_one(tmp_path: Path) -> None:
    """By itself and within transactions: exactly one resource, and everybody learns its id."""
    with node(tmp_path) as service, ThreadPoolExecutor(64) as clients:

        def single(mrn: str) -> str:
            condition = f"identifier=urn:mrn|{mrn}"
            return got(write.create(service, ALL, "Patient", patient(mrn), if_none_exist=condition)).id

        def whole(mrn: str) -> str:
            made = entry("POST", "Patient", patient(mrn), "urn:uuid:1", ifNoneExist=f"identifier=urn:mrn|{mrn}")
            fact = entry("POST", "Observation", observation("urn:uuid:1"))
            done = transaction(service, ALL, bundle(made, fact)).result(WAIT)
            assert isinstance(done, list)
            first, second = (one for one in done if one is not None)
            assert body(second)["subject"] == {"reference": f"Patient/{first.id}"}
            return first.id

        for turn in range(4):
            mrn = f"m{turn}"
            ids = list(clients.map(lambda n, mrn=mrn: (single if n % 2 else whole)(mrn), range(64)))
            assert len(set(ids)) == 1
        assert service.store.counts().resources == {"Observation": 128, "Patient": 4}
        assert service.store.verify() == []


def test_50_writers_with_if_match_lose_no_update(tmp_path: Path) -> None:
    """Each adds its mark to what it read; who was too late reads again: versions are gapless, every mark is there."""
    with node(tmp_path) as service, ThreadPoolExecutor(50) as clients:
        got(write.update(service, ALL, "Patient", "p", patient(id="p")))

        def add(n: int) -> int:
            tries = 0
            while True:
                tries += 1
                row = service.store.guarded.read(ALL.predicate, "Patient", "p")
                assert row is not None
                now: dict[str, Any] = json.decode(row.body)
                now["generalPractitioner"] = [*now.get("generalPractitioner", []), {"display": f"c{n}"}]
                done = got(write.update(service, ALL, "Patient", "p", now, if_match=f'W/"{row.version}"'))
                if done.status == 200:
                    return done.version
                assert done.status == 412

        versions = sorted(clients.map(add, range(50)))
        assert versions == list(range(2, 52))
        row = service.store.guarded.read(ALL.predicate, "Patient", "p")
        assert row is not None
        assert {one["display"] for one in json.decode(row.body)["generalPractitioner"]} == {f"c{n}" for n in range(50)}
        assert [v.version for v in service.store.history("Patient", "p")] == list(range(51, 0, -1))
        assert service.store.verify() == []
