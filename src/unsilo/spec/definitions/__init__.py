"""FHIR R4's definitions, packed: parsed when asked for, by canonical URL."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

from unsilo.spec.definitions.pack import Pack

__all__ = [
    "capsule",
    "code_system",
    "compartment_definition",
    "concept_map",
    "operation",
    "search_parameter",
    "structure",
    "urls",
    "value_set",
]

Json = dict[str, Any]
_BASE = "http://hl7.org/fhir/StructureDefinition/"
_CORRECTED = "4.0."
"""Guides that were written for 4.0.0 cite definitions by that version; 4.0.1 is its technical correction."""


@cache
def capsule(name: str) -> Pack:
    """Open a pack of the data folder by its file's name without the end (`structures`, `value_sets`, ...)."""
    return Pack(resources.files(__package__).joinpath("data", f"{name}.zst"))


@cache
def _versions(name: str) -> dict[str, str]:
    """Map canonical URLs without version to the key of the latest version there is."""
    return {key.partition("|")[0]: key for key in sorted(capsule(name).index)}


def _get(name: str, canonical: str) -> Json | None:
    pack = capsule(name)
    url, _, version = canonical.partition("|")
    if not version or (canonical not in pack.index and version.startswith(_CORRECTED)):
        canonical = _versions(name).get(url, canonical)
    found: Json | None = pack.get(canonical)
    return found


def urls(name: str) -> list[str]:
    """List the canonicals (`url|version`) of a pack."""
    return list(capsule(name).index)


def structure(canonical: str) -> Json | None:
    """Return a StructureDefinition by canonical (`url` or `url|version`) or by the bare name of a type of R4.

    Slimmed to what validation reads. A new copy each time: callers keep what they compile of it.
    """
    return _get("structures", canonical if ":" in canonical else _BASE + canonical)


def value_set(canonical: str) -> Json | None:
    """Return a ValueSet by canonical, with its `copyright`."""
    return _get("value_sets", canonical)


def code_system(canonical: str) -> Json | None:
    """Return a CodeSystem by canonical, with its concepts and `copyright`."""
    return _get("code_systems", canonical)


def concept_map(canonical: str) -> Json | None:
    """Return a ConceptMap by canonical."""
    return _get("concept_maps", canonical)


def operation(canonical: str) -> Json | None:
    """Return an OperationDefinition by canonical."""
    return _get("operations", canonical)


def search_parameter(canonical: str) -> Json | None:
    """Return a SearchParameter by canonical, as published; `spec.parameters` has them ready for a type."""
    return _get("search_parameters", canonical)


def compartment_definition(canonical: str) -> Json | None:
    """Return a CompartmentDefinition by canonical."""
    return _get("compartments", canonical)
