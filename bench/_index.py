"""An index of made-up persons put into a store in bulk, and later forms of some of them and of their relatives."""

import random
import sqlite3
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from unsilo import identity
from unsilo.identity.simulate import HEADER, rates, simulate
from unsilo.kernel import fresh_id
from unsilo.spec.r4 import type_number
from unsilo.storage import open_store
from unsilo.storage.tx_matching import MOST_IN_BLOCK

__all__ = ["Arrival", "arrivals_of", "copy", "fill", "people"]

Form = dict[str, str]
_SEX = {"M": "male", "F": "female"}
_AT_ONCE = 20_000
_TABLES = {
    "res": "rid, type, fhir_id, version, top, t, updated, state, clock, rank, mid, digest, body, idx",
    "person": "person, uid, created",
    "link": "pat, person, rule, reason, score, actor, at, mid",
    "link_event": "kind, pat, person, former, rule, reason, score, actor, at, mid",
    "match_record": "pat, record, keys",
    "match_key": "key, pat",
    "match_model": "version, model, actor, at, active",
}


class Arrival(msgspec.Struct):
    """A form that comes later: its packed record, whose it is, and whether that one is known."""

    record: bytes
    truth: int
    known: bool


def patient(row: Form, hospital: int) -> dict[str, Any]:
    """Return a made-up form as a Patient of a hospital."""
    born = row["birth_date"]
    if "/" in born:
        month, day, year = born.split("/")
        born = f"{year}-{month}-{day}"
    number = {
        "system": f"urn:oid:2.999.{hospital}",
        "value": f"M{row['record_id']}",
        "type": {"coding": [{"code": "MR"}]},
    }
    made: dict[str, Any] = {
        "resourceType": "Patient", "id": f"p{row['record_id']}", "identifier": [number],
        "name": [{"given": row["given_name"].split(), "family": row["family_name"]}], "birthDate": born,
        "gender": _SEX.get(row["sex"], ""),
        "telecom": [{"system": kind, "value": row[kind]} for kind in ("phone", "email") if row[kind]],
    }  # fmt: skip
    if len(row["ssn"]) > 4:
        made["identifier"].append({"system": "http://hl7.org/fhir/sid/us-ssn", "value": row["ssn"]})
    if row["street"]:
        place = {"line": [row["street"]], "city": row["city"], "postalCode": row["postal_code"]}
        made["address"] = [place]
    return made


def people(seed: int) -> Iterator[list[Form]]:
    """Yield the made-up people without end, each with the forms of all hospitals."""
    rows = (dict(zip(HEADER, row, strict=True)) for row in simulate(sys.maxsize, seed, rates()))
    for _, forms in groupby(rows, key=lambda row: row["truth"]):
        yield list(forms)


def fill(folder: Path, persons: int, seed: int, asked: int) -> None:
    """Make a store with so many persons, numbered and joined by the truth, and keep later forms beside it.

    A third more of either kind than `asked` is kept back where the people are enough for it.
    """
    with open_store(folder):
        pass
    draw, share = random.Random(f"live {seed}"), 1.3 * asked / persons
    arrivals: list[Arrival] = []
    store = sqlite3.connect(folder / "unsilo.db", isolation_level=None)
    store.execute("PRAGMA synchronous = OFF")
    store.execute("PRAGMA cache_size = -1000000")
    store.execute("PRAGMA temp_store = FILE")
    store.execute("BEGIN")
    store.execute("CREATE TEMP TABLE found (key INTEGER, pat INTEGER)")
    rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in ("found", *_TABLES)}
    kind, pat, stored = type_number("Patient"), 0, 0

    def flush() -> None:
        for name, some in rows.items():
            if some:
                columns = _TABLES.get(name, "key, pat")
                marks = ", ".join("?" * len(some[0]))
                store.executemany(f"INSERT INTO {name} ({columns}) VALUES ({marks})", some)  # noqa: S608
                some.clear()

    for forms in people(seed):
        records = [identity.record(patient(row, n)) for n, row in enumerate(forms, 1)]
        truth, chance = int(forms[0]["truth"]), draw.random()
        if chance < share:
            arrivals.append(Arrival(identity.pack(records[0]), truth, known=False))
            continue
        if len(records) > 1 and chance < 3.4 * share:
            arrivals.append(Arrival(identity.pack(records.pop()), truth, known=True))
        rows["person"].append((truth, fresh_id(), 1))
        for record in records:
            pat += 1
            keys = identity.keys(record)
            rows["res"].append((pat, kind, record.patient_id, 0, 0, 0, 0, 2, 0, 0, 0, b"", b"", b""))
            rows["link"].append((pat, truth, "bench", "", 1.0, "bench", 1, 5))
            rows["link_event"].append(("link", pat, truth, 0, "bench", "", 1.0, "bench", 1, 5))
            rows["match_record"].append((pat, identity.pack(record), msgspec.msgpack.encode(keys)))
            rows["found"] += [(key, pat) for key in keys]
        stored += 1
        if len(rows["link"]) >= _AT_ONCE:
            flush()
        if stored == persons:
            break
    flush()
    # As `Tx.remember` does it: no block grows beyond its limit, and the first are kept.
    store.execute(
        "INSERT INTO match_key SELECT key, pat FROM (SELECT key, pat, row_number() OVER (PARTITION BY key ORDER BY pat)"
        " AS n FROM found) WHERE n <= ? ORDER BY key, pat",
        (MOST_IN_BLOCK,),
    )
    store.execute("COMMIT")
    store.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    store.close()
    draw.shuffle(arrivals)
    (folder / "arrivals").write_bytes(msgspec.msgpack.encode(arrivals))


def arrivals_of(folder: Path) -> list[Arrival]:
    """Return the later forms that `fill` kept, in a random order that is always the same."""
    return msgspec.msgpack.decode((folder / "arrivals").read_bytes(), type=list[Arrival])


def copy(folder: Path, database: str) -> None:
    """Put the index of a store in files into an empty store in a PostgreSQL database."""
    import psycopg

    with open_store(folder, database=database):
        pass
    store = sqlite3.connect(folder / "unsilo.db")
    with psycopg.connect(database) as connection, connection.cursor() as cursor:
        for name, columns in _TABLES.items():
            with cursor.copy(f"COPY {name} ({columns}) FROM STDIN") as target:
                for row in store.execute(f"SELECT {columns} FROM {name}"):  # noqa: S608
                    target.write_row(row)
    store.close()
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")
