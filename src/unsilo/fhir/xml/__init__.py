"""FHIR XML in and out, as exact as JSON: what either says, the other says (FHIR R4 xml.html)."""

from unsilo.fhir.xml.places import spans
from unsilo.fhir.xml.read import decode
from unsilo.fhir.xml.write import encode

__all__ = ["decode", "encode", "spans"]
