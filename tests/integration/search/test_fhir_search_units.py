"""A quantity is found in any unit that says the same: by value and beside its code, whichever way the store takes."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.integration.search.test_fhir_search_meaning import AT, put, put_sheet, search_of
from unsilo.fhir.index import IndexRows, index
from unsilo.kernel import hash64, json
from unsilo.policy import Predicate
from unsilo.search import plan
from unsilo.search.vocabulary import Vocabulary
from unsilo.storage import Store, Tx, open_store
from unsilo.storage.faults import TooLongError
from unsilo.storage.search import run

UCUM = "http://unitsofmeasure.org"
OTHER = "urn:units"
CODE = {"coding": [{"system": "urn:c", "code": "c"}, {"system": "urn:d", "code": "c"}]}


def _of(value: Any, code: str = "", unit: str = "", system: str = UCUM, comparator: str = "") -> dict[str, Any]:
    said = {"value": value, "comparator": comparator, "code": code, "unit": unit, "system": system if code else ""}
    return {name: each for name, each in said.items() if each != ""}


VALUES: dict[str, dict[str, Any]] = {
    "mg": _of(Decimal("5.4"), "mg/dL", "mg/dL"),
    "g": _of(Decimal("0.054"), "g/L", "gram per litre"),
    "kg": _of(Decimal("0.000054"), "kg/L", "mg/dL"),
    "above": _of(Decimal("5.4"), "mg/dL", comparator=">"),
    "plain": _of(Decimal("5.4")),
    "named": _of(Decimal("5.4"), unit="mg/dL"),
    "other": _of(Decimal("5.4"), "mg/dL", system=OTHER),
    "odd": _of(Decimal("5.4"), "no unit"),
    "huge": _of(Decimal("1e400"), "mg/dL"),
    "celsius": _of(Decimal("37.0"), "Cel", "°C"),
    "fahrenheit": _of(Decimal("98.6"), "[degF]"),
    "kelvin": _of(Decimal("310.15"), "K"),
    "acid": _of(Decimal(7), "[pH]"),
}
MOLES = ["mg", "g", "kg"]
WARM = ["celsius", "fahrenheit", "kelvin"]
ASKED: list[tuple[str, list[str]]] = [
    (f"5.4|{UCUM}|mg/dL", MOLES), (f"54|{UCUM}|mg/L", MOLES), (f"5.4e-8|{UCUM}|kg/mL", MOLES),
    (f"gt5.4|{UCUM}|mg/dL", ["above"]), (f"ge0.054|{UCUM}|g/L", [*MOLES, "above"]),
    (f"lt5.5|{UCUM}|mg/dL", [*MOLES, "above"]), (f"ne5.0|{UCUM}|mg/dL", [*MOLES, "above"]),
    (f"eb5.41|{UCUM}|mg/dL", MOLES),
    (f"ap52|{UCUM}|mg/L", [*MOLES, "above"]), (f"5.4|{UCUM}|mol/L", []), (f"5.4|{UCUM}|g", []),
    ("5.4", ["mg", "plain", "named", "other", "odd"]), ("gt5.4||mg/dL", ["above", "huge"]),
    ("5.4||mg/dL", ["mg", "named", "other"]), ("lt1||mg/dL", ["kg"]), ("0.054||gram per litre", ["g"]),
    ("5.4||mg", []), (f"5.4|{OTHER}|mg/dL", ["other"]), (f"5.4|{UCUM}|no unit", ["odd"]), (f"5.4|{OTHER}|no unit", []),
    (f"37.0|{UCUM}|Cel", WARM), (f"310.15|{UCUM}|K", WARM), (f"98.6|{UCUM}|[degF]", WARM), (f"gt40|{UCUM}|Cel", []),
    ("37.0||Cel", ["celsius"]), ("37||°C", ["celsius"]),
    (f"7|{UCUM}|[pH]", ["acid"]), ("gt1e300", ["above", "huge"]), (f"gt1e300|{UCUM}|mg/dL", ["above"]),
]  # fmt: skip


def bodies() -> list[dict[str, Any]]:
    return [
        {"resourceType": "Observation", "id": id_, "status": "final", "code": CODE, "valueQuantity": value}
        for id_, value in VALUES.items()
    ]


def fill(store: Store) -> None:
    def job(tx: Tx) -> None:
        for n, body in enumerate(bodies()):
            (put if n % 2 else put_sheet)(tx, body, AT + n)

    store.submit(job).result(30)


def found(store: Store, pairs: list[tuple[str, str]], few: int) -> set[str]:
    made = plan(search_of("Observation", [*pairs, ("_count", "100")]), Predicate(), Vocabulary())
    with store._readers.moment() as ask:
        return {row.id for row in run(ask, made, store._readers.dialect, few=few).rows}


@pytest.fixture(name="store")
def _store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "s") as store:
        yield store


def test_units(store: Store) -> None:
    """Alone, beside a code of a system, of any and of none, and as the complement of what is not asked."""
    fill(store)
    for few in (0, 2000):
        for said, wanted in ASKED:
            assert found(store, [("value-quantity", said)], few) == set(wanted), (said, few)
            for code in ("urn:c|c", "c", "urn:d|"):
                pair = ("code-value-quantity", f"{code}${said}")
                assert found(store, [pair], few) == set(wanted), (pair, few)
            assert found(store, [("code", "urn:c|c"), ("value-quantity", said)], few) == set(wanted), (said, few)
            assert not found(store, [("code-value-quantity", f"urn:x|c${said}")], few)
    assert len(found(store, [("_sort", "value-quantity")], 0)) == len(VALUES)


def test_very_many_units(store: Store) -> None:
    """Whoever states each value in a unit of its own makes a search no less right."""
    units = [f"{n}.g/L" for n in range(2, 400)]

    def job(tx: Tx) -> None:
        for n, unit in enumerate(units):
            quantity = {"value": 1, "system": UCUM, "code": unit}
            body = {"resourceType": "Observation", "id": f"o{n}", "status": "final", "code": CODE}
            put(tx, {**body, "valueQuantity": quantity}, AT + n)

    store.submit(job).result(60)
    for few in (0, 2000):
        for name in ("value-quantity", "code-value-quantity"):
            code = "urn:c|c$" if "code" in name else ""
            said = f"{code}ge398|{UCUM}|g/L"
            assert found(store, [(name, said)], few) == {"o396", "o397"}
            assert found(store, [(name, f"{code}1||{units[7]}")], few) == {"o7"}


def test_units_without_end(store: Store) -> None:
    """Of too many sizes to be turned into a search says so; by a name, and beside a code of its own, it answers."""

    def job(tx: Tx) -> None:
        for n in range(1002):
            quantity = {"value": 1, "system": UCUM, "code": f"{n + 2}.g/L", "unit": f"unit {n}"}
            body = {"resourceType": "Observation", "id": f"o{n}", "status": "final", "code": CODE}
            if n == 7:
                body["code"] = {"coding": [{"system": "urn:c", "code": "alone"}]}
            put(tx, {**body, "valueQuantity": quantity}, AT + n)

    store.submit(job).result(60)
    said = f"ge8|{UCUM}|g/L"
    for pair in (("value-quantity", said), ("code-value-quantity", f"urn:c|c${said}")):
        with pytest.raises(TooLongError):
            found(store, [pair], 2000)
    assert found(store, [("value-quantity", "1||unit 7")], 2000) == {"o7"}
    assert found(store, [("code-value-quantity", f"urn:c|alone${said}")], 2000) == {"o7"}
    assert len(found(store, [("code-value-quantity", "urn:c|c$1")], 0)) == 100


def _former(rows: IndexRows) -> IndexRows:
    """Return keys as they were: a row for any unit, one for a code, one in the canonical unit."""
    keys = (0, hash64("|mg/dL"), hash64("ucum|g.m-3"))
    rows.qty = [(sp, key, 54.0, 54.0) for sp, key in zip([row[0] for row in rows.qty] * 2, keys, strict=False)]
    rows.cmp = [(sp, c, s, key, t, 54.0, 54.0, v) for sp, c, s, _, t, _, _, v in rows.cmp for key in keys]
    rows.cod = []
    return rows


def former(store: Store) -> None:
    """Fill a store as a former version did."""

    def job(tx: Tx) -> None:
        for body in bodies():
            tx.put("Observation", body["id"], json.encode(body), index=_former(index(body)), lineage=[], at=AT)
        tx._connection.execute("UPDATE keep SET value = ? WHERE name = 'index'", (b"former",))

    store.submit(job).result(30)


def is_of_now(store: Store) -> None:
    """Tell that it answers as any other, and that none of the former keys is left."""
    for said, wanted in ASKED:
        assert found(store, [("value-quantity", said)], 2000) == set(wanted), said
        assert found(store, [("code-value-quantity", f"urn:c|c${said}")], 2000) == set(wanted), said
    kept = store._readers.rows("SELECT count(*) FROM ix_cmp WHERE code2 = ?", (hash64("ucum|g.m-3"),))
    assert kept[0][0] == 0


def test_a_store_of_a_former_version(tmp_path: Path) -> None:
    """Its keys are made anew when it is opened, and none of the former ones stays."""
    with open_store(tmp_path / "s") as store:
        former(store)
    with open_store(tmp_path / "s") as store:
        is_of_now(store)
        assert not [each for each in store.verify() if "index" in each.rule]
