"""FHIR JSON intake: bundles, single resources and NDJSON lines, with ids of ours, closed references and lineage."""

from unsilo.mapping.fhir_json.engine import FhirMap, open_map
from unsilo.mapping.fhir_json.locate import lines, span

__all__ = ["FhirMap", "lines", "open_map", "span"]
