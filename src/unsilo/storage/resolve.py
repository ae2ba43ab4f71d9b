"""Looks up what a plan names (Patients, targets of references) and counts its clauses, before it is rendered."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from unsilo.fhir.index.units import ANY, bounds_in, spanned
from unsilo.spec import r4
from unsilo.storage import plan as p
from unsilo.storage.faults import TooLongError
from unsilo.storage.render.dialect import Sql
from unsilo.storage.render.leaf import Measure, Measured, Targets, composite_heads, sps
from unsilo.storage.render.met import leaps, systems_met, units_listed, units_met
from unsilo.storage.render.select import bounded_count
from unsilo.storage.render.tree import Compartment, Tree

__all__ = ["Run", "counted", "resolved"]

Run = Callable[[str, Sequence[Any]], list[Any]]
"""Runs a statement at the moment that all of a search's statements see, and returns its rows."""

_PATIENT = r4.type_number("Patient")
_ENOUGH = 64
"""Rows of a clause with which a search begins without counting the others."""

_MOST_BOUNDS = 1000
"""Units of different size that a search in another one is turned into: a hospital has a dozen of a dimension."""

_MOST_RELATED = 10_000
"""Resources of a hierarchy: the wards, rooms and beds of a large group of hospitals."""

_RANK: dict[type, int] = {
    p.Never: 0, p.Id: 1, Targets: 2, Compartment: 2, p.InList: 2, p.Token: 3, p.Coded: 3, p.Uri: 3, p.Codes: 4,
    p.Composite: 4, p.Words: 4, p.Text: 5, Measured: 6, p.Number: 6, p.Position: 6, p.Dates: 7, p.Date: 7,
    p.Updated: 7, p.Any: 7, p.All: 8, p.Chain: 8, p.Has: 8, p.Missing: 9, p.Not: 9,
}  # fmt: skip
"""In which order clauses are counted: those that are likely to be the fewest first."""


def _numbers(tree: Tree, run: Run, types: Sequence[int], ids: Sequence[str], kin: bool) -> tuple[int, ...]:
    sight = tree.sight
    named = sight.kin(types, ids) if kin and _PATIENT in types else sight.number(types, ids)
    return tuple(row[0] for row in run(*tree.statement(Sql(named.text[1:-1], named.values))))


def _asked(rows: Iterable[Any], unit: p.Unit, low: float, high: float) -> tuple[Measure, ...]:
    """Return the units (rows of key and text) that can meet what is asked, with its bounds in each.

    TooLongError where they are more than a statement has room for.
    """
    bounds = bounds_in(unit.kind, unit.system, unit.code, unit.exact, (low, high))
    met = {key: found for key, text in rows if (found := bounds(key, text)) is not None}
    if len(set(met.values())) > _MOST_BOUNDS:
        raise TooLongError(f"a value in more than {_MOST_BOUNDS} units that are converted")
    return tuple((key, *found) for key, found in sorted(met.items()))


def _measures(run: Run, node: p.Quantity) -> tuple[Measure, ...]:
    if node.unit.kind == "any":
        return ((ANY, node.lo, node.hi),)
    span = spanned(node.unit.kind, node.unit.code)
    rows = [row for one in node.sp for row in run(*units_met("ix_qty", "unit", Sql(sps((one,)), []), *span))]
    return _asked(rows, node.unit, node.lo, node.hi)


def _composite_measures(run: Run, node: p.Composite, unit: p.Unit) -> tuple[Measure, ...]:
    """The same of a composite: the units of a code are met by leaps, all units where no code is said."""
    head, close = composite_heads(node)
    low, high = spanned(unit.kind, unit.code)
    heads = [head]
    if not close and node.token is not None and node.token[0] is not None:
        heads = []
        for one in node.sp:
            code = Sql(f"{sps((one,))} AND x.code = ?", [node.token[0]])
            systems = [row[0] for row in run(*systems_met("ix_cmp", code))] if node.token[1] is None else []
            heads += [Sql(f"{code.text} AND x.sys = ?", [*code.values, system]) for system in systems]
            if node.token[1] is not None:
                heads.append(composite_heads(msgspec.structs.replace(node, sp=(one,)))[0])
        close = True
    if close:
        rows = [row for each in heads for row in run(*units_met("ix_cmp", "code2", each, low, high))]
    else:
        rows = run(*units_listed(head, low, high))
    span = node.span or ("eq", 0.0, 0.0)
    return _asked(rows, unit, span[1], span[2])


def _hierarchy(tree: Tree, run: Run, node: p.Related) -> tuple[int, ...]:
    """Return the row numbers of what is named and of all that is seen below or above it, level by level.

    What is met twice is not followed again, so a circle ends. TooLongError where they are more than `_MOST_RELATED`.
    """
    found = set(_numbers(tree, run, node.types, node.ids, False))
    new, ids = tuple(found), node.ids
    while new:
        part = Targets(node.up, new) if node.below else p.Has(node.up, node.types, p.Id(node.types, ids), False)
        rows = tree.sight.ids(tree.rows(part, node.types))
        met = [(rid, id_) for rid, id_ in run(*tree.statement(rows)) if rid not in found]
        new, ids = tuple(rid for rid, _ in met), tuple(id_ for _, id_ in met)
        found.update(new)
        if len(found) > _MOST_RELATED:
            raise TooLongError(f"a hierarchy of more than {_MOST_RELATED} resources")
    return tuple(sorted(found))


def resolved(tree: Tree, run: Run, node: Any) -> Any:
    """Return the node with row numbers in the place of ids; what names nothing that is known is `Never`."""
    if isinstance(node, p.Related):
        whole = _hierarchy(tree, run, node)
        return Targets(node.sp, whole) if whole else p.NEVER
    if isinstance(node, p.Reference):
        found = _numbers(tree, run, node.types, node.ids, node.kin)
        return Targets(node.sp, found) if found else p.NEVER
    if isinstance(node, p.Token) and node.code is not None and node.system is None:
        systems = tuple(row[0] for row in run(*leaps(node)))
        return p.Coded(node.sp, node.code, systems) if systems else p.NEVER
    if isinstance(node, p.Quantity):
        met = _measures(run, node)
        return Measured(node, met) if met else p.NEVER
    if isinstance(node, p.Composite) and node.unit is not None:
        met = _composite_measures(run, node, node.unit)
        return Measured(node, met) if met else p.NEVER
    if isinstance(node, p.Member):
        pats = _numbers(tree, run, [_PATIENT], [node.patient], node.kin)
        return Compartment(node.patient, node.types, node.kin, pats) if pats else p.NEVER
    if isinstance(node, p.All | p.Any):
        return msgspec.structs.replace(node, parts=tuple(resolved(tree, run, part) for part in node.parts))
    if isinstance(node, p.Implied):
        return p.Implied(resolved(tree, run, node.part))
    if isinstance(node, p.Not):
        return p.Not(resolved(tree, run, node.part))
    if isinstance(node, p.Chain | p.Has):
        return msgspec.structs.replace(node, node=resolved(tree, run, node.node))
    return node


def _is_short(tree: Tree, run: Run, node: p.Chain | p.Has, known: dict[Any, int]) -> bool:
    """Tell whether the rows that a chain leads to are gathered; those of `_has` are read one by one for what they name.

    What is asked of one row by its index in any case is counted no further than that.
    """
    inner, reach = node.node, tree.few // 8 if isinstance(node, p.Has) else tree.few
    found = tree.shape(inner)
    if inner not in known and found is not None and found.own is None:
        return _bounded(tree, run, inner, node.types, known, reach)
    return _count(tree, run, inner, node.types, known) <= reach


def _count(tree: Tree, run: Run, node: Any, types: Sequence[int], known: dict[Any, int]) -> int:
    found = known.get(node)
    if found is not None:
        return found
    if isinstance(node, p.Never):
        made = 0
    elif isinstance(node, p.Id):
        made = len(node.ids)
    elif isinstance(node, p.All):
        made = min((_count(tree, run, part, types, known) for part in node.parts), default=tree.many)
    elif isinstance(node, p.Any):
        made = sum(_count(tree, run, part, types, known) for part in node.parts)
    elif isinstance(node, p.Chain | p.Has) and not _is_short(tree, run, node, known):
        made = tree.many
    else:
        query = bounded_count(tree, node, types)
        made = tree.many if query is None else int(run(*query)[0][0])
    known[node] = made
    return made


def counted(
    tree: Tree, run: Run, clauses: Sequence[Any], types: Sequence[int], known: dict[Any, int], *, walks: bool
) -> None:  # fmt: skip
    """Count the rows of clauses into `known`, no further than matters; stop when one has few enough to begin with.

    `walks`: the order is that of rows, so a single clause that is a list in this order needs no count: it is walked
    whatever its length.
    """
    if walks and len(clauses) == 1 and tree.ordered(clauses[0]) is not None:
        return
    asked = sorted((c for c in clauses if not isinstance(c, p.Implied)), key=lambda c: _RANK.get(type(c), 9))
    lists, enough = [], min(_ENOUGH, tree.few)
    for clause in asked:
        found = tree.shape(clause)
        if found is None or found.own is not None:
            if _count(tree, run, clause, types, known) <= enough:
                return
        elif _bounded(tree, run, clause, types, known, enough):
            return
        else:
            lists.append(clause)
    # One row is asked of these by their index, so they matter only where they are the fewest.
    best = min((known[clause] for clause in asked if clause in known), default=tree.many)
    for clause in lists:
        if _bounded(tree, run, clause, types, known, min(best, tree.few)):
            best = known[clause]


def _bounded(tree: Tree, run: Run, node: Any, types: Sequence[int], known: dict[Any, int], most: int) -> bool:
    """Count the rows of a leaf into `known` if they are no more than `most`, and tell whether they are."""
    query = bounded_count(tree, node, types, most + 1)
    rows = tree.many if query is None else int(run(*query)[0][0])
    if rows <= most:
        known[node] = rows
    return rows <= most
