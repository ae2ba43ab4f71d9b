"""Vaccines read by their CVX code, their name or brand, as the reviewed table has them."""

from __future__ import annotations

from functools import cache

from unsilo.terminology.same.meaning import Near, Reading
from unsilo.terminology.same.tables import Row, vaccines
from unsilo.terminology.same.text import base_key, fold, tokens

__all__ = ["read_vaccine"]


@cache
def _rows() -> tuple[dict[str, Row], dict[str, Row]]:
    by_name: dict[str, Row] = {}
    for row in vaccines():
        for name in row.names:
            by_name.setdefault(fold(name), row)
    return {code: row for row in vaccines() for code in row.codes}, by_name


def read_vaccine(token: str, name: str) -> tuple[tuple[Reading, ...], tuple[Near, ...]]:
    """Return the readings of a vaccine and the diseases it is against; one that is not in the table has its name."""
    by_code, by_name = _rows()
    words = fold(name)
    row = by_code.get(token) or by_name.get(words) or by_name.get(words.removesuffix(" vaccine"))
    base = base_key(tokens(name))
    own = (Reading(f"n:{base}"),) if base else ()
    if row is None:
        return own, ()
    near = tuple(Near(f"v:{family}", "related.family", row.row) for family in row.families)
    return (*own, Reading(f"v:{row.row}", (), "same.vaccine", row.row)), near
