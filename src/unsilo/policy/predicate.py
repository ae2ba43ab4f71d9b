"""What a caller may see, as one value: a tenant, an algebra over resources, and the elements that are masked."""

from typing import Final, TypeAlias

import msgspec

__all__ = [
    "EVERYTHING", "NOTHING", "Allow", "And", "Compartment", "Everything", "Label", "Not", "Nothing", "Or", "Predicate",
    "Source", "Types", "pushed",
]  # fmt: skip


class Everything(msgspec.Struct, frozen=True, tag=True):
    """Every resource of the tenant."""


class Nothing(msgspec.Struct, frozen=True, tag=True):
    """No resource."""


class Types(msgspec.Struct, frozen=True, tag=True):
    """Resources of these types."""

    names: frozenset[str]


class Compartment(msgspec.Struct, frozen=True, tag=True):
    """Resources in the compartment of one of these Patients (FHIR R4 compartmentdefinition-patient), with themselves.

    `patients` are ids of source Patients, `persons` numbers of persons, who stand for all their source Patients.
    """

    patients: frozenset[str] = frozenset()
    persons: frozenset[int] = frozenset()


class Label(msgspec.Struct, frozen=True, tag=True):
    """Resources whose meta.security has this code; codes are compared as in a token search."""

    system: str
    code: str


class Source(msgspec.Struct, frozen=True, tag=True):
    """Resources whose current version one of these feeds sent."""

    feeds: frozenset[str]


class And(msgspec.Struct, frozen=True, tag=True):
    """Resources that every part allows; all when there is no part."""

    parts: tuple["Allow", ...]


class Or(msgspec.Struct, frozen=True, tag=True):
    """Resources that some part allows; none when there is no part."""

    parts: tuple["Allow", ...]


class Not(msgspec.Struct, frozen=True, tag=True):
    """Resources that the part does not allow.

    Of a deleted resource neither labels nor compartment are known, so neither `Label` nor `Not(Label)` allows it.
    """

    part: "Allow"


Allow: TypeAlias = Everything | Nothing | Types | Compartment | Label | Source | And | Or | Not

EVERYTHING: Final = Everything()
NOTHING: Final = Nothing()


class Predicate(msgspec.Struct, frozen=True):
    """What a caller may see; part of every statement that reads resources, on every alias.

    `elements` names masked elements by resource type: they are taken out of what is shown, and a search that would
    look at one is refused.
    """

    tenant: int = 0
    allow: Allow = EVERYTHING
    elements: dict[str, frozenset[str]] = {}


def pushed(allow: Allow, *, negated: bool = False) -> Allow:
    """Return the same algebra with every `Not` directly above a `Types`, `Compartment`, `Label` or `Source`."""
    if isinstance(allow, Not):
        return pushed(allow.part, negated=not negated)
    if isinstance(allow, And | Or):
        parts = tuple(pushed(part, negated=negated) for part in allow.parts)
        return And(parts) if isinstance(allow, And) != negated else Or(parts)
    if not negated:
        return allow
    if isinstance(allow, Everything):
        return NOTHING
    return EVERYTHING if isinstance(allow, Nothing) else Not(allow)
