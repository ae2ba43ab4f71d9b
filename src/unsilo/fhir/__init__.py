"""FHIR R4 resources as plain JSON objects: codec, references, merging, bundles, search-key extraction."""
