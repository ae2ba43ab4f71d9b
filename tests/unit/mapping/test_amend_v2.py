"""What senders write beside the standard: read where it can be read in one way, listed as it was sent."""

from __future__ import annotations

import pytest

from unsilo.formats import hl7v2
from unsilo.kernel import Json, seal
from unsilo.mapping import Mapped, Site, load
from unsilo.mapping.v2.amend import amended

HEADER = "MSH|^~\\&|SEND|NORTH|RECV|HUB|20260311143005||{}|1|P|2.5"
SITE = Site(feed="amend", organisation="north")


def run(kind: str, *lines: str) -> Mapped:
    """What a message yields."""
    content = ("\r".join([HEADER.format(kind), *lines]) + "\r").encode()
    message = hl7v2.parse(content).value
    assert message is not None
    return load("hl7v2", SITE).run(message, seal("amend", "hl7v2", content, 0))


def of(mapped: Mapped, kind: str) -> list[Json]:
    """The resources of a type."""
    return [entry.resource for entry in mapped.entries if entry.resource["resourceType"] == kind]


def value(observation: Json) -> tuple[str, object]:
    """Which element holds the value, and the value."""
    name = next(name for name in observation if name.startswith("value"))
    held = observation[name]
    if name == "valueQuantity":
        return name, str(held["value"])
    return name, held["coding"][0]["code"] if name == "valueCodeableConcept" else held


@pytest.mark.parametrize(
    ("kind", "sent", "unit", "expected"),
    [
        ("NM", "5.5", "mmol/l", ("valueQuantity", "5.5")),
        ("nm", "5.5", "mmol/l", ("valueQuantity", "5.5")),
        ("", "5.5", "mmol/l", ("valueQuantity", "5.5")),
        ("", "5.5", "", ("valueString", "5.5")),
        ("NUM", "-.5", "mmol/l", ("valueQuantity", "-0.5")),
        ("CE", "4", "{score}", ("valueQuantity", "4")),
        ("CE", "4", "", ("valueCodeableConcept", "4")),
        ("CE", "4^four^L", "{score}", ("valueCodeableConcept", "4")),
        ("", "A^Group A^L", "", ("valueCodeableConcept", "A")),
        ("", "A^Group A", "", ("valueString", "A^Group A")),
        ("ST", "140", "mmol/L", ("valueString", "140")),
        ("NM", "1,5", "mmol/L", ("valueQuantity", "1.5")),
        ("NM", "-0,125", "", ("valueQuantity", "-0.125")),
        ("NM", "< 0,3", "mg/l", ("valueQuantity", "0.3")),
        ("NM", "1,500", "mL", ("valueString", "1,500")),
        ("NM", "1,2,3", "mL", ("valueString", "1,2,3")),
        ("DT", "13/01/2026", "", ("valueDateTime", "2026-01-13")),
        ("DT", "02/03/2026", "", ("valueString", "02/03/2026")),
        ("TS", "20260108 1130", "", ("valueDateTime", "2026-01-08T11:30:00+00:00")),
        ("TS", "later", "", ("valueString", "later")),
        ("TM", "noon", "", ("valueString", "noon")),
        ("TM", "0815", "", ("valueTime", "08:15:00")),
    ],
)
def test_the_type_of_a_value(kind: str, sent: str, unit: str, expected: tuple[str, str]) -> None:
    """OBX-2 is believed where it is a type that the value has."""
    mapped = run("ORU^R01", "PID|1||7", "OBR|1||2|A^a^L", f"OBX|1|{kind}|B^b^L||{sent}|{unit}|||||F")
    assert value(of(mapped, "Observation")[0]) == expected
    listed = {path: text for _, path, text in mapped.unconsumed}
    assert listed.get("OBX-2", "") == kind
    assert "OBX-5" not in listed


@pytest.mark.parametrize("value", ['""', "20260101~13/13/2026", ""])
def test_what_is_deleted_repeated_or_empty_keeps_its_type(value: str) -> None:
    """A delete, a list and nothing are no values of another type."""
    content = (HEADER.format("ORU^R01") + f"\rOBX|1|DT|B||{value}\r").encode()
    message = hl7v2.parse(content).value
    assert message is not None
    assert amended(message) == (message, [])


def test_an_ordinary_message_is_not_touched() -> None:
    """Nothing is made anew where nothing has to be read otherwise."""
    content = (HEADER.format("ORU^R01") + "\rOBX|1|NM|B^b^L||5|mmol/L\rNTE|1||two  words\r").encode()
    message = hl7v2.parse(content).value
    assert message is not None
    seen, fields = amended(message)
    assert seen is message
    assert fields == []


def test_blanks_are_nothing_and_listed() -> None:
    """A field of blanks makes no element, and the list has it as it was sent."""
    mapped = run(
        "ORU^R01", "PID|1||7|  |Doe^Ann|  ", "OBR|1||2|A^a^L", "OBX|1|NM|B^b^L||5|||||F", "NTE|1|L|a", "NTE|2|L| "
    )
    assert [note["text"] for note in of(mapped, "Observation")[0]["note"]] == ["a"]
    listed = {path: text for _, path, text in mapped.unconsumed}
    assert (listed["PID-4"], listed["NTE[2]-3"], listed["NTE[2]-2"]) == ("  ", " ", "L")


@pytest.mark.parametrize("kind", ["nm~x", "&nm", "\\T\\", "n^m", '""'])
def test_a_type_with_parts_is_left_alone(kind: str) -> None:
    """What is no word is not read as a type, and is listed by its parts as all else is."""
    mapped = run("ORU^R01", "PID|1||7", "OBR|1||2|A^a^L", f"OBX|1|{kind}|B^b^L||5|mg|||||F")
    assert value(of(mapped, "Observation")[0]) == ("valueString", "5")
    listed = [path for _, path, _ in mapped.unconsumed if path.startswith("OBX-2")]
    assert listed
    assert len(listed) == len(set(listed))


def test_words_of_a_table() -> None:
    """The name of a code is the code; a short word is not taken for one; a code of the sender has no system."""
    mapped = run("ADT^A08", "PID|1||7^^^N^MRN||Doe^Ann|||Female||||||||M", "PV1|1|Outpatient")
    patient, encounter = of(mapped, "Patient")[0], of(mapped, "Encounter")[0]
    assert patient["gender"] == "female"
    assert encounter["class"]["code"] == "AMB"
    kind, sent = patient["identifier"][0]["type"]["coding"]
    assert (kind["code"], sent) == ("MR", {"code": "MRN"})
    assert of(run("ADT^A08", "PID|1||7||Doe^Ann|||2"), "Patient")[0]["gender"] == "female"
    odd = of(run("ADT^A08", "PID|1||7||Doe^Ann|||fem"), "Patient")[0]
    assert "gender" not in odd


def test_a_second_order_is_no_prior_result() -> None:
    """Several orders of one OML^O21 are orders, wherever a diagnosis stands; a prior result begins with a PID."""
    order = ("ORC|NW|{0}^S", "OBR|{0}|{0}^S||A{0}^a^L", "OBX|1|NM|B^b^L||5|||||F", "SPM|1|||BLD^Blood^L")
    lines = [line.format(n) for n in (1, 2, 3) for line in order]
    mapped = run("OML^O21^OML_O21", "PID|1||7", "DG1|1||Z34^x^I10", *lines)
    assert len(of(mapped, "ServiceRequest")) == 3
    assert of(mapped, "DiagnosticReport") == []
    prior = run(
        "OML^O21^OML_O21", "PID|1||7", *lines, "PID|1||7", "ORC|RE|9^S", "OBR|1|9^S||C^c^L", "OBX|1|NM|B^b^L||5|||||F"
    )
    assert [report["code"]["coding"][0]["code"] for report in of(prior, "DiagnosticReport")] == ["C"]


def test_required_bindings_hold_nothing_else() -> None:
    """A problem's state that no table knows stays beside it, not in it (R4: required bindings)."""
    mapped = run("PPR^PC1", "PID|1||7", "PRB|AD|20260101|1^a^L|P|||20260101||||||watch|dormant")
    condition = of(mapped, "Condition")[0]
    assert not {"verificationStatus", "clinicalStatus"} & condition.keys()
    kept = {
        item["url"]: item["valueCodeableConcept"]["coding"][0]["code"]
        for item in condition["extension"]
        if "valueCodeableConcept" in item
    }
    assert kept == {"urn:unsilo:v2:PRB-13": "watch", "urn:unsilo:v2:PRB-14": "dormant"}


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("> OR = 50", "50", None),
        ("< or =7", None, "7"),
        ("3.5 to 5.1 mmol/L", "3.5", "5.1"),
        ("<200", None, None),
        ("3-5 mg", None, None),
    ],
)
def test_ranges_in_words(text: str, low: str | None, high: str | None) -> None:
    """What says both ends, or one that belongs to the range, is a range; the unit behind it is that of the value."""
    mapped = run("ORU^R01", "PID|1||7", "OBR|1||2|A^a^L", f"OBX|1|NM|B^b^L||5|mmol/L|{text}||||F")
    found = of(mapped, "Observation")[0]["referenceRange"][0]
    assert found["text"] == text
    assert [str(found[end]["value"]) if end in found else None for end in ("low", "high")] == [low, high]


def test_an_emptied_allergy_is_none() -> None:
    """`""` takes an allergy back: it does not say that there is one to nothing."""
    mapped = run("ADT^A31", "PID|1||7", 'AL1|1|DA|""', 'NK1|1|""')
    assert of(mapped, "AllergyIntolerance") == []
    assert of(mapped, "RelatedPerson") == []
    assert ("AL1-3", '""') in {(path, text) for _, path, text in mapped.unconsumed}


def test_no_vaccine_was_not_given() -> None:
    """CVX 998 says that nothing was administered, whatever else the message has; a statement without a day is kept."""
    mapped = run("VXU^V04^VXU_V04", "PID|1||7", "ORC|RE||1^S", "RXA|0|1|20260201||998^none^CVX|999||||||||||||||CP")
    assert [one["status"] for one in of(mapped, "Immunization")] == ["not-done"]


def test_a_vaccine_information_statement() -> None:
    """Results of one OBX-4 are one statement; a vaccine's type without a day speaks of something else."""
    mapped = run(
        "VXU^V04^VXU_V04",
        "PID|1||7",
        "ORC|RE||1^S",
        "RXA|0|1|20260201||08^Hep B^CVX|1",
        "OBX|1|CE|30956-7^type^LN|1|08^Hep B^CVX||||||F",
        "OBX|2|TS|29768-9^published^LN|1|20200401||||||F",
        "OBX|3|CE|30956-7^type^LN|2|10^IPV^CVX||||||F",
        "OBX|4|TS|29769-7^presented^LN|1|20260201||||||F",
        "OBX|5|TS|29769-7^presented^LN|3|20260201||||||F",
    )
    assert of(mapped, "Immunization")[0]["education"] == [
        {"documentType": "Hep B", "publicationDate": "2020-04-01", "presentationDate": "2026-02-01"}
    ]


def test_several_numbers_have_one_unit() -> None:
    """A unit belongs to every number of its result, not to the first alone."""
    mapped = run("ORU^R01", "PID|1||7", "OBR|1||2|A^a^L", "OBX|1|NM|B^b^L||1~2~>3|mg^milligram^UCUM|||||F")
    units = [one["valueQuantity"]["unit"] for one in of(mapped, "Observation")[0]["component"]]
    assert units == ["milligram"] * 3
    codes = [one["valueQuantity"]["code"] for one in of(mapped, "Observation")[0]["component"]]
    assert codes == ["mg"] * 3
