"""Resources are kept small with what the store has learned, and come back byte for byte, wherever they are read."""

import random
import threading
from pathlib import Path

import pytest

from unsilo.fhir.index import index
from unsilo.kernel import Lineage, Row, json
from unsilo.storage import Store, Tx, bodies, learning, open_store
from unsilo.storage.connect import connect


def resource(n: int, words: int = 4) -> dict[str, object]:
    """An Observation like its neighbours."""
    draw = random.Random(n)
    note = " ".join(draw.choice(["stable", "low", "high", "fasting", "repeat"]) for _ in range(words))
    code = {"coding": [{"system": "http://loinc.org", "code": f"{n % 40}-1", "display": "Haemoglobin in blood"}]}
    return {"resourceType": "Observation", "id": f"o{n}", "status": "final", "code": code,
            "valueQuantity": {"value": n, "unit": "mg/dL"}, "note": [{"text": note}]}  # fmt: skip


def fill(store: Store, start: int, end: int) -> None:
    """Put some in one transaction."""

    def job(tx: Tx) -> None:
        for n in range(start, end):
            made = resource(n)
            tx.put("Observation", f"o{n}", json.encode(made), index=index(made), lineage=[], at=1)

    store.submit(job).result(20)


def size(folder: Path) -> int:
    """The bytes of all bodies and keys as they are kept."""
    connection = connect(folder / "unsilo.db", read_only=True)
    try:
        return int(connection.execute("SELECT sum(length(body) + length(idx)) FROM res").fetchone()[0])
    finally:
        connection.close()


def test_a_store_learns_and_reads_what_it_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before and after learning, after a restart, and in a process that had not met the dictionary."""
    monkeypatch.setattr(learning, "_WHEN", (400, 900))
    with open_store(tmp_path) as store:
        fill(store, 0, 500)
        while not learning.dictionaries(tmp_path / "unsilo.db"):
            threading.Event().wait(0.02)
        store._learner.close()
        plain = size(tmp_path)
        fill(store, 500, 1000)
        assert size(tmp_path) < 1.6 * plain
        store._learner.close()
        fill(store, 1000, 1100)
        assert len(learning.dictionaries(tmp_path / "unsilo.db")) == 4
        bodies._known.clear()
        bodies._local.tools = {}
        for n in range(0, 1100, 7):
            row = store.read("Observation", f"o{n}")
            assert row is not None
            assert row.body == json.encode(resource(n))
    with open_store(tmp_path) as store:
        fill_again = json.encode(resource(3, 9))

        def job(tx: Tx) -> None:
            tx.put("Observation", "o3", fill_again, index=index(resource(3, 9)), lineage=[],
                   previous=tx.current("Observation", "o3"), at=2)  # fmt: skip

        store.submit(job).result(10)
        assert [row.body for row in store.history("Observation", "o3")] == [fill_again, json.encode(resource(3))]
        assert store.verify() == []


@pytest.mark.parametrize(
    "value", [b"", b"{}", b"x", b"\x00\xff", b"\x02abc", b"\xff\xff", b"{" * 5000, bytes(range(256)) * 9]
)
def test_any_bytes_come_back(value: bytes) -> None:
    """With a dictionary and without."""
    made = bodies.learn([json.encode(resource(n)) for n in range(300)])
    assert made is not None
    bodies.register(*made)
    for dictionary in (None, bodies.Dictionary(*made)):
        assert bodies.unpack(bodies.pack(value, dictionary)) == value


def test_samples_that_teach_nothing() -> None:
    """Too few samples give no dictionary, not an exception."""
    assert bodies.learn([]) is None
    assert bodies.learn([b"x"] * 3) is None


def test_what_is_known_of_a_person_is_read_as_it_was_put(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also what was packed with a learned dictionary."""
    monkeypatch.setattr(learning, "_WHEN", (400, 900))
    bodies_of = {f"o{n}": json.encode({**resource(n), "subject": {"reference": "Patient/p"}}) for n in range(600)}

    def put(tx: Tx, names: list[str]) -> None:
        for name in names:
            made = json.decode(bodies_of[name])
            tx.put("Observation", name, bodies_of[name], index=index(made), lineage=[], at=1)

    with open_store(tmp_path) as store:
        store.submit(lambda tx: tx.link("p", None, "R1", "", "test", 1, 0)).result(20)
        store.submit(lambda tx: put(tx, [f"o{n}" for n in range(500)])).result(20)
        while not learning.dictionaries(tmp_path / "unsilo.db"):
            threading.Event().wait(0.02)
        store._learner.close()
        store.submit(lambda tx: put(tx, [f"o{n}" for n in range(500, 600)])).result(20)
        person = store.person_of("p")
        assert person is not None
        assert {one.id: one.body for one in store.facts(person)} == bodies_of


def _lineage(n: int) -> list[Lineage]:
    rows = [Row(f"component[{k}].valueQuantity.value", f"obx.5.nm.{k % 3}", (n, 5, k, 0, 0)) for k in range(12)]
    return [Lineage(f"envelope {n}", "digest", rows)]


def _put_traced(store: Store, start: int, end: int) -> None:
    def job(tx: Tx) -> None:
        for n in range(start, end):
            made = resource(n)
            tx.put("Observation", f"o{n}", json.encode(made), index=index(made), lineage=_lineage(n), at=1)

    store.submit(job).result(20)


def _kept_of(folder: Path, start: int, end: int) -> list[bytes]:
    connection = connect(folder / "unsilo.db", read_only=True)
    try:
        found = connection.execute(
            "SELECT l.rows FROM res r JOIN lineage l ON l.rid = r.rid"
            " WHERE CAST(substr(fhir_id, 2) AS INTEGER) BETWEEN ? AND ?",
            (start, end - 1),
        ).fetchall()
        return [row[0] for row in found]
    finally:
        connection.close()


def test_lineage_is_learned_too_also_by_a_store_that_knew_only_bodies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lineage kept before and after reads the same; after learning it takes half; an old store learns late."""
    monkeypatch.setattr(learning, "_WHEN", (400,))
    monkeypatch.setattr(learning, "plain_lineage", lambda _blob: b"")
    with open_store(tmp_path) as store:
        _put_traced(store, 0, 500)
        _wait_for(tmp_path, "body")
    assert {kind for _, kind, _ in learning.dictionaries(tmp_path / "unsilo.db")} == {"body", "idx"}
    monkeypatch.undo()
    monkeypatch.setattr(learning, "_WHEN", (400,))
    with open_store(tmp_path) as store:
        _put_traced(store, 500, 510)
        _wait_for(tmp_path, "lineage")
        store._learner.close()
        _put_traced(store, 510, 600)
        for n in (0, 499, 505, 511, 599):
            assert store.lineage("Observation", f"o{n}") == _lineage(n)
    assert [kind for _, kind, _ in learning.dictionaries(tmp_path / "unsilo.db")].count("body") == 1
    before, after = _kept_of(tmp_path, 0, 500), _kept_of(tmp_path, 510, 600)
    assert sum(map(len, after)) / len(after) < sum(map(len, before)) / len(before) / 2


def _wait_for(folder: Path, kind: str) -> None:
    while kind not in {each for _, each, _ in learning.dictionaries(folder / "unsilo.db")}:
        threading.Event().wait(0.02)
