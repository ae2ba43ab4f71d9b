"""Shapes that the templates allow and that are easily misread: moods, parts of parts, missing products."""

from __future__ import annotations

from typing import Any

import pytest

from unsilo.formats import ccda
from unsilo.kernel import seal
from unsilo.mapping import Mapped, Site, load

_V3 = 'xmlns="urn:hl7-org:v3" xmlns:sdtc="urn:hl7-org:sdtc" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
_SNOMED = 'codeSystem="2.16.840.1.113883.6.96"'
_LOINC = 'codeSystem="2.16.840.1.113883.6.1"'
_T = "2.16.840.1.113883.10.20.22"


def run(section: str, entry: str) -> Mapped:
    """Map a document of one section with one entry."""
    content = (
        f'<ClinicalDocument {_V3}><id root="1.2.3" extension="d"/><versionNumber value="3"/><recordTarget><patientRole>'
        '<id root="1.2" extension="1"/></patientRole></recordTarget><component><structuredBody><component><section>'
        f'<templateId root="{_T}.2.{section}"/><entry>{entry}</entry></section></component></structuredBody>'
        "</component></ClinicalDocument>"
    ).encode()
    parsed = ccda.parse(content)
    assert parsed.value is not None
    return load("ccda", Site(feed="f", organisation="o")).run(parsed.value, seal("f", "ccda", content, 0))


def found(mapped: Mapped, kind: str) -> list[dict[str, Any]]:
    """The resources of a type."""
    return [e.resource for e in mapped.entries if e.resource["resourceType"] == kind]


def observation(code: str, inner: str = "", mood: str = "EVN", template: str = "") -> str:
    """An observation with a LOINC code."""
    named = f'<templateId root="{_T}.4.{template}"/>' if template else ""
    return (
        f'<observation classCode="OBS" moodCode="{mood}">{named}<id root="1.9" extension="{code}"/>'
        f'<code code="{code}" {_LOINC}/><statusCode code="completed"/>{inner}</observation>'
    )


_VALUE = '<value xsi:type="PQ" value="2" unit="L/min"/>'


@pytest.mark.parametrize(("section", "organizer", "template"), [("3.1", "1", "2"), ("4.1", "26", "27")])
def test_a_part_of_a_result_is_its_member_with_its_time(section: str, organizer: str, template: str) -> None:
    """An observation without a template in another is not lost; as a component it has the time of the whole."""
    part = f'<entryRelationship typeCode="COMP">{observation("3151-8", _VALUE)}</entryRelationship>'
    whole = observation("59408-5", f'<value xsi:type="INT" value="98"/>{part}', template=template)
    mapped = run(
        section,
        f'<organizer classCode="CLUSTER" moodCode="EVN"><templateId root="{_T}.4.{organizer}"/>'
        f'<id root="1.9" extension="g"/><code code="x"/><statusCode code="completed"/><effectiveTime value="20240102"/>'
        f"<component>{whole}</component></organizer>",
    )
    of = {o["code"]["coding"][0]["code"]: o for o in found(mapped, "Observation")}
    assert of["59408-5"]["hasMember"] == [{"reference": f"Observation/{of['3151-8']['id']}"}]
    assert of["3151-8"]["effectiveDateTime"] == "2024-01-02"


@pytest.mark.parametrize(
    ("section", "template", "mood", "kind"),
    [
        ("3.1", "2", "RQO", "ServiceRequest"),
        ("4.1", "27", "GOL", "Goal"),
        ("5.1", "4", "RSK", ""),
        ("17", "38", "INT", "ServiceRequest"),
        ("5.1", "4", "EVN", "Condition"),
    ],
)
def test_what_is_asked_for_aimed_at_or_feared_is_not_so(section: str, template: str, mood: str, kind: str) -> None:
    """Only the mood EVN says that something is so (CDA R2 4.3.6)."""
    value = f'<value xsi:type="CD" code="49436004" {_SNOMED}/>'
    mapped = run(section, observation("1-8", value, mood, template))
    clinical = {e.resource["resourceType"] for e in mapped.entries} & {
        "Observation", "Condition", "ServiceRequest", "Goal",
    }  # fmt: skip
    assert clinical == ({kind} if kind else set())
    assert any(issue.rule == "ccda.risk" for issue in mapped.issues) is (not kind)


def test_the_answers_to_a_social_questionnaire_belong_to_it() -> None:
    """An organizer of the social history is an observation with its answers as members, at its time."""
    mapped = run(
        "17",
        f'<organizer classCode="CLUSTER" moodCode="EVN"><id root="1.9" extension="q"/><code code="93025-5" {_LOINC}/>'
        f'<statusCode code="completed"/><effectiveTime value="20240102"/><component>'
        f"{observation('71802-3', template='86')}</component></organizer>",
    )
    of = {o["code"]["coding"][0]["code"]: o for o in found(mapped, "Observation")}
    assert of["93025-5"]["hasMember"] == [{"reference": f"Observation/{of['71802-3']['id']}"}]
    assert of["71802-3"]["effectiveDateTime"] == "2024-01-02"


_DRUG = '<code code="1191" codeSystem="2.16.840.1.113883.6.88"/>'


def drug(inner: str, material: str = _DRUG, negated: str = "false", template: str = "16") -> str:
    """A substance administration."""
    return (
        f'<substanceAdministration classCode="SBADM" moodCode="EVN" negationInd="{negated}">'
        f'<templateId root="{_T}.4.{template}"/><id root="1.9" extension="m"/><statusCode code="completed"/>'
        '<effectiveTime value="20240102"/><consumable><manufacturedProduct><manufacturedMaterial>'
        f"{material}</manufacturedMaterial></manufacturedProduct></consumable>{inner}</substanceAdministration>"
    )


def supply(template: str, mood: str, inner: str) -> str:
    """A supply in a substance administration."""
    return (
        f'<entryRelationship typeCode="REFR"><supply classCode="SPLY" moodCode="{mood}">'
        f'<templateId root="{_T}.4.{template}"/><id root="1.9" extension="s{template}"/><statusCode code="completed"/>'
        f"{inner}</supply></entryRelationship>"
    )


def test_a_dispense_without_a_product_is_of_the_drug_around_it() -> None:
    """What was dispensed is known: the entry that holds it says so, and is cited."""
    mapped = run("1.1", drug(supply("18", "EVN", '<quantity value="30"/>')))
    [dispense], [order] = found(mapped, "MedicationDispense"), found(mapped, "MedicationRequest")
    assert dispense["medicationCodeableConcept"] == order["medicationCodeableConcept"]
    assert not [issue for issue in mapped.issues if "medicationCodeableConcept" in issue.text]
    [entry] = [e for e in mapped.entries if e.resource is dispense]
    assert any(row.path == "medicationCodeableConcept.coding[0].code" and row.source for row in entry.rows)


def test_who_wrote_the_supply_order_ordered_the_drug() -> None:
    """An order without an author has the author and the time of its supply."""
    author = (
        '<author><time value="20240101"/><assignedAuthor><id root="2.16.840.1.113883.4.6" extension="88"/>'
        "</assignedAuthor></author>"
    )
    mapped = run("1.1", drug(supply("17", "INT", author)))
    [order], [writer] = found(mapped, "MedicationRequest"), found(mapped, "Practitioner")
    assert order["authoredOn"] == "2024-01-01"
    assert order["requester"] == {"reference": f"Practitioner/{writer['id']}"}


def test_a_drug_that_has_a_name_only_is_not_absent() -> None:
    """A name stands for the code that is not sent."""
    [order] = found(run("1.1", drug("", '<code nullFlavor="UNK"/><name>Aspirin</name>')), "MedicationRequest")
    assert order["medicationCodeableConcept"] == {"text": "Aspirin"}


def vaccine(inner: str, negated: str = "false") -> dict[str, Any]:
    """The Immunization of an activity with something inside."""
    [one] = found(run("2.1", drug(inner, negated=negated, template="52")), "Immunization")
    return one


def inside(kind: str, content: str) -> str:
    """Something in a relation of a kind."""
    return f'<entryRelationship typeCode="{kind}">{content}</entryRelationship>'


def test_only_a_reason_is_a_reason_for_no_vaccine() -> None:
    """The number of a dose is no refusal, the reason for a vaccine that was given neither."""
    number = observation("30973-2", '<value xsi:type="INT" value="2"/>')
    given = vaccine(inside("COMP", number))
    assert given["protocolApplied"] == [{"doseNumberPositiveInt": 2}]
    assert "statusReason" not in given
    reason = observation("77301-0", f'<value xsi:type="CD" code="105480006" {_SNOMED}/>')
    assert vaccine(inside("RSON", reason), "true")["statusReason"]["coding"][0]["code"] == "105480006"
    why = vaccine(inside("RSON", reason))
    assert "statusReason" not in why
    assert why["reasonCode"][0]["coding"][0]["code"] == "105480006"


@pytest.mark.parametrize(
    ("status", "expected"), [("active", "planned"), ("cancelled", "cancelled"), ("nullified", "entered-in-error")]
)
def test_an_appointment_that_is_cancelled_is_not_planned(status: str, expected: str) -> None:
    """A planned encounter that was called off says so."""
    entry = (
        f'<encounter classCode="ENC" moodCode="APT"><templateId root="{_T}.4.40"/><id root="1.9" extension="e"/>'
        f'<code code="AMB" codeSystem="2.16.840.1.113883.5.4"/><statusCode code="{status}"/></encounter>'
    )
    [visit] = found(run("10", entry), "Encounter")
    assert visit["status"] == expected


def test_a_note_of_an_encounter_belongs_to_it() -> None:
    """A note inside an encounter has the encounter as its context."""
    note = (
        f'<act classCode="ACT" moodCode="EVN"><templateId root="{_T}.4.202"/><code code="34109-9" {_LOINC}/>'
        '<text>Seen.</text><statusCode code="completed"/></act>'
    )
    entry = (
        f'<encounter classCode="ENC" moodCode="EVN"><templateId root="{_T}.4.49"/><id root="1.9" extension="e"/>'
        f'<code code="AMB" codeSystem="2.16.840.1.113883.5.4"/>{inside("COMP", note)}</encounter>'
    )
    mapped = run("22.1", entry)
    [visit] = found(mapped, "Encounter")
    notes = [d for d in found(mapped, "DocumentReference") if "category" in d]
    assert [d["context"]["encounter"] for d in notes] == [[{"reference": f"Encounter/{visit['id']}"}]]


def test_a_relatives_condition_in_words_with_a_span_of_ages() -> None:
    """Words for a code, an interval for an age, and the time beside the age are all told."""
    age = (
        f'<observation classCode="OBS" moodCode="EVN"><templateId root="{_T}.4.31"/><code code="445518008" {_SNOMED}/>'
        '<value xsi:type="IVL_PQ"><low value="40" unit="a"/><high value="50" unit="a"/></value></observation>'
    )
    illness = (
        f'<observation classCode="OBS" moodCode="EVN"><templateId root="{_T}.4.46"/><code code="64572001" {_SNOMED}/>'
        f'<effectiveTime value="1967"/><value xsi:type="ST">Gout</value>{inside("SUBJ", age)}</observation>'
    )
    entry = (
        f'<organizer classCode="CLUSTER" moodCode="EVN"><templateId root="{_T}.4.45"/><statusCode code="completed"/>'
        '<subject><relatedSubject><code code="FTH" codeSystem="2.16.840.1.113883.5.111"/></relatedSubject></subject>'
        f"<component>{illness}</component></organizer>"
    )
    [family] = found(run("15", entry), "FamilyMemberHistory")
    [condition] = family["condition"]
    assert condition["code"] == {"text": "Gout"}
    assert (condition["onsetRange"]["low"]["value"], condition["onsetRange"]["high"]["value"]) == (40, 50)
    assert condition["note"] == [{"text": "1967 (time of the condition)"}]


def test_how_a_procedure_was_done_and_which_version_a_document_is() -> None:
    """Both have an extension of FHIR R4's own."""
    entry = (
        f'<procedure classCode="PROC" moodCode="EVN"><templateId root="{_T}.4.14"/><code code="80146002" {_SNOMED}/>'
        f'<statusCode code="completed"/><methodCode code="51316009" {_SNOMED}/></procedure>'
    )
    mapped = run("7.1", entry)
    [procedure], [composition] = found(mapped, "Procedure"), found(mapped, "Composition")
    assert procedure["extension"][0]["valueCodeableConcept"]["coding"][0]["code"] == "51316009"
    assert composition["extension"][0]["valueString"] == "3"


def test_a_gender_identity_in_words_is_told() -> None:
    """What the lists of codes do not have is said by the patient in words."""
    value = '<value xsi:type="CD" nullFlavor="OTH"><originalText>agender</originalText></value>'
    [patient] = found(run("17", observation("76691-5", value, template="38")), "Patient")
    assert [e["valueCodeableConcept"] for e in patient["extension"]] == [{"text": "agender"}]


@pytest.mark.parametrize("section", ["38", "7.1"])
def test_why_something_was_not_done_is_the_reason_of_its_status(section: str) -> None:
    """A reason beside a negation is one for not doing it (FHIR R4 statusReason), never one for doing it."""
    reason = inside("RSON", observation("77301-0", f'<value xsi:type="CD" code="105480006" {_SNOMED}/>'))
    for negated in ("true", "false"):
        act = (
            f'<procedure classCode="PROC" moodCode="EVN" negationInd="{negated}"><templateId root="{_T}.4.14"/>'
            f'<code code="80146002" {_SNOMED}/><statusCode code="completed"/>{reason}</procedure>'
        )
        mapped = run(section, drug(reason, negated=negated) if section == "38" else act)
        [one] = found(mapped, "MedicationAdministration" if section == "38" else "Procedure")
        assert ("statusReason" in one, "reasonCode" in one) == (negated == "true", negated == "false")


def test_the_severity_that_a_reaction_has_is_not_told_twice() -> None:
    """The severity of the allergy that one of its reactions has, too, is no note."""
    severe = inside(
        "SUBJ",
        f'<observation classCode="OBS" moodCode="EVN"><templateId root="{_T}.4.8"/><code code="SEV"/>'
        f'<value xsi:type="CD" code="24484000" {_SNOMED} displayName="Severe"/></observation>',
    )
    rash = (
        f'<observation classCode="OBS" moodCode="EVN"><templateId root="{_T}.4.9"/><code code="ASSERTION"/>'
        f'<value xsi:type="CD" code="271807003" {_SNOMED}/>{severe}</observation>'
    )
    body = f'<value xsi:type="CD" code="91936005" {_SNOMED}/>{inside("MFST", rash)}{severe}'
    [allergy] = found(run("6.1", observation("1-8", body, template="7")), "AllergyIntolerance")
    assert allergy["reaction"][0]["severity"] == "severe"
    assert "note" not in allergy


def test_what_is_asked_for_keeps_its_detail_and_its_words() -> None:
    """The value of a planned observation says what of it is wanted; words of the narrative are a note."""
    value = f'<value xsi:type="CD" code="268528005" {_SNOMED}/>'
    inner = f'<text><reference value="#r"/></text>{value}'
    section = (
        f'10"/><code code="18776-5" {_LOINC}/><text><paragraph ID="r">next month</paragraph></text><id nullFlavor="NI'
    )
    [plan] = found(run(section, observation("1-8", inner, "RQO", "44")), "ServiceRequest")
    assert plan["orderDetail"][0]["coding"][0]["code"] == "268528005"
    assert plan["note"] == [{"text": "next month"}]
    assert "patientInstruction" not in plan


@pytest.mark.parametrize(("status", "end"), [("active", None), ("completed", "2020")])
def test_a_concern_that_is_active_has_no_end(status: str, end: str | None) -> None:
    """A concern in its own words that is called active keeps no end (FHIR R4 con-4)."""
    entry = (
        f'<act classCode="ACT" moodCode="EVN"><templateId root="{_T}.4.132"/><id root="1.9" extension="c"/>'
        f'<code code="75310-3" {_LOINC}/><text>Lives alone</text><statusCode code="{status}"/>'
        '<effectiveTime><low value="2018"/><high value="2020"/></effectiveTime></act>'
    )
    [concern] = found(run("58", entry), "Condition")
    assert concern.get("abatementDateTime") == end
