"""Expression constraints as trees; texts beyond the bounds are refused before they are read."""

from __future__ import annotations

import csv
import re
from functools import cache, lru_cache
from importlib import resources

from unsilo.terminology.ecl.peg import Grammar, Node, ParseError

__all__ = ["LONGEST", "operators", "parse"]

LONGEST = 20_000
_OPEN = re.compile(r'"(?:[^"\\]|\\.)*"|\|[^|]*\||[({)}]')
_DEEPEST = 40


@cache
def _grammar() -> Grammar:
    return Grammar(resources.files(__package__).joinpath("grammar.txt").read_text(encoding="utf-8"))


@cache
def operators() -> dict[str, tuple[str, bool]]:
    """Return (reach, whether the concept itself counts) by operator, brief and long."""
    table = resources.files(__package__).joinpath("operators.csv").read_text(encoding="utf-8")
    found = {}
    for row in csv.DictReader(table.splitlines()):
        found[row["brief"]] = found[row["long"]] = (row["reach"], row["itself"] == "yes")
    return found


@lru_cache(maxsize=512)
def parse(text: str) -> Node:
    """Return the tree of an expression constraint. ParseError with the place of the fault."""
    if len(text) > LONGEST:
        raise ParseError(LONGEST, "it is too long")
    depth = 0
    for sign in _OPEN.finditer(text):
        depth += {"(": 1, "{": 1, ")": -1, "}": -1}.get(sign[0], 0)
        if depth > _DEEPEST:
            raise ParseError(sign.start(), "it nests too deep")
    return _grammar().parse(text).parts[0]
