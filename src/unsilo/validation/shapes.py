"""Makes shapes of definitions, each once: base types, profiles, and what a profile says inline."""

from __future__ import annotations

from typing import Any, NamedTuple

from unsilo.kernel import Json
from unsilo.validation.invariants import prepare
from unsilo.validation.node import Node, TypeRef, build
from unsilo.validation.primitives import PRIMITIVES
from unsilo.validation.shape import Field, Need, Shape, Slice, json_name
from unsilo.validation.slicing import Known, matcher
from unsilo.validation.value_sets import Definitions

__all__ = ["BASE", "Shapes", "Structure"]

BASE = "http://hl7.org/fhir/StructureDefinition/"

_UNBOUND = TypeRef("")


class Structure(NamedTuple):
    """What matters of a StructureDefinition; `contexts` are (type, expression) of where an extension may stand."""

    url: str
    type: str
    base: str
    contexts: tuple[tuple[str, str], ...]
    modifier: bool
    root: Node


def _structure(said: Json) -> Structure:
    root = build(said)
    contexts = tuple((str(each.get("type", "")), str(each.get("expression", ""))) for each in said.get("context", ()))
    return Structure(
        str(said.get("url", "")), str(said.get("type", root.path)), str(said.get("baseDefinition", "")), contexts,
        bool(said["snapshot"]["element"][0].get("isModifier")), root,
    )  # fmt: skip


class Shapes:
    """Shapes by type name and by profile address, made when they are first needed."""

    def __init__(self, definitions: Definitions) -> None:
        self._definitions = definitions
        self._structures: dict[str, Structure | None] = {}
        self._types: dict[str, Shape | None] = {}
        self._profiles: dict[str, Shape | None] = {}
        self._inline: dict[int, tuple[Node, Shape]] = {}

    def structure(self, url: str) -> Structure | None:
        """Return what matters of a definition; None when it is not here or has no snapshot."""
        if url not in self._structures:
            said = self._definitions.structure(url) or self._definitions.structure(url.partition("|")[0])
            try:
                self._structures[url] = _structure(said) if said is not None else None
            except ValueError:
                self._structures[url] = None
        return self._structures[url]

    def root_of_type(self, code: str) -> Node | None:
        """Return the element tree of a base type."""
        found = self.structure(BASE + code) if code else None
        return found.root if found is not None else None

    def of_type(self, code: str) -> Shape | None:
        """Return the shape of a base type or resource."""
        if code not in self._types:
            self._types[code] = None
            root = self.root_of_type(code)
            if root is not None:
                said = self.structure(BASE + code)
                type_ = said.type if said is not None else code
                shape = self._types[code] = Shape(type_, BASE + code, root)
                self._fill(shape, root, root)
        return self._types[code]

    def of_profile(self, url: str) -> Shape | None:
        """Return the shape of a profile or extension by its address."""
        if url.startswith(BASE) and (base := self.of_type(url[len(BASE) :])) is not None:
            return base
        if url not in self._profiles:
            self._profiles[url] = None
            found = self.structure(url)
            if found is not None:
                shape = self._profiles[url] = Shape(found.type, url, found.root)
                self._fill(shape, found.root, found.root)
        return self._profiles[url]

    def of_node(self, node: Node, top: Node, type_: str) -> Shape:
        """Return the shape of what a definition says inline below one of its elements."""
        kept = self._inline.get(id(node))
        if kept is None:
            shape = Shape(type_, "", node)
            kept = self._inline[id(node)] = (node, shape)
            self._fill(shape, node, top)
        return kept[1]

    def _fill(self, shape: Shape, node: Node, top: Node) -> None:
        needs: list[Need] = []
        for child in node.children.values():
            fields = self._fields(child, top, shape)
            for field in fields:
                shape.fields[field.key] = field
            label = f"{child.name}[x]" if child.choice else child.name
            keys = tuple(field.key for field in fields)
            if child.least > 0 and fields:
                needs.append(Need(label, keys, child.least))
            needs += _slice_needs(child, label, keys)
        shape.needs = tuple(needs)
        if node is top:  # those of an element within stand with its field
            shape.rules = prepare(node.rules)

    def _fields(self, node: Node, top: Node, shape: Shape) -> list[Field]:
        target = _find(top, node.content) if node.content else node
        target = target or node
        refs = target.types or ((_UNBOUND,) if target.children else ())
        many = _many(node)
        made: list[Field] = []
        by_key: dict[str, Field] = {}
        for ref in refs:
            field = Field(node, ref, many=many)
            same = by_key.get(field.key)
            if same is not None:  # the same type twice, with other profiles: any of them will do
                same.type = TypeRef(ref.code, same.type.profiles + ref.profiles, same.type.targets + ref.targets)
                continue
            by_key[field.key] = field
            if target.children:
                field.inline = True
            if node.choice:
                self._narrow_choice(field, node)
                if field.node is node and node.slices and _by_type(node) and node.slicing.rules == "closed":  # type: ignore[union-attr]
                    field.most = 0  # no slice is of this type
            made.append(field)
        for field in made:
            if node.name == "id" and shape.root.children.get("meta") is not None:
                field.check = "id"
                field.primitive = PRIMITIVES["id"]  # the snapshot says string; resource.html#id says id
            self._finish(field, target, top)
        return made

    def _narrow_choice(self, field: Field, node: Node) -> None:
        """What a profile says of one type of a choice stands in a slice of that type."""
        for each in node.slices:
            if len(each.types) == 1 and each.types[0].code == field.type.code:
                field.node = each
                field.type = each.types[0]
                field.fixed = each.fixed if each.fixed is not None else field.fixed
                field.pattern = each.pattern if each.pattern is not None else field.pattern
                field.binding = each.binding or field.binding
                field.inline = bool(each.children)
                field.slicing = None

    def _finish(self, field: Field, target: Node, top: Node) -> None:
        code = field.type.code
        own = prepare(field.node.rules)
        seen = {rule.key for rule, _ in own}
        type_root = self.root_of_type(code) if field.inline else None
        of_type = prepare(type_root.rules) if type_root is not None else ()
        field.rules = (*own, *((rule, holds) for rule, holds in of_type if rule.key not in seen))
        if field.inline:
            holder = field.node if field.node.children else target
            field.shape = self.of_node(holder, top, code or "BackboneElement")
        if not code or code in ("BackboneElement", "Element"):
            field.kind = target.path  # an element of a resource is known by its path, wherever it is repeated

    def slices_of(self, field: Field, top: Node, known: Known) -> tuple[Slice, ...]:
        """Return the slices of a field with their tests; one that cannot be told apart is left out."""
        if field.slices is None:
            field.slices = ()
            made: list[Slice] = []
            for each in field.node.slices:
                how = field.slicing.discriminators if field.slicing is not None else ()
                match = matcher(how, each, known)
                ref = each.types[0] if each.types else field.type
                if match is None:
                    continue
                inner = Field(each, ref, many=False)
                inner.name, inner.key, inner.step, inner.group = field.name, field.key, field.step, ""
                self._finish(inner, each, top)
                made.append(Slice(each.slice_name, each.least, each.most, match, inner))
            field.slices = tuple(made)
        return field.slices


def _slice_needs(node: Node, label: str, keys: tuple[str, ...]) -> list[Need]:
    """Return what slices demand where their element is not there at all, or is there with another type of a choice."""
    wanted = [each for each in node.slices if each.least > 0] if keys else []
    if node.choice and _by_type(node):
        return [
            Need(f"{label}:{each.slice_name}", (json_name(node.name, each.types[0].code),), each.least, "slice.min")
            for each in wanted
            if len(each.types) == 1
        ]
    if node.least:
        return []  # the element itself is demanded
    return [Need(f"{label}:{each.slice_name}", keys, each.least, "slice.min") for each in wanted]


def _by_type(node: Node) -> bool:
    """Tell whether a choice is divided by its types."""
    return node.slicing is not None and [(d.kind, d.path) for d in node.slicing.discriminators] == [("type", "$this")]


def _many(node: Node) -> bool:
    """Tell whether JSON writes a list: so says the base type, however few a profile allows."""
    if node.base_many is not None:
        return node.base_many
    return node.most is None or node.most > 1


def _find(top: Node, id_: str) -> Node | None:
    """Return the element that a content reference names (`Observation.referenceRange`)."""
    here: Any = top
    for step in id_.split(".")[1:]:
        here = here.children.get(step.removesuffix("[x]")) if here is not None else None
    return here if isinstance(here, Node) else None
