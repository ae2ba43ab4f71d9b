"""The sections of a person's summary, in the order of the International Patient Summary, as a table."""

from collections.abc import Callable
from typing import NamedTuple

from unsilo.kernel import Json

__all__ = ["KINDS", "NOT_ASKED", "SECTIONS", "Section", "categories", "kind_of", "section_of"]


class Section(NamedTuple):
    """One heading of the summary: which resources belong to it, and how many rows stand open before `more`."""

    key: str
    title: str
    types: tuple[str, ...]
    rows: int
    what: str
    """The plural used in `No source has sent any ...`."""
    fold: bool = False
    """True: what is completed or cancelled stands behind `more`."""


SECTIONS: tuple[Section, ...] = (
    Section("allergies", "Allergies and intolerances", ("AllergyIntolerance",), 50, "allergies"),
    Section("problems", "Problems", ("Condition",), 20, "problems"),
    Section(
        "medications", "Medications",
        ("MedicationRequest", "MedicationStatement", "MedicationDispense", "MedicationAdministration"), 25,
        "medications",
    ),
    Section("immunisations", "Immunisations", ("Immunization",), 12, "immunisations"),
    Section("results", "Results", ("Observation",), 0, "results"),
    Section("reports", "Reports and documents", ("DiagnosticReport", "DocumentReference", "Composition"), 12,
            "reports"),
    Section("procedures", "Procedures", ("Procedure",), 10, "procedures"),
    Section("devices", "Devices", ("Device", "DeviceUseStatement"), 10, "devices"),
    Section("encounters", "Encounters", ("Encounter",), 8, "encounters"),
    Section("plan", "Plan", ("CarePlan", "Goal", "Appointment", "ServiceRequest"), 10, "plans or orders", True),
    Section("family", "Family and contacts", ("FamilyMemberHistory", "RelatedPerson"), 6, "family history or contacts"),
    Section("coverage", "Coverage and consent", ("Coverage", "Consent", "Flag"), 6, "coverage or consents", True),
)  # fmt: skip
"""IPS sections, required ones first (HL7 IPS STU 1.1 Composition.section), then what hospitals send besides."""

_BY_TYPE = {kind: section for section in SECTIONS for kind in section.types}

NOT_ASKED: dict[str, str] = {
    "http://snomed.info/sct|1631000175102": "Patient not asked",
    "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips|no-allergy-info": "No information on allergies",
    "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips|no-problem-info": "No information on problems",
    "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips|no-medication-info": "No information on medications",
    "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips|no-immunization-info": "No information",
}
"""Codes by which a source says that it does not know."""

KINDS: tuple[tuple[str, str], ...] = (
    ("encounter", "Encounters"),
    ("problem", "Problems"),
    ("allergy", "Allergies"),
    ("medication", "Medications"),
    ("immunisation", "Immunisations"),
    ("laboratory", "Laboratory"),
    ("vitals", "Vital signs"),
    ("observation", "Other findings"),
    ("report", "Reports"),
    ("procedure", "Procedures"),
    ("plan", "Plans and orders"),
    ("other", "Other"),
)
"""Lanes of the timeline by kind, top to bottom."""

_KIND: dict[str, str | Callable[[Json], str]] = {
    "Encounter": "encounter", "Condition": "problem", "AllergyIntolerance": "allergy",
    "MedicationRequest": "medication", "MedicationStatement": "medication", "MedicationDispense": "medication",
    "MedicationAdministration": "medication", "Immunization": "immunisation", "DiagnosticReport": "report",
    "DocumentReference": "report", "Composition": "report", "Procedure": "procedure", "CarePlan": "plan",
    "Goal": "plan", "Appointment": "plan", "ServiceRequest": "plan",
    "Observation": lambda r: _observation_kind(r),
}  # fmt: skip


def categories(resource: Json) -> set[str]:
    """Return the category codes of an Observation or other resource."""
    found: set[str] = set()
    for concept in resource.get("category") or ():
        if isinstance(concept, dict):
            for coding in concept.get("coding") or ():
                found.add(str(coding.get("code")))
    return found


_LABORATORY = frozenset(("laboratory", "30954-2"))
"""Category codes of laboratory results: FHIR's, and the results section of C-CDA (LOINC)."""


def _observation_kind(resource: Json) -> str:
    codes = categories(resource)
    if "vital-signs" in codes:
        return "vitals"
    measured = "referenceRange" in resource or "interpretation" in resource
    return "laboratory" if codes & _LABORATORY or (measured and not codes) else "observation"


def kind_of(resource: Json) -> str:
    """Return the lane key of a resource."""
    kind = _KIND.get(str(resource.get("resourceType")), "other")
    return kind if isinstance(kind, str) else kind(resource)


def section_of(kind: str) -> Section | None:
    """Return the section that a resource type stands in; None for types that are not shown by themselves."""
    return _BY_TYPE.get(kind)
