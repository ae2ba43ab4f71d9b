"""Search keys of FHIR resources, by the standard's SearchParameters."""

from unsilo.fhir.index.rows import IDENTIFIER, OF_TYPE, IndexRows

__all__ = ["IDENTIFIER", "OF_TYPE", "IndexRows"]
