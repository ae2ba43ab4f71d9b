"""What senders wrote that no message before had: each is read in the one way it can be, and nothing is made up."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from unsilo.formats import hl7v2
from unsilo.kernel import Json, seal
from unsilo.mapping import Mapped, Site, load
from unsilo.mapping.outward.v2 import pid_fields

SITE = Site(feed="unseen", organisation="stmarys", zone="Europe/Berlin")
CDC = "urn:oid:2.16.840.1.113883.6.238"
US_CORE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-"
PID = "PID|1||1^^^B^MR||A^B||19600101|F"


@cache
def _converter() -> Any:
    return load("hl7v2", SITE)


def convert(*lines: str, kind: str = "ADT^A08^ADT_A01") -> Mapped:
    """What a message of these segments becomes."""
    raw = "\r".join((f"MSH|^~\\&|A|B|C|D|20260101120000||{kind}|1|P|2.5.1", *lines, "")).encode()
    message = hl7v2.parse(raw).value
    assert message is not None
    mapped = _converter().run(message, seal("unseen", "hl7v2", raw, 1_772_000_000_000_000))
    assert isinstance(mapped, Mapped)
    return mapped


def bodies(mapped: Mapped, kind: str) -> list[Json]:
    """The resources of a type, in order."""
    return [entry.resource for entry in mapped.entries if entry.resource["resourceType"] == kind]


def unread(mapped: Mapped) -> list[str]:
    """The paths that nothing consumed, but for set ids and OBX-2."""
    return [path for _, path, _ in mapped.unconsumed if not path.endswith("-1") and not path.startswith("OBX-2")]


def us_core(mapped: Mapped, name: str) -> list[Json]:
    """The US Core extensions of the patient with a name."""
    found = bodies(mapped, "Patient")[0].get("extension", [])
    return [one for one in found if one["url"] == f"{US_CORE}{name}"]


def test_several_races_are_one_extension() -> None:
    """US Core has the race extension once: categories, details and one text."""
    race = "2106-3^White^HL70005~2054-5^Black^CDCREC~2131-1^Other^HL70005~1004-1^American Indian^CDCREC^IND^Ind^L"
    mapped = convert(f"{PID}||{race}")
    (found,) = us_core(mapped, "race")
    parts = [(part["url"], part["valueCoding"]["code"]) for part in found["extension"] if "valueCoding" in part]
    assert parts == [
        ("ombCategory", "2106-3"),
        ("ombCategory", "2054-5"),
        ("detailed", "2131-1"),
        ("detailed", "1004-1"),
    ]
    assert {part["valueCoding"]["system"] for part in found["extension"] if "valueCoding" in part} == {CDC}
    assert [part["valueString"] for part in found["extension"] if part["url"] == "text"] == [
        "White, Black, Other, American Indian"
    ]
    kept = [x for x in bodies(mapped, "Patient")[0]["extension"] if x["url"] == "urn:unsilo:v2:PID-10"]
    assert len(kept) == 4
    assert unread(mapped) == []


def test_the_detail_of_an_ethnicity_stands_beside_its_category() -> None:
    """An alternate code of CDC's is the detail; two categories that contradict each other make none."""
    (found,) = us_core(convert(f"{PID}||||||||||||||2135-2^Hisp^HL70189^2148-5^Mexican^CDCREC"), "ethnicity")
    assert [part["url"] for part in found["extension"]] == ["ombCategory", "detailed", "text"]
    assert us_core(convert(f"{PID}||||||||||||||2135-2^Yes^CDCREC~2186-5^No^CDCREC"), "ethnicity") == []


@pytest.mark.parametrize("field", ["W", '""', "~~", "^^CDCREC", "2106-3X^White^HL70005"])
def test_a_race_that_is_none_of_cdc_makes_no_us_core_extension(field: str) -> None:
    """A code of the sender's own is kept as it is and is no category."""
    assert us_core(convert(f"{PID}||{field}"), "race") == []


@pytest.mark.parametrize(
    ("sent", "code"), [("H*", "H"), ("*L", "L"), ("R*", "R"), ("HI", "H"), ("LOW", "L"), ("*", "A"), ("HH*", "HH")]
)
def test_a_flag_with_an_asterisk_is_that_flag_with_the_sent_one_beside(sent: str, code: str) -> None:
    """The sender's flag stays in the concept: its asterisk may mean critical."""
    mapped = convert(PID, f"OBR|1||F1|X^X^L\rOBX|1|NM|K^K^L||6.9|mmol/L|3-5|{sent}|||F", kind="ORU^R01^ORU_R01")
    codings = bodies(mapped, "Observation")[0]["interpretation"][0]["coding"]
    assert [coding["code"] for coding in codings] == [code, sent]
    assert "system" not in codings[1]


def test_a_unit_of_11073_is_that_of_ucum_also_in_the_range() -> None:
    """Nobody reads 266016; what was sent is kept."""
    line = "OBX|1|NM|151832^MDC_CONC_PCO2^MDC||68|266016^MDC_DIM_MMHG^MDC|35-45||||F"
    found = bodies(convert(PID, "OBR|1||F1|X^X^L", line, kind="ORU^R01^ORU_R01"), "Observation")[0]
    quantity = found["valueQuantity"]
    assert (quantity["unit"], quantity["code"], quantity["system"]) == (
        "mm[Hg]",
        "mm[Hg]",
        "http://unitsofmeasure.org",
    )
    assert quantity["extension"][0]["valueCoding"]["code"] == "266016"
    assert found["referenceRange"][0]["high"]["unit"] == "mm[Hg]"


def test_an_unknown_unit_of_11073_stays_as_sent() -> None:
    """No unit is guessed."""
    line = "OBX|1|NM|1^X^MDC||68|299999^MDC_DIM_NONE^MDC|||||F"
    quantity = bodies(convert(PID, "OBR|1||F1|X^X^L", line, kind="ORU^R01^ORU_R01"), "Observation")[0]["valueQuantity"]
    assert (quantity["unit"], quantity["code"]) == ("MDC_DIM_NONE", "299999")
    assert quantity["system"] != "http://unitsofmeasure.org"


def test_ucum_beside_a_local_unit_is_the_code() -> None:
    """The words stay the sender's."""
    line = "OBX|1|NM|GLU^Glucose^L||104|MGDL^mg per dl^L^mg/dL^^UCUM|||||F"
    quantity = bodies(convert(PID, "OBR|1||F1|X^X^L", line, kind="ORU^R01^ORU_R01"), "Observation")[0]["valueQuantity"]
    assert (quantity["unit"], quantity["code"], quantity["system"]) == (
        "mg per dl",
        "mg/dL",
        "http://unitsofmeasure.org",
    )


def test_a_numeric_range_has_its_unit() -> None:
    """Both ends of an NR are in OBX-6."""
    found = bodies(
        convert(PID, "OBR|1||F1|X^X^L", "OBX|1|NR|X^X^L||1^5|mm|||||F", kind="ORU^R01^ORU_R01"), "Observation"
    )[0]
    assert found["valueRange"]["low"]["unit"] == found["valueRange"]["high"]["unit"] == "mm"


def test_a_reaction_keeps_its_ampersand_and_its_code() -> None:
    """AL1-5 is words with what was not escaped, or a code where the sender sends one."""
    mapped = convert(PID, "AL1|1|DA|1^X^L|SV|NAUSEA & VOMITING~247472004^Hives^SCT")
    first, second = bodies(mapped, "AllergyIntolerance")[0]["reaction"][0]["manifestation"]
    assert first == {"text": "NAUSEA & VOMITING"}
    assert second["coding"][0]["code"] == "247472004"
    assert second["coding"][0]["system"] == "http://snomed.info/sct"
    assert unread(mapped) == []


def test_the_address_behind_a_place_is_no_identifier() -> None:
    """LA2 has a street where PL has an identifier: it was read as one, in a namespace that was the town."""
    rxa = (
        "RXA|0|1|20260415|20260415|03^MMR^CVX|0.5|mL||00^New^NIP001||^^^PEDS^^^^^100 CLINIC DR^STE 4^RENO^NV^89501^USA"
    )
    mapped = convert(PID, "ORC|RE||1^X", rxa, kind="VXU^V04^VXU_V04")
    (place,) = bodies(mapped, "Location")
    assert [one["value"] for one in place["identifier"]] == ["PEDS"]
    assert place["address"] == {
        "line": ["100 CLINIC DR", "STE 4"],
        "city": "RENO",
        "state": "NV",
        "postalCode": "89501",
        "country": "USA",
    }
    assert "RXA-11" not in " ".join(unread(mapped))
    only = convert(PID, "ORC|RE||1^X", rxa.replace("PEDS", ""), kind="VXU^V04^VXU_V04")
    assert bodies(only, "Location")[0]["address"]["city"] == "RENO"


def test_an_address_in_parts_of_one_component_is_read() -> None:
    """LA1 has the address as one component."""
    rxe = "RXE||1^X^L|1||mg||||^^^PHARM^^^^^1 MAIN&&DAYTON&OH&45402"
    mapped = convert(PID, "ORC|NW|1^X", rxe.replace("||||^^^PHARM", "|||^^^PHARM"), kind="RDE^O11^RDE_O11")
    (place,) = bodies(mapped, "Location")
    assert place["address"]["city"] == "DAYTON"
    assert place["address"]["line"] == ["1 MAIN"]


def test_a_role_before_the_visit_is_a_care_team_of_the_person() -> None:
    """A ROL behind PID was not read; behind PV1 it is a participant of the visit."""
    role = "ROL|1|AD|CM^Case manager^L|7^KIM^PAT|20260101"
    mapped = convert(PID, role, "PV1|1|I|W", "ROL|2|AD|AT^Attending^L|8^LEE^SAM")
    (team,) = bodies(mapped, "CareTeam")
    assert team["participant"][0]["role"][0]["coding"][0]["code"] == "CM"
    assert team["subject"]["reference"].startswith("Patient/")
    assert len(bodies(mapped, "Encounter")[0]["participant"]) == 1
    assert "ROL[1]-4.2" not in unread(mapped)


def test_a_role_below_a_problem_is_a_care_team_because_of_it() -> None:
    """The role stands with the problem, not with the visit."""
    problem = "PRB|AD|20260115|73211009^Diabetes^SCT|P1^X"
    mapped = convert(PID, problem, "ROL|1|AD|PROV^x|9^KIM^PAT", kind="PPR^PC1^PPR_PC1")
    (team,) = bodies(mapped, "CareTeam")
    assert team["reasonReference"][0]["reference"] == f"Condition/{bodies(mapped, 'Condition')[0]['id']}"


def test_the_movement_of_a_visit_is_kept() -> None:
    """ZBE of IHE PAM: number, time, action, wards."""
    zbe = "ZBE|M1^SIH|20260218092000||INSERT|N||^^^^^^UF^^^3210|^^^^^^UF^^^3211|HMS"
    mapped = convert(PID, "PV1|1|I|W||||||||||||||||V1^^^B^VN", zbe, kind="ADT^A01^ADT_A01")
    kept = {one["url"][-5:]: one for one in bodies(mapped, "Encounter")[0]["extension"]}
    assert kept["ZBE-1"]["valueIdentifier"]["value"] == "M1"
    assert kept["ZBE-2"]["valueDateTime"] == "2026-02-18T09:20:00+01:00"
    assert (kept["ZBE-4"]["valueCode"], kept["ZBE-5"]["valueBoolean"]) == ("INSERT", False)
    assert [path for path in unread(mapped) if path.startswith("ZBE")] == []


def test_how_an_order_stands_to_others_is_kept() -> None:
    """TQ2, one extension for each segment."""
    tq2 = "TQ2|1|S|ORD0^CPOE|||ES|*|30^min\rTQ2|2|C|ORD9^CPOE"
    mapped = convert(PID, "ORC|NW|O1^CPOE", "TQ1|1", tq2, "OBR|1|O1^CPOE||X^X^L", kind="OML^O21^OML_O21")
    kept = [x for x in bodies(mapped, "ServiceRequest")[0]["extension"] if x["url"] == "urn:unsilo:v2:TQ2"]
    assert [one["extension"][1]["valueIdentifier"]["value"] for one in kept] == ["ORD0", "ORD9"]


def test_what_is_taken_out_of_an_appointment_is_no_participant() -> None:
    """A segment with the action D is gone; the reason of the message is none of the appointment."""
    lines = ["SCH|1^X|2^X||||MOD^Modified|FU^Follow up^L", "RGS|1|U", "AIP|1|U|7^DEV^RAJ", "AIP|2|D|8^ROY^ANN"]
    mapped = convert(lines[0], PID, *lines[1:], kind="SIU^S14^SIU_S12")
    (found,) = bodies(mapped, "Appointment")
    assert [one["coding"][0]["code"] for one in found["reasonCode"]] == ["FU"]
    names = [one["name"][0]["family"] for one in bodies(mapped, "Practitioner")]
    assert names == ["DEV"]
    assert "AIP[2]-3.2" in unread(mapped)


def test_an_order_number_with_an_odd_authority_keeps_its_namespace() -> None:
    """Two laboratories' numbers stay apart."""
    mapped = convert(
        PID, "ORC|RE|R7^Clinic^7654321^L|26-8^^2.16.840.1.1:5687^ISO", "OBR|1|||X^X^L", kind="ORU^R01^ORU_R01"
    )
    systems = [one["system"] for one in bodies(mapped, "ServiceRequest")[0]["identifier"]]
    assert systems == ["urn:unsilo:stmarys:clinic", "urn:unsilo:stmarys:2.16.840.1.1-5687"]


def test_a_table_number_above_all_tables_is_the_senders_own() -> None:
    """HL79901 is a laboratory's, no table of HL7's."""
    mapped = convert(PID, "OBR|1||F1|TR1^A1C^HL79901", kind="ORU^R01^ORU_R01")
    coding = bodies(mapped, "DiagnosticReport")[0]["code"]["coding"][0]
    assert coding["system"] == "urn:unsilo:stmarys:hl79901"


def test_a_guarantor_who_is_the_patient_is_no_further_person() -> None:
    """SLF, as SEL."""
    mapped = convert(f"{PID}||||||||||ACC1", "GT1|1||A^B||||||||SLF")
    assert bodies(mapped, "RelatedPerson") == []
    party = bodies(mapped, "Account")[0]["guarantor"][0]["party"]["reference"]
    assert party == f"Patient/{bodies(mapped, 'Patient')[0]['id']}"


def test_all_races_and_ethnicities_go_out_again() -> None:
    """PID-10 and PID-22 repeat: what came in as one extension is written whole, and read as the same."""
    race = "2106-3^White^CDCREC~2054-5^Black^CDCREC~1004-1^American Indian^CDCREC"
    patient = bodies(convert(f"{PID}||{race}||||||||||||2135-2^Hisp^CDCREC~2148-5^Mexican^CDCREC"), "Patient")[0]
    fields = pid_fields(patient)
    sent = [[rep.split("^")[0] for rep in fields[number].split("~")] for number in (10, 22)]
    assert sent == [["2106-3", "2054-5", "1004-1"], ["2135-2", "2148-5"]]


def test_where_somebody_was_born_is_no_address_of_the_person() -> None:
    """Nobody is to be looked for, or told from others, by the place of birth."""
    addresses = "3 RUE X^^LYON^^69002^FRA^H~^^^^^^BDL^^69123"
    mapped = convert(f"{PID}|||{addresses}")
    (patient,) = bodies(mapped, "Patient")
    assert [address["city"] for address in patient["address"]] == ["LYON"]
    (birth,) = [one for one in patient["extension"] if one["url"] == "urn:unsilo:v2:PID-11"]
    assert birth["valueAddress"]["district"] == "69123"
    assert unread(mapped) == []
    emptied = convert(f'{PID}|||""')
    assert "address" in next(e.cleared for e in emptied.entries if e.resource["resourceType"] == "Patient")
