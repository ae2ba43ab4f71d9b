"""Gives every stored resource the search keys of this version: after a change of the schema or of the extraction."""

import sqlite3
from typing import Any

import msgspec

from unsilo.fhir.index import index, version
from unsilo.kernel import json
from unsilo.spec.r4 import resource_types, type_number
from unsilo.storage.bodies import register
from unsilo.storage.counters import Counters
from unsilo.storage.keys import terms
from unsilo.storage.names import FOREIGN, Names
from unsilo.storage.parameters import compiled, parameter_of
from unsilo.storage.pending import Pending, flush
from unsilo.storage.statements import load, run_rows
from unsilo.storage.tx import ResourceTx, whole

__all__ = ["extract_anew", "is_current", "renew", "renumber"]

_SQL, _RES = load("renew"), load("resource")
_AT_ONCE = 500


def renumber(connection: sqlite3.Connection) -> None:
    """Give resource types the numbers of the standard's list, wherever an older store counted as they came."""
    old = dict(connection.execute(_SQL["types"]).fetchall())
    numbers = {name: type_number(name) for name in resource_types()}
    for name in old.values():
        numbers.setdefault(name, FOREIGN + len(numbers))
    mapping = {str(number): numbers[name] for number, name in old.items()}
    totals = connection.execute(_SQL["totals"]).fetchall()
    connection.execute(_SQL["forget_types"])
    run_rows(connection, _SQL["add_type"], [(number, name) for name, number in sorted(numbers.items())])
    if not mapping:
        return
    asked = msgspec.json.encode(mapping).decode()
    connection.execute(_SQL["renumber_res"], (asked,))
    connection.execute(_SQL["renumber_hist"], (asked,))
    connection.execute(_SQL["forget_totals"])
    run_rows(connection, _RES["type_add"], [(mapping[str(number)], live) for number, live in totals])


def extract_anew(connection: Any, names: Names | None = None, counters: Counters | None = None) -> int:
    """Compute the keys of all live resources again in the open transaction; return how many there are."""
    names, counters, last, done = names or Names(), counters or Counters(), 0, 0
    names.load(connection)
    for number, _kind, content in connection.execute(load("dictionary")["all"]).fetchall():
        register(number, content)
    counters.rid = int(connection.execute(_RES["top_rid"]).fetchone()[0])
    extra = compiled([parameter_of(row) for row in connection.execute(load("parameter")["all"]).fetchall()])
    while rows := connection.execute(_SQL["live"], (last, _AT_ONCE)).fetchall():
        group = Pending()
        tx = ResourceTx(connection, names, counters, group)
        for row in rows:
            now = whole(row)
            resource = json.decode(now.body)
            tx.renew_keys(now, index(resource, extra), terms(resource) if now.type == "Patient" else [])
        tx.end(keep=True)
        names.flush(connection)
        flush(connection, group, counters.packers)
        names.settle()
        counters.remember(group)
        last, done = rows[-1][0], done + len(rows)
    connection.execute(_SQL["keep"], ("index", version().encode()))
    return done


def renew(connection: sqlite3.Connection) -> None:
    """Finish migration 6: numbers of types, the indexes that hold them, and the keys of every parameter."""
    renumber(connection)
    connection.execute(_SQL["foreign_stubs"])
    for name in ("res_id", "res_updated", "res_live", "hist_updated"):
        connection.execute(_SQL[name])
    connection.execute(_SQL["forget_images"])
    extract_anew(connection)


def is_current(connection: Any) -> bool:
    """Tell whether the stored keys are those that this version extracts."""
    row = connection.execute(_SQL["kept"], ("index",)).fetchone()
    return row is not None and row[0] == version().encode()
