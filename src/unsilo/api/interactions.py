"""Every interaction that this server has, in the order of the standard (FHIR R4 http.html)."""

from unsilo.api import (
    bulk,
    bulk_import,
    bundling,
    describing,
    meta,
    originals,
    reading,
    records,
    searching,
    validating,
    writing,
)
from unsilo.api.identities import ROWS as IDENTITIES
from unsilo.api.interaction import Interaction
from unsilo.api.terminology import ROWS as TERMINOLOGY

__all__ = ["INTERACTIONS"]

_DEFINITION = "http://hl7.org/fhir/OperationDefinition/"
_BULK = "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/"
_SUMMARY = "http://hl7.org/fhir/uv/ips/OperationDefinition/summary"

INTERACTIONS: tuple[Interaction, ...] = (
    Interaction("GET", "metadata", "capabilities", "", describing.capabilities),
    Interaction("GET", "openapi.json", "openapi", "", describing.description, raw=True),
    # Instances
    Interaction("GET", "[type]/[id]", "read", "read", reading.read),
    Interaction("GET", "Binary/[id]", "read", "read", originals.read, raw=True),
    Interaction("GET", "[type]/[id]/_history/[vid]", "vread", "read", reading.vread),
    Interaction("GET", "Binary/[id]/_history/[vid]", "vread", "read", originals.vread, raw=True),
    Interaction("PUT", "[type]/[id]", "update", "write", writing.update),
    Interaction("PUT", "Binary/[id]", "update", "write", originals.update, raw=True),
    Interaction("PATCH", "[type]/[id]", "patch", "write", writing.patch),
    Interaction("DELETE", "[type]/[id]", "delete", "write", writing.delete),
    Interaction("GET", "[type]/[id]/_history", "history-instance", "read", reading.history),
    # Types
    Interaction("POST", "[type]", "create", "write", writing.create),
    Interaction("POST", "Binary", "create", "write", originals.create, raw=True),
    Interaction("PUT", "[type]", "update", "write", writing.update_where),
    Interaction("PATCH", "[type]", "patch", "write", writing.patch_where),
    Interaction("DELETE", "[type]", "delete", "write", writing.delete_where),
    Interaction("GET", "[type]", "search-type", "read", searching.search),
    Interaction("POST", "[type]/_search", "search-type", "read", searching.search),
    Interaction("GET", "[type]/[id]/[within]", "search-compartment", "read", searching.search),
    Interaction("POST", "[type]/[id]/[within]/_search", "search-compartment", "read", searching.search),
    Interaction("GET", "[type]/_history", "history-type", "read", reading.history),
    # The whole server
    Interaction("POST", "", "batch", "", bundling.bundle),
    Interaction("GET", "", "search-system", "read", searching.search),
    Interaction("POST", "_search", "search-system", "read", searching.search),
    Interaction("GET", "_history", "history-system", "read", reading.history),
    # Bulk data
    Interaction("GET", "$export", "$export", "read", bulk.system, _BULK + "export"),
    Interaction("POST", "$export", "$export", "read", bulk.system, _BULK + "export"),
    Interaction("GET", "Patient/$export", "$export", "read", bulk.patient, _BULK + "patient-export"),
    Interaction("POST", "Patient/$export", "$export", "read", bulk.patient, _BULK + "patient-export"),
    Interaction("GET", "Group/[id]/$export", "$export", "read", bulk.group, _BULK + "group-export"),
    Interaction("POST", "Group/[id]/$export", "$export", "read", bulk.group, _BULK + "group-export"),
    Interaction("GET", "$export-status/[id]", "", "read", bulk.status, raw=True),
    Interaction("DELETE", "$export-status/[id]", "", "read", bulk.cancel, raw=True),
    Interaction("GET", "$export-file/[id]", "", "read", bulk.download, raw=True),
    Interaction("POST", "$import", "", "write", bulk_import.kick_off),
    Interaction("GET", "$import-status/[id]", "", "write", bulk_import.status, raw=True),
    Interaction("DELETE", "$import-status/[id]", "", "write", bulk_import.cancel, raw=True),
    Interaction("GET", "$import-file/[id]", "", "write", bulk_import.download, raw=True),
    # Operations
    Interaction("POST", "[type]/$validate", "$validate", "read", validating.validate,
                _DEFINITION + "Resource-validate"),
    Interaction("GET", "[type]/[id]/$validate", "$validate", "read", validating.validate,
                _DEFINITION + "Resource-validate"),
    Interaction("POST", "[type]/[id]/$validate", "$validate", "read", validating.validate,
                _DEFINITION + "Resource-validate"),
    *IDENTITIES,
    Interaction("GET", "Patient/[id]/$everything", "$everything", "read", records.everything,
                _DEFINITION + "Patient-everything"),
    Interaction("GET", "Patient/[id]/$summary", "$summary", "read", records.summary, _SUMMARY),
    Interaction("POST", "Patient/[id]/$everything", "$everything", "read", records.everything,
                _DEFINITION + "Patient-everything"),
    Interaction("POST", "Patient/[id]/$summary", "$summary", "read", records.summary, _SUMMARY),
    Interaction("GET", "[type]/[id]/$meta", "$meta", "read", meta.meta, _DEFINITION + "Resource-meta"),
    Interaction("GET", "[type]/[id]/_history/[vid]/$meta", "$meta", "read", meta.meta, _DEFINITION + "Resource-meta"),
    Interaction("POST", "[type]/[id]/$meta-add", "$meta-add", "write", meta.add, _DEFINITION + "Resource-meta-add"),
    Interaction("POST", "[type]/[id]/$meta-delete", "$meta-delete", "write", meta.remove,
                _DEFINITION + "Resource-meta-delete"),
    # Terminology
    *TERMINOLOGY,
)  # fmt: skip
"""Addresses by pattern. A batch has no scope of its own: each of its entries needs that of what it asks for."""
