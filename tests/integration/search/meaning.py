"""What each clause of a plan means, read off the rows that resources give: no SQL, no planner, every row looked at."""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from unsilo.fhir.index import IDENTIFIER, IndexRows, index
from unsilo.fhir.index.units import bounds_in
from unsilo.policy import Facts, Predicate, admits
from unsilo.spec import r4
from unsilo.storage import plan as p
from unsilo.storage.functions_search import kilometres

Json = dict[str, Any]


class Row(msgspec.Struct):
    """One stored resource: `n` orders rows by time of creation."""

    n: int
    type: str
    id: str
    body: Json
    rows: IndexRows
    updated: int

    @property
    def name(self) -> str:
        return f"{self.type}/{self.id}"


def row(n: int, body: Json, updated: int) -> Row:
    return Row(n, body["resourceType"], body["id"], body, index(body), updated)


def _date(how: str, lo: int, hi: int, a: int, b: int) -> bool:
    inside = a <= lo < b and hi <= b
    return {
        "eq": inside, "ne": not inside, "gt": hi > b, "lt": lo < a, "ge": hi > b or inside, "le": lo < a or inside,
        "sa": lo >= b, "eb": lo < a and hi <= a, "ap": lo < b and hi > a,
    }[how]  # fmt: skip


def _number(how: str, lo: float, hi: float, a: float, b: float) -> bool:
    inside = a <= lo < b and hi < b
    return {
        "eq": inside, "ne": not inside, "gt": hi > b, "lt": lo < a, "sa": lo > b,
        "ge": hi > b or (lo >= a and hi <= b), "le": lo < a or (lo == a and hi <= a), "eb": lo < a and hi < a,
        "ap": lo <= b and hi >= a,
    }[how]  # fmt: skip


class World:
    """All rows, and which Patients are one person."""

    def __init__(self, rows: Iterable[Row], persons: Iterable[set[str]], predicate: Predicate) -> None:
        self.every = list(rows)
        self.persons = [set(person) for person in persons]
        self.predicate = predicate
        self.by_name = {one.name: one for one in self.every}
        self.seen = [one for one in self.every if self.sees(one)]

    def sees(self, one: Row) -> bool:
        labels = one.body.get("meta", {}).get("security", [])
        patients = {r[0].removeprefix("Patient/") for r in one.rows.pat}
        if one.type == "Patient":
            patients.add(one.id)
        facts = Facts(
            0, one.type, frozenset((c.get("system", ""), c.get("code", "").casefold()) for c in labels),
            frozenset(patients),
        )  # fmt: skip
        return admits(self.predicate, facts)

    def kin(self, name: str) -> set[str]:
        """Return a Patient and those linked with it; a link is seen by who sees both."""
        found = {name}
        here = self.by_name.get(name)
        if here is None or not self.sees(here):
            return found
        for person in self.persons:
            if name in person:
                found |= {o for o in person if (other := self.by_name.get(o)) is not None and self.sees(other)}
        return found

    def holds(self, node: Any, one: Row) -> bool:
        return _MEANING[type(node)](self, node, one)


def _token(world: World, node: p.Token, one: Row) -> bool:
    rows = [(sp, code, system) for sp, code, system in one.rows.tok]
    rows += [(sp + IDENTIFIER, code, system) for sp, code, system in one.rows.idn]
    return any(
        sp in node.sp and (node.code is None or code == node.code) and (node.system is None or system == node.system)
        for sp, code, system in rows
    )


def _codes(world: World, node: p.Codes, one: Row) -> bool:
    return any(_token(world, p.Token(node.sp, code, system), one) for code, system in node.codes)


def _words(world: World, node: p.Words, one: Row) -> bool:
    return any(sp in node.sp and text.startswith(node.text) for sp, _, text in one.rows.txt)


def _text(world: World, node: p.Text, one: Row) -> bool:
    test: Callable[[str, int], bool] = {
        "starts": lambda v, _raw: v.startswith(node.text),
        "contains": lambda v, _raw: node.text in v,
        "exact": lambda v, raw: v == node.text and raw == node.raw,
    }[node.how]
    return any(sp in node.sp and test(v, raw) for sp, v, raw in one.rows.str)


def _dates(world: World, node: p.Date, one: Row) -> bool:
    return any(sp in node.sp and _date(node.how, lo, hi, node.lo, node.hi) for sp, lo, hi in one.rows.dat)


def _numbers(world: World, node: p.Number, one: Row) -> bool:
    return any(sp in node.sp and _number(node.how, lo, hi, node.lo, node.hi) for sp, lo, hi in one.rows.num)


def _bounds(unit: p.Unit, low: float, high: float, one: Row) -> Callable[[int], tuple[float, float] | None]:
    """Return what says the bounds that are asked of a row under a unit key."""
    texts = dict(one.rows.cod)
    met = bounds_in(unit.kind, unit.system, unit.code, unit.exact, (low, high))
    return lambda key: met(key, texts.get(key))


def _quantity(world: World, node: p.Quantity, one: Row) -> bool:
    asked = _bounds(node.unit, node.lo, node.hi, one)
    return any(
        sp in node.sp and (met := asked(key)) is not None and _number(node.how, lo, hi, *met)
        for sp, key, lo, hi in one.rows.qty
        if key
    )


def _uri(world: World, node: p.Uri, one: Row) -> bool:
    rows = [*one.rows.uri, *((sp, t) for sp, t in one.rows.ref if "://" in t or t.startswith("urn:"))]
    if node.how == "below":
        return any(sp in node.sp and v.startswith(node.values[0]) for sp, v in rows)
    return any(sp in node.sp and v in node.values for sp, v in rows)


def _reference(world: World, node: p.Reference, one: Row) -> bool:
    wanted: set[str] = set()
    for number in node.types:
        for id_ in node.ids:
            name = f"{r4.type_name(number)}/{id_}"
            wanted |= world.kin(name) if node.kin and name.startswith("Patient/") else {name}
    return any(sp in node.sp and target in wanted for sp, target in one.rows.ref)


def _composite(world: World, node: p.Composite, one: Row) -> bool:
    def pair(said: Any, code: int, system: str) -> bool:
        return said is None or ((said[0] is None or code == said[0]) and (said[1] is None or system == said[1]))

    def within(said: Any, lo: float, hi: float) -> bool:
        if said is None:
            return True
        if said[0].startswith("d"):
            return _date(said[0][1:], lo, hi, said[1], said[2])  # type: ignore[arg-type]
        return _number(said[0], lo, hi, said[1], said[2])

    def measured(key: int, lo: float, hi: float) -> bool:
        if node.unit is None or node.span is None:
            return within(node.span, lo, hi)
        met = _bounds(node.unit, *node.span[1:], one)(key)
        return met is not None and within((node.span[0], *met), lo, hi)

    return any(
        sp in node.sp
        and pair(node.token, c, s)
        and pair(node.token2, c2, s2)
        and measured(c2, lo, hi)
        and within(node.low, lo, lo)
        and within(node.high, hi, hi)
        and (node.text is None or (v == node.text if node.exact else v.startswith(node.text)))
        for sp, c, s, c2, s2, lo, hi, v in one.rows.cmp
    )


def _position(world: World, node: p.Position, one: Row) -> bool:
    return any(sp in node.sp and kilometres(a, b, node.lat, node.lon) <= node.km for sp, a, b in one.rows.pos)


def _missing(world: World, node: p.Missing, one: Row) -> bool:
    rows = one.rows
    tables = {
        "tok": [k[0] for k in rows.tok] + [-k[0] for k in rows.txt] + [k[0] + IDENTIFIER for k in rows.idn],
        "ref": [k[0] for k in rows.ref], "uri": [k[0] for k in rows.uri],
    }  # fmt: skip
    present = any(
        sp in node.sp for table in node.tables for sp in tables.get(table) or [k[0] for k in getattr(rows, table)]
    )
    return present != node.absent


def _chain(world: World, node: p.Chain, one: Row) -> bool:
    for sp, target in one.rows.ref:
        if sp in node.sp:
            names = world.kin(target) if node.kin and target.startswith("Patient/") else {target}
            for name in names:
                other = world.by_name.get(name)
                if (
                    other is not None
                    and world.sees(other)
                    and r4.type_number(other.type) in node.types
                    and world.holds(node.node, other)
                ):
                    return True
    return False


def _has(world: World, node: p.Has, one: Row) -> bool:
    names = world.kin(one.name) if node.kin and one.type == "Patient" else {one.name}
    return any(
        r4.type_number(other.type) in node.types
        and any(sp in node.sp and target in names for sp, target in other.rows.ref)
        and world.holds(node.node, other)
        for other in world.seen
    )


def _member(world: World, node: p.Member, one: Row) -> bool:
    name = f"Patient/{node.patient}"
    names = world.kin(name) if node.kin else {name}
    return one.name in names or any(r[0] in names for r in one.rows.pat)


def _listed(world: World, node: p.InList, one: Row) -> bool:
    found = world.by_name.get(f"List/{node.id}")
    return found is not None and world.sees(found) and any(sp in node.sp and t == one.name for sp, t in found.rows.ref)


_MEANING: dict[type, Callable[[World, Any, Row], bool]] = {
    p.Token: _token, p.Codes: _codes, p.Words: _words, p.Text: _text, p.Date: _dates, p.Number: _numbers,
    p.Quantity: _quantity, p.Uri: _uri, p.Reference: _reference, p.Composite: _composite, p.Position: _position,
    p.Missing: _missing, p.Chain: _chain, p.Has: _has, p.Member: _member, p.InList: _listed,
    p.Never: lambda *_: False,
    p.Id: lambda _w, node, one: one.id in node.ids and r4.type_number(one.type) in node.types,
    p.Updated: lambda _w, node, one: _date(node.how, one.updated, one.updated + 1, node.lo, node.hi),
    p.All: lambda world, node, one: all(world.holds(part, one) for part in node.parts),
    p.Any: lambda world, node, one: any(world.holds(part, one) for part in node.parts),
    p.Dates: lambda _world, node, one: any(
        sp in node.sp and all(_date(d.how, lo, hi, d.lo, d.hi) for d in node.dates) for sp, lo, hi in one.rows.dat
    ),
    p.Not: lambda world, node, one: not world.holds(node.part, one),
}  # fmt: skip
