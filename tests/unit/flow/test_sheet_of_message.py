"""What a message says for the first time is written at once as a sheet, with the same effect as one by one."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from unsilo.config import Feed
from unsilo.flow.commit import commit
from unsilo.flow.process import Processed, process
from unsilo.kernel import seal
from unsilo.storage import Incoming, Store, open_store
from unsilo.storage.keys import TABLES, read_image

FEED = Feed("lab", authorities={"KH": "urn:oid:1.2.3"})
RESULT = (
    "MSH|^~\\&|LAB|KH|C|D|2026010{day}0800||ORU^R01|{n}|P|2.5.1\rPID|1||7^^^KH^MR||Roe^Jane||19700101|F\r"
    "PV1|1|I|W^1^2||||7^Arzt^Eva||||||||||||V1^^^KH\rORC|RE|{order}^HIS|F{order}^LAB||CM\r"
    "OBR|1|{order}^HIS|F{order}^LAB|58410-2^CBC^LN|||2026010{day}0800|||||||||||||||2026010{day}0900|||F\r"
    "OBX|1|NM|718-7^Hemoglobin^LN||{value}|g/dL^^UCUM|12-16|N|||F|||2026010{day}0800\r"
    "OBX|2|CWE|883-9^ABO group^LN||A^Group A^L||||||F|||2026010{day}0800\rNTE|1||as told\r"
)


def _messages() -> list[bytes]:
    said = [(1, "L1", "14.1"), (2, "L2", "13.0"), (3, "L1", "14.5"), (3, "L1", "14.5"), (4, "L3", "9")]
    return [
        RESULT.format(day=day, n=n, order=order, value=value).encode() for n, (day, order, value) in enumerate(said)
    ]


def _apart(told: Processed) -> Processed:
    """Return the same without a sheet: each piece with its own keys."""
    alone = process_again(told)
    for piece in alone.pieces:
        alone.keyed(piece)
        piece.place = -1
    texts = alone.sheet
    alone.sheet = None
    assert texts is not None
    return alone


def process_again(told: Processed) -> Processed:
    """Return it as it comes through a pipe."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(told), type=Processed)


def _write(store: Store, *, together: bool) -> list[list[str]]:
    changed = []
    for n, content in enumerate(_messages()):
        envelope = seal("lab", "hl7v2", content, n + 1)
        mid = store.receive(Incoming(envelope=envelope)).result(10).mid
        told = process(envelope, FEED, mid)
        if told.sheet is not None and not together:
            sheet = told.sheet
            store.submit(lambda tx, sheet=sheet: tx.note_texts(sheet)).result(10)  # type: ignore[misc]
            told = _apart(told)
        changed.append(store.submit(commit(process_again(told), FEED, n + 1)).result(10).changed)
    return changed


def _all(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    names = {row[0]: f"{row[1]}/{row[2]}" for row in store.rows(
        "SELECT r.rid, y.name, r.fhir_id FROM res r JOIN resource_type y ON y.id = r.type")}  # fmt: skip
    found = {
        "res": store.rows("SELECT rid, version, top, state, clock, rank, mid, digest FROM res"),
        "hist": store.rows("SELECT rid, version, state, late, clock, rank, mid, digest FROM hist"),
        "effect": store.rows("SELECT mid, rid, version FROM effect"),
    }
    systems = dict(store.rows("SELECT id, uri FROM system")) | {0: ""}
    meanings = {"rid": names, "tgt": names, "pat": names, "sys": systems, "sys2": systems}
    says = {"res": [names], "hist": [names], "effect": [{}, names]}
    for table in TABLES:
        found[table] = store.rows(f"SELECT * FROM ix_{table}")  # noqa: S608 - a name of our own
        says[table] = [meanings.get(row[1], {}) for row in store.rows(f"PRAGMA table_info(ix_{table})")]
    told = {name: sorted((_said(row, says[name]) for row in rows), key=repr) for name, rows in found.items()}
    told["lineage"] = [
        (names[rid], version, store.lineage(names[rid].partition("/")[0], names[rid].partition("/")[2], version))
        for rid, version in store.rows("SELECT rid, version FROM lineage")
    ]
    told["lineage"].sort(key=repr)
    told["kept"] = sorted(
        ((names[row[0]], sorted(read_image(row[1]).find), len(read_image(row[1]).tok)) for row in store.rows(
            "SELECT rid, idx FROM res WHERE state = 0")), key=repr
    )  # fmt: skip
    return told


def _said(row: tuple[Any, ...], says: list[dict[int, str]]) -> tuple[Any, ...]:
    """Return a row with names in place of the numbers that a store gives out."""
    meanings = [*says, *[{}] * (len(row) - len(says))]
    return tuple(meaning[value] if meaning else value for value, meaning in zip(row, meanings, strict=True))


def test_a_sheet_has_the_effect_of_its_pieces(tmp_path: Path) -> None:
    """First results, a correction of one, the same again: every row of every table is as it is without sheets."""
    with open_store(tmp_path / "one") as one, open_store(tmp_path / "two") as two:
        assert _write(one, together=True) == _write(two, together=False)
        mine, other = _all(one), _all(two)
        for name, rows in mine.items():
            assert rows == other[name], name
        assert one.verify() == []
        assert one.counts().resources == two.counts().resources


def test_a_message_twice_is_no_second_sheet(tmp_path: Path) -> None:
    """Run again, as after a crash, nothing changes."""
    content = _messages()[0]
    envelope = seal("lab", "hl7v2", content, 1)
    with open_store(tmp_path) as store:
        mid = store.receive(Incoming(envelope=envelope)).result(10).mid
        told = process(envelope, FEED, mid)
        assert told.sheet is not None
        assert len(store.submit(commit(told, FEED, 1)).result(10).changed) == len(told.pieces)
        before = _all(store)
        assert store.submit(commit(told, FEED, 2)).result(10).changed == []
        assert _all(store) == before


@pytest.mark.parametrize("kind", ["Observation", "Patient"])
def test_posted_parameters_get_their_keys(tmp_path: Path, kind: str) -> None:
    """Where a type has further keys, its resources are written one by one with all of theirs."""
    asked: list[str] = []
    envelope = seal("lab", "hl7v2", _messages()[0], 1)
    with open_store(tmp_path) as store:
        mid = store.receive(Incoming(envelope=envelope)).result(10).mid
        told = process(envelope, FEED, mid)

        def keys(piece: Any) -> Any:
            asked.append(piece.type)
            return piece.index

        store.submit(commit(told, FEED, 1, keys, lambda: {kind})).result(10)
        assert kind in asked
        assert ("Observation" in asked) == (kind == "Observation")
