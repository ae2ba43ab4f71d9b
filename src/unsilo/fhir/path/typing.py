"""The types that `is`, `as`, `ofType` and `type` speak of (FHIRPath N1, 6.3, 10.2)."""

from collections.abc import Callable

from unsilo.fhir.path.errors import PathError
from unsilo.fhir.path.kinds import SYSTEM, Item
from unsilo.fhir.path.tree import Name
from unsilo.spec.model import types

__all__ = ["reflected", "type_test"]


def type_test(name: Name, expression: str) -> Callable[[Item], bool]:
    """Return the test of an item against a type. PathError (execution) for a type that there is not.

    A name without a namespace is a type of FHIR, or else of System; `Quantity` is either. Heirs are of the type too.
    """
    said = name.name
    if name.space == "System":
        return lambda item: item[1].system and said in item[1].ancestors
    known = bool(types.kind(said)) or ("." in said and types.at(said) is not None)
    if name.space not in ("", "FHIR") or (not known and (name.space or said not in SYSTEM)):
        full = f"{name.space}.{said}" if name.space else said
        raise PathError("execution", f"there is no type {full}", name.at, expression)
    if known and (name.space or said != "Quantity"):
        return lambda item: said in item[1].ancestors and not item[1].system
    if known:
        return lambda item: said in item[1].ancestors
    return lambda item: item[1].system and said in item[1].ancestors


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
