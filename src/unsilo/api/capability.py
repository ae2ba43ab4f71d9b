"""The CapabilityStatement, made from the table of interactions and the search parameters that are served
(FHIR R4 capabilitystatement.html)."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import cache
from typing import NamedTuple

from unsilo import __version__
from unsilo.api.identities import INSTANTIATES
from unsilo.api.interaction import Interaction
from unsilo.kernel import Json, clock
from unsilo.search import Supported
from unsilo.spec.compartments import compartments
from unsilo.spec.parameters import parameters
from unsilo.spec.r4 import resource_types
from unsilo.terminology import Edition

__all__ = ["MODES", "NORMATIVE", "May", "Served", "capability_statement", "terminology_capabilities"]

MODES = ("full", "normative", "terminology")

NORMATIVE = frozenset((
    "Binary", "Bundle", "CapabilityStatement", "CodeSystem", "Observation", "OperationDefinition", "OperationOutcome",
    "Parameters", "Patient", "StructureDefinition", "ValueSet",
))  # fmt: skip
"""Resource types with normative content (FHIR R4 ballot-intro.html)."""

Served = Callable[[str], Iterable[Supported]]
"""The search parameters of a type that are served; type `Resource` for searches over types."""

_TYPE_LEVEL = (
    "read",
    "vread",
    "update",
    "patch",
    "delete",
    "history-instance",
    "history-type",
    "create",
    "search-type",
)
_SYSTEM_LEVEL = ("transaction", "batch", "search-system", "history-system")


@cache
def _referring() -> dict[str, list[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for kind in resource_types():
        for row in parameters(kind).values():
            if row.kind == "reference":
                for target in row.targets:
                    found[target].add(f"{kind}:{row.code}")
    return {target: sorted(names) for target, names in found.items()}


def _parameter(row: Supported) -> Json:
    said: Json = {"name": row.code}
    if row.url:
        said["definition"] = row.url
    said["type"] = row.kind
    return said


class May(NamedTuple):
    """What the settings allow: `deletes` by a condition (R4's code), `creates` whether an update may create."""

    deletes: str = "single"
    creates: bool = True


def _resource(kind: str, codes: frozenset[str], operations: list[Interaction], served: Served, may: May) -> Json:
    rows = sorted(served(kind), key=lambda row: row.code)
    said: Json = {
        "type": kind,
        "profile": f"http://hl7.org/fhir/StructureDefinition/{kind}",
        "interaction": [{"code": code} for code in _TYPE_LEVEL if code in codes],
        "versioning": "versioned",
        "readHistory": "vread" in codes,
    }
    if "create" in codes:
        said |= {"updateCreate": "update" in codes and may.creates, "conditionalCreate": True}
    said["conditionalRead"] = "full-support"
    if "update" in codes:
        said["conditionalUpdate"] = True
        said["conditionalDelete"] = may.deletes
    said["referencePolicy"] = ["literal", "logical", "local"]
    includes = [f"{kind}:{row.code}" for row in rows if row.kind == "reference"]
    if includes:
        said["searchInclude"] = ["*", *includes]
    if kind in _referring():
        said["searchRevInclude"] = _referring()[kind]
    said["searchParam"] = [_parameter(row) for row in rows]
    if kind == "Binary":
        said["documentation"] = "Also the original of a message, by the id of its envelope, to the byte."
    own = [_operation(row) for row in operations if row.pattern.startswith(f"{kind}/")]
    general = [_operation(row) for row in operations if row.pattern.startswith("[type]")]
    if own or general:
        said["operation"] = _unique([*own, *general])
    return said


def _operation(row: Interaction) -> Json:
    return {"name": row.code.removeprefix("$"), "definition": row.definition}


def _unique(rows: list[Json]) -> list[Json]:
    return list({row["name"]: row for row in rows}.values())


def capability_statement(
    table: Iterable[Interaction], served: Served, base: str, since: int, *, mode: str = "full", may: May | None = None
) -> Json:
    """Return the statement of what this server does; `since` when the node started, `may` what the settings allow."""
    may = may or May()
    rows = list(table)
    codes = frozenset(row.code for row in rows)
    operations = [row for row in rows if row.code.startswith("$") and row.definition]
    kinds = sorted(resource_types() & NORMATIVE if mode == "normative" else resource_types())
    system = [row for row in operations if row.pattern.startswith("$")]
    rest: Json = {
        "mode": "server",
        "security": {
            "cors": True,
            "description": "A client token as Bearer; without one, this machine only unless set otherwise.",
        },
        "resource": [_resource(kind, codes, operations, served, may) for kind in kinds],
        "interaction": [{"code": code} for code in _SYSTEM_LEVEL if code in codes or code == "transaction"],
        "searchParam": [_parameter(row) for row in sorted(served("Resource"), key=lambda row: row.code)],
    }  # fmt: skip
    if system:
        rest["operation"] = _unique([_operation(row) for row in system])
    base_of = "http://hl7.org/fhir/CompartmentDefinition/"
    rest["compartment"] = [base_of + name[0].lower() + name[1:] for name in compartments()]
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": clock.instant(since),
        "kind": "instance",
        "instantiates": list(INSTANTIATES),
        "software": {"name": "unsilo", "version": __version__},
        "implementation": {"description": "unsilo", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "application/fhir+xml", "json", "xml"],
        "patchFormat": ["application/json-patch+json", "application/fhir+json", "application/fhir+xml"],
        "rest": [rest],
    }


_EXPANSION = ("activeOnly", "count", "displayLanguage", "excludeNested", "filter", "includeDefinition",
              "includeDesignations", "offset", "system-version", "url", "valueSet")  # fmt: skip


def terminology_capabilities(base: str, since: int, editions: Iterable[Edition] = ()) -> Json:
    """Return what this server does for terminologies, and which large ones are here."""
    systems: dict[str, list[Json]] = {}
    for each in editions:
        versions = systems.setdefault(each.url, [])
        versions.append(({"code": each.version} if each.version else {}) | {"isDefault": not versions})
    return {
        "resourceType": "TerminologyCapabilities",
        "status": "active",
        "date": clock.instant(since),
        "kind": "instance",
        "software": {"name": "unsilo", "version": __version__},
        "implementation": {"description": "unsilo", "url": base},
        "lockedDate": False,
        "codeSystem": [{"uri": url, "version": versions, "subsumption": True} for url, versions in systems.items()],
        "expansion": {
            "hierarchical": True,
            "paging": True,
            "incomplete": False,
            "parameter": [{"name": name} for name in _EXPANSION],
            "textFilter": "every word of the text begins a word of one term of the code",
        },
        "codeSearch": "all",
        "validateCode": {"translations": True},
        "translation": {"needsMap": False},
        "closure": {"translation": False},
    }
