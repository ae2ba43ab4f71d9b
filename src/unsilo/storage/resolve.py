"""Looks up what a plan names (Patients, targets of references) and counts its clauses, before it is rendered."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from unsilo.spec import r4
from unsilo.storage import plan as p
from unsilo.storage.render.dialect import Sql
from unsilo.storage.render.leaf import Targets, leaps
from unsilo.storage.render.select import bounded_count
from unsilo.storage.render.tree import Compartment, Tree

__all__ = ["Run", "counted", "resolved"]

Run = Callable[[str, Sequence[Any]], list[Any]]
"""Runs a statement at the moment that all of a search's statements see, and returns its rows."""

_PATIENT = r4.type_number("Patient")
_ENOUGH = 64
"""Rows of a clause with which a search begins without counting the others."""

_RANK: dict[type, int] = {
    p.Never: 0, p.Id: 1, Targets: 2, Compartment: 2, p.InList: 2, p.Token: 3, p.Coded: 3, p.Uri: 3, p.Codes: 4,
    p.Composite: 4, p.Words: 4, p.Text: 5, p.Quantity: 6, p.Number: 6, p.Position: 6, p.Dates: 7, p.Date: 7,
    p.Updated: 7, p.Any: 7, p.All: 8, p.Chain: 8, p.Has: 8, p.Missing: 9, p.Not: 9,
}  # fmt: skip
"""In which order clauses are counted: those that are likely to be the fewest first."""


def _numbers(tree: Tree, run: Run, types: Sequence[int], ids: Sequence[str], kin: bool) -> tuple[int, ...]:
    sight = tree.sight
    named = sight.kin(types, ids) if kin and _PATIENT in types else sight.number(types, ids)
    return tuple(row[0] for row in run(*tree.statement(Sql(named.text[1:-1], named.values))))


def resolved(tree: Tree, run: Run, node: Any) -> Any:
    """Return the node with row numbers in the place of ids; what names nothing that is known is `Never`."""
    if isinstance(node, p.Reference):
        found = _numbers(tree, run, node.types, node.ids, node.kin)
        return Targets(node.sp, found) if found else p.NEVER
    if isinstance(node, p.Token) and node.code is not None and node.system is None:
        systems = tuple(row[0] for row in run(*leaps(node)))
        return p.Coded(node.sp, node.code, systems) if systems else p.NEVER
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
