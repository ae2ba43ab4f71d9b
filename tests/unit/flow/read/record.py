"""One made-up person whose three sources agree, disagree, correct themselves and leave things out."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from unsilo.flow.read.fact import Fact, Source, named_sources
from unsilo.kernel.clock import from_instant

NOW = from_instant("2026-11-21T09:00:00Z")
LOINC, SNOMED = "http://loinc.org", "http://snomed.info/sct"
SOURCES: dict[str, Source] = named_sources(
    [("north", "North Hospital"), ("lab", "City Laboratory"), ("clinic", "Harbour Clinic")]
)


def concept(text: str, *codes: tuple[str, str], **more: Any) -> dict[str, Any]:
    """Return a CodeableConcept of words and (system, code) pairs."""
    return {"text": text, "coding": [{"system": s, "code": c} for s, c in codes]} | more


def fact(kind: str, id_: str, source: str = "north", *, seen: str = "2026-11-20T10:00:00Z", **resource: Any) -> Fact:
    """Return a Fact of a resource; `seen` is when it came to us."""
    gone = resource.pop("gone", 0)
    new = resource.pop("new", False)
    version = resource.pop("version", 1)
    body = {"resourceType": kind, "id": id_, "subject": {"reference": "Patient/a"}} | resource
    return Fact(kind, id_, version, from_instant(seen), source, body, gone, new)


def quantity(value: str, unit: str) -> dict[str, Any]:
    """Return a Quantity with its digits kept."""
    return {"value": Decimal(value), "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}


def lab(
    id_: str,
    name: str,
    loinc: str,
    value: str,
    unit: str,
    when: str,
    source: str = "lab",
    *,
    low: str = "",
    high: str = "",
    flag: str = "",
    status: str = "final",
    **more: Any,
) -> Fact:
    """Return one laboratory result."""
    extra: dict[str, Any] = {}
    if low or high:
        extra["referenceRange"] = [{k: quantity(v, unit) for k, v in (("low", low), ("high", high)) if v}]
    if flag:
        extra["interpretation"] = [{"coding": [{"code": flag}]}]
    return fact(
        "Observation", id_, source, status=status, code=concept(name, (LOINC, loinc)), effectiveDateTime=when,
        category=[{"coding": [{"code": "laboratory"}]}], valueQuantity=quantity(value, unit), **extra, **more,
    )  # fmt: skip


def status(code: str) -> dict[str, Any]:
    """Return a clinicalStatus or verificationStatus."""
    return {"coding": [{"code": code}]}


def patients() -> list[Fact]:
    """Return the person's three source Patients."""
    mrn = {"coding": [{"code": "MR"}]}
    return [
        fact("Patient", "a", "north", birthDate="1945-07-14", gender="female",
             name=[{"use": "official", "family": "Demirci", "given": ["Ada", "Leyla"], "prefix": ["Dr"]}],
             identifier=[{"system": "urn:id:north", "value": "0042118", "type": mrn, "assigner": {"display": "North"}}],
             address=[{"line": ["12 Quay Road"], "city": "Northport"}]),
        fact("Patient", "b", "lab", birthDate="1945-07-14", gender="female",
             name=[{"family": "Demirci", "given": ["Ada"]}],
             identifier=[{"system": "urn:id:lab", "value": "L-9931", "type": mrn}]),
        fact("Patient", "c", "clinic", birthDate="1945-07-15", gender="female",
             name=[{"family": "Demirci", "given": ["Ada", "Leyla"]}, {"use": "maiden", "family": "Öztürk"}],
             identifier=[{"system": "urn:id:clinic", "value": "77-1045", "type": mrn}]),
    ]  # fmt: skip


def facts() -> list[Fact]:
    """Return all other facts of the person."""
    rows: list[Fact] = [*_lists(), *_results(), *_documents()]
    return rows


def _lists() -> Iterable[Fact]:
    active, confirmed = status("active"), status("confirmed")
    penicillin = concept("Penicillin", (SNOMED, "764146007"))
    yield fact("AllergyIntolerance", "al1", "north", code=penicillin, clinicalStatus=active, criticality="high",
               verificationStatus=confirmed,
               reaction=[{"manifestation": [concept("Anaphylaxis")], "severity": "severe"}])  # fmt: skip
    yield fact("AllergyIntolerance", "al2", "clinic", code=penicillin, clinicalStatus=active, criticality="low",
               verificationStatus=status("unconfirmed"), reaction=[{"manifestation": [concept("Rash")]}],
               recordedDate="2019-03")  # fmt: skip
    yield fact("AllergyIntolerance", "al3", "clinic", code=concept("Latex", (SNOMED, "111088007")),
               clinicalStatus=active, gone=NOW - 10_000_000_000)  # fmt: skip
    diabetes = concept("Type 2 diabetes mellitus", (SNOMED, "44054006"))
    yield fact("Condition", "c1", "north", code=diabetes, clinicalStatus=active, onsetDateTime="2009")
    yield fact("Condition", "c2", "clinic", code=diabetes, clinicalStatus=active, onsetDateTime="2009-05", new=True)
    yield fact("Condition", "c3", "north", code=concept("Atrial fibrillation", (SNOMED, "49436004")),
               clinicalStatus=active, onsetDateTime="2021-02-11")  # fmt: skip
    yield fact("Condition", "c4", "north", code=concept("Pneumonia", (SNOMED, "233604007")),
               clinicalStatus=status("resolved"), onsetDateTime="2023-01-03", abatementDateTime="2023-02-01",
               encounter={"reference": "Encounter/e1"})  # fmt: skip
    yield fact("Condition", "c5", "clinic", code=concept("Heart failure", (SNOMED, "84114007")),
               clinicalStatus=active, onsetDateTime="2024-06-02",
               verificationStatus=status("entered-in-error"))  # fmt: skip
    yield _order("m1", "north", "Warfarin 5 mg tablet", "5", "2026-10-02", "11289")
    yield _order("m2", "clinic", "Warfarin 3 mg tablet", "3", "2026-11-03", "855318", new=True)
    yield _order("m3", "north", "Metformin 500 mg tablet", "500", "2025-01-10", "6809")
    yield _order("m4", "clinic", "Metformin 500 mg tablet", "500", "2025-01-12", "6809")
    yield fact("MedicationDispense", "m5", "clinic", status="completed", whenHandedOver="2026-11-04",
               quantity=quantity("28", "tablet"),
               medicationCodeableConcept=concept("Carvedilol 6.25 mg tablet"))  # fmt: skip
    yield _order("m6", "north", "Carvedilol", "3.125", "2026-11-03", "20352")
    yield fact("Immunization", "i1", "clinic", status="completed", vaccineCode=concept("Influenza vaccine 2026/27"),
               occurrenceDateTime="2026-10-12", lotNumber="FL2207", doseQuantity=quantity("0.5", "mL"))  # fmt: skip
    yield fact("Immunization", "i2", "north", status="completed", vaccineCode=concept("Influenza vaccine 2026/27"),
               occurrenceDateTime="2026-10-12", lotNumber="FL2207")  # fmt: skip
    yield fact("Procedure", "p1", "north", status="completed", code=concept("Cardioversion"),
               performedDateTime="2021-03-02T11:20:00+01:00")  # fmt: skip
    yield fact("Encounter", "e1", "north", status="finished", type=[concept("Emergency admission")],
               period={"start": "2023-01-03T21:10:00+01:00", "end": "2023-01-14T10:00:00+01:00"},
               reasonCode=[concept("Pneumonia")])  # fmt: skip
    yield fact("Encounter", "e2", "clinic", status="finished", type=[concept("Anticoagulation clinic")],
               period={"start": "2026-11-03T08:30:00+01:00", "end": "2026-11-03T08:50:00+01:00"})  # fmt: skip
    yield fact("Appointment", "ap1", "clinic", status="booked", appointmentType=concept("Cardiology follow-up"),
               start="2026-12-02T09:30:00Z")  # fmt: skip


def _order(id_: str, source: str, name: str, dose: str, when: str, code: str, **more: Any) -> Fact:
    return fact(
        "MedicationRequest", id_, source, status="active", authoredOn=when, intent="order",
        medicationCodeableConcept=concept(name, ("http://www.nlm.nih.gov/research/umls/rxnorm", code)),
        dosageInstruction=[{"doseAndRate": [{"doseQuantity": quantity(dose, "mg")}], "route": concept("oral"),
                            "timing": {"code": concept("once daily")}}], **more,
    )  # fmt: skip


def _results() -> Iterable[Fact]:
    for place, (value, when) in enumerate(
        [("4.1", "2024-11-02"), ("4.4", "2025-04-20"), ("4.9", "2025-11-11"), ("4.7", "2026-05-04")]
    ):
        yield lab(f"k{place}", "Potassium", "2823-3", value, "mmol/L", f"{when}T08:15:00Z", low="3.5", high="5.1")
    yield lab("k9", "Potassium", "2823-3", "5.6", "mmol/L", "2026-11-03T08:14:07Z", low="3.5", high="5.1", flag="H",
              status="corrected", new=True, version=2)  # fmt: skip
    yield lab("k9n", "Potassium", "2823-3", "5.6", "mmol/L", "2026-11-03T08:14:07Z", "north", low="3.5", high="5.1",
              flag="H")  # fmt: skip
    yield lab("k8", "Potassium", "2823-3", "9.9", "mmol/L", "2026-09-01T08:14:07Z", status="entered-in-error")
    for place, value in enumerate(["7.9", "7.2", "6.8", "6.4"]):
        yield lab(f"h{place}", "HbA1c", "4548-4", value, "%", f"202{3 + place}-06-01T07:00:00Z", low="4.0", high="6.0")
    yield lab("g1", "Glucose", "2345-7", "7.8", "mmol/L", "2026-10-01T07:00:00Z", low="3.9", high="5.6", flag="H")
    yield lab("g2", "Glucose", "2345-7", "132", "mg/dL", "2026-08-01T07:00:00Z", "north", low="70", high="99", flag="H")
    yield lab("g3", "Glucose", "2345-7", "118", "mg/dL", "2026-06-01T07:00:00Z", "north", low="70", high="99", flag="H")
    yield lab("g4", "Glucose", "2345-7", "8.1", "mmol/L", "2026-05-01T07:00:00Z", low="3.9", high="5.6", flag="HH")
    yield lab("n1", "Sodium", "2951-2", "139", "mmol/L", "2026-11-03T08:14:07Z", low="135", high="145")
    yield lab("n2", "Sodium", "2951-2", "141", "mmol/L", "2026-11-03T08:14:07Z", "north", low="136", high="145")
    yield _less()
    yield fact("Observation", "u1", "lab", status="final", code=concept("Urine culture", (LOINC, "630-4")),
               effectiveDateTime="2026-11-02T10:00:00Z", valueCodeableConcept=concept("No growth"))  # fmt: skip
    yield fact("Observation", "bp", "clinic", status="final", code=concept("Blood pressure", (LOINC, "85354-9")),
               category=[{"coding": [{"code": "vital-signs"}]}], effectiveDateTime="2026-11-03T08:35:00Z",
               component=[{"code": concept("systolic"), "valueQuantity": quantity("148", "mmHg")},
                          {"code": concept("diastolic"), "valueQuantity": quantity("86", "mmHg")}])  # fmt: skip
    yield fact("Observation", "w1", "clinic", status="final", code=concept("Body weight", (LOINC, "29463-7")),
               category=[{"coding": [{"code": "vital-signs"}]}], effectiveDateTime="2026-11-03T08:35:00Z",
               valueQuantity=quantity("71.40", "kg"))  # fmt: skip


def _less() -> Fact:
    return fact("Observation", "t1", "lab", status="preliminary", code=concept("Troponin T", (LOINC, "67151-1")),
                effectiveDateTime="2026-11-03T08:14:07Z", category=[{"coding": [{"code": "laboratory"}]}],
                valueQuantity=quantity("5", "ng/L") | {"comparator": "<"},
                referenceRange=[{"high": quantity("14", "ng/L")}])  # fmt: skip


def _documents() -> Iterable[Fact]:
    yield fact("Observation", "tx", "north", status="final", code=concept("Chest X-ray findings"),
               effectiveDateTime="2023-01-04T09:00:00Z",
               valueString="CHEST X-RAY\n\nRight lower lobe consolidation.\nNo effusion.")  # fmt: skip
    yield fact("DiagnosticReport", "r1", "north", status="final", code=concept("Chest X-ray"),
               effectiveDateTime="2023-01-04T09:00:00Z", result=[{"reference": "Observation/tx"}],
               conclusion="Right lower lobe pneumonia.")  # fmt: skip
    yield fact("DiagnosticReport", "r2", "lab", status="corrected", code=concept("Basic metabolic panel"),
               effectiveDateTime="2026-11-03T08:14:07Z",
               result=[{"reference": "Observation/k9"}, {"reference": "Observation/n1"}])  # fmt: skip
    yield fact("DocumentReference", "d1", "north", status="current", type=concept("Discharge summary"),
               date="2023-01-14T10:00:00Z",
               content=[{"attachment": {"contentType": "text/rtf", "title": "Discharge summary",
                         "data": "e1xydGYxXGFuc2kge1xiIERpc2NoYXJnZWR9XHBhciBXYXJmYXJpbiA1IG1nXCdlOX0="}}])  # fmt: skip
