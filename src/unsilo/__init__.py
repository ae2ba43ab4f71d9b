"""unsilo frees healthcare data: messages and documents in, FHIR R4 with lineage and one person's timeline out."""

__version__ = "0.1.0"
