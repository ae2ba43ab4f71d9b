"""Short names of code systems, for people who type."""

from __future__ import annotations

import csv
from functools import cache
from importlib import resources

__all__ = ["address", "short_names"]


@cache
def short_names() -> dict[str, str]:
    """Return address by short name."""
    table = resources.files(__package__).joinpath("systems.csv").read_text(encoding="utf-8")
    return {row["name"]: row["url"] for row in csv.DictReader(table.splitlines())}


def address(name: str) -> str:
    """Return the address that a short name (`snomed`, `v3-ActCode`) or address stands for."""
    known = short_names().get(name.casefold())
    if known is not None or ":" in name:
        return known or name
    return f"http://terminology.hl7.org/CodeSystem/{name}"
