"""FHIR R4 by name and path: resource types and their numbers, which elements there are, how often, of which types."""

from __future__ import annotations

from functools import cache

import msgspec

from unsilo.spec.model import types

__all__ = ["Element", "child", "required", "resolve", "resource_types", "type_name", "type_number"]


class Element(msgspec.Struct, frozen=True):
    """One element as JSON writes it. `context` is where its children are looked up: a datatype or a backbone's path."""

    path: str
    required: bool
    many: bool
    types: tuple[str, ...]
    targets: tuple[str, ...]
    context: str


def resource_types() -> frozenset[str]:
    """Return the names of R4's concrete resource types."""
    return types.resources


@cache
def _sorted() -> tuple[str, ...]:
    return tuple(sorted(types.resources))


@cache
def _numbers() -> dict[str, int]:
    return {name: number for number, name in enumerate(_sorted(), start=1)}


def type_number(name: str) -> int:
    """Return the fixed number of a resource type: its place, from 1, in the sorted list. KeyError if unknown."""
    return _numbers()[name]


def type_name(number: int) -> str:
    """Return the resource type of a number. IndexError for an unknown one."""
    if number < 1:
        raise IndexError(number)
    return _sorted()[number - 1]


_children: dict[tuple[str, str], Element] = {}


def child(context: str, name: str) -> Element | None:
    """Return the element `name` of a resource type, datatype or backbone path, None where R4 has no such element.

    A choice is asked for as JSON writes it (`valueQuantity`) and answers that one type.
    """
    known = _children.get((context, name))
    if known is None and name in types.fields(context):
        known = _children[context, name] = _child(context, name)
    return known


def _child(context: str, name: str) -> Element:
    found = types.child(context, name)
    assert found is not None  # noqa: S101 - asked only for a name that the fields have
    element, below = found
    if element.choice:
        kinds: tuple[str, ...] = (below,)
    else:
        kinds = (f"#{element.content}",) if element.content else element.types
    return Element(
        path=element.path,
        required=element.min > 0,
        many=element.max != 1,
        types=kinds,
        targets=element.targets if not element.choice or below in ("Reference", "canonical") else (),
        context=below,
    )


def resolve(root: str, path: str) -> Element | None:
    """Return the element at a dotted path without indices below a type; None at an unknown step."""
    found: Element | None = None
    context = root
    for name in path.split("."):
        found = child(context, name)
        if found is None:
            return None
        context = found.context
    return found


def required(context: str) -> list[str]:
    """Name the elements that R4 demands of a resource type, datatype or backbone (1..1 or 1..*); a choice as `x[x]`."""
    return [e.path.rpartition(".")[2] for e in types.elements(context) if e.min > 0]
