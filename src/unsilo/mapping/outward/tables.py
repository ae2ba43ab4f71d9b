"""The tables of the way outward: sections, entries, vocabularies and structure rules (`tables/outward/*.csv`)."""

from __future__ import annotations

import csv
from functools import lru_cache
from importlib import resources
from typing import NamedTuple

__all__ = ["EntryRow", "RuleRow", "Section", "Step", "V2Row", "entries", "rules", "sections", "v2_rows", "vocabularies"]


class Step(NamedTuple):
    """One step of a path: an element, its `typeCode`, whether it is turned round, always new, or always shared."""

    name: str
    code: str = ""
    inverted: bool = False
    new: bool = False
    shared: bool = False


class EntryRow(NamedTuple):
    """One element or attribute of an entry: `steps` to it, `attribute` "" for the element itself."""

    steps: tuple[Step, ...]
    attribute: str
    source: str
    type: str
    const: str
    absent: str


class Section(NamedTuple):
    """One section: which resource types it is made `of`, by which entries, and the columns of its table."""

    name: str
    title: str
    loinc: str
    display: str
    templates: tuple[str, ...]
    required: bool
    types: tuple[str, ...]
    where: str
    entry: str
    columns: tuple[tuple[str, str], ...]


class RuleRow(NamedTuple):
    """One rule of a template: at `path` stand `least` to `most` (-1: any) elements or the one of the values `fixed`."""

    template: str
    path: str
    least: int
    most: int
    fixed: tuple[str, ...]
    clause: str


class V2Row(NamedTuple):
    """One field of a segment: where it comes from and as which data type."""

    segment: str
    field: int
    source: str
    type: str
    const: str


def _lines(name: str) -> list[dict[str, str]]:
    text = (resources.files("unsilo.mapping") / "tables" / "outward" / name).read_text("utf-8")
    return list(csv.DictReader(text.splitlines()))


def _step(text: str) -> Step:
    name, _, code = text.partition("[")
    code = code.rstrip("]")
    return Step(name.rstrip("+="), code.rstrip("+"), code.endswith("+"), name.endswith("+"), name.endswith("="))


@lru_cache(maxsize=1)
def entries() -> dict[str, list[EntryRow]]:
    """The rows of each entry, in the order of the schema."""
    found: dict[str, list[EntryRow]] = {}
    for line in _lines("entries.csv"):
        path, _, attribute = line["path"].partition("@")
        steps = tuple(_step(part) for part in path.split("/") if part)
        row = EntryRow(steps, attribute, line["source"], line["type"], line["const"], line["absent"])
        found.setdefault(line["entry"], []).append(row)
    return found


@lru_cache(maxsize=1)
def sections() -> list[Section]:
    """The sections of a document, in order."""
    found = []
    for line in _lines("sections.csv"):
        columns = tuple((name, source) for name, _, source in (c.partition("=") for c in line["columns"].split("|")))
        templates, types = tuple(line["templates"].split()), tuple(line["from"].split())
        found.append(
            Section(
                line["section"], line["title"], line["loinc"], line["name"], templates, line["required"] == "yes",
                types, line["where"], line["entry"], columns,
            )
        )  # fmt: skip
    return found


@lru_cache(maxsize=1)
def vocabularies() -> dict[str, dict[str, tuple[str, str, str]]]:
    """Code, OID of its system and display, by vocabulary and FHIR code."""
    found: dict[str, dict[str, tuple[str, str, str]]] = {}
    for line in _lines("vocabularies.csv"):
        found.setdefault(line["vocab"], {})[line["source"]] = (line["code"], line["system"], line["display"])
    return found


@lru_cache(maxsize=1)
def rules() -> list[RuleRow]:
    """What the templates demand of what is made."""
    return [
        RuleRow(
            line["template"], line["path"], int(line["least"]), -1 if line["most"] == "*" else int(line["most"]),
            tuple(line["fixed"].split("|")) if line["fixed"] else (), line["clause"],
        )
        for line in _lines("rules.csv")
    ]  # fmt: skip


@lru_cache(maxsize=1)
def v2_rows() -> dict[str, list[V2Row]]:
    """The rows of each segment."""
    found: dict[str, list[V2Row]] = {}
    for line in _lines("v2.csv"):
        row = V2Row(line["segment"], int(line["field"]), line["source"], line["type"], line["const"])
        found.setdefault(line["segment"], []).append(row)
    return found
