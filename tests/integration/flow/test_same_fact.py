"""One fact said in three formats is one fact with three sources; what only looks like it stays beside."""

from __future__ import annotations

from unsilo.config import Feed
from unsilo.flow.process import process
from unsilo.flow.read.fact import Fact
from unsilo.flow.read.grouping import Group, group
from unsilo.kernel import json, seal

V2 = "\r".join([
    "MSH|^~\\&|A|B|C|D|20260101||ADT^A01^ADT_A01|1|P|2.5.1",
    "PID|1||4711^^^NORTH^MR||Rivera^Ana||19700102|F",
    "PV1|1|I",
    "AL1|1|DA^Drug allergy^HL70127|7980^Penicillin^RXNORM|SV^Severe^HL70128|Hives",
    "AL1|2|DA^Drug allergy^HL70127|^Amoxicillin||Rash",
    "DG1|1||I21.9^Acute myocardial infarction, unspecified^I10C||20260101|W",
    "",
]).encode()  # fmt: skip


def _ccda(sections: str) -> bytes:
    return f"""<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>
<templateId root="2.16.840.1.113883.10.20.22.1.2" extension="2015-08-01"/>
<id root="1.3.6.1.4.1.99999.1" extension="1"/><code code="34133-9" codeSystem="2.16.840.1.113883.6.1"/>
<effectiveTime value="20260102"/><confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25"/>
<recordTarget><patientRole><id root="1.3.6.1.4.1.99999.2" extension="9"/><patient><name><given>Ana</given>
<family>Rivera</family></name><administrativeGenderCode code="F" codeSystem="2.16.840.1.113883.5.1"/>
<birthTime value="19700102"/></patient></patientRole></recordTarget>
<component><structuredBody>{sections}</structuredBody></component></ClinicalDocument>""".encode()


ALLERGY = """<component><section><templateId root="2.16.840.1.113883.10.20.22.2.6.1" extension="2015-08-01"/>
<code code="48765-2" codeSystem="2.16.840.1.113883.6.1"/><title>Allergies</title><text>Penicillin</text><entry>
<act classCode="ACT" moodCode="EVN"><templateId root="2.16.840.1.113883.10.20.22.4.30" extension="2015-08-01"/>
<id root="5a7a0d10-0000-4000-8000-000000000001"/><code code="CONC" codeSystem="2.16.840.1.113883.5.6"/>
<statusCode code="active"/><effectiveTime><low value="20200101"/></effectiveTime><entryRelationship typeCode="SUBJ">
<observation classCode="OBS" moodCode="EVN"{negated}>
<templateId root="2.16.840.1.113883.10.20.22.4.7" extension="2014-06-09"/>
<id root="5a7a0d10-0000-4000-8000-000000000002"/><code code="ASSERTION" codeSystem="2.16.840.1.113883.5.4"/>
<statusCode code="completed"/><effectiveTime><low value="20200101"/></effectiveTime>
<value xsi:type="CD" code="416098002" codeSystem="2.16.840.1.113883.6.96" displayName="Allergy to drug"/>
<participant typeCode="CSM"><participantRole classCode="MANU"><playingEntity classCode="MMAT">
<code code="70618" codeSystem="2.16.840.1.113883.6.88" displayName="Penicillin"/></playingEntity></participantRole>
</participant></observation></entryRelationship></act></entry></section></component>"""

ACTIVE = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"}]}
FHIR = json.encode({
    "resourceType": "Bundle", "type": "collection", "entry": [
        {"resource": {"resourceType": "Patient", "id": "p"}},
        {"resource": {"resourceType": "AllergyIntolerance", "id": "a", "patient": {"reference": "Patient/p"},
                      "clinicalStatus": ACTIVE, "code": {"coding": [
                          {"system": "http://snomed.info/sct", "code": "91936005",
                           "display": "Allergy to penicillin"}]}}},
        {"resource": {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/p"},
                      "code": {"text": "Heart attack"}, "onsetDateTime": "2026-01-01"}},
    ]})  # fmt: skip


def facts(feed: str, kind: str, content: bytes) -> list[Fact]:
    """Return what a worker makes of one message, as facts of its feed."""
    done = process(seal(feed, kind, content, 1), Feed(feed, kind))
    assert not done.failed, done.issues
    return [Fact(p.type, f"{feed}-{p.id}", 1, 0, feed, json.decode(p.body)) for p in done.pieces]


def grouped(every: list[Fact], kind: str) -> list[Group]:
    """Return the groups of one type of resource."""
    return group(fact for fact in every if fact.type == kind)


def test_one_allergy_of_three_formats_is_one_fact_with_three_sources() -> None:
    """AL1 with RxNorm, C-CDA with another RxNorm code, FHIR with SNOMED CT: penicillin; amoxicillin stands beside."""
    every = [
        *facts("north", "hl7v2", V2), *facts("clinic", "ccda", _ccda(ALLERGY.format(negated=""))),
        *facts("app", "fhir", FHIR),
    ]  # fmt: skip
    found = grouped(every, "AllergyIntolerance")
    one = next(each for each in found if each.count > 1)
    assert dict(one.pips) == {"north": 1, "clinic": 1, "app": 1}
    assert {rule for _, _, _, rule in one.grounds} == {"same.allergen"}
    other = next(each for each in found if each is not one)
    assert (other.title, other.count, [near.rule for near in other.near]) == ("Amoxicillin", 1, ["related.class"])


def test_one_problem_of_two_formats_is_one_fact() -> None:
    """DG1 with ICD-10-CM and the words of an app: a heart attack."""
    every = [*facts("north", "hl7v2", V2), *facts("app", "fhir", FHIR)]
    (found,) = grouped(every, "Condition")
    assert dict(found.pips) == {"north": 1, "app": 1}
    assert [rule for _, _, _, rule in found.grounds] == ["same.table"]


def test_an_allergy_that_a_document_denies_is_not_the_one_that_others_have() -> None:
    """C-CDA's negationInd makes another statement."""
    denied = facts("clinic", "ccda", _ccda(ALLERGY.format(negated=' negationInd="true"')))
    found = grouped([*facts("north", "hl7v2", V2), *denied], "AllergyIntolerance")
    assert all(len(each.pips) == 1 for each in found)
