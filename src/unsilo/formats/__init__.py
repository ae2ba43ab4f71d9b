"""One folder per wire format that is not FHIR: bytes to tree and back, with byte positions."""
