"""The words of terminology: editions, concepts, terms, hits, translations, and what an import hands over."""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

__all__ = [
    "Concept", "Designation", "Edition", "Hit", "MapGroup", "MapRow", "Member", "Property", "Sink", "Subsumption",
    "Translation",
]  # fmt: skip

Subsumption = Literal["equivalent", "subsumes", "subsumed-by", "not-subsumed", ""]
"""FHIR R4 value set concept-subsumption-outcome; "" where it cannot be known."""


class Property(msgspec.Struct, frozen=True, omit_defaults=True):
    """One property that concepts of a system may have (FHIR R4 CodeSystem.property); `code` type refers to concepts."""

    code: str
    type: str = "string"
    description: str = ""
    uri: str = ""


class Edition(msgspec.Struct, frozen=True, omit_defaults=True):
    """One version of a code system: what it is, whose, and how many concepts are here."""

    url: str
    version: str = ""
    name: str = ""
    copyright: str = ""
    content: str = "complete"
    """`complete`, or `fragment` where an unknown code may yet exist (FHIR R4 value set codesystem-content-mode)."""
    case_sensitive: bool = True
    language: str = "en"
    value_set: str = ""
    count: int = 0
    properties: tuple[Property, ...] = ()


class Designation(msgspec.Struct, frozen=True, omit_defaults=True):
    """One term of a concept: language (BCP 47), use (the standard's code, such as SNOMED's 900000000000013009)."""

    term: str
    language: str = ""
    use: str = ""
    preferred: tuple[str, ...] = ()
    """Language reference sets in which the term is the preferred one of its use."""


class Concept(msgspec.Struct, omit_defaults=True):
    """A concept with all that is known of it; `properties` are (property, value, group)."""

    system: str
    version: str
    code: str
    display: str
    active: bool = True
    definition: str = ""
    designations: list[Designation] = []
    properties: list[tuple[str, str, int]] = []
    parents: list[str] = []
    children: list[str] = []
    successors: list[tuple[str, str]] = []
    """(relationship, code) of what replaces an inactive concept."""


class Hit(msgspec.Struct, frozen=True):
    """A concept found by its words; `term` is the one that fits, a higher `score` fits better."""

    system: str
    code: str
    display: str
    term: str
    active: bool = True
    score: float = 0.0


class Member(msgspec.Struct, frozen=True, omit_defaults=True):
    """A code of an expansion."""

    system: str
    version: str
    code: str
    display: str
    active: bool = True


class Translation(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a map leads: `equivalence` as in FHIR R4 value set concept-map-equivalence, read from source to target."""

    system: str
    code: str
    display: str = ""
    equivalence: str = "relatedto"
    map_url: str = ""
    map_version: str = ""
    comment: str = ""
    product: tuple[tuple[str, str, str], ...] = ()
    depends: tuple[tuple[str, str, str], ...] = ()


class MapGroup(msgspec.Struct, frozen=True, omit_defaults=True):
    """A map of one source system to one target system (FHIR R4 ConceptMap.group), `key` unique in its file."""

    key: int
    url: str
    version: str = ""
    name: str = ""
    source: str = ""
    target: str = ""
    unmapped: str = ""
    """`provided`, `fixed CODE` or `other-map URL` (ConceptMap.group.unmapped)."""
    source_set: str = ""
    target_set: str = ""


class MapRow(msgspec.Struct, frozen=True, omit_defaults=True):
    """One row of a map; rows of a source are kept in their order."""

    group: int
    source: str
    target: str
    equivalence: str = "relatedto"
    display: str = ""
    comment: str = ""
    product: tuple[tuple[str, str, str], ...] = ()
    depends: tuple[tuple[str, str, str], ...] = ()


class Sink(Protocol):
    """Takes a release piece by piece, in any order; what is said of a code nobody declares is counted and left out."""

    def concept(self, code: str, display: str, active: bool = True, definition: str = "") -> None:
        """Declare a concept; a second one of the same code is an Issue."""

    def term(self, code: str, term: str, language: str = "", use: str = "", preferred: str = "") -> None:
        """Give a concept a further term; `preferred` names language reference sets, separated by spaces."""

    def parent(self, code: str, parent: str) -> None:
        """Say that a concept is a direct kind of another."""

    def property(self, said: Property) -> None:
        """Declare a property; one that is used without is of the type string, or code where its values are concepts."""

    def relation(self, code: str, name: str, target: str, group: int = 0) -> None:
        """Give a concept a property whose value is a concept of the same system."""

    def value(self, code: str, name: str, value: str, group: int = 0) -> None:
        """Give a concept a property with another value."""

    def member(self, refset: str, code: str) -> None:
        """Put a concept into a reference set or answer list."""

    def successor(self, code: str, relationship: str, target: str) -> None:
        """Say what replaces a concept."""

    def group(self, group: MapGroup) -> None:
        """Begin a map."""

    def map(self, row: MapRow) -> None:
        """Add a row to a map."""

    def definition(self, kind: str, url: str, version: str, content: bytes) -> None:
        """Keep a resource as it is, as JSON."""
