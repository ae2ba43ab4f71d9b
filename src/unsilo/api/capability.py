"""The CapabilityStatement, made from what this node really does (FHIR R4 capabilitystatement.html)."""

from collections.abc import Iterable

from unsilo import __version__
from unsilo.fhir.extract import parameters
from unsilo.kernel import Json, clock

__all__ = ["capability_statement"]

_INTERACTIONS = ("read", "vread", "history-instance", "search-type")


def _resource(kind: str) -> Json:
    row: Json = {
        "type": kind,
        "interaction": [{"code": code} for code in _INTERACTIONS],
        "versioning": "versioned",
        "readHistory": True,
        "searchParam": [
            {"name": name, "type": "token" if name == "_id" else shape}
            for name, shape in sorted({**parameters(kind), "_lastUpdated": "date"}.items())
        ],
    }
    if kind == "Patient":
        definition = "http://hl7.org/fhir/OperationDefinition/Patient-everything"
        row["operation"] = [{"name": "everything", "definition": definition}]
    return row


def capability_statement(kinds: Iterable[str], base: str, since: int) -> Json:
    """Return the statement for the resource types that are stored; `since` is when the node started."""
    rows = [_resource(kind) for kind in sorted({*kinds, "Patient"} - {"Binary"})]
    original = "The original of a message, by the id of its envelope, to the byte."
    rows.append({"type": "Binary", "interaction": [{"code": "read"}], "documentation": original})
    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": clock.instant(since),
        "kind": "instance",
        "software": {"name": "unsilo", "version": __version__},
        "implementation": {"description": "unsilo", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "json"],
        "rest": [
            {
                "mode": "server",
                "security": {
                    "description": "A client token as Bearer; without one, loopback only unless set otherwise."
                },
                "resource": sorted(rows, key=lambda row: row["type"]),
            }
        ],
    }
