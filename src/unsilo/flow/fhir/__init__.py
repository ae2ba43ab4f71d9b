"""What programs ask of the record over FHIR: reads, histories, searches, writes, whole records."""
