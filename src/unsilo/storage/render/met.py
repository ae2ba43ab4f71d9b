"""Statements for what an index holds below the beginning of its key: systems of a code, units of a parameter."""

from unsilo.storage.plan import Token
from unsilo.storage.render.dialect import Sql
from unsilo.storage.render.leaf import sps

__all__ = ["leaps", "systems_met", "units_listed", "units_met"]


def _leaps(table: str, column: str, head: Sql, low: str = "", high: str = "") -> Sql:
    """Return `s(v)`, the values that a column has under `head`, met by leaps over its rows; they are few.

    A leap has one lower bound: of two SQLite would begin at the wrong one.
    """
    text = f"""WITH RECURSIVE s(v) AS (SELECT min({column}) FROM {table} x WHERE {head.text}{low}{high}
UNION ALL SELECT (SELECT min({column}) FROM {table} x WHERE {head.text} AND {column} > s.v{high})
FROM s WHERE s.v IS NOT NULL)"""
    return Sql(text, [*head.values, *head.values])


def leaps(node: Token) -> Sql:
    """Return a statement for the systems that a code has."""
    return systems_met("ix_tok", Sql(f"{sps(node.sp)} AND x.code = ?", [node.code]))


def systems_met(table: str, head: Sql) -> Sql:
    """Return a statement for the code systems under `head`."""
    met = _leaps(table, "x.sys", head)
    return Sql(f"{met.text}\nSELECT v FROM s WHERE v IS NOT NULL", met.values)


def units_met(table: str, column: str, head: Sql, low: int, high: int) -> Sql:
    """Return a statement for the units (key, text or NULL) under `head`, of keys from `low` up to `high`."""
    met = _leaps(table, f"x.{column}", head, f" AND x.{column} >= {low}", f" AND x.{column} < {high}")
    text = "SELECT s.v, c.v FROM s LEFT JOIN ix_code c ON c.code = s.v WHERE s.v IS NOT NULL"
    return Sql(f"{met.text}\n{text}", met.values)


def units_listed(head: Sql, low: int, high: int) -> Sql:
    """Return a statement for the same as `units_met` of composites whose first code is open, which are read through."""
    text = f"SELECT DISTINCT x.code2 AS v FROM ix_cmp x WHERE {head.text} AND x.code2 >= {low} AND x.code2 < {high}"
    return Sql(f"SELECT s.v, c.v FROM ({text}) s LEFT JOIN ix_code c ON c.code = s.v", head.values)
