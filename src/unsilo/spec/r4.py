"""FHIR R4 element paths: which exist, how often they may appear and of which types they are."""

from __future__ import annotations

import csv
from functools import cache
from importlib import resources

import msgspec


class Element(msgspec.Struct, frozen=True):
    """One element as JSON writes it. `context` is where its children are looked up: a datatype or a backbone's path."""

    path: str
    required: bool
    many: bool
    types: tuple[str, ...]
    targets: tuple[str, ...]
    context: str


@cache
def _rows() -> dict[str, tuple[str, str, str]]:
    text = resources.files(__package__).joinpath("r4_elements.csv").read_text(encoding="utf-8")
    lines = csv.reader(line for line in text.splitlines() if not line.startswith("#"))
    next(lines)
    return {path: (low, high, kinds) for path, low, high, kinds in lines}


@cache
def resource_types() -> frozenset[str]:
    """The resource types known here."""
    return frozenset(
        path for path, row in _rows().items() if "." not in path and row[2] in ("DomainResource", "Resource")
    )


def _owners(context: str) -> list[str]:
    """The context and the base types whose elements it has too."""
    owners = [context]
    primitive = "Element" if context[:1].islower() else ""
    base = "BackboneElement" if "." in context else _rows().get(context, ("", "", primitive))[2]
    while base:
        owners.append(base)
        base = _rows().get(base, ("", "", ""))[2]
    return owners


def _element(path: str, row: tuple[str, str, str], kinds: list[str]) -> Element:
    names = tuple(kind.partition("(")[0] for kind in kinds)
    targets = tuple(target for kind in kinds for target in kind.partition("(")[2].removesuffix(")").split())
    context = names[0].removeprefix("#")
    if context in ("BackboneElement", "Element"):
        context = path
    return Element(path=path, required=row[0] != "0", many=row[1] != "1", types=names, targets=targets, context=context)


@cache
def child(context: str, name: str) -> Element | None:
    """The element `name` of a resource type, datatype or backbone path, or None where R4 has no such element.

    A choice is asked for as JSON writes it (`valueQuantity`) and answers that one type.
    """
    rows = _rows()
    for owner in _owners(context):
        if row := rows.get(f"{owner}.{name}"):
            return _element(f"{owner}.{name}", row, row[2].split("|"))
        for end in range(1, len(name)):
            path = f"{owner}.{name[:end]}[x]"
            if name[end].isupper() and (row := rows.get(path)):
                kinds = [kind for kind in row[2].split("|") if _written(kind) == name[end:]]
                if kinds:
                    return _element(path, row, kinds)
    return None


def _written(kind: str) -> str:
    name = kind.partition("(")[0]
    return name[0].upper() + name[1:]


def resolve(root: str, path: str) -> Element | None:
    """The element at a dotted path without indices below a resource type or datatype; None at an unknown step."""
    found: Element | None = None
    context = root
    for name in path.split("."):
        found = child(context, name)
        if found is None:
            return None
        context = found.context
    return found


def required(context: str) -> list[str]:
    """The names of the elements that R4 demands of a resource type, datatype or backbone (1..1 or 1..*)."""
    prefix = f"{context}."
    names = (path.removeprefix(prefix) for path, row in _rows().items() if path.startswith(prefix) and row[0] != "0")
    return [name for name in names if "." not in name]
