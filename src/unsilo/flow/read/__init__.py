"""What a person's record looks like to a reader: pure view models over stored FHIR facts and their lineage."""
