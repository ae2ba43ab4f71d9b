"""The types that `is`, `as`, `ofType` and `type` speak of (FHIRPath N1, 6.3, 10.2)."""

from collections.abc import Callable

from unsilo.fhir.path.errors import PathError
from unsilo.fhir.path.kinds import SYSTEM, Item
from unsilo.fhir.path.tree import Name
from unsilo.spec.model import types

__all__ = ["cast", "reflected", "type_test"]


def _known(name: Name, expression: str) -> bool:
    """Whether FHIR has the type. PathError (execution) for a type that neither FHIR nor System has."""
    said = name.name
    known = bool(types.kind(said)) or ("." in said and types.at(said) is not None)
    if name.space not in ("", "FHIR") or (not known and (name.space or said not in SYSTEM)):
        full = f"{name.space}.{said}" if name.space else said
        raise PathError("execution", f"there is no type {full}", name.at, expression)
    return known


def type_test(name: Name, expression: str) -> Callable[[Item], bool]:
    """Return the test that `is` makes. PathError (execution) for a type that there is not.

    A name without a namespace is a type of FHIR, or else of System; `Quantity` is either. Heirs are of the type too.
    """
    if name.space == "System":
        own = name.name[:1].upper() + name.name[1:]
        return lambda item: item[1].system and own in item[1].ancestors
    said, known = name.name, _known(name, expression)
    if known and (name.space or said != "Quantity"):
        return lambda item: said in item[1].ancestors and not item[1].system
    if known:
        return lambda item: said in item[1].ancestors
    return lambda item: item[1].system and said in item[1].ancestors


def cast(name: Name, expression: str) -> Callable[[Item], Item | None]:
    """Return what `as` and `ofType` make of an item: the item, or None when it is of another type.

    Primitives of FHIR are independent types here, a `code` is no `string`; as a System type they give their value (FHIR
    R4 fhirpath.html, 2.9.1.2 and 2.9.1.5).
    """
    is_it = type_test(name, expression)
    if name.space == "System" or (not types.kind(name.name) and name.name in SYSTEM):
        own = name.name[:1].upper() + name.name[1:]

        def to_system(item: Item) -> Item | None:
            value, kind, _ = item
            if kind.system or not kind.primitive or kind.family != own or value is None:
                return item if is_it(item) else None
            return (kind.convert(value) if kind.convert else value), SYSTEM[own], None

        return to_system
    if types.is_primitive(name.name):
        said = name.name
        return lambda item: item if item[1].name == said and not item[1].system else None
    return lambda item: item if is_it(item) else None


def reflected(item: Item) -> dict[str, str]:
    """Return what `type()` says of an item: namespace, name and base type; a type without a name is its base."""
    kind = item[1]
    if kind.system:
        return {"namespace": "System", "name": kind.name, "baseType": "System.Any"}
    name = kind.name
    if "." in name:
        name = "BackboneElement" if "BackboneElement" in kind.ancestors else "Element"
    base = types.parent(name)
    return {"namespace": "FHIR", "name": name, "baseType": f"FHIR.{base}" if base else "System.Any"}
