"""HL7 v2 on the mapping engine: where segments belong, what generated code calls, acts, and what nothing used."""
