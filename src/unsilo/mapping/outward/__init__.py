"""FHIR outward: a person's resources as a C-CDA document or as HL7 v2 messages, and what could not be carried."""

from unsilo.mapping.outward.ccda import to_ccda
from unsilo.mapping.outward.record import Made, Record, gather, joined
from unsilo.mapping.outward.rules import faults
from unsilo.mapping.outward.v2 import pid_fields, to_hl7v2

__all__ = ["Made", "Record", "faults", "gather", "joined", "pid_fields", "to_ccda", "to_hl7v2"]
