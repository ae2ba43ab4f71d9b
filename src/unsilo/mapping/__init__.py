"""Declarative tables: source tree to FHIR resources with element-level lineage."""
