"""Sort keys, their order with missing values last, and the condition that a row comes after the last one seen."""

from collections.abc import Sequence
from typing import Any

from unsilo.storage.plan import Sort
from unsilo.storage.render.dialect import Sql
from unsilo.storage.render.tree import Tree

__all__ = ["after_condition", "order_by", "sort_key"]


def sort_key(tree: Tree, alias: str, sort: Sort) -> Sql:
    """Return the value that a row is sorted by: of several, the one that comes first in the sort's direction."""
    if sort.table == "updated":
        return Sql(f"{alias}.updated", [])
    if sort.table == "id":
        return Sql(f"{alias}.fhir_id", [])
    word = "max" if sort.down else "min"
    d = tree.dialect
    if sort.table == "tok":
        key = tree.alias("k")
        keys = d.codes(alias, sort.sp, key)
        tied = f" WHERE {keys.where}" if keys.where else ""
        text = f"(SELECT {word}(c.v) FROM {keys.source} JOIN ix_code c ON c.code = {keys.column}{tied})"
        return Sql(text, [])
    if sort.table == "ref":
        key = tree.alias("k")
        keys = d.targets(alias, sort.sp, key)
        tied = f" WHERE {keys.where}" if keys.where else ""
        return Sql(f"(SELECT {word}({tree.sight.name(keys.column)}{d.bytewise}) FROM {keys.source}{tied})", [])
    return Sql(d.sort_key(alias, sort.table, sort.sp, sort.down), [])


def order_by(sorts: Sequence[Sort], names: Sequence[str], rid: str) -> str:
    """Return the ORDER BY of keys with these names: missing last in either direction, then the newest row."""
    parts = []
    for sort, name in zip(sorts, names, strict=True):
        parts.append(f"{name} {'DESC' if sort.down else 'ASC'} NULLS LAST")
    return ", ".join([*parts, f"{rid} DESC"])


def after_condition(
    sorts: Sequence[Sort], names: Sequence[str], rid: str, after: Sequence[Any] | None,
    bound: Sequence[list[Any]] | None = None,
) -> Sql | None:  # fmt: skip
    """Return the condition that a row's keys come after `after` (the keys of the last row, then its number).

    `bound` are the values that each of `names` binds itself.
    """
    if after is None:
        return None
    bound = bound or [[] for _ in names]
    ways: list[Sql] = []
    equal: list[Sql] = []
    for sort, name, own, value in zip(sorts, names, bound, after, strict=False):
        if value is None:
            equal.append(Sql(f"{name} IS NULL", own))
            continue
        later = Sql(f"({name} {'<' if sort.down else '>'} ? OR {name} IS NULL)", [*own, value, *own])
        ways.append(_both([*equal, later]))
        equal.append(Sql(f"{name} = ?", [*own, value]))
    ways.append(_both([*equal, Sql(f"{rid} < ?", [after[-1]])]))
    return Sql(f"({' OR '.join(way.text for way in ways)})", [value for way in ways for value in way.values])


def _both(parts: Sequence[Sql]) -> Sql:
    return Sql(f"({' AND '.join(part.text for part in parts)})", [value for part in parts for value in part.values])
