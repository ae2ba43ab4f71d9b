"""Several processes on one database, each stood for by a store of its own: one meaning, whoever comes first."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.unit.flow.fhir.node import ALL, WAIT, body, bundle, entry, got, observation, patient
from tests.unit.storage.conftest import piece  # noqa: F401 # fixture
from unsilo.config import Settings
from unsilo.fhir.index import IndexRows
from unsilo.flow.fhir import write
from unsilo.flow.fhir.transaction import transaction
from unsilo.flow.service import Service
from unsilo.identity.record import pack, record
from unsilo.kernel import json
from unsilo.storage import Incoming, Store, Tx

_NONE = IndexRows()
_RECORD = pack(record({"resourceType": "Patient", "name": [{"family": "Doe"}]}))
Another = Callable[[], Store]
Piece = Callable[..., Incoming]


@pytest.fixture
def services(another: Another, tmp_path: Path) -> list[Service]:
    """Three nodes without workers on one database."""
    return [Service(Settings(data=tmp_path / str(n)), another()) for n in range(3)]


def test_the_same_conditional_create_everywhere_makes_one(services: list[Service]) -> None:
    """Sixty-four clients of three processes: exactly one resource, and everybody learns its id."""
    with ThreadPoolExecutor(64) as clients:
        for turn in range(2):
            condition = f"identifier=urn:mrn|m{turn}"

            def one(n: int, turn: int = turn, condition: str = condition) -> str:
                made = write.create(services[n % 3], ALL, "Patient", patient(f"m{turn}"), if_none_exist=condition)
                return got(made).id

            assert len(set(clients.map(one, range(64)))) == 1
    assert services[0].store.counts().resources == {"Patient": 2}
    assert services[0].store.verify() == []


def test_updates_under_if_match_lose_nothing_between_processes(services: list[Service]) -> None:
    """Each of thirty writers in three processes adds its mark: versions are gapless and every mark is there."""
    got(write.update(services[0], ALL, "Patient", "p", patient(id="p")))

    def add(n: int) -> int:
        service = services[n % 3]
        for _ in range(400):
            row = service.store.guarded.read(ALL.predicate, "Patient", "p")
            assert row is not None
            now: dict[str, Any] = json.decode(row.body)
            now["generalPractitioner"] = [*now.get("generalPractitioner", []), {"display": f"c{n}"}]
            done = got(write.update(service, ALL, "Patient", "p", now, if_match=f'W/"{row.version}"'))
            if done.status == 200:
                return done.version
            assert done.status == 412
        raise AssertionError("never first")

    with ThreadPoolExecutor(30) as clients:
        assert sorted(clients.map(add, range(30))) == list(range(2, 32))
    row = services[1].store.guarded.read(ALL.predicate, "Patient", "p")
    assert row is not None
    assert {one["display"] for one in json.decode(row.body)["generalPractitioner"]} == {f"c{n}" for n in range(30)}
    assert services[2].store.verify() == []


def test_transactions_that_meet_are_whole(services: list[Service]) -> None:
    """Bundles of three processes that write the same two resources: both always have the same mark."""

    def both(n: int) -> int:
        one, two = (observation("Patient/p", n, id=name) for name in ("a", "b"))
        made = bundle(entry("PUT", "Observation/a", one), entry("PUT", "Observation/b", two))
        done = transaction(services[n % 3], ALL, made).result(WAIT)
        return 1 if isinstance(done, list) else done.status

    with ThreadPoolExecutor(12) as clients:
        ends = list(clients.map(both, range(36)))
    assert set(ends) <= {1, 409}
    view = services[0].store.guarded
    rows = [view.read(ALL.predicate, "Observation", name) for name in ("a", "b")]
    values = {json.decode(row.body)["valueInteger"] for row in rows if row is not None}
    assert len(values) == 1
    assert {row.version for row in rows if row is not None} == {ends.count(1)}
    assert services[0].store.verify() == []


def test_what_one_wrote_all_find(services: list[Service]) -> None:
    """New systems, types of rows and texts of one process are known to the others at once."""
    for n in range(6):
        made = {**observation("Patient/p", n), "code": {"coding": [{"system": f"urn:s{n // 2}", "code": "x"}]}}
        assert got(write.create(services[n % 3], ALL, "Observation", made)).status == 201
    for service in services:
        condition = "code=urn:s2|x"
        again = got(write.create(service, ALL, "Observation", observation("Patient/p"), if_none_exist=condition))
        assert again.status == 412  # two meet it
    assert body(got(write.create(services[0], ALL, "Patient", patient("1"))))["resourceType"] == "Patient"
    assert services[0].store.verify() == []


def test_the_same_bytes_at_two_doors_are_one_message(another: Another, piece: Piece) -> None:  # noqa: F811
    """A sender that tries two processes at once gets one record."""
    stores = [another(), another()]
    for turn in range(5):
        incoming = piece(f"MSH|{turn}")
        receipts = [future.result(20) for future in [store.receive(incoming) for store in stores]]
        assert len({receipt.mid for receipt in receipts}) == 1
        assert sorted(receipt.duplicate for receipt in receipts) == [False, True]
    assert stores[0].counts().messages == {"queued": 5}
    assert stores[0].verify() == []


def test_a_message_is_worked_at_by_one_process(another: Another, piece: Piece) -> None:  # noqa: F811
    """Each process has what it received; what a process that is gone had, another takes, once."""
    first, second, third = another(), another(), another()
    kept = [first.receive(piece(f"MSH|a{n}")).result(20).mid for n in range(5)]
    own = [second.receive(piece(f"MSH|b{n}")).result(20).mid for n in range(5)]
    assert [item.mid for item in first.queued()] == sorted(kept)
    assert [item.mid for item in second.queued()] == sorted(own)
    assert third.queued() == []
    first.close()
    taken: dict[Store, set[int]] = {second: set(), third: set()}
    end = time.monotonic() + 30
    with ThreadPoolExecutor(2) as both:  # the server notices within moments that the connection is gone
        while not set(kept) <= taken[second] | taken[third] and time.monotonic() < end:
            for store, items in zip(taken, both.map(lambda store: store.queued(), taken), strict=True):
                taken[store] |= {item.mid for item in items}
    assert taken[second] | taken[third] == set(kept + own)
    assert not taken[second] & taken[third]
    assert set(own) <= taken[second]


def test_what_a_lost_process_had_is_adopted(another: Another, piece: Piece) -> None:  # noqa: F811
    """Without being asked: whoever listens hears of it within seconds."""
    first, second = another(), another()
    heard: list[int] = []
    second.on_requeued(lambda items: heard.extend(item.mid for item in items))
    mid = first.receive(piece("MSH|lost")).result(20).mid
    first.close()
    end = time.monotonic() + 30
    while not heard and time.monotonic() < end:
        time.sleep(0.05)
    assert heard == [mid]


def test_two_records_of_one_new_person_make_one(another: Another) -> None:
    """What says who they are is locked: who decides second sees what was decided first."""
    stores = [another(), another()]

    def place(n: int, turn: int) -> Callable[[Tx], int]:
        def job(tx: Tx) -> int:
            keys = [7_000 + turn]
            tx.lock(*keys)
            found = tx.candidates(keys)
            person = found[0].person if found else None
            name = f"p{turn}-{n}"
            tx.put("Patient", name, b"{}", index=_NONE, lineage=[], at=tx.at)
            made = tx.link(name, person, "test", "", "test", tx.at, 1)
            tx.remember(name, _RECORD, keys)
            return made

        return job

    for turn in range(8):
        futures = [store.submit(place(n, turn)) for n, store in enumerate(stores)]
        assert len({future.result(20) for future in futures}) == 1
    assert stores[0].counts().persons == 8
    assert stores[0].verify() == []
