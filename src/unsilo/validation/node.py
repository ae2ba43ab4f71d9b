"""A StructureDefinition's snapshot as a tree of element definitions, slices beside the element that they divide."""

from __future__ import annotations

from typing import Any

import msgspec

from unsilo.kernel import Json

__all__ = ["Binding", "Discriminator", "Node", "Rule", "Slicing", "TypeRef", "build", "type_code"]

_SYSTEM = "http://hl7.org/fhirpath/System."
_FHIR_TYPE = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type"


class TypeRef(msgspec.Struct, frozen=True):
    """One type that an element may have; `profiles` the type itself must meet, `targets` what a reference points to."""

    code: str
    profiles: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()


class Binding(msgspec.Struct, frozen=True):
    """A value set that the codes of an element come from; `most` is the largest set of an extensible binding."""

    strength: str
    value_set: str
    most: str = ""


class Rule(msgspec.Struct, frozen=True):
    """One invariant (FHIR R4 ElementDefinition.constraint)."""

    key: str
    severity: str
    human: str
    expression: str


class Discriminator(msgspec.Struct, frozen=True):
    """How slices are told apart: `kind` is value, pattern, exists, type or profile; `path` a restricted FHIRPath."""

    kind: str
    path: str


class Slicing(msgspec.Struct, frozen=True):
    """How an element is divided: `rules` is closed, open or openAtEnd."""

    discriminators: tuple[Discriminator, ...]
    rules: str
    ordered: bool


class Node(msgspec.Struct):
    """One element definition. `most` is None for `*`; `fixed` and `pattern` are values (None: none).

    `base_many` tells whether the base type allows more than one, and JSON so writes a list; None when nobody said.
    """

    id: str
    path: str
    name: str
    choice: bool
    least: int
    most: int | None
    types: tuple[TypeRef, ...] = ()
    fixed: Any = None
    pattern: Any = None
    binding: Binding | None = None
    rules: tuple[Rule, ...] = ()
    slicing: Slicing | None = None
    slice_name: str = ""
    content: str = ""
    longest: int | None = None
    base_many: bool | None = None
    lowest: Any = None
    highest: Any = None
    children: dict[str, Node] = {}
    slices: list[Node] = []


def type_code(said: Json) -> str:
    """Return the FHIR name of a type; the FHIRPath system types of ids and urls are named as FHIR does."""
    code = str(said.get("code", ""))
    if not code.startswith(_SYSTEM):
        return code
    for extension in said.get("extension", ()):
        if extension.get("url") == _FHIR_TYPE:
            return str(extension.get("valueUrl") or extension.get("valueUri") or "string")
    return code[len(_SYSTEM) :].lower()


def _valued(element: Json, stem: str) -> Any:
    for key, value in element.items():
        if key.startswith(stem) and len(key) > len(stem) and key[len(stem)].isupper():
            return value
    return None


def _types(element: Json) -> tuple[TypeRef, ...]:
    return tuple(
        TypeRef(type_code(each), tuple(each.get("profile", ())), tuple(each.get("targetProfile", ())))
        for each in element.get("type", ())
    )


_MOST = "http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet"


def _binding(element: Json) -> Binding | None:
    said = element.get("binding")
    if not said or "valueSet" not in said:
        return None
    most = next((x.get("valueCanonical", "") for x in said.get("extension", ()) if x.get("url") == _MOST), "")
    return Binding(said.get("strength", "example"), said["valueSet"], most)


def _slicing(element: Json) -> Slicing | None:
    said = element.get("slicing")
    if not said:
        return None
    found = tuple(Discriminator(each["type"], each["path"]) for each in said.get("discriminator", ()))
    return Slicing(found, said.get("rules", "open"), bool(said.get("ordered")))


def _node(element: Json) -> Node:
    path = element["path"]
    last = path.rpartition(".")[2]
    most = str(element.get("max", "*"))
    rules = tuple(
        Rule(each["key"], each.get("severity", "error"), each.get("human", ""), each.get("expression", ""))
        for each in element.get("constraint", ())
        if each.get("expression")
    )
    return Node(
        id=str(element.get("id", path)), path=path, name=last.removesuffix("[x]"), choice=last.endswith("[x]"),
        least=int(element.get("min", 0)), most=None if most == "*" else int(most), types=_types(element),
        fixed=_valued(element, "fixed"), pattern=_valued(element, "pattern"), binding=_binding(element), rules=rules,
        slicing=_slicing(element), slice_name=element.get("sliceName", ""),
        content=element.get("contentReference", "").rpartition("#")[2], longest=element.get("maxLength"),
        base_many=None if "base" not in element else str(element["base"].get("max", "*")) not in ("0", "1"),
        lowest=_valued(element, "minValue"), highest=_valued(element, "maxValue"),
    )  # fmt: skip


def build(definition: Json) -> Node:
    """Return the root element of a StructureDefinition with a snapshot; ValueError when it has none or it is torn."""
    elements = definition.get("snapshot", {}).get("element", [])
    if not elements:
        raise ValueError(f"{definition.get('url', 'a profile')} has no snapshot")
    root = _node(elements[0])
    known = {root.id: root}
    for element in elements[1:]:
        node = _node(element)
        parent_id, _, last = node.id.rpartition(".")
        parent = known.get(parent_id)
        if parent is None:
            raise ValueError(f"{definition.get('url', 'a profile')}: {node.id} has no parent in the snapshot")
        known[node.id] = node
        if ":" in last:
            # A slice of a slice (`lab/sodium`) divides that one; where it is not defined, the element.
            name, _, within = last.partition(":")
            outer = f":{within.rpartition('/')[0]}" if "/" in within else ""
            sliced = known.get(f"{parent_id}.{name}{outer}") or known.get(f"{parent_id}.{name}")
            if sliced is None:
                raise ValueError(f"{definition.get('url', 'a profile')}: {node.id} divides what is not there")
            sliced.slices.append(node)
        else:
            parent.children[node.name] = node
    return root
