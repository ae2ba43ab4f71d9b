"""Sheets: what they write is what `put` writes one by one, whatever comes before, after and between, also in a load."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.unit.storage.keyed import ids_found, person
from unsilo.fhir.index import index
from unsilo.kernel import json
from unsilo.storage import Store, Stored, Tx, open_store, terms
from unsilo.storage.bodies import PACKED, Dictionary, learn, pack_all
from unsilo.storage.keys import TABLES, Image, Ready, read_image, ready
from unsilo.storage.learning import _keep
from unsilo.storage.sheet import COLUMNS, Maker, Sheet

WAIT = 30
LOINC = "http://loinc.org"


def result(id_: str, patient: str, code: str = "718-7", value: float = 7.5) -> dict[str, Any]:
    """An Observation with keys in most tables."""
    return {
        "resourceType": "Observation", "id": id_, "status": "final", "subject": {"reference": patient},
        "code": {"coding": [{"system": LOINC, "code": code, "display": f"Test {code}"}], "text": "something"},
        "effectiveDateTime": "2026-01-02", "identifier": [{"system": "urn:lab", "value": id_}],
        "performer": [{"reference": "Organization/lab"}, {"reference": "https://else.example/Practitioner/1"}],
        "valueQuantity": {"value": value, "unit": "g/dL", "system": "http://unitsofmeasure.org", "code": "g/dL"},
    }  # fmt: skip


RESOURCES = [
    {"id": "a", **person("Müller", "Anna", "1970-01-02", "1")},
    {"id": "b", **person("Moser", "Ben", "1980-03-04", "2")},
    *[result(f"r{n}", f"Patient/{'ab'[n % 2]}", f"{n % 3}-1", n) for n in range(9)],
    {"resourceType": "Location", "id": "l", "position": {"latitude": 48.2, "longitude": 16.4}, "status": "active"},
    {"resourceType": "RiskAssessment", "id": "k", "status": "final", "subject": {"reference": "Patient/a"},
     "prediction": [{"probabilityDecimal": 0.25}]},
    {"resourceType": "Group", "id": "g", "type": "person", "actual": True},
]  # fmt: skip


def keys(resource: dict[str, Any]) -> Ready:
    """The keys of a resource as a worker makes them."""
    return ready(index(resource), terms(resource) if resource["resourceType"] == "Patient" else ())


def sheet(*resources: dict[str, Any]) -> Sheet:
    """The sheet of some resources, as it comes from another process."""
    maker = Maker()
    for one in resources:
        maker.add(one["resourceType"], one["id"], json.encode(one), b"d" * 16, 1, keys(one))
    return msgspec.msgpack.decode(msgspec.msgpack.encode(maker.sheet()), type=Sheet)


def put(tx: Tx, resource: dict[str, Any]) -> Stored:
    """Write one resource as the writer did before there were sheets."""
    kind, id_ = resource["resourceType"], resource["id"]
    now = tx.current(kind, id_)
    return tx.put(
        kind, id_, json.encode(resource), index=keys(resource), lineage=[], clock=tx.at, rank=1, digest=b"d" * 16,
        previous=now, at=tx.at,
    )  # fmt: skip


def one_by_one(tx: Tx, resources: list[dict[str, Any]]) -> None:
    """Write all, numbered in their order."""
    tx.number([(one["resourceType"], one["id"]) for one in resources])
    for one in resources:
        put(tx, one)


def whole(tx: Tx, made: Sheet) -> bool:
    """Write a sheet when it is new."""
    if not tx.is_new(made):
        return False
    tx.put_sheet(made, at=tx.at)
    return True


def content(store: Store) -> dict[str, Any]:
    """All that the index tables hold, with names in the place of numbers, and each row's own keys."""
    ask = store._readers.rows
    names = {rid: f"{kind}/{id_}" for rid, kind, id_ in ask(
        "SELECT r.rid, y.name, r.fhir_id FROM res r JOIN resource_type y ON y.id = r.type"
    )}  # fmt: skip
    systems = {0: "", **dict(ask("SELECT id, uri FROM system"))}
    found: dict[str, Any] = {}
    for table, columns in COLUMNS.items():
        rows = [list(row) for row in ask(f"SELECT {_COLUMNS[table]} FROM ix_{table}")]  # noqa: S608 - of this file
        for row in rows:
            for column in (columns.own, *columns.targets):
                row[column] = names[row[column]]
            for column in columns.systems:
                row[column] = systems[row[column]]
        found[table] = sorted(map(tuple, rows))
    for table in ("txt", "code"):
        found[table] = sorted(map(tuple, ask(f"SELECT * FROM ix_{table}")))  # noqa: S608 - of this file
    found["types"] = dict(ask(
        "SELECT y.name, sum(t.live) FROM type_total t JOIN resource_type y ON y.id = t.type GROUP BY y.name"
    ))  # fmt: skip
    found["rows"] = {}
    for rid, version, top, state, rank, digest, idx in ask(
        "SELECT rid, version, top, state, rank, digest, idx FROM res"
    ):
        own = read_image(bytes(idx))
        image = {name: sorted(map(str, _named(name, getattr(own, name), names, systems))) for name in TABLES}
        found["rows"][names[rid]] = (version, top, state, rank, bytes(digest), image)
    return found


def _named(table: str, rows: list[Any], names: dict[int, str], systems: dict[int, str]) -> list[Any]:
    shown = [list(row) if isinstance(row, tuple) else [row] for row in rows]
    for row in shown:
        if table in ("ref", "pat"):
            at = 1 if table == "ref" else 0
            row[at] = names[row[at]]
        for at in {"tok": (2,), "cmp": (2, 4)}.get(table, ()):
            row[at] = systems[row[at]]
    return shown


_COLUMNS = {
    "tok": "sp, code, sys, rid", "str": "sp, v, raw, rid", "dat": "sp, lo, hi, rid", "num": "sp, lo, hi, rid",
    "qty": "sp, unit, lo, hi, rid", "uri": "sp, v, rid", "ref": "sp, tgt, rid",
    "cmp": "sp, code, sys, code2, sys2, lo, hi, v, rid", "pat": "pat, type, dlo, rid, code, cat",
    "pos": "sp, lat, lon, rid", "find": "term, rid",
}  # fmt: skip


@pytest.fixture(params=["a few", "a load"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """A store that commits what waits, and one that holds key rows back till many have come."""
    monkeypatch.setattr("unsilo.storage.writer.HELD_RESOURCES", 3)
    monkeypatch.setattr("unsilo.storage.writer._LOAD_SECONDS", 0.01)
    with open_store(tmp_path / "store") as opened:
        if request.param == "a few":
            yield opened
        else:
            with opened.loading(1000):
                yield opened


@pytest.fixture
def expected(tmp_path: Path) -> dict[str, Any]:
    """What writing the resources one by one gives."""
    with open_store(tmp_path / "by-one") as store:
        store.submit(lambda tx: one_by_one(tx, RESOURCES)).result(WAIT)
        return content(store)


def test_every_table_is_met(expected: dict[str, Any]) -> None:
    """The comparison looks at rows of every table."""
    assert [table for table in (*TABLES, "txt", "code") if not expected[table]] == []


def test_a_sheet_writes_what_put_writes(store: Store, expected: dict[str, Any]) -> None:
    """Every table, each row's own keys, versions, figures."""
    assert store.submit(lambda tx: whole(tx, sheet(*RESOURCES))).result(WAIT)
    assert content(store) == expected
    assert json.decode(store.read("Observation", "r3").body) == RESOURCES[5]  # type: ignore[union-attr]


@pytest.mark.parametrize("size", [1, 2, 5])
def test_sheets_of_one_group_refer_to_each_other(store: Store, expected: dict[str, Any], size: int) -> None:
    """What is only referred to at first gets a stub, whose number the resource takes, in one job and in several."""
    parts = [RESOURCES[at : at + size] for at in range(0, len(RESOURCES), size)]
    parts.reverse()
    for job in [store.submit(lambda tx, part=part: whole(tx, sheet(*part))) for part in parts]:
        assert job.result(WAIT)
    assert content(store) == expected


def test_one_job_may_put_sheets_and_search(store: Store, expected: dict[str, Any]) -> None:
    """What a search inside the job has made written is not written twice."""

    def job(tx: Tx) -> None:
        assert whole(tx, sheet(*RESOURCES[:6]))
        tx.settle()
        assert whole(tx, sheet(*RESOURCES[6:]))

    store.submit(job).result(WAIT)
    assert content(store) == expected


def test_a_sheet_is_for_what_is_not_there(store: Store) -> None:
    """Neither what is stored, nor what was, nor what the same job has written is new."""
    made = sheet(*RESOURCES)
    store.submit(lambda tx: put(tx, RESOURCES[4])).result(WAIT)
    assert not store.submit(lambda tx: whole(tx, made)).result(WAIT)

    def twice(tx: Tx) -> tuple[bool, bool]:
        return whole(tx, sheet(RESOURCES[0])), whole(tx, sheet(RESOURCES[0]))

    assert store.submit(twice).result(WAIT) == (True, False)
    deleted = store.submit(lambda tx: tx.delete("Patient", "a", previous=tx.current("Patient", "a"), at=tx.at))  # type: ignore[arg-type]
    deleted.result(WAIT)
    assert not store.submit(lambda tx: whole(tx, sheet(RESOURCES[0]))).result(WAIT)


def test_what_comes_after_in_the_same_job_and_group(store: Store, expected: dict[str, Any]) -> None:
    """An update and a deletion of what a sheet has just written leave only the last version's keys."""
    other = result("r0", "Patient/b", "other", 99)

    def job(tx: Tx) -> None:
        assert whole(tx, sheet(*RESOURCES))
        put(tx, other)

    first = store.submit(job)
    second = store.submit(
        lambda tx: tx.delete("Observation", "r1", previous=tx.current("Observation", "r1"), at=tx.at)  # type: ignore[arg-type]
    )
    third = store.submit(lambda tx: put(tx, RESOURCES[2]))
    for each in (first, second, third):
        each.result(WAIT)
    assert ids_found(store, "Observation?code=other") == []
    assert [row.version for row in store.history("Observation", "r0")] == [3, 2, 1]
    assert ids_found(store, "Observation?identifier=urn:lab|r1") == []
    found = content(store)
    for table in TABLES:
        gone = [row for row in expected[table] if "Observation/r1" in row]
        assert sorted([*found[table], *gone]) == expected[table], table
    assert found["types"]["Observation"] == 8


def test_bodies_that_come_packed(store: Store, expected: dict[str, Any]) -> None:
    """They are stored as they come, and read whole at once: in the job, in the group, in history."""
    assert store.dictionary("body") is None
    learned = learn([json.encode(result(f"s{n}", "Patient/a", f"{n}-2", n)) for n in range(400)])
    assert learned is not None
    store.submit(lambda tx: _keep("body", *learned, tx)).result(WAIT)
    made = sheet(*RESOURCES)
    plain, made.bodies = made.bodies, pack_all(made.bodies, Dictionary(*learned))
    assert sum(body[:1] == PACKED for body in made.bodies) > 5
    seen: list[bytes] = []

    def job(tx: Tx) -> None:
        assert whole(tx, made)
        for kind, id_ in made.names[: made.count]:
            head, now = tx.head(kind, id_), tx.current(kind, id_)
            assert head is not None
            assert now is not None
            assert (head.version, head.digest) == (now.version, now.digest) == (1, b"d" * 16)
            seen.append(now.body)
        put(tx, result("r0", "Patient/b", "other", 99))

    first = store.submit(job)
    second = store.submit(lambda tx: put(tx, result("r1", "Patient/b", "other", 99)))
    for each in (first, second):
        each.result(WAIT)
    assert seen == plain
    assert store.read("Observation", "r3").body == plain[5]  # type: ignore[union-attr]
    for id_, place in (("r0", 2), ("r1", 3)):
        assert store.history("Observation", id_)[-1].body == plain[place]
        store.submit(lambda tx, place=place: put(tx, RESOURCES[place])).result(WAIT)
    found = content(store)
    assert {table: found[table] for table in TABLES} == {table: expected[table] for table in TABLES}


def test_packed_bodies_are_read_after_opening(store: Store) -> None:
    """The dictionary that they need is there again."""
    learned = learn([json.encode(result(f"s{n}", "Patient/a", f"{n}-2", n)) for n in range(400)])
    assert learned is not None
    store.submit(lambda tx: _keep("body", *learned, tx)).result(WAIT)
    made = sheet(*RESOURCES)
    plain, made.bodies = made.bodies, pack_all(made.bodies, Dictionary(*learned))
    assert store.submit(lambda tx: whole(tx, made)).result(WAIT)
    with open_store(store.directory) as again:
        assert again.dictionary("body") == learned
        assert again.read("Observation", "r3").body == plain[5]  # type: ignore[union-attr]


def test_a_failed_job_leaves_nothing_of_its_sheet(store: Store, expected: dict[str, Any]) -> None:
    """Neither when it fails at once, nor after its rows were written for a search; the sheet itself is unchanged."""
    made = sheet(*RESOURCES)
    before = msgspec.msgpack.encode(made)

    def failing(tx: Tx) -> None:
        whole(tx, made)
        tx.settle()
        raise ValueError("no")

    def at_once(tx: Tx) -> None:
        whole(tx, made)
        raise ValueError("no")

    for act in (failing, at_once):
        with pytest.raises(ValueError, match="no"):
            store.submit(act).result(WAIT)
    assert store.read("Patient", "a") is None
    assert msgspec.msgpack.encode(made) == before
    assert store.submit(lambda tx: whole(tx, made)).result(WAIT)
    assert content(store) == expected


def test_the_parts_of_a_sheet_can_be_had_one_by_one() -> None:
    """Each resource's keys as they were made, but for the texts, which are with the sheet."""
    made = sheet(*RESOURCES)
    for n, one in enumerate(RESOURCES):
        wanted, found = keys(one), made.ready(n)
        assert (found.systems, found.targets) == (wanted.systems, wanted.targets)
        for table in TABLES:
            if table != "pat":  # it names the type already
                assert getattr(found.keys, table) == getattr(wanted.keys, table), table
    assert {("718-7", 0)}.isdisjoint(made.cod)
    assert len(made.txt) == len(set(made.txt)) > 0
    assert {made.names[n][1] for n in made.patients} == {"a", "b"}


def test_half_a_surrogate_pair_does_not_stop_a_sheet(store: Store) -> None:
    """A text that UTF-8 cannot hold is kept with a question mark in the keys."""
    one = Ready(Image(str=[(1, "half \ud800", 7)], find=["\ud800"]), [], [])
    maker = Maker()
    maker.add("Patient", "h", b"{}", b"", 0, one)
    made = msgspec.msgpack.decode(msgspec.msgpack.encode(maker.sheet()), type=Sheet)
    assert store.submit(lambda tx: whole(tx, made)).result(WAIT)
    assert content(store)["find"] == [("?", "Patient/h")]
