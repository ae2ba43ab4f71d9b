"""Types while an expression runs: which children a node has and of which type they are, from the element model."""

from collections.abc import Callable
from decimal import Decimal
from functools import cache
from typing import Any, Final, TypeAlias

from unsilo.fhir.path import quantity, temporal
from unsilo.spec.model import types

__all__ = [
    "BOOLEAN", "DATE", "DATETIME", "DECIMAL", "INTEGER", "NOBODY", "QUANTITY", "STRING", "SYSTEM", "TIME", "Item",
    "Items", "Kind", "Plan", "kind", "kind_of", "resource_kind", "system_kind",
]  # fmt: skip

ONE, SIMPLE, CHOICE, RESOURCE, PART = range(5)
"""How a member is read: a node of one type, a primitive, one of several types, a resource, a part of a primitive."""


class Plan:
    """How the children of one name are read from a JSON object of one type."""

    __slots__ = ("below", "choices", "key", "kind", "mode")

    def __init__(self, mode: int, key: str, kind: "Kind", choices: "dict[str, Kind] | None" = None) -> None:
        self.mode = mode
        self.key = key
        self.below = "_" + key
        self.kind = kind
        self.choices = choices or {}


class Kind:
    """A type of the model or of System.

    `name` is the model's context (`Patient`, `Patient.contact`, `HumanName`, `code`) or the System type's name.
    `convert` makes the System value of a primitive or a Quantity, None where the JSON value is it. `ancestors`: the
    names that `is` answers true to. `members`: the plan of each name that may follow a point. `fields`: the type below
    each JSON name and the name of what stands beside it; a resource's own type is found in the resource.
    """

    members: dict[str, Plan]
    fields: "dict[str, tuple[Kind, str]]"

    __slots__ = ("ancestors", "convert", "family", "fields", "members", "name", "primitive", "resource", "system")

    def __init__(self, name: str, *, system: bool = False) -> None:
        self.name = name
        self.system = system
        self.primitive = system or types.is_primitive(name)
        self.resource = not system and types.kind(name) == "resource"
        self.ancestors = frozenset(_ancestors(name)) if not system else frozenset((name, "Any"))
        self.family = name if system else _family(self.ancestors)
        self.convert: Callable[[Any], Any] | None = None if system else _CONVERT.get(self.family)

    def __repr__(self) -> str:
        return f"Kind({self.said})"

    @property
    def said(self) -> str:
        """The name with its namespace."""
        return f"System.{self.name}" if self.system else f"FHIR.{self.name}"

    def __getattr__(self, name: str) -> Any:
        # Made when first asked for: reading a slot that is filled costs nothing, and most types are never met.
        if name == "members":
            self.members = _members(self)
            return self.members
        if name == "fields":
            found = {} if self.system or self.primitive else types.fields(self.name)
            self.fields = {key: (kind(_below(self.name, key)), "_" + key) for key in found}
            return self.fields
        raise AttributeError(name)


Item: TypeAlias = tuple[Any, Kind, Any]
"""A value, its type, and for a primitive of FHIR its extensions (`_name` of JSON, or the `Place` it stands at)."""
Items: TypeAlias = list[Item]
NOBODY: Final[Item] = ({}, Kind("Nothing", system=True), None)
"""What stands for `$this` where there is none: the condition of `iif` on an empty collection."""


def _below(context: str, name: str) -> str:
    child = types.child(context, name)
    return child[1] if child and child[1] else "Element"


def _ancestors(name: str) -> list[str]:
    found = [name]
    if "." in name:
        element = types.at(name)
        name = element.types[0] if element and element.types else "BackboneElement"
        found.append(name)
    while name := types.parent(name):
        found.append(name)
    return found


_FAMILIES: Final = {
    "boolean": "Boolean", "integer": "Integer", "decimal": "Decimal", "date": "Date", "dateTime": "DateTime",
    "instant": "DateTime", "time": "Time", "Quantity": "Quantity", "string": "String", "uri": "String",
    "base64Binary": "String", "xhtml": "String",
}  # fmt: skip
"""FHIR types and the System types that they are taken as (FHIR R4 fhirpath.html, 2.9.4); heirs go with them."""


def _family(ancestors: frozenset[str]) -> str:
    return next((_FAMILIES[name] for name in ancestors if name in _FAMILIES), "")


def _or_text(read: Callable[[str], Any]) -> Callable[[Any], Any]:
    """What is no date stays the text that it is, so that comparing it says so."""

    def convert(value: Any) -> Any:
        found = read(value) if isinstance(value, str) else None
        return value if found is None else found

    return convert


def _number(value: Any) -> Any:
    return Decimal(value) if type(value) is int else value


_CONVERT: Final[dict[str, Callable[[Any], Any]]] = {
    "Date": _or_text(temporal.date),
    "DateTime": _or_text(temporal.datetime_),
    "Time": _or_text(temporal.time),
    "Decimal": _number,
    "Quantity": lambda node: quantity.from_fhir(node) or node,
}


@cache
def kind(name: str) -> Kind:
    """Return the type of a context of the model; made once. Unknown names have no children."""
    return Kind(name)


def _members(owner: Kind) -> dict[str, Plan]:
    if owner.system and owner.name == "Quantity":
        return {"value": Plan(PART, "value", SYSTEM["Decimal"]), "unit": Plan(PART, "unit", STRING)}
    if owner.system:
        told = ("namespace", "name", "baseType") if owner.name == "TypeInfo" else ()
        return {name: Plan(SIMPLE, name, STRING) for name in told}
    if owner.primitive:
        parts = {"id": STRING, "extension": kind("Extension"), "value": _SYSTEM_OF.get(owner.family, STRING)}
        return {name: Plan(PART, name, below) for name, below in parts.items()}
    found: dict[str, Plan] = {}
    for element in types.elements(owner.name):
        if element.choice:
            names = [f"{element.name}{name[0].upper()}{name[1:]}" for name in element.types]
            choices = {key: kind(name) for key, name in zip(names, element.types, strict=True)}
            found[element.name] = Plan(CHOICE, element.name, kind("Element"), choices)
            continue
        below = kind(_below(owner.name, element.name))
        mode = RESOURCE if below.resource else SIMPLE if below.primitive else ONE
        found[element.name] = Plan(mode, element.name, below)
    return found


def resource_kind(node: Any) -> Kind:
    """Return the type that a resource says it is; Resource when it says none that is known."""
    name = node.get("resourceType") if isinstance(node, dict) else None
    found = _RESOURCES.get(name) if type(name) is str else None
    if found is None:
        found = kind(name) if type(name) is str and name in types.resources else kind("Resource")
        if found.name == name:
            _RESOURCES[found.name] = found
    return found


_RESOURCES: Final[dict[str, Kind]] = {}


SYSTEM: Final = {
    name: Kind(name, system=True)
    for name in ("Any", "Boolean", "String", "Integer", "Decimal", "Date", "DateTime", "Time", "Quantity", "TypeInfo")
}
BOOLEAN, STRING, INTEGER, DECIMAL = SYSTEM["Boolean"], SYSTEM["String"], SYSTEM["Integer"], SYSTEM["Decimal"]
DATE, DATETIME, TIME, QUANTITY = SYSTEM["Date"], SYSTEM["DateTime"], SYSTEM["Time"], SYSTEM["Quantity"]
_SYSTEM_OF: Final = SYSTEM

_BY_CLASS: Final[dict[type, Kind]] = {
    bool: BOOLEAN, str: STRING, int: INTEGER, Decimal: DECIMAL, temporal.Date: DATE, temporal.DateTime: DATETIME,
    temporal.Time: TIME, quantity.Quantity: QUANTITY,
}  # fmt: skip


def system_kind(value: Any) -> Kind:
    """Return the System type of a value."""
    return _BY_CLASS[type(value)]


def kind_of(value: Any) -> Kind:
    """Return the type of a value that comes without one: a resource, another node, or a System value."""
    if type(value) is dict:
        found = _RESOURCES.get(value.get("resourceType", ""))
        return found or (resource_kind(value) if "resourceType" in value else kind("Element"))
    return _BY_CLASS.get(type(value), STRING)
