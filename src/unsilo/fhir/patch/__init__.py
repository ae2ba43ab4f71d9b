"""Patches of resources: JSON Patch (RFC 6902) and FHIRPath Patch (FHIR R4 fhirpatch.html)."""

from unsilo.fhir.patch.fhirpath_patch import fhirpath_patch
from unsilo.fhir.patch.json_patch import json_patch

__all__ = ["fhirpath_patch", "json_patch"]
