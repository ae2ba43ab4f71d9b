"""What the standard v2 tables must not say: a visit's state outside ADT, empty visits and orders, doubled facts."""

from typing import Any

import pytest

from tests.unit.mapping.v2_bench import bodies, mapped, only, parsed
from unsilo.kernel import seal
from unsilo.mapping import Site, load
from unsilo.mapping.v2.engine import V2Map

PID = "PID|1||7^^^H^MR||Muster^Eva\n"
PV1 = "PV1|1|I|W^1^2||||||||||||||||V1"
ADMITTED = PV1 + "|" * 25 + "20240101"


@pytest.mark.parametrize(
    ("event", "body", "status"),
    [
        ("ADT^A01^ADT_A01", PV1, "in-progress"),
        ("ADT^A03^ADT_A03", PV1, "finished"),
        ("ADT^A05^ADT_A05", PV1, "planned"),
        ("ADT^A11^ADT_A09", PV1, "cancelled"),
        ("ADT^A13^ADT_A01", ADMITTED + "|20240102", "in-progress"),
        ("ADT^A21^ADT_A21", PV1, "onleave"),
        ("ADT^A08^ADT_A01", PV1, "unknown"),
        ("ADT^A08^ADT_A01", ADMITTED, "in-progress"),
        ("ADT^A08^ADT_A01", ADMITTED + "|20240102", "finished"),
        ("MDM^T02^MDM_T02", f"{PV1}\nTXA|1|DS|TX|||||||||D1|||||AU\nOBX|1|TX|X^^L||a||||||F", "unknown"),
        ("ORM^O01^ORM_O01", f"{PV1}\nORC|NW|1\nOBR|1|1||C^^L", "unknown"),
        ("ORU^R01^ORU_R01", f"{PV1}\nOBR|1|1||C^^L\nOBX|1|NM|K^^L||5||||||F", "unknown"),
    ],
)
def test_only_patient_administration_says_where_a_visit_stands(event: str, body: str, status: str) -> None:
    """`unknown` never replaces what is known (FHIR merge), so a result or a document does not open a visit again."""
    encounter = only(mapped(event, PID + body), "Encounter").resource
    assert encounter["status"] == status
    if not event.startswith("ADT"):
        assert all("status" not in place for place in encounter["location"])


@pytest.mark.parametrize("pv1", ["PV1|1|N", "PV1|1", "PV1|1|U"])
def test_no_visit_is_no_encounter(pv1: str) -> None:
    """Class N (not applicable) and nothing else means that there is no visit."""
    body = f"{PID}{pv1}\nOBR|1|1||C^^L\nOBX|1|NM|K^^L||5||||||F"
    result = mapped("ORU^R01^ORU_R01", body)
    assert bodies(result, "Encounter") == []
    assert all("encounter" not in entry.resource for entry in result.entries)


def test_medication_order_is_one_request_with_one_dosage() -> None:
    """RXO makes a MedicationRequest, no ServiceRequest beside it; dose and route are one dosage."""
    body = f"{PID}{PV1}\nORC|NW|1|2\nRXO|D^Drug^L|5|10|mg\nRXR|PO^Oral^HL70162"
    result = mapped("ORM^O01^ORM_O01", body)
    assert bodies(result, "ServiceRequest") == []
    (dosage,) = only(result, "MedicationRequest").resource["dosageInstruction"]
    assert dosage["route"]
    assert str(dosage["doseAndRate"][0]["doseRange"]["low"]["value"]) == "5"


@pytest.mark.parametrize("reactions", [["hives"], ["hives", "rash"]])
def test_each_reaction_of_an_allergy_stands_once(reactions: list[str]) -> None:
    """The repetitions of AL1-5 are the manifestations of one reaction."""
    result = mapped("ADT^A01^ADT_A01", f"{PID}{PV1}\nAL1|1|DA|P^Pen^L|SV|{'~'.join(reactions)}")
    (reaction,) = only(result, "AllergyIntolerance").resource["reaction"]
    assert [one["text"] for one in reaction["manifestation"]] == reactions


def test_different_doses_under_one_order_number_stay_apart() -> None:
    """An order number that a sender uses for several doses never makes one dose of them; 9999 stands for none."""
    rxa = "\nRXA|0|1|{1}||{0}|0.5|mL"
    for number in ("1", "9999", ""):
        body = PID.rstrip("\n")
        for dose in (("03^MMR^CVX", "20240101"), ("08^HepB^CVX", "20240101"), ("08^HepB^CVX", "20240201")):
            body += f"\nORC|RE||{number}" + rxa.format(*dose)
        doses = bodies(mapped("VXU^V04^VXU_V04", body), "Immunization")
        assert [(d["vaccineCode"]["coding"][0]["code"], d["occurrenceDateTime"]) for d in doses] == [
            ("03", "2024-01-01"), ("08", "2024-01-01"), ("08", "2024-02-01"),
        ]  # fmt: skip
        assert [[one["value"] for one in d.get("identifier", [])] for d in doses] == [
            ["1"] if number == "1" else []
        ] * 3


def test_an_order_number_of_two_patients_is_two_reports() -> None:
    """A filler number or specimen number that comes again for another patient does not mix the two."""
    ids = []
    for number in ("7", "8"):
        body = f"PID|1||{number}^^^H^MR||Muster^Eva\nOBR|1||5|C^^L\nOBX|1|NM|K^^L||5||||||F\nSPM|1|^9||BLD"
        result = mapped("ORU^R01^ORU_R01", body)
        ids.append({b["id"] for kind in ("DiagnosticReport", "Observation", "Specimen") for b in bodies(result, kind)})
    assert len(ids[0]) == len(ids[1]) == 3
    assert not ids[0] & ids[1]


def test_nothing_learnt_of_a_text_is_used_under_other_delimiters() -> None:
    """The same text is another value where the delimiters are others, however often it came before."""
    compiled = load("hl7v2", Site(feed="lab", organisation="Lab"))
    body = "|APP|H#1||||20240102||ORU^R01^ORU_R01|M1|P|2.5.1\nPID|1||12^^^MCM#1.2#ISO^MN||A^B~C\n"
    body += "PV1|1|I|W#1^2^3||||9#8^Doc#X^Al\nOBR|1||5|C#D^T^LN\nOBX|1|CE|K#L^N^LN||P#Q^R^S||||||F"
    heads = {marks: f"MSH|{marks}{body}" for marks in ("^~\\&", "^~\\#")}

    def told(engine: V2Map, text: str) -> Any:
        message, content = parsed(text)
        result = engine.run(message, seal("lab", "hl7v2", content, 0))
        return [
            (entry.resource, entry.rows) for entry in result.entries if entry.resource["resourceType"] != "Provenance"
        ]

    alone = {marks: told(load("hl7v2", Site(feed="lab", organisation="Lab")), text) for marks, text in heads.items()}
    assert alone["^~\\&"] != alone["^~\\#"]
    for _ in range(4):
        for marks, text in heads.items():
            assert told(compiled, text) == alone[marks], marks
