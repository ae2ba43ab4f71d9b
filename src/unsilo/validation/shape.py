"""What an object of one type or profile must look like, made ready once: fields by JSON key, needs, rules, slices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unsilo.validation.node import Binding, Node, Rule, Slicing, TypeRef
from unsilo.validation.primitives import PRIMITIVES
from unsilo.validation.run import Run
from unsilo.validation.slicing import Match

__all__ = ["RESOURCE", "Field", "Holds", "Need", "Shape", "Slice", "json_name"]

RESOURCE = frozenset(("Resource", "DomainResource"))
"""Types whose content is any resource."""

Holds = Callable[[Any, str, Run], bool]
"""An invariant made ready: tells whether it holds for a value of a type."""


def json_name(name: str, code: str) -> str:
    """Return the key under which a choice element of one type stands in JSON (FHIR R4 formats.html#choice)."""
    return name + code[0].upper() + code[1:]


class Slice:
    """One slice: its test, how often it may appear, and the shape that its items must have besides."""

    __slots__ = ("field", "least", "match", "most", "name")

    def __init__(self, name: str, least: int, most: int | None, match: Match, field: Field) -> None:
        self.name, self.least, self.most, self.match, self.field = name, least, most, match, field


class Field:
    """One JSON key of an object: how its value is checked."""

    __slots__ = (
        "binding", "check", "fixed", "group", "highest", "inline", "key", "kind", "least", "longest", "lowest", "many",
        "most", "name", "node", "pattern", "primitive", "rules", "shape", "slices", "slicing", "step", "type",
    )  # fmt: skip

    def __init__(self, node: Node, ref: TypeRef, *, many: bool) -> None:
        code = ref.code
        self.node = node
        self.type = ref
        self.name = node.name
        self.key = json_name(node.name, code) if node.choice else node.name
        self.step = f"{node.name}.ofType({code})" if node.choice else node.name
        self.group = node.name if node.choice else ""
        self.many = many
        self.least, self.most = node.least, node.most
        self.check = code
        self.primitive = PRIMITIVES.get(code)
        self.fixed, self.pattern, self.longest = node.fixed, node.pattern, node.longest
        self.lowest, self.highest = node.lowest, node.highest
        self.binding: Binding | None = node.binding
        self.rules: tuple[tuple[Rule, Holds], ...] = ()
        self.inline = bool(node.children)
        self.kind = code
        self.shape: Shape | None = None
        self.slicing: Slicing | None = node.slicing
        self.slices: tuple[Slice, ...] | None = None


class Need:
    """An element that must be there: under one of the keys (more than one for a choice); or a slice of it."""

    __slots__ = ("keys", "label", "least", "rule")

    def __init__(self, label: str, keys: tuple[str, ...], least: int, rule: str = "cardinality.min") -> None:
        self.label, self.keys, self.least, self.rule = label, keys, least, rule


class Shape:
    """An object's fields and needs. `source` is the address of the definition."""

    __slots__ = ("fields", "label", "needs", "root", "rules", "source", "type")

    def __init__(self, type_: str, source: str, root: Node) -> None:
        self.type, self.source, self.root = type_, source, root
        self.label = root.path.rpartition(".")[2] if "." in root.path else type_
        self.fields: dict[str, Field] = {}
        self.needs: tuple[Need, ...] = ()
        self.rules: tuple[tuple[Rule, Holds], ...] = ()
