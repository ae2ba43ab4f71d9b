"""Among whom a family name is usual, by the shares of a census: a rough grouping, to see whether matching is fair."""

import csv
from functools import cache
from importlib.resources import files

from unsilo.identity.fold import fold

__all__ = ["origin"]

_MOST = 50.0
"""Percent of a name's bearers from which it is taken for that group's."""
_GROUPS = ("white", "black", "hispanic", "asian")


@cache
def _groups() -> dict[str, str]:
    rows = csv.DictReader(files("unsilo.identity.simulate").joinpath("surnames.csv").read_text("utf-8").splitlines())
    found = {}
    for row in rows:
        name, most = max(((group, float(row[group])) for group in _GROUPS), key=lambda each: each[1])
        found[fold(row["name"])] = name if most >= _MOST else "mixed"
    return found


def origin(family: str) -> str:
    """Return the group that most bearers of a folded family name gave to the census of the United States.

    `white`, `black`, `hispanic`, `asian`, `mixed`, `not in the list of the census`, `another script`, or `no name`. It
    says nothing of a single person.
    """
    if not family:
        return "no name"
    if not family.isascii():
        return "another script"
    return _groups().get(family, "not in the list of the census")
