"""What the product keeps of a definition: what validation, search and terminology read; prose and mappings go."""

from __future__ import annotations

import re
from typing import Final

from unsilo.kernel import Json

__all__ = ["KINDS", "slim", "slim_element"]

_COMMON: Final = "resourceType id url version name title status copyright".split()
_KEPT: Final[dict[str, list[str]]] = {
    "StructureDefinition": [
        *_COMMON,
        *"description kind abstract type baseDefinition derivation context contextInvariant".split(),
    ],
    "ValueSet": [*_COMMON, *"description compose expansion".split()],
    "CodeSystem": [
        *_COMMON,
        *"description caseSensitive valueSet hierarchyMeaning compositional versionNeeded content supplements".split(),
        *"property filter concept".split(),
    ],
    "ConceptMap": [*_COMMON, *"sourceUri sourceCanonical targetUri targetCanonical group".split()],
    "OperationDefinition": [
        *_COMMON,
        *"description kind affectsState code comment base resource system type instance".split(),
        *"inputProfile outputProfile parameter overload".split(),
    ],
    "SearchParameter": [
        *_COMMON,
        *"description code base type expression xpathUsage target multipleOr multipleAnd comparator modifier".split(),
        *"chain component derivedFrom".split(),
    ],
    "CompartmentDefinition": [*_COMMON, *"code search resource".split()],
}
KINDS: Final = frozenset(_KEPT)
"""The resource types that are definitions here."""
_ELEMENT: Final = set(
    "id path sliceName slicing min max base contentReference type binding constraint maxLength representation short "
    "sliceIsConstraining".split()
)
_FLAGS: Final = {"isModifier", "isSummary", "mustSupport"}
_VALUES: Final = re.compile(r"(fixed|pattern|minValue|maxValue|defaultValue)[A-Z]")
_TYPE_EXTENSIONS: Final = ("structuredefinition-fhir-type", "regex", "structuredefinition-hierarchy")


def slim_element(element: Json) -> Json:
    """Keep of an ElementDefinition what validation reads; prose goes, but for `short` and the invariants' words."""
    kept = {k: v for k, v in element.items() if k in _ELEMENT or (k in _FLAGS and v) or _VALUES.match(k)}
    if "constraint" in kept:
        kept["constraint"] = [
            {k: v for k, v in c.items() if k not in ("xpath", "extension")} for c in kept["constraint"]
        ]
    if "binding" in kept:
        kept["binding"] = {k: v for k, v in kept["binding"].items() if k in ("strength", "valueSet")} | _bound(kept)
    if "type" in kept:
        kept["type"] = [_slim_type(kind) for kind in kept["type"]]
    if kept.get("base") == {k: kept.get(k) for k in ("path", "min", "max")}:
        del kept["base"]
    return kept


def _bound(element: Json) -> Json:
    """Return the extensions of a binding that narrow it (maxValueSet); the others are names for documents."""
    kept = [e for e in element["binding"].get("extension", ()) if e["url"].endswith("maxValueSet")]
    return {"extension": kept} if kept else {}


def _slim_type(kind: Json) -> Json:
    """Keep what a type says of its profiles, and the extensions that name a primitive's type and pattern."""
    kept = {k: v for k, v in kind.items() if k != "extension"}
    wanted = [e for e in kind.get("extension", ()) if e["url"].rpartition("/")[2] in _TYPE_EXTENSIONS]
    return kept | {"extension": wanted} if wanted else kept


def _slim_concept(concept: Json) -> Json:
    """Keep a concept's code, words, properties and children."""
    kept = {k: v for k, v in concept.items() if k not in ("extension", "concept")}
    if "concept" in concept:
        kept["concept"] = [_slim_concept(child) for child in concept["concept"]]
    return kept


def slim(resource: Json) -> Json:
    """Keep of a definition what the product reads."""
    kind = resource["resourceType"]
    kept = {k: resource[k] for k in _KEPT[kind] if k in resource}
    if kind == "StructureDefinition":
        for view in ("snapshot",) if "snapshot" in resource else ("differential",):
            kept[view] = {"element": [slim_element(e) for e in resource[view]["element"]]}
    if kind == "CodeSystem" and "concept" in kept:
        kept["concept"] = [_slim_concept(c) for c in kept["concept"]]
    return kept
