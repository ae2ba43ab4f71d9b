"""How senders of several guides and countries write C-CDA and plain CDA, statement by statement."""

# ruff: noqa: E501 - an XML element on one line is easier to read

from typing import Any

import pytest

from unsilo.formats import ccda
from unsilo.kernel import seal
from unsilo.mapping import Mapped, Site, load
from unsilo.validation.library import validator

LOINC, SNOMED, RXNORM = "2.16.840.1.113883.6.1", "2.16.840.1.113883.6.96", "2.16.840.1.113883.6.88"
CCDA = "2.16.840.1.113883.10.20.22.4."
PATIENT = '<recordTarget><patientRole><id root="1.3.6.1.4.1.77777.3" extension="P1"/><patient><name><given>Nora</given><family>Quill</family></name></patient></patientRole></recordTarget>'
MATERIAL = f'<manufacturedMaterial><code code="8640" codeSystem="{RXNORM}"/></manufacturedMaterial>'
DRUG = f"<consumable><manufacturedProduct>{MATERIAL}</manufacturedProduct></consumable>"


def ident(extension: str) -> str:
    """An id below a root of our own."""
    return f'<id root="1.3.6.1.4.1.77777.9" extension="{extension}"/>'


def coded(tag: str, code: str, system: str = SNOMED) -> str:
    """A code element, or a value of type CD."""
    kind = ' xsi:type="CD"' if tag == "value" else ""
    return f'<{tag}{kind} code="{code}" codeSystem="{system}"/>'


def document(entry: str, section: str = "10160-0", header: str = PATIENT) -> Mapped:
    """A document with one entry in a section of a LOINC code."""
    text = f"""<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:sdtc="urn:hl7-org:sdtc" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">{ident("D")}{coded("code", "34133-9", LOINC)}<effectiveTime value="20240131"/>{header}
<component><structuredBody><component><section>{coded("code", section, LOINC)}<title>S</title><text><content ID="t1">Words</content></text><entry>{entry}</entry></section></component></structuredBody></component></ClinicalDocument>"""
    tree = ccda.parse(text.encode()).value
    assert tree is not None
    made = load("ccda", Site(feed="t")).run(tree, seal("t", "ccda", text.encode(), 1_700_000_000_000_000))
    check = validator()
    faults = [i for e in made.entries for i in check.validate(e.resource) if i.severity in ("error", "fatal")]
    assert not faults
    return made


def of(made: Mapped, kind: str) -> list[Any]:
    """The resources of one type."""
    return [entry.resource for entry in made.entries if entry.resource["resourceType"] == kind]


def codes(concept: Any) -> list[str]:
    """The codes of a CodeableConcept."""
    return [coding["code"] for coding in concept.get("coding", ())]


def observation(code: str, value: str, more: str = "", template: str = "") -> str:
    """An observation with a code of LOINC."""
    known = f'<templateId root="{CCDA}{template}"/>' if template else ""
    return f'<observation classCode="OBS" moodCode="EVN">{known}{ident("o")}{coded("code", code, LOINC)}<statusCode code="completed"/><effectiveTime value="20240101"/>{value}{more}</observation>'


def medicine(inside: str, template: str = "16", mood: str = "EVN") -> str:
    """A medication activity."""
    return f'<substanceAdministration classCode="SBADM" moodCode="{mood}"><templateId root="{CCDA}{template}"/>{ident("m")}<statusCode code="active"/>{inside}</substanceAdministration>'


def test_the_steps_of_a_taper_are_dosages_in_order() -> None:
    """What a medication contains without a template of its own is how it is taken, in the order of its links."""
    step = '<entryRelationship typeCode="COMP"><sequenceNumber value="{}"/><substanceAdministration classCode="SBADM" moodCode="EVN"><effectiveTime xsi:type="IVL_TS"><low value="{}"/><width value="3" unit="d"/></effectiveTime><doseQuantity value="{}" unit="mg"/></substanceAdministration></entryRelationship>'
    made = document(medicine(DRUG + step.format(1, "20240101", 40) + step.format(2, "20240104", 20)))
    steps = of(made, "MedicationRequest")[0]["dosageInstruction"]
    assert [(s["sequence"], s["doseAndRate"][0]["doseQuantity"]["value"]) for s in steps] == [(1, 40), (2, 20)]
    assert steps[0]["timing"]["repeat"]["boundsPeriod"] == {"start": "2024-01-01", "end": "2024-01-04"}


def test_an_order_of_a_drug_by_itself_is_a_request() -> None:
    """A supply order that stands in a section, not in a medication, is the prescription."""
    supply = f'<supply classCode="SPLY" moodCode="INT"><templateId root="{CCDA}17"/>{ident("s")}<statusCode code="active"/><repeatNumber value="3"/><quantity value="30"/><product><manufacturedProduct>{MATERIAL}</manufacturedProduct></product></supply>'
    [request] = of(document(supply), "MedicationRequest")
    assert codes(request["medicationCodeableConcept"]) == ["8640"]
    assert request["dispenseRequest"] == {"numberOfRepeatsAllowed": 2, "quantity": {"value": 30}}
    inside = document(medicine(DRUG + f'<entryRelationship typeCode="REFR">{supply}</entryRelationship>'))
    assert len(of(inside, "MedicationRequest")) == 1


def test_a_frequency_and_a_condition_in_words() -> None:
    """Twice a day, when there is pain."""
    often = '<effectiveTime xsi:type="PIVL_TS" operator="A"><frequency><numerator value="2"/><denominator value="1" unit="d"/></frequency></effectiveTime>'
    pain = "<precondition><criterion><text>for pain</text></criterion></precondition>"
    [dosage] = of(document(medicine(often + DRUG + pain)), "MedicationRequest")[0]["dosageInstruction"]
    assert dosage["timing"]["repeat"] == {"frequency": 2, "period": 1, "periodUnit": "d"}
    assert dosage["asNeededCodeableConcept"] == {"text": "for pain"}


ALLERGY = f'<act classCode="ACT" moodCode="EVN"><templateId root="{CCDA}30"/>{ident("c")}<code code="CONC"/><statusCode code="active"/><effectiveTime><low value="2020"/></effectiveTime>{{author}}<entryRelationship typeCode="SUBJ"><observation classCode="OBS" moodCode="EVN"><templateId root="{CCDA}7"/>{ident("a")}<code code="ASSERTION"/>{{text}}<statusCode code="completed"/>{{value}}<participant typeCode="CSM"><participantRole><playingEntity>{{substance}}</playingEntity></participantRole></participant></observation></entryRelationship></act>'
NOT_APPLICABLE = '<code nullFlavor="NA"/>'


@pytest.mark.parametrize(
    ("value", "substance", "text", "expected"),
    [
        (coded("value", "716186003"), NOT_APPLICABLE, "", {"716186003"}),
        (coded("value", "91936005"), NOT_APPLICABLE, "", {"91936005"}),
        (coded("value", "419199007"), coded("code", "7980", RXNORM), "", {"7980"}),
        (coded("value", "426232007"), "", "<text>bees</text>", {"bees"}),
        ('<value xsi:type="CD" nullFlavor="UNK"><originalText>Pollen</originalText></value>', "", "", {"Pollen"}),
        ('<value xsi:type="CD" nullFlavor="NI"/>', '<code nullFlavor="NI"/>', "", None),
        ('<value xsi:type="CD" nullFlavor="NI"/>', '<code nullFlavor="MSK"/>', "", {"masked"}),
    ],
)
def test_what_an_allergy_is_to(value: str, substance: str, text: str, expected: set[str] | None) -> None:
    """The substance, else what the value or the words say; where there is no information there is no allergy."""
    entry = ALLERGY.format(author="", text=text, value=value, substance=substance)
    found = of(document(entry, "48765-2"), "AllergyIntolerance")
    if expected is None:
        assert found == []
        return
    code = found[0]["code"]
    extensions = [e["valueCode"] for e in code.get("extension", ())]
    assert {*codes(code), *([code["text"]] if "text" in code else []), *extensions} == expected


def test_who_wrote_a_concern_wrote_its_allergy() -> None:
    """An allergy without an author has that of its concern; an author with the patient's number is the patient."""
    author = '<author><time value="20200103"/><assignedAuthor><id root="{}" extension="P1"/></assignedAuthor></author>'
    parts = {"text": "", "value": coded("value", "419199007"), "substance": coded("code", "7980", RXNORM)}
    made = document(ALLERGY.format(author=author.format("1.3.6.1.4.1.77777.3"), **parts), "48765-2")
    [allergy] = of(made, "AllergyIntolerance")
    assert (allergy["recordedDate"], allergy["recorder"]) == ("2020-01-03", allergy["patient"])
    other = document(ALLERGY.format(author=author.format("1.3.6.1.4.1.77777.7"), **parts), "48765-2")
    assert of(other, "AllergyIntolerance")[0]["recorder"]["reference"].startswith("Practitioner/")


def test_a_condition_of_a_relative_is_told_once() -> None:
    """The observations of a family organizer are its conditions, and no histories of their own."""
    heart = observation("29308-4", coded("value", "22298006"), template="46")
    subject = '<subject><relatedSubject classCode="PRS"><code code="FTH" codeSystem="2.16.840.1.113883.5.111"/><subject><name><given>Tor</given><family>Quill</family></name></subject></relatedSubject></subject>'
    organizer = f'<organizer classCode="CLUSTER" moodCode="EVN"><templateId root="{CCDA}45"/>{ident("f")}<statusCode code="completed"/>{subject}<component>{heart}</component></organizer>'
    [history] = of(document(organizer, "10157-6"), "FamilyMemberHistory")
    assert (history["name"], codes(history["condition"][0]["code"])) == ("Tor Quill", ["22298006"])
    [alone] = of(document(heart, "10157-6"), "FamilyMemberHistory")
    assert codes(alone["condition"][0]["code"]) == ["22298006"]


def test_a_device_has_what_its_identifier_says() -> None:
    """Parts of a UDI that are sent beside it go before those that stand in it."""
    carrier = '<id root="2.16.840.1.113883.3.3719" extension="(01)00999999000017(17)260131(10)L7(21)S9"/>'
    role = f'<participant typeCode="DEV"><participantRole classCode="MANU"><templateId root="{CCDA}37"/>{carrier}<playingDevice>{coded("code", "14106009")}</playingDevice></participantRole></participant>'
    lot = '<component><observation classCode="OBS" moodCode="EVN"><code code="C101672" codeSystem="2.16.840.1.113883.3.26.1.1"/><value xsi:type="ED">LOT-8</value></observation></component>'
    parts = f'<entryRelationship typeCode="COMP"><organizer classCode="CLUSTER" moodCode="EVN"><templateId root="{CCDA}311"/>{carrier}{coded("code", "74711-3", LOINC)}<statusCode code="completed"/>{lot}</organizer></entryRelationship>'
    act = f'<procedure classCode="PROC" moodCode="EVN"><templateId root="{CCDA}14"/>{ident("p")}{coded("code", "360030002")}<statusCode code="completed"/>{role}{{}}</procedure>'
    made = document(act.format(parts), "47519-4")
    [device] = of(made, "Device")
    assert (device["lotNumber"], device["serialNumber"], device["expirationDate"]) == ("LOT-8", "S9", "2026-01-31")
    assert device["udiCarrier"][0]["deviceIdentifier"] == "00999999000017"
    assert of(made, "Observation") == []
    [plain] = of(document(act.format(""), "47519-4"), "Device")
    assert plain["lotNumber"] == "L7"


def test_a_vaccine_has_its_place_reason_and_reaction() -> None:
    """What stands around an immunization is told with it."""
    reaction = observation("75326-9", coded("value", "39579001"), template="9")
    reason = observation("29308-4", coded("value", "195967001"), template="19")
    place = '<participant typeCode="LOC"><participantRole classCode="SDLOC"><playingEntity><name>Harbour</name></playingEntity></participantRole></participant>'
    links = f'{place}<entryRelationship typeCode="RSON">{reason}</entryRelationship><entryRelationship typeCode="CAUS">{reaction}</entryRelationship>'
    given = f'<effectiveTime value="20231015"/>{DRUG}<author><time value="20231016"/><assignedAuthor>{ident("x")}</assignedAuthor></author>'
    made = document(medicine(given + links, "52"), "11369-6")
    [vaccine] = of(made, "Immunization")
    assert (vaccine["recorded"], codes(vaccine["reasonCode"][0])) == ("2023-10-16", ["195967001"])
    assert of(made, "Location")[0]["name"] == "Harbour"
    [found] = of(made, "Observation")
    assert vaccine["reaction"][0]["detail"] == {"reference": f"Observation/{found['id']}"}


def test_a_laboratory_of_another_guide_is_a_report() -> None:
    """Batteries of IHE's laboratory reports and those without any template, in acts of a section by specialty."""
    result = observation("2345-7", '<value xsi:type="PQ" value="95" unit="mg/dL"/>')
    battery = f'<act classCode="ACT" moodCode="EVN">{coded("code", "18719-5", LOINC)}<statusCode code="completed"/><entryRelationship typeCode="COMP"><organizer classCode="BATTERY" moodCode="EVN">{coded("code", "24323-8", LOINC)}<statusCode code="completed"/><component>{result}</component></organizer></entryRelationship></act>'
    made = document(battery, "18719-5")
    [report] = of(made, "DiagnosticReport")
    assert codes(report["code"]) == ["24323-8"]
    assert len(report["result"]) == 1


@pytest.mark.parametrize("section", ["29548-5", "51848-0"])
def test_a_diagnosis_of_another_guide_is_a_condition(section: str) -> None:
    """A concern act without a template, in a section of diagnoses or any other, holds problems and is no procedure."""
    concern = f'<act classCode="ACT" moodCode="EVN"><code code="CONC" codeSystem="2.16.840.1.113883.5.6"/><statusCode code="active"/><entryRelationship typeCode="SUBJ">{observation("29308-4", coded("value", "J45.0", "1.2.276.0.76.5.409"))}</entryRelationship></act>'
    made = document(concern, section)
    [condition] = of(made, "Condition")
    assert codes(condition["code"]) == ["J45.0"]
    assert of(made, "Procedure") == []


def test_a_referral_is_a_request_with_its_reason() -> None:
    """An act that is planned and holds nothing but its reason is requested."""
    reason = observation("29308-4", coded("value", "38341003"), template="19")
    referral = f'<act classCode="PCPR" moodCode="INT">{ident("r")}{coded("code", "44383000")}<statusCode code="active"/><participant typeCode="REFT"><participantRole><playingEntity><name><family>Card</family></name></playingEntity></participantRole></participant><entryRelationship typeCode="RSON">{reason}</entryRelationship></act>'
    made = document(referral, "18776-5")
    [request] = of(made, "ServiceRequest")
    assert (codes(request["code"]), codes(request["reasonCode"][0])) == (["44383000"], ["38341003"])
    assert of(made, "Practitioner")[0]["name"] == [{"family": "Card"}]


def test_what_a_patient_says_of_themselves() -> None:
    """Sex, pronouns and tribe of the social history are extensions of the patient, too."""
    tribe = coded("value", "187", "2.16.840.1.113883.5.140")
    entries = "</entry><entry>".join(
        [
            observation("46098-0", coded("value", "248152002")),
            observation("90778-2", coded("value", "LA29519-8", LOINC)),
            observation("95370-3", tribe),
        ]
    )
    [patient] = of(document(entries, "29762-2"), "Patient")
    said = {e["url"].rpartition("/")[2]: e for e in patient["extension"]}
    assert said["us-core-sex"]["valueCode"] == "248152002"
    assert said["individual-pronouns"]["extension"][0]["url"] == "value"
    concept = said["us-core-tribal-affiliation"]["extension"][0]["valueCodeableConcept"]
    assert concept["coding"][0]["system"] == "http://terminology.hl7.org/CodeSystem/v3-TribalEntityUS"


def test_names_and_addresses_of_many_parts() -> None:
    """Two family names are one text, a name at birth is not part of it; a bad address is old; languages are rated."""
    header = """<recordTarget><patientRole><id root="1.3.6.1.4.1.77777.3" extension="P1"/><addr use="HP BAD"><city>Bergen</city></addr><telecom use="H MC" value="tel:55501"/><patient>
<name use="L"><given>Ana</given><family>García</family><family>Ruiz</family></name><name><family qualifier="BR">Sol</family><family>Ruiz</family></name><name><family qualifier="BR">Sol</family></name>
<languageCommunication><languageCode code="es"/><modeCode code="ESP" codeSystem="2.16.840.1.113883.5.60"/><proficiencyLevelCode code="G" codeSystem="2.16.840.1.113883.5.61"/></languageCommunication></patient></patientRole></recordTarget>"""
    [patient] = of(document(observation("72166-2", coded("value", "8517006")), "29762-2", header), "Patient")
    assert [name["family"] for name in patient["name"]] == ["García Ruiz", "Ruiz", "Sol"]
    assert [name.get("use") for name in patient["name"]] == ["usual", None, "maiden"]
    assert (patient["address"][0]["use"], patient["telecom"][0]["use"]) == ("old", "mobile")
    able = patient["communication"][0]["extension"][0]["extension"]
    assert [(part["url"], part["valueCoding"]["code"]) for part in able] == [("type", "ESP"), ("level", "G")]


def test_a_callback_contact_is_no_relative() -> None:
    """Whom to call about the document is not a contact of the patient."""
    contact = '<participant typeCode="{}"><associatedEntity classCode="{}"><associatedPerson><name><family>Call</family></name></associatedPerson></associatedEntity></participant>'
    entry = observation("72166-2", coded("value", "8517006"))
    [patient] = of(document(entry, "29762-2", PATIENT + contact.format("CALLBCK", "ASSIGNED")), "Patient")
    assert "contact" not in patient
    [patient] = of(document(entry, "29762-2", PATIENT + contact.format("IND", "NOK")), "Patient")
    assert patient["contact"][0]["name"] == {"family": "Call"}


def test_a_document_as_a_value_is_a_document() -> None:
    """A result that is a file in base64 is no text of the observation."""
    made = document(
        observation(
            "11502-2", '<value xsi:type="ED" mediaType="application/pdf" representation="B64">JVBERi0xLjQK</value>'
        ),
        "30954-2",
    )
    [result] = of(made, "Observation")
    assert not [key for key in result if key.startswith("value")]
    attached = next(
        d for d in of(made, "DocumentReference") if d["content"][0]["attachment"]["contentType"] == "application/pdf"
    )
    assert result["derivedFrom"] == [{"reference": f"DocumentReference/{attached['id']}"}]


def test_a_goal_addresses_the_concern_that_it_names() -> None:
    """An entry reference leads to what the concern with that id holds; one that leads nowhere is listed."""
    problem = observation("64572001", coded("value", "38341003"), template="4")
    concern = f'<act classCode="ACT" moodCode="EVN"><templateId root="{CCDA}132"/>{ident("hc")}{coded("code", "75310-3", LOINC)}<statusCode code="active"/><entryRelationship typeCode="REFR">{problem}</entryRelationship></act>'
    goal = f'<observation classCode="OBS" moodCode="GOL"><templateId root="{CCDA}121"/>{ident("g")}{coded("code", "59408-5", LOINC)}<statusCode code="active"/><entryRelationship typeCode="REFR"><act classCode="ACT" moodCode="EVN"><templateId root="{CCDA}122"/>{{}}<code nullFlavor="NP"/></act></entryRelationship></observation>'
    made = document(f"{concern}</entry><entry>{goal.format(ident('hc'))}", "75310-3")
    [condition], [found] = of(made, "Condition"), of(made, "Goal")
    assert found["addresses"] == [{"reference": f"Condition/{condition['id']}"}]
    lost = document(f"{concern}</entry><entry>{goal.format(ident('other'))}", "75310-3")
    assert "addresses" not in of(lost, "Goal")[0]
    assert [value for _, _, value in lost.unconsumed if value == "other"]


def test_the_answers_of_a_scale_are_its_members() -> None:
    """A screening is a survey that its answers belong to."""
    answer = observation("71802-3", coded("value", "LA31993-1", LOINC), template="86")
    scale = observation(
        "96777-8",
        '<value xsi:type="INT" value="3"/>',
        f'<entryRelationship typeCode="COMP">{answer}</entryRelationship>',
        "69",
    )
    found = {codes(o["code"])[0]: o for o in of(document(scale, "29762-2"), "Observation")}
    assert found["96777-8"]["hasMember"] == [{"reference": f"Observation/{found['71802-3']['id']}"}]
    assert "survey" in [codes(category)[0] for category in found["96777-8"]["category"]]


@pytest.mark.parametrize(
    ("code", "value", "expected"),
    [
        ("DALG", coded("value", "7980", RXNORM), ("allergy", ["medication"], ["7980"])),
        ("FINT", coded("value", "102263004"), ("intolerance", ["food"], ["102263004"])),
        ("ASSERTION", coded("value", "FALG", "2.16.840.1.113883.5.4"), ("allergy", ["food"], ["7980"])),
    ],
)
def test_kinds_of_allergy_by_act_code(code: str, value: str, expected: Any) -> None:
    """IHE's guides say the kind by the code of the observation, the substance by its value."""
    substance = coded("code", "7980", RXNORM) if code == "ASSERTION" else NOT_APPLICABLE
    entry = ALLERGY.replace('code="ASSERTION"', f'code="{code}" codeSystem="2.16.840.1.113883.5.4"')
    [found] = of(
        document(entry.format(author="", text="", value=value, substance=substance), "48765-2"), "AllergyIntolerance"
    )
    assert (found["type"], found.get("category"), codes(found["code"])) == expected


def test_a_drug_by_its_label_with_its_state() -> None:
    """A labelled drug (CDA R2) is a medication as well; the status observation of C32 goes before the activity's."""
    labeled = f"<consumable><manufacturedProduct><manufacturedLabeledDrug>{coded('code', '161', RXNORM)}</manufacturedLabeledDrug></manufacturedProduct></consumable>"
    state = (
        f'<entryRelationship typeCode="REFR">{observation("33999-4", coded("value", "421139008"))}</entryRelationship>'
    )
    [request] = of(document(medicine(labeled + state)), "MedicationRequest")
    assert (codes(request["medicationCodeableConcept"]), request["status"]) == (["161"], "on-hold")


@pytest.mark.parametrize(
    ("own", "around", "expected"),
    [
        ("", '<effectiveTime value="202401010830+0000"/>', "2024-01-01T08:30:00+00:00"),
        ("", '<effectiveTime><low value="20240101"/><high value="20240101"/></effectiveTime>', "2024-01-01"),
        ("", '<effectiveTime><low value="20240101"/><high value="20240102"/></effectiveTime>', None),
        ('<effectiveTime nullFlavor="UNK"/>', '<effectiveTime value="20240101"/>', None),
        ('<effectiveTime value="2023"/>', '<effectiveTime value="20240101"/>', "2023"),
    ],
)
def test_a_member_without_a_time_has_its_organizers(own: str, around: str, expected: str | None) -> None:
    """A time that is said to be unknown stays so, and an interval is nobody's moment."""
    sign = f'<component><observation classCode="OBS" moodCode="EVN">{coded("code", "8480-6", LOINC)}<statusCode code="completed"/>{own}<value xsi:type="PQ" value="120" unit="mm[Hg]"/></observation></component>'
    organizer = f'<organizer classCode="CLUSTER" moodCode="EVN">{coded("code", "46680005")}<statusCode code="completed"/>{around}{sign}</organizer>'
    found = {codes(o["code"])[0]: o for o in of(document(organizer, "8716-3"), "Observation")}
    assert found["8480-6"].get("effectiveDateTime") == expected


def test_words_stand_for_a_code_that_is_not_sent() -> None:
    """A procedure or finding whose code has only a nullFlavor is named by its text."""
    act = f'<procedure classCode="PROC" moodCode="EVN">{ident("p")}<code nullFlavor="NI"/><text><reference value="#t1"/></text><statusCode code="completed"/></procedure>'
    assert of(document(act, "47519-4"), "Procedure")[0]["code"] == {"text": "Words"}
