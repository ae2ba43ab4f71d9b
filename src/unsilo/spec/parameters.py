"""FHIR R4's search parameters, one for each (resource type, code), with numbers that never change."""

from __future__ import annotations

from functools import cache
from typing import Literal

import msgspec

from unsilo.spec.definitions import capsule

__all__ = ["FIRST_CUSTOM", "Component", "Kind", "SearchParameter", "all_parameters", "parameter", "parameters"]

FIRST_CUSTOM = 100_000
"""Numbers of a store's own parameters start here."""

Kind = Literal["number", "date", "string", "token", "reference", "composite", "quantity", "uri", "special"]


class Component(msgspec.Struct, frozen=True, array_like=True):
    """One part of a composite parameter: the parameter that says how it matches, the path below the composite."""

    code: str
    number: int
    kind: Kind
    expression: str


class SearchParameter(msgspec.Struct, frozen=True, array_like=True):
    """One search parameter of one resource type.

    `expression` holds only the alternatives of this type, begins at the type's name and has `ofType` for `as`; it is
    "" where the standard gives none. `targets` are the types that a reference may name, () for not said. `modifiers`,
    `comparators` and `chain` are as the definition lists them, () for not said.
    """

    number: int
    type: str
    code: str
    kind: Kind
    expression: str
    targets: tuple[str, ...] = ()
    components: tuple[Component, ...] = ()
    url: str = ""
    name: str = ""
    multiple_or: bool = True
    multiple_and: bool = True
    modifiers: tuple[str, ...] = ()
    comparators: tuple[str, ...] = ()
    chain: tuple[str, ...] = ()


_STRUCTURES = "http://hl7.org/fhir/StructureDefinition/"
_ALSO = {
    "http://hl7.org/fhir/SearchParameter/patient-extensions-Patient-mothersMaidenName": (
        f"Patient.extension('{_STRUCTURES}patient-mothersMaidenName')"
    )
}
"""Where R4's own expression names an extension that R4 does not define, the one that it does define."""


@cache
def all_parameters() -> tuple[SearchParameter, ...]:
    """Return all parameters of R4, in the order of their numbers (position 0 has number 1)."""
    raw = capsule("server").raw("parameters") or b"[]"
    found = msgspec.json.decode(raw, type=tuple[SearchParameter, ...])
    return tuple(
        msgspec.structs.replace(one, expression=f"{one.expression} | {_ALSO[one.url]}") if one.url in _ALSO else one
        for one in found
    )


@cache
def _by_type() -> dict[str, dict[str, SearchParameter]]:
    found: dict[str, dict[str, SearchParameter]] = {}
    for one in all_parameters():
        found.setdefault(one.type, {})[one.code] = one
    return found


def parameters(kind: str) -> dict[str, SearchParameter]:
    """Map codes to the parameters of a resource type, `_id` and the like included; {} for an unknown type.

    "Resource" and "DomainResource" are answered too: they hold the parameters that every type has, for a search over
    types; index rows never carry those numbers. Not to be changed by the caller.
    """
    return _by_type().get(kind, {})


def parameter(kind: str, code: str) -> SearchParameter | None:
    """Return the parameter `code` of a resource type, or None where R4 has none."""
    return parameters(kind).get(code)
