"""Dosages from several segments, repeat patterns, compounds, susceptibilities, moved visits and lost group heads."""

from __future__ import annotations

from typing import Any

import pytest

from unsilo.formats import hl7v2
from unsilo.kernel import Json, seal
from unsilo.mapping import Mapped, Site, load
from unsilo.mapping.v2.patterns import repeat_of

HEAD = "MSH|^~\\&|A|B|C|D|20260301101500+0100||{}|1|P|2.5.1\rPID|1||77^^^B^MR||Doe^Ann\r"


def mapped(kind: str, *segments: str) -> Mapped:
    """A message of some segments, mapped."""
    content = (HEAD.format(kind) + "\r".join(segments) + "\r").encode()
    message = hl7v2.parse(content).value
    assert message is not None
    return load("hl7v2", Site(feed="t", organisation="t")).run(message, seal("t", "hl7v2", content, 0))


def bodies(result: Mapped, kind: str) -> list[Json]:
    """The resources of a type."""
    return [entry.resource for entry in result.entries if entry.resource["resourceType"] == kind]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("BID", {"frequency": 2, "period": 1, "periodUnit": "d"}),
        ("q8h", {"frequency": 1, "period": 8, "periodUnit": "h"}),
        ("Q1J135", {"frequency": 1, "period": 1, "periodUnit": "wk", "dayOfWeek": ["mon", "wed", "fri"]}),
        ("5ID", {"frequency": 5, "period": 1, "periodUnit": "d"}),
        ("PRNQ4H", {"frequency": 1, "period": 4, "periodUnit": "h"}),
        ("Q4H PRN", {"frequency": 1, "period": 4, "periodUnit": "h"}),
        ("PRN", None),
        ("QHS", {"frequency": 1, "period": 1, "periodUnit": "d", "when": ["HS"]}),
        ("ONCE", {"count": 1}),
        ("Q0H", None),
        ("twice or so", None),
        ("", None),
    ],
)
def test_repeat_patterns(pattern: str, expected: Any) -> None:
    """Table 0335 in numbers; what is not of it says nothing."""
    assert repeat_of(pattern) == expected


@pytest.mark.parametrize("order", ["RTE", "RET", "ERT", "ETR", "TER", "T RE"])
def test_a_dosage_is_one_whatever_the_order_of_its_segments(order: str) -> None:
    """Dose, route and timing of one order join, wherever a sender puts them."""
    parts = {"E": "RXE||M^Drug^L|5||mg", "R": "RXR|PO", "T": "TQ1|1||BID"}
    result = mapped("RDE^O11^RDE_O11", "ORC|NW|1", *(parts[letter] for letter in order.replace(" ", "")))
    dosage = bodies(result, "MedicationRequest")[0]["dosageInstruction"]
    assert len(dosage) == 1
    assert {"doseAndRate", "route", "timing"} <= dosage[0].keys()


def test_a_second_route_is_no_second_dose() -> None:
    """Alternatives stand beside the first route: a reader must not add the doses up."""
    result = mapped("RDE^O11^RDE_O11", "ORC|NW|1", "RXE||M^Drug^L|5||mg", "RXR|PO", "RXR|IV")
    dosage = bodies(result, "MedicationRequest")[0]["dosageInstruction"]
    assert len(dosage) == 1
    assert dosage[0]["extension"][-1]["url"] == "urn:unsilo:v2:RXR-route"


def test_a_route_that_empties_a_list_adds_to_no_item_of_it() -> None:
    """RXR-6 is deleted where extensions of the timing stand: the row that says so has no number to count on."""
    timing = "TQ1|1||BID|||3^D||||in the evening|Swallow whole||1^ann"
    result = mapped("RDE^O11^RDE_O11", "ORC|NW|1", "RXE||M^Drug^L|5||mg", timing, 'RXR|PO^Oral||IVP^Push^L|||""')
    (dosage,) = bodies(result, "MedicationRequest")[0]["dosageInstruction"]
    urls = [one["url"] for one in dosage["extension"]]
    assert "urn:unsilo:v2:RXR-3" in urls
    assert len(urls) > 1
    request = next(entry for entry in result.entries if entry.resource["resourceType"] == "MedicationRequest")
    assert "dosageInstruction[0].extension" in {row.path for row in request.rows}


def test_each_timing_has_the_dose() -> None:
    """Two TQ1 are two instructions with the same dose."""
    result = mapped("RDE^O11^RDE_O11", "ORC|NW|1", "RXE||M^Drug^L|5||mg", "TQ1|1||QAM", "TQ1|2||QHS", "RXR|PO")
    dosage = bodies(result, "MedicationRequest")[0]["dosageInstruction"]
    assert [item["doseAndRate"][0]["doseQuantity"]["value"] for item in dosage] == [5, 5]
    assert [item["sequence"] for item in dosage] == [1, 2]
    assert all("route" in item for item in dosage)


def test_an_order_as_placed_and_as_encoded_are_two() -> None:
    """RXO with RXE: the original order, and the order based on it; nothing of the one is taken for the other."""
    result = mapped("RDE^O11^RDE_O11", "ORC|NW|1", "RXO|A^Wanted^L|1||g", "RXE||B^Encoded^L|500||mg")
    found = {body["intent"]: body for body in bodies(result, "MedicationRequest")}
    assert found["original-order"]["medicationCodeableConcept"]["coding"][0]["code"] == "A"
    assert found["order"]["medicationCodeableConcept"]["coding"][0]["code"] == "B"
    assert found["order"]["basedOn"][0]["reference"].endswith(found["original-order"]["id"])


def test_a_compound_names_its_ingredients() -> None:
    """RXC segments make one Medication; a base is not active."""
    result = mapped("RDE^O11^RDE_O11", "ORC|NW|1", "RXE||M^Mix^L|1||L", "RXC|B|W^Water^L|1|L", "RXC|A|S^Salt^L|9|g")
    request, medication = bodies(result, "MedicationRequest")[0], bodies(result, "Medication")[0]
    assert "medicationCodeableConcept" not in request
    assert medication["code"]["coding"][0]["code"] == "M"
    assert [item["isActive"] for item in medication["ingredient"]] == [False, True]


def test_two_drugs_without_their_orders_stay_two() -> None:
    """A second RXE whose ORC was left out begins an order of its own, and that is said."""
    result = mapped("RDE^O11^RDE_O11", "ORC|NW|1", "RXE||A^One^L|5||mg", "RXE||B^Two^L|7||mg")
    requests = bodies(result, "MedicationRequest")
    assert [body["medicationCodeableConcept"]["coding"][0]["code"] for body in requests] == ["A", "B"]
    assert [len(body["dosageInstruction"]) for body in requests] == [1, 1]
    assert "mapping.v2.place" in {issue.rule for issue in result.issues}


def test_a_note_after_an_optional_segment_is_of_the_order() -> None:
    """NTE after RXR stands outside its place; it belongs to the order, not to a result that never comes."""
    result = mapped("RDE^O11^RDE_O11", "ORC|NW|1", "RXE||A^One^L|5||mg", "RXR|PO", "NTE|1||mind the stomach")
    assert bodies(result, "MedicationRequest")[0]["note"][0]["text"] == "mind the stomach"


def test_susceptibilities_belong_to_their_isolate() -> None:
    """OBR-26 and OBR-29 name the parent result by code, sub-identifier and order number."""
    result = mapped(
        "ORU^R01^ORU_R01",
        "OBR|1|P1|F1|CULT^Culture^L",
        "OBX|1|CWE|ORG^Organism^L|1|EC^E. coli^L||||||F",
        "OBX|2|CWE|ORG^Organism^L|2|SA^S. aureus^L||||||F",
        "OBR|2||F2|SUSC^Susceptibility^L||||||||||||||||||||||ORG&Organism&L^2|||P1^F1",
        "OBX|1|SN|PEN^Penicillin^L|1|>^4|ug/mL|||||F",
    )
    found = {body.get("valueCodeableConcept", {}).get("coding", [{}])[0].get("code"): body
             for body in bodies(result, "Observation")}  # fmt: skip
    assert "hasMember" not in found["EC"]
    assert len(found["SA"]["hasMember"]) == 1


@pytest.mark.parametrize("event", ["A41", "A42", "A44", "A45", "A50"])
def test_moves_and_merges_of_visits_and_accounts_retire_no_person(event: str) -> None:
    """MRG-1 of these names whose visit or account it was; no person is merged by them."""
    structure = {"A41": "ADT_A39", "A42": "ADT_A39", "A44": "ADT_A43", "A45": "ADT_A45", "A50": "ADT_A50"}[event]
    result = mapped(
        f"ADT^{event}^{structure}", "MRG|88^^^B^MR||ACC1^^^B^AN||V1^^^B^VN", "PV1|1|I|||||||||||||||||V2^^^B^VN"
    )
    assert result.actions == []
    assert len(bodies(result, "Patient")) == 1


def test_a_swap_keeps_each_visit_with_its_person() -> None:
    """A17: the second PID is another person; neither visit changes hands."""
    result = mapped(
        "ADT^A17^ADT_A17",
        "PV1|1|I|W^2||||||||||||||||V1^^^B^VN",
        "PID|2||99^^^B^MR||Roe^Eve",
        "PV1|1|I|W^1||||||||||||||||V2^^^B^VN",
    )
    names = {f"Patient/{body['id']}": body["name"][0]["family"] for body in bodies(result, "Patient")}
    visits = {
        body["identifier"][0]["value"]: names[body["subject"]["reference"]] for body in bodies(result, "Encounter")
    }
    assert visits == {"V1": "Doe", "V2": "Roe"}


def test_an_unlink_parts_the_two_persons() -> None:
    """A37 has no MRG: its two PID segments are parted."""
    result = mapped("ADT^A37^ADT_A37", "PID|2||99^^^B^MR||Roe^Eve")
    assert [action.kind for action in result.actions] == ["unmerge"]


def test_a_dose_that_was_refused_or_deleted_was_not_given() -> None:
    """RXA-20 RE is not-done, RXA-21 D entered-in-error, whatever else the segment says."""
    refused = mapped("RAS^O17^RAS_O17", "ORC|RE|1", "RXA|0|1|20260301||M^Drug^L|5|mg|||||||||||NO^refused^L||RE|A")
    deleted = mapped("RAS^O17^RAS_O17", "ORC|RE|1", "RXA|0|1|20260301||M^Drug^L|5|mg|||||||||||||CP|D")
    assert bodies(refused, "MedicationAdministration")[0]["status"] == "not-done"
    assert bodies(deleted, "MedicationAdministration")[0]["status"] == "entered-in-error"


def test_hostile_pharmacy_values_are_said_and_harm_nothing() -> None:
    """Words for numbers, absurd patterns, empty segments: what is no dose is no dose, and stays listed."""
    result = mapped(
        "RDE^O11^RDE_O11", "ORC|NW|1", "RXE||^^^|lots|1e99|" + "&" * 40,
        "TQ1|x|^^|" + "Q" * 300 + "|~~~|||||", "RXR|" + "^" * 50,
        "RXC|Z||-|", "TQ1", "RXE", "RXR",
    )  # fmt: skip
    for body in bodies(result, "MedicationRequest"):
        for item in body.get("dosageInstruction", ()):
            assert "value" not in item.get("doseAndRate", [{}])[0].get("doseQuantity", {})
    assert any("lots" in value for _, _, value in result.unconsumed)


def test_a_message_of_an_unknown_type_is_read_by_what_it_holds() -> None:
    """A site's own event with an encoded order gives that order, and an Issue."""
    result = mapped("ZRX^Z01", "ORC|NW|1", "RXE||A^One^L|5||mg")
    assert len(bodies(result, "MedicationRequest")) == 1
    assert "mapping.v2.type" in {issue.rule for issue in result.issues}


@pytest.mark.parametrize("timing", ["^Q6H PRN", "^PRNQ6H", "^Q6H^^^^PRN"])
def test_as_needed_is_said_however_it_is_written(timing: str) -> None:
    """PRN before or behind the pattern, or as the priority of an old order: as needed, every six hours."""
    order = mapped("RDE^O01", "PID|1||M1", "ORC|RE|5", f"RXE|{timing}|X^Drug^L|5||mg", "RXR|PO")
    dosage = bodies(order, "MedicationRequest")[0]["dosageInstruction"][0]
    assert dosage["asNeededBoolean"] is True
    assert dosage["timing"]["repeat"] == {"frequency": 1, "period": 6, "periodUnit": "h"}
