"""The element model of FHIR R4: which elements a type has, in which order, how often and of which types."""

from __future__ import annotations

from functools import cache
from typing import Final

import msgspec

from unsilo.spec.definitions import capsule

__all__ = ["Element", "Types", "types"]

_INLINE: Final = ("BackboneElement", "Element")


class Element(msgspec.Struct, frozen=True):
    """One element of a type.

    `path` is the definition's (`Observation.value[x]`), `name` the stem (`value`). `max` None: any number. `targets`:
    resource types that a Reference may name, canonical ones too. `content`: the path whose elements are repeated here.
    `attribute`: written as attribute in XML. `binding`: (strength, canonical of the ValueSet).
    """

    path: str
    name: str
    types: tuple[str, ...]
    min: int
    max: int | None
    choice: bool = False
    targets: tuple[str, ...] = ()
    summary: bool = False
    modifier: bool = False
    binding: tuple[str, str] | None = None
    content: str = ""
    attribute: bool = False

    def context(self, kind: str) -> str:
        """Return where the children of this element are looked up when its type is `kind`."""
        if self.content:
            return self.content
        return self.path if kind in _INLINE and not self.choice else kind


class _Row(msgspec.Struct, array_like=True):
    below: str
    min: int
    max: int
    types: tuple[str, ...]
    targets: tuple[str, ...]
    flags: str
    strength: str
    value_set: str
    content: str

    def element(self, owner: str) -> Element:
        stem = self.below.rpartition(".")[2]
        return Element(
            path=f"{owner}.{self.below}",
            name=stem.removesuffix("[x]"),
            types=self.types,
            min=self.min,
            max=None if self.max < 0 else self.max,
            choice=stem.endswith("[x]"),
            targets=self.targets,
            summary="s" in self.flags,
            modifier="m" in self.flags,
            binding=(self.strength, self.value_set) if self.strength else None,
            content=self.content,
            attribute="a" in self.flags,
        )


class _Type(msgspec.Struct, array_like=True):
    name: str
    base: str
    kind: str
    abstract: bool
    elements: list[_Row]


class Types:
    """The types of one release: answers are cached, made when first asked for."""

    def __init__(self, rows: list[_Type]) -> None:
        self._rows = {row.name: row for row in rows}
        self._fields: dict[str, dict[str, Element]] = {}
        self._elements: dict[str, tuple[Element, ...]] = {}
        self._children: dict[tuple[str, str], tuple[Element, str]] = {}
        self._inner: dict[str, dict[str, list[_Row]]] = {}
        self.resources: Final = frozenset(r.name for r in rows if r.kind == "resource" and not r.abstract)

    def names(self) -> list[str]:
        """List all types: resources, abstract ones too, datatypes and primitives."""
        return list(self._rows)

    def _own(self, context: str) -> list[_Row]:
        """Return the rows directly below a type or backbone path."""
        name, _, below = context.partition(".")
        if name not in self._inner:
            if name not in self._rows:
                return []
            parts: dict[str, list[_Row]] = {}
            for row in self._rows[name].elements:
                parts.setdefault(row.below.rpartition(".")[0], []).append(row)
            self._inner[name] = parts
        return self._inner[name].get(below, [])

    def _base(self, context: str) -> str:
        if "." not in context:
            return self.parent(context)
        element = self.at(context)
        return element.types[0] if element and element.types else ""

    def elements(self, context: str) -> tuple[Element, ...]:
        """Return the elements of a type or backbone path in the order of the standard; () for an unknown one."""
        found = self._elements.get(context)
        if found is None:
            name, dot, below = context.partition(".")
            own = [row.element(name) for row in self._own(context)] if below or not dot else []
            if not own and context not in self._rows:
                return ()
            base = self._base(context)
            found = (*(self.elements(base) if base else ()), *own)
            self._elements[context] = found
        return found

    def fields(self, context: str) -> dict[str, Element]:
        """Map the names that JSON writes below a type or backbone path to their elements, in the standard's order.

        A choice has one name for each type (`valueQuantity`). Names of a primitive's extensions (`_value`) are not
        listed. Not to be changed by the caller.
        """
        found = self._fields.get(context)
        if found is None:
            found = {}
            if not self.elements(context):
                return found
            for element in self.elements(context):
                if element.choice:
                    found |= {f"{element.name}{kind[0].upper()}{kind[1:]}": element for kind in element.types}
                else:
                    found[element.name] = element
            self._fields[context] = found
        return found

    def child(self, context: str, name: str) -> tuple[Element, str] | None:
        """Return (element, its type name or the path where its children are looked up) of a JSON name.

        Asked by the stem, a choice answers its first type. None where the type has no such element.
        """
        found = self._children.get((context, name))
        if found is None and (found := self._child(context, name)) is not None:
            # What is not there is not remembered: foreign names would fill the memory.
            self._children[context, name] = found
        return found

    def _child(self, context: str, name: str) -> tuple[Element, str] | None:
        element = self.fields(context).get(name)
        if element is None:
            found = next((e for e in self.elements(context) if e.choice and e.name == name), None)
            return (found, found.types[0]) if found else None
        if element.choice:
            said = name[len(element.name) :]
            kind = next(k for k in element.types if k[0].upper() + k[1:] == said)
        else:
            kind = element.types[0] if element.types else ""
        return element, element.context(kind)

    def at(self, path: str) -> Element | None:
        """Return the element of a definition's path (`Observation.component`, `Observation.value[x]`)."""
        owner, _, name = path.rpartition(".")
        return next((e for e in self.elements(owner) if e.path.rpartition(".")[2] == name), None) if owner else None

    def kind(self, name: str) -> str:
        """Return `resource`, `complex-type` or `primitive-type`; "" for an unknown name."""
        row = self._rows.get(name)
        return row.kind if row else ""

    def is_primitive(self, name: str) -> bool:
        """Whether JSON writes the type as one value."""
        return self.kind(name) == "primitive-type"

    def parent(self, name: str) -> str:
        """Return the type that this one derives from; "" for a root or an unknown name."""
        row = self._rows.get(name)
        return row.base if row else ""

    def is_a(self, name: str, other: str) -> bool:
        """Whether `name` is `other` or derives from it."""
        while name and name != other:
            name = self.parent(name)
        return bool(name)


@cache
def _load() -> Types:
    return Types(msgspec.json.decode(capsule("server").raw("types") or b"[]", type=list[_Type]))


types: Final = _load()
"""The types of FHIR R4 (4.0.1)."""
