"""HTTP for machines: FHIR REST, ingest, health, metrics."""
