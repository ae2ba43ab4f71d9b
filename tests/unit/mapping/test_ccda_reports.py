"""Case reports (eICR) and quality reports (QRDA I): what they hold beyond C-CDA is read as what it is."""

# ruff: noqa: E501 - an XML element on one line is easier to read

from typing import Any

import pytest

from unsilo.formats import ccda
from unsilo.kernel import seal
from unsilo.mapping import Mapped, Site, load
from unsilo.validation.library import validator

HL7 = "2.16.840.1.113883.10.20."
LOINC, SNOMED, RXNORM = "2.16.840.1.113883.6.1", "2.16.840.1.113883.6.96", "2.16.840.1.113883.6.88"
ID = '<id root="1.3.6.1.4.1.77777.9" extension="{}"/>'
DRUG = f'<consumable><manufacturedProduct><manufacturedMaterial><code code="1665005" codeSystem="{RXNORM}"/></manufacturedMaterial></manufacturedProduct></consumable>'


def templates(*names: str) -> str:
    """templateIds below HL7's root."""
    return "".join(f'<templateId root="{HL7}{name}"/>' for name in names)


def report(entry: str, section: str = "55188-7", patient: str = "") -> Mapped:
    """A document of one patient with one entry."""
    text = f"""<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:sdtc="urn:hl7-org:sdtc" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<id root="1.3.6.1.4.1.77777" extension="d1"/><code code="55182-0" codeSystem="{LOINC}"/><title>Report</title><effectiveTime value="20240131101500-0500"/>
<recordTarget><patientRole>{ID.format("pat")}<patient><name><given>Nora</given><family>Quill</family></name>{patient}</patient></patientRole></recordTarget>
<component><structuredBody><component><section><code code="{section}" codeSystem="{LOINC}"/><title>Data</title><text>Data</text><entry>{entry}</entry></section></component></structuredBody></component></ClinicalDocument>"""
    tree = ccda.parse(text.encode()).value
    assert tree is not None
    return load("ccda", Site(feed="t")).run(tree, seal("t", "ccda", text.encode(), 1_700_000_000_000_000))


def of(made: Mapped, kind: str) -> list[Any]:
    """The resources of one type."""
    return [entry.resource for entry in made.entries if entry.resource["resourceType"] == kind]


LAB = f"""<observation classCode="OBS" moodCode="EVN"{{}}>{templates("24.3.38")}{ID.format("L1")}<code code="4548-4" codeSystem="{LOINC}"/><statusCode code="completed"/><effectiveTime value="20230311"/>
<entryRelationship typeCode="REFR"><observation classCode="OBS" moodCode="EVN">{templates("24.3.87")}{ID.format("L1R")}<code code="4548-4" codeSystem="{LOINC}"/><statusCode code="completed"/><effectiveTime value="20230312"/><value xsi:type="PQ" value="9.4" unit="%"/></observation></entryRelationship></observation>"""
EXPIRED = f'<observation classCode="OBS" moodCode="EVN"{{}}>{templates("24.3.54")}{ID.format("X1")}<code code="ASSERTION" codeSystem="2.16.840.1.113883.5.4"/><statusCode code="completed"/><effectiveTime><low value="20231230"/></effectiveTime><value xsi:type="CD" code="419099009" codeSystem="{SNOMED}" displayName="Dead"/></observation>'
TRAVEL = f"""<act classCode="ACT" moodCode="EVN"{{}}>{templates("15.2.3.1")}{ID.format("T1")}<code code="420008001" codeSystem="{SNOMED}" displayName="Travel"/><text>A week in Bergen</text><statusCode code="completed"/><effectiveTime><low value="20231001"/><high value="20231008"/></effectiveTime>
<participant typeCode="LOC"><participantRole classCode="TERR"><addr><city>Bergen</city><country>NO</country></addr></participantRole></participant></act>"""


def test_the_period_of_a_report_is_the_documents_and_no_procedure() -> None:
    """Reporting parameters (QRDA I) say nothing of the patient; the Composition has them."""
    act = f'<act classCode="ACT" moodCode="EVN">{templates("17.3.8")}{ID.format("R1")}<code code="252116004" codeSystem="{SNOMED}"/><effectiveTime><low value="20230101"/><high value="20231231"/></effectiveTime></act>'
    made = report(act, "55187-9")
    assert of(made, "Procedure") == []
    event = of(made, "Composition")[0]["event"]
    assert event[-1]["period"] == {"start": "2023-01-01", "end": "2023-12-31"}
    assert event[-1]["code"][0]["coding"][0]["code"] == "252116004"


def test_the_measure_of_a_report_is_a_document_that_its_section_names() -> None:
    """A measure reference is a DocumentReference, what stands beside it is kept."""
    organizer = f"""<organizer classCode="CLUSTER" moodCode="EVN">{templates("24.3.98")}{ID.format("o")}<statusCode code="completed"/><reference typeCode="REFR"><externalDocument classCode="DOC" moodCode="EVN">
<id root="2.16.840.1.113883.4.738" extension="8a6d0454"/><code code="57024-2" codeSystem="{LOINC}"/><text>A1c Poor Control</text></externalDocument></reference>
<component><observation classCode="OBS" moodCode="EVN"><code code="ASSERTION" codeSystem="2.16.840.1.113883.5.4"/><value xsi:type="CD" code="DENOM" codeSystem="2.16.840.1.113883.5.4"/></observation></component></organizer>"""
    made = report(organizer, "55186-1")
    measure = next(d for d in of(made, "DocumentReference") if "57024-2" in str(d))
    assert (measure["description"], measure["identifier"][0]["value"]) == ("A1c Poor Control", "8a6d0454")
    assert measure["content"] == [{"attachment": {"title": "A1c Poor Control"}}]
    entries = of(made, "Composition")[0]["section"][0]["entry"]
    assert {"reference": f"DocumentReference/{measure['id']}"} in entries
    assert [o["valueCodeableConcept"]["coding"][0]["code"] for o in of(made, "Observation")] == ["DENOM"]


def test_a_test_holds_its_result() -> None:
    """The value of a test performed stands in a result inside it; both are found together."""
    first, second = sorted(of(report(LAB.format("")), "Observation"), key=lambda o: "hasMember" not in o)
    assert first["hasMember"] == [{"reference": f"Observation/{second['id']}"}]
    assert str(second["valueQuantity"]["value"]) == "9.4"
    assert "laboratory" in str(first["category"])


def test_what_was_given_is_no_plan() -> None:
    """Medication, Administered wraps a medication activity: it is no request."""
    act = f"""<act classCode="ACT" moodCode="EVN">{templates("24.3.42")}{ID.format("a")}<code code="416118004" codeSystem="{SNOMED}"/><statusCode code="completed"/><effectiveTime value="20230311"/><entryRelationship typeCode="COMP">
<substanceAdministration classCode="SBADM" moodCode="EVN">{templates("22.4.16")}{ID.format("m")}<statusCode code="completed"/><effectiveTime value="20230311"/><doseQuantity value="2" unit="g"/>{DRUG}</substanceAdministration></entryRelationship></act>"""
    made = report(act)
    assert of(made, "MedicationRequest") == []
    assert of(made, "MedicationAdministration")[0]["effectiveDateTime"] == "2023-03-11"


def test_an_encounters_diagnosis_is_a_condition_of_the_encounter() -> None:
    """The diagnosis of an encounter performed is no mere observation."""
    encounter = f"""<encounter classCode="ENC" moodCode="EVN">{templates("22.4.49", "24.3.23")}{ID.format("e")}<code code="99213" codeSystem="2.16.840.1.113883.6.12"/><effectiveTime value="20230311"/><entryRelationship typeCode="REFR">
<observation classCode="OBS" moodCode="EVN">{templates("24.3.168")}<code code="29308-4" codeSystem="{LOINC}"/><value xsi:type="CD" code="44054006" codeSystem="{SNOMED}"/></observation></entryRelationship></encounter>"""
    made = report(encounter)
    [condition], [visit] = of(made, "Condition"), of(made, "Encounter")
    assert condition["code"]["coding"][0]["code"] == "44054006"
    assert visit["diagnosis"][0]["condition"] == {"reference": f"Condition/{condition['id']}"}
    assert of(made, "Observation") == []


def test_a_patient_reported_dead_is_dead_unless_the_header_says_other() -> None:
    """The header is the word on the patient; a negated statement says nothing."""
    made = report(EXPIRED.format(""))
    assert of(made, "Patient")[0]["deceasedDateTime"] == "2023-12-30"
    assert of(made, "Observation")[0]["valueCodeableConcept"]["coding"][0]["display"] == "Dead"
    alive = report(EXPIRED.format(""), patient='<sdtc:deceasedInd value="false"/>')
    assert of(alive, "Patient")[0]["deceasedBoolean"] is False
    assert "deceasedDateTime" not in of(alive, "Patient")[0]
    assert "deceasedDateTime" not in of(report(EXPIRED.format(' negationInd="true"')), "Patient")[0]


def test_travel_is_an_observation_with_its_place() -> None:
    """The travel history of a case report is no procedure."""
    made = report(TRAVEL.format(""), "29762-2")
    assert of(made, "Procedure") == []
    [travel] = of(made, "Observation")
    assert travel["effectivePeriod"] == {"start": "2023-10-01", "end": "2023-10-08"}
    assert (travel["valueString"], travel["component"][0]["valueString"]) == ("A week in Bergen", "Bergen, NO")


@pytest.mark.parametrize("entry", [LAB, EXPIRED, TRAVEL])
def test_what_was_not_so_is_no_observation(entry: str) -> None:
    """A negated statement does not become its opposite."""
    made = report(entry.format(' negationInd="true"'))
    assert [o["identifier"][0]["value"] for o in of(made, "Observation")] in ([], ["L1R"])


def test_the_specimen_of_results_is_the_one_collected() -> None:
    """A specimen collection in an organizer of results is the Specimen of its report."""
    organizer = f"""<organizer classCode="BATTERY" moodCode="EVN">{templates("22.4.1")}{ID.format("r")}<code code="43913-3" codeSystem="{LOINC}"/><statusCode code="completed"/>
<component><observation classCode="OBS" moodCode="EVN">{templates("22.4.2")}{ID.format("o")}<code code="43913-3" codeSystem="{LOINC}"/><statusCode code="completed"/><effectiveTime value="20231107"/><value xsi:type="CD" code="260373001" codeSystem="{SNOMED}"/></observation></component>
<component><procedure classCode="PROC" moodCode="EVN">{templates("22.4.415")}{ID.format("c")}<code code="17636008" codeSystem="{SNOMED}"/><effectiveTime value="20231106"/><targetSiteCode code="71836000" codeSystem="{SNOMED}"/><participant typeCode="PRD"><participantRole classCode="SPEC">{ID.format("SP1")}
<playingEntity><code code="258500001" codeSystem="{SNOMED}"/></playingEntity></participantRole></participant></procedure></component></organizer>"""
    made = report(organizer, "30954-2")
    [specimen], [result] = of(made, "Specimen"), of(made, "DiagnosticReport")
    assert result["specimen"] == [{"reference": f"Specimen/{specimen['id']}"}]
    assert specimen["identifier"][0]["value"] == "SP1"
    assert specimen["collection"]["collectedDateTime"] == "2023-11-06"
    assert specimen["type"]["coding"][0]["code"] == "258500001"


@pytest.mark.parametrize("entry", [LAB, EXPIRED, TRAVEL])
def test_what_is_made_is_valid(entry: str) -> None:
    """No error of the validator."""
    for made in report(entry.format("")).entries:
        assert [issue for issue in validator().validate(made.resource) if issue.severity in ("error", "fatal")] == []
