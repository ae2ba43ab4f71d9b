"""Habits of senders: one field among several deleted, other countries' numbers, local names, misplaced segments."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.mapping.v2_bench import bodies, mapped, only, sources
from unsilo.kernel import Json

PID = "PID|||1^^^HOSP^MR||Doe^Ann"


def patient(**fields: str) -> Any:
    """The Patient entry of a PID with more fields, named `f15` and so on."""
    parts = PID.split("|") + [""] * 30
    for name, text in fields.items():
        parts[int(name[1:])] = text
    return only(mapped("ADT^A08^ADT_A01", "|".join(parts)), "Patient")


@pytest.mark.parametrize(
    ("field", "cleared"),
    [
        ("f14", ["telecom[use=work]"]),
        ("f13", ["telecom[use!=work]"]),
        ("f19", ["identifier[type.coding.code=SS]"]),
        ("f17", ["extension[url=http://hl7.org/fhir/StructureDefinition/patient-religion]"]),
        ("f16", ["maritalStatus"]),
        ("f3", []),
        ("f20", []),
    ],
)
def test_a_delete_empties_what_its_field_fills(field: str, cleared: list[str]) -> None:
    """One deleted field takes nothing of others that fill the same list; an identifier that nothing tells stays."""
    entry = patient(**{field: '""'})
    assert entry.cleared == cleared
    assert all(sources(entry, one.partition("[")[0]) for one in cleared)


@pytest.mark.parametrize(
    ("sent", "language"),
    [
        ("spa", {"coding": [{"code": "es", "system": "urn:ietf:bcp:47"}, {"code": "spa"}]}),
        ("^Spanish", {"coding": [{"code": "es", "system": "urn:ietf:bcp:47"}], "text": "Spanish"}),
        ("pt^Portuguese^BCP47", {"coding": [{"code": "pt", "display": "Portuguese", "system": "urn:ietf:bcp:47"}]}),
        ("TLH^Klingon^L", {"text": "Klingon"}),
        ("ZZ", {"text": "ZZ"}),
    ],
)
def test_languages(sent: str, language: Json) -> None:
    """R4 takes a language by BCP 47 alone (all-languages): by code or name of ISO 639, else its words."""
    assert patient(f15=sent).resource["communication"] == [{"language": language}]


@pytest.mark.parametrize(
    ("number", "system"),
    [("555112222", True), ("555-11-2222", True), ("A0001", False), ("85.06.15-123.45", False)],
)
def test_a_number_of_another_form_is_not_of_the_us(number: str, system: bool) -> None:
    """PID-19 holds other countries' numbers, too: one that cannot be of the US is of no system."""
    found = next(one for one in patient(f19=number).resource["identifier"] if one["value"] == number)
    assert (found.get("system") == "http://hl7.org/fhir/sid/us-ssn") is system


def test_a_laboratorys_number_is_no_table() -> None:
    """A coding system named by four digits beyond HL7's tables is the sender's own."""
    body = f"{PID}\nOBR|1||F1|FBE^Blood^2184\nOBX|1|NM|HB^Hb^0396||1||||||F"
    result = mapped("ORU^R01", body, organisation="Lab")
    assert only(result, "DiagnosticReport").resource["code"]["coding"][0]["system"] == "urn:unsilo:lab:2184"
    system = only(result, "Observation").resource["code"]["coding"][0]["system"]
    assert system == "http://terminology.hl7.org/CodeSystem/v2-0396"


def test_a_system_alone_is_no_coding() -> None:
    """A coding system beside no code and no words makes no coding; it is listed."""
    result = mapped("ORU^R01", f"{PID}\nOBR|1||F1|FBE^Blood^L^^^LN\nOBX|1|CWE|X^Y^L||^^SCT^^^^^^clumped||||||F")
    assert len(only(result, "DiagnosticReport").resource["code"]["coding"]) == 1
    assert only(result, "Observation").resource["valueCodeableConcept"] == {"text": "clumped"}
    assert {("OBR-4.6", "LN"), ("OBX-5.3", "SCT")} <= {(path, value) for _, path, value in result.unconsumed}


def test_a_range_as_a_structured_number() -> None:
    """OBX-7 written as `150^-^400` is that range, not `150`."""
    entry = only(mapped("ORU^R01", f"{PID}\nOBR|1||F1|A\nOBX|1|SN|X^Y^L||^145|g/L|150^-^400||||F"), "Observation")
    (found,) = entry.resource["referenceRange"]
    assert (found["text"], found["low"]["value"], found["high"]["value"]) == ("150^-^400", 150, 400)
    assert sources(entry, "referenceRange[0].low.value") == [(3, 7, 0, 0, 0)]


def test_clinical_information_is_words() -> None:
    """OBR-13 is a text up to v2.6: it is no code."""
    order = only(mapped("ORU^R01", f"{PID}\nOBR|1||F1|A|||||||||fever & chills"), "ServiceRequest").resource
    held = next(one for one in order["extension"] if one["url"].endswith("OBR-13"))
    assert held["valueCodeableConcept"] == {"text": "fever & chills"}


@pytest.mark.parametrize("event", ["A40^ADT_A39", "A45^ADT_A45", "A60^ADT_A60", "A24^ADT_A24"])
def test_a_merge_does_not_open_a_visit(event: str) -> None:
    """A message about the person says nothing of where a visit stands, unless it tells the visit's start."""
    body = f"{PID}\nMRG|2^^^HOSP^MR\nPV1||I|W1||||||||||||||||V1"
    assert bodies(mapped(f"ADT^{event}", body), "Encounter")[-1]["status"] == "unknown"


def test_the_general_practitioner_by_other_names() -> None:
    """FHCP (table 0443) and ODRP (IHE PAM, France) are the person's own doctor, as PP is."""
    for role in ("PP", "FHCP", "ODRP"):
        result = mapped("ADT^A01^ADT_A01", f"{PID}\nROL||UC|{role}|7^Leroy^Jean\nPV1||I|W1")
        assert only(result, "Patient").resource["generalPractitioner"][0]["reference"].startswith("PractitionerRole/")


def test_notes_of_a_dispense_stand_once() -> None:
    """The repetitions of RXD-9 are one note."""
    body = f"{PID}\nORC|RE|1\nRXE||1^A^L|1\nRXD|1|1^A^L|20240101|1||||1|first~second"
    notes = only(mapped("RDS^O13^RDS_O13", body), "MedicationDispense").resource["note"]
    assert [note["text"] for note in notes] == ["first\nsecond"]


def test_ingredients_before_the_encoded_order() -> None:
    """Where RXC stands before RXE, what RXE names is the code of the compound: one choice, not two."""
    body = f"{PID}\nORC|NW|1\nRXO|^Vanco\nTQ1|1||BID\nRXC|A|1^Vanco^L|1|g\nRXE||2^Vancomycin^L|1||g"
    result = mapped("RDE^O11^RDE_O11", body)
    for order in bodies(result, "MedicationRequest"):
        assert not {"medicationReference", "medicationCodeableConcept"} <= order.keys()
    codes = [one["code"]["coding"][0]["code"] for one in bodies(result, "Medication") if "coding" in one["code"]]
    assert codes == ["2"]
    medication = next(one for one in result.entries if one.resource["resourceType"] == "Medication")
    assert sources(medication, "code.coding[0].code") == [(6, 2, 0, 1, 0)]


def test_a_problem_that_is_active_and_ended() -> None:
    """The status stands, the end is kept beside it with an Issue: R4 has no active problem with an end (con-4)."""
    result = mapped("PPR^PC1^PPR_PC1", f"{PID}\nPRB|AD|20240305|1^Gout^L|7|||||20240601|||||A^Active^HL70533")
    entry = only(result, "Condition")
    assert "abatementDateTime" not in entry.resource
    held = next(one for one in entry.resource["extension"] if one["url"] == "urn:unsilo:v2:PRB-9")
    assert held["valueDateTime"] == "2024-06-01"
    assert "mapping.v2.abatement" in {issue.rule for issue in result.issues}
    ended = only(mapped("PPR^PC1^PPR_PC1", f"{PID}\nPRB|AD|20240305|1^Gout^L|7|||||20240601"), "Condition").resource
    assert (ended["abatementDateTime"], ended["clinicalStatus"]["coding"][0]["code"]) == ("2024-06-01", "resolved")


def test_repeated_values_of_many_parts_stay_whole() -> None:
    """Several names or numbers with their authorities are components, each with all of its parts."""
    body = f"{PID}\nOBR|1||F1|A\nOBX|1|XPN|N^n^L||Doe^Ann~Roe^Bea||||||F"
    result = mapped("ORU^R01", body)
    assert [one["valueString"] for one in only(result, "Observation").resource["component"]] == ["Doe Ann", "Roe Bea"]
    assert not [path for _, path, _ in result.unconsumed if path.startswith("OBX-5")]


@pytest.mark.parametrize(
    ("name", "system"),
    [
        ("ICD-10-GM-2024", "http://fhir.de/CodeSystem/bfarm/icd-10-gm"),
        ("I10G2024", "http://fhir.de/CodeSystem/bfarm/icd-10-gm"),
        ("OPS-2024", "http://fhir.de/CodeSystem/bfarm/ops"),
        ("CID10", "http://hl7.org/fhir/sid/icd-10"),
        ("KIS2024", "urn:unsilo:lab:kis2024"),
        ("2024", "urn:unsilo:lab:2024"),
    ],
)
def test_the_year_of_a_release_behind_a_system(name: str, system: str) -> None:
    """A known system is known with the year of its release; another name stays the sender's own."""
    result = mapped("ADT^A01^ADT_A01", f"{PID}\nDG1|1||E11.90^x^{name}", organisation="Lab")
    (coding,) = only(result, "Condition").resource["code"]["coding"]
    assert coding["system"] == system
    assert coding.get("version") == (name[-4:] if "fhir.de" in system else None)
