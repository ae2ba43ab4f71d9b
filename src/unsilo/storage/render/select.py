"""The statements of a search: how many rows a clause has, one page in order, the count of all."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from unsilo.storage.plan import Date, Dates, Implied, Plan
from unsilo.storage.render.dialect import Sql
from unsilo.storage.render.leaf import Shape
from unsilo.storage.render.order import after_condition, order_by, sort_key
from unsilo.storage.render.tree import Tree

__all__ = [
    "COLUMNS",
    "Walk",
    "bounded_count",
    "count_query",
    "driven",
    "in_order",
    "included_query",
    "page_query",
    "referring_query",
    "walk_of",
]

COLUMNS = "r.rid, r.type, r.fhir_id, r.version, r.state, r.updated, r.clock, r.rank, r.mid, r.digest, r.body, r.idx"
"""What is read of each row on a page; `storage/search.py` makes `Stored` of it."""

_OWN = re.compile(r"\bx\.")
_GATHERED = 200
"""Rows of a range of the sort key up to which they are gathered and put in order, and not walked."""
_WALKED = {"dat": "lo", "num": "lo", "qty": "lo", "str": "v", "uri": "v"}
"""Tables whose key order is the order of a sort, and the column."""


class Walk(NamedTuple):
    """How a page's rows are met: `driver` is the place of the clause to begin with, None to walk over the type.

    `listed`: the clause is a list in the order of rid, read from its end. `sorted`: walk over the first sort key's
    table; with a driver, that clause is a range of the key. `missing`: only rows without a first sort key, which come
    last.
    """

    driver: int | None
    listed: Shape | None = None
    sorted: bool = False
    missing: bool = False


def bounded_count(tree: Tree, node: Any, types: Sequence[int], most: int | None = None) -> Sql | None:
    """How many rows meet a node, doubles counted, no further than `most` (None: than matters); None when they cannot
    be listed."""
    found = tree.members(node, types)
    if found is None:
        return None
    return tree.statement(
        Sql(f"SELECT count(*) FROM (SELECT 1 FROM ({found.text}) e LIMIT {most or tree.many}) f", found.values)
    )


def walk_of(tree: Tree, plan: Plan) -> Walk:
    """Choose how to meet the rows: the fewest first; when many meet every clause, along a list or the sort key."""
    clauses = plan.clauses
    order = sorted(range(len(clauses)), key=lambda n: tree.counted.get(clauses[n], tree.many))
    best = order[0] if order and tree.counted.get(clauses[order[0]], tree.many) <= tree.few else None
    spanned = next((n for n, clause in enumerate(clauses) if _spans(plan, clause)), None)
    if spanned is not None and (best is None or (best == spanned and tree.counted.get(clauses[best], 0) > _GATHERED)):
        return Walk(spanned, sorted=True)
    if best is not None:
        return Walk(best, None if plan.sort else tree.ordered(clauses[best]))
    if plan.sort:
        first = plan.sort[0]
        walked = (first.table in _WALKED and len(first.sp) == 1) or first.table in ("updated", "id")
        return Walk(None, sorted=walked and len(plan.types) == 1)
    for n, clause in enumerate(clauses):
        if (listed := tree.ordered(clause)) is not None:
            return Walk(n, listed)
    return Walk(None)


def _spans(plan: Plan, clause: Any) -> bool:
    """Tell whether a clause is a range of the first sort key, of which a row has one at most."""
    if not plan.sort or len(plan.types) != 1 or not isinstance(clause, Date | Dates):
        return False
    first = plan.sort[0]
    return first.table == "dat" and first.single and len(first.sp) == 1 and clause.sp == first.sp


def _rest(tree: Tree, plan: Plan, walk: Walk, alias: str) -> Sql:
    """Return the conditions of the clauses that do not drive, each with its AND."""
    at = "h.rid" if walk.listed is not None else "d.rid" if walk.driver is not None else ""
    if walk.sorted:
        at = "" if walk.missing or plan.sort[0].table in ("updated", "id") else "s.rid"
    tree.met = {alias: at} if at else {}
    asked = [c for n, c in enumerate(plan.clauses) if n != walk.driver and not isinstance(c, Implied)]
    parts = [tree.probe(c, alias, plan.types) for c in asked]
    tree.met = {}
    return Sql("".join(f" AND {part.text}" for part in parts), [value for part in parts for value in part.values])


def _source(
    tree: Tree, plan: Plan, walk: Walk, alias: str, below: int | None, *, newest: bool, narrow: bool = False
) -> tuple[Sql, Sql]:  # fmt: skip
    """Return what stands in FROM, and the conditions of the opened alias (with those of a list that is walked).

    `below`: only rows with a smaller number. `newest`: in falling order of row numbers. `narrow`: nothing is read of a
    row but that it is there, which its entry in the index of live rows says.
    """
    d = tree.dialect
    at = d.live if narrow and tree.sight.narrow and len(plan.types) == 1 else ""
    if walk.listed is not None:
        scan, table = walk.listed.scans[0], walk.listed.table
        said = _OWN.sub("h.", scan.text)  # apart from the x of the conditions on other tables
        opened = tree.sight.opened(alias, plan.types, hint=at)
        text, values = f"{said} AND {opened.where}", [*scan.values, *opened.values]
        if below is not None:
            text, values = f"{text} AND h.rid < ?", [*values, below]
        return Sql(f"{table} h {d.join} {opened.table} ON {alias}.rid = h.rid", []), Sql(text, values)
    if walk.driver is not None:
        found = tree.members(plan.clauses[walk.driver], plan.types)
        if found is None:
            raise TypeError(type(plan.clauses[walk.driver]).__name__)
        return driven(tree, found, plan.types, alias, below, newest=newest, hint=at)
    hint = d.live if len(plan.types) == 1 else d.unindexed if newest else ""
    opened = tree.sight.opened(alias, plan.types, hint=hint)
    if below is None:
        return Sql(opened.table, []), Sql(opened.where, opened.values)
    return Sql(opened.table, []), Sql(f"{opened.where} AND {alias}.rid < ?", [*opened.values, below])


def driven(
    tree: Tree, found: Sql, types: Sequence[int], alias: str = "r", below: int | None = None, *, newest: bool = True,
    hint: str = "",
) -> tuple[Sql, Sql]:  # fmt: skip
    """Return what stands in FROM, and the condition of the opened alias, for the rows that a SELECT `found` gives.

    `below`, `newest` as of `_source`; the row number is `d.rid`.
    """
    d, opened = tree.dialect, tree.sight.opened(alias, types, hint=hint)
    where = " WHERE e.rid < ?" if below is not None else ""
    # Grouping in the order that is wanted is one sort; DISTINCT and ORDER BY would be two.
    tail = f" ORDER BY e.rid DESC {d.all_rows}" if newest else ""
    text = f"(SELECT e.rid AS rid FROM ({found.text}) e{where} GROUP BY e.rid{tail}) d {d.join} {opened.table}"
    values = [*found.values, *([below] if below is not None else [])]
    return Sql(f"{text} ON {alias}.rid = d.rid", values), Sql(opened.where, opened.values)


def page_query(tree: Tree, plan: Plan, walk: Walk, limit: int) -> Sql:
    """One page of rows after `plan.after`, in the order of `plan.sort` and then the newest row first.

    Columns are `COLUMNS` and then the sort keys.
    """
    if not plan.sort:
        below = None if plan.after is None else plan.after[-1]
        source, where = _source(tree, plan, walk, "r", below, newest=True)  # type: ignore[arg-type] # a row number
        rest = _rest(tree, plan, walk, "r")
        # A listed driver and a walk are in the order of their index; a set was put in order, and is the outer loop.
        say = walk.listed is not None or walk.driver is None or tree.dialect.ordered_outer
        order = f" ORDER BY {'h' if walk.listed is not None else 'r'}.rid DESC" if say else ""
        text = f"SELECT {COLUMNS} FROM {source.text} WHERE {where.text}{rest.text}{order} LIMIT {limit}"
        return tree.statement(Sql(text, [*source.values, *where.values, *rest.values]))
    if walk.sorted and not walk.missing:
        return tree.statement(_along_key(tree, plan, walk, limit))
    return tree.statement(_gathered(tree, plan, walk, limit))


def _gathered(tree: Tree, plan: Plan, walk: Walk, limit: int) -> Sql:
    """Rows that are gathered with their keys, then put in order."""
    source, where = _source(tree, plan, walk, "r", None, newest=False)
    rest = _rest(tree, plan, walk, "r")
    without = ""
    if walk.missing:
        first = plan.sort[0]
        without = f" AND NOT {tree.dialect.has('r', first.table, first.sp)}"
    met = Sql(f"{where.text}{rest.text}{without}", [*where.values, *rest.values])
    return in_order(tree, plan, source, met, limit)


def in_order(tree: Tree, plan: Plan, source: Sql, where: Sql, limit: int) -> Sql:
    """Rows of what stands in FROM in the order of `plan.sort`; bodies are read for the page only."""
    d = tree.dialect
    keys = [sort_key(tree, "r", sort) for sort in plan.sort]
    values: list[Any] = [v for key in keys for v in key.values]
    named = ", ".join(f"{key.text} AS k{n}" for n, key in enumerate(keys))
    inner = f"SELECT r.rid AS rid, {named} FROM {source.text} WHERE {where.text}"
    values += [*source.values, *where.values]
    names = [f"k{n}" for n in range(len(keys))]
    begun = after_condition(plan.sort, names, "rid", plan.after)
    order = order_by(plan.sort, names, "rid")
    cut = f"SELECT * FROM keyed{' WHERE ' + begun.text if begun else ''} ORDER BY {order} LIMIT {limit}"
    opened = tree.sight.opened("r", plan.types)
    again = f" ORDER BY {order_by(plan.sort, [f's.{n}' for n in names], 's.rid')}" if d.ordered_outer else ""
    text = f"""WITH keyed AS MATERIALIZED ({inner})
SELECT {COLUMNS}, {", ".join(f"s.{n}" for n in names)} FROM ({cut}) s {d.join} {opened.table} ON r.rid = s.rid
WHERE {opened.where}{again}"""
    return Sql(text, [*values, *(begun.values if begun else []), *opened.values])


def _along_key(tree: Tree, plan: Plan, walk: Walk, limit: int) -> Sql:
    """Rows in the order of the first sort key's own index; a page is full soon, because many rows meet every clause."""
    d, first = tree.dialect, plan.sort[0]
    if first.table in ("updated", "id"):
        column = "r.updated" if first.table == "updated" else "r.fhir_id"
        opened = tree.sight.opened("r", plan.types, hint=d.updated if first.table == "updated" else d.by_id)
        source, tied, values = opened.table, opened.where, list(opened.values)
    else:
        column = f"s.{_WALKED[first.table]}"
        opened = tree.sight.opened("r", plan.types)
        source = f"ix_{first.table} s {d.join} {opened.table} ON r.rid = s.rid"
        unit = " AND s.unit = 0" if first.table == "qty" else ""
        # Of a row with several keys only the first in the direction counts.
        own = "" if first.single else f" AND {column} = {d.sort_key('r', first.table, first.sp, first.down)}"
        spanned = _spanned(tree, plan, walk)
        tied = f"s.sp = {first.sp[0]}{unit}{spanned.text} AND {opened.where}{own}"
        values = [*spanned.values, *opened.values]
    rest = _rest(tree, plan, walk, "r")
    keys = [Sql(column, []), *(sort_key(tree, "r", sort) for sort in plan.sort[1:])]
    named = ", ".join(f"{key.text} AS k{n}" for n, key in enumerate(keys))
    text, bound = f"{tied}{rest.text}", [*(v for key in keys for v in key.values), *values, *rest.values]
    if plan.after is not None and plan.after[0] is not None:
        # Said twice: the first condition is the range of the index, the second the exact place within it.
        text, bound = f"{text} AND {column} {'<=' if first.down else '>='} ?", [*bound, plan.after[0]]
        exact = after_condition(plan.sort, [key.text for key in keys], "r.rid", plan.after, [k.values for k in keys])
        if exact is not None:
            text, bound = f"{text} AND {exact.text}", [*bound, *exact.values]
    ordered = [f"{column} {'DESC' if first.down else 'ASC'}"]
    if len(keys) > 1:
        ordered.append(order_by(plan.sort[1:], [f"k{n}" for n in range(1, len(keys))], "r.rid"))
    else:
        ordered.append("r.rid DESC")
    return Sql(
        f"SELECT {COLUMNS}, {named} FROM {source} WHERE {text} ORDER BY {', '.join(ordered)} LIMIT {limit}", bound
    )


def _spanned(tree: Tree, plan: Plan, walk: Walk) -> Sql:
    """Return the conditions of the clause that is a range of the sort key, on the alias that is walked."""
    if walk.driver is None:
        return Sql("", [])
    clause = plan.clauses[walk.driver]
    found = tree.shape(clause)
    if found is None:
        raise TypeError(type(clause).__name__)
    dates = clause.dates if isinstance(clause, Dates) else (clause,)
    edges = [(how, bound) for date in dates for how, bound in _edges(date)]
    text = "".join(f" AND s.lo {how} ?" for how, _ in edges)
    return Sql(f"{text} AND {_OWN.sub('s.', found.whole.text)}", [*(bound for _, bound in edges), *found.whole.values])


def _edges(date: Any) -> list[tuple[str, int]]:
    """Return what bounds the beginning of what meets a date; where a long period may begin is not bounded."""
    match date.how:
        case "eq":
            return [(">=", date.lo), ("<", date.hi)]
        case "sa":
            return [(">=", date.hi)]
        case "lt" | "eb":
            return [("<", date.lo)]
        case "le" | "ap":
            return [("<", date.hi)]
    return []


def count_query(tree: Tree, plan: Plan, walk: Walk, most: int | None) -> Sql:
    """How many rows meet every clause, no further than `most` (None: all)."""
    rest = _rest(tree, plan, walk, "r")
    narrow = "r.idx" not in rest.text and "r.fhir_id" not in rest.text and "r.updated" not in rest.text
    source, where = _source(tree, plan, walk, "r", None, newest=False, narrow=narrow)
    values = [*source.values, *where.values, *rest.values]
    if most is None:
        return tree.statement(Sql(f"SELECT count(*) FROM {source.text} WHERE {where.text}{rest.text}", values))
    inner = f"SELECT 1 FROM {source.text} WHERE {where.text}{rest.text} LIMIT {most}"
    return tree.statement(Sql(f"SELECT count(*) FROM ({inner}) f", values))


def included_query(tree: Tree, rids: Sequence[int], types: Sequence[int], limit: int) -> Sql:
    """Rows with these numbers that are seen, the newest first."""
    opened = tree.sight.opened("r", types)
    many = tree.dialect.many(list(rids))
    source = f"{many.text} w {tree.dialect.join} {opened.table} ON r.rid = w.value"
    text = f"SELECT {COLUMNS} FROM {source} WHERE {opened.where} ORDER BY r.rid DESC LIMIT {limit}"
    return tree.statement(Sql(text, [*many.values, *opened.values]))


def referring_query(tree: Tree, rids: Sequence[int], sp: Sequence[int], types: Sequence[int], limit: int) -> Sql:
    """Rows of these types that refer to rows with these numbers, the newest first."""
    opened = tree.sight.opened("r", types)
    many = tree.dialect.many(list(rids))
    among = ",".join(map(str, sp))
    inner = f"SELECT DISTINCT x.rid AS rid FROM ix_ref x WHERE x.sp IN ({among}) AND x.tgt IN {many.text}"
    text = f"SELECT {COLUMNS} FROM ({inner}) d {tree.dialect.join} {opened.table} ON r.rid = d.rid WHERE {opened.where}"
    return tree.statement(Sql(f"{text} ORDER BY r.rid DESC LIMIT {limit}", [*many.values, *opened.values]))
