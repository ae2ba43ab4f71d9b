"""Persons outward: the documents and messages that are made of FHIR, what they hold, and what they say they do not."""

import random
from base64 import b64encode
from typing import Any

import pytest

from unsilo.formats import ccda, hl7v2
from unsilo.kernel import seal
from unsilo.mapping import Site, load
from unsilo.mapping.outward import faults, gather, joined, to_ccda, to_hl7v2
from unsilo.mapping.outward.element import Element, write
from unsilo.mapping.outward.systems import instance_root, oid_of
from unsilo.mapping.outward.times import stamp

AT = 1_763_700_000_000_000
LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"


def concept(system: str, code: str, text: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code, "display": text}], "text": text}


def observation(key: str, category: str, code: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation", "id": key, "status": "final", "subject": {"reference": "Patient/p"},
        "category": [{"coding": [{"code": category}]}], "code": concept(LOINC, code, f"test {code}"),
        "effectiveDateTime": "2024-03-01T10:30:00-05:00", **more,
    }  # fmt: skip


PATIENT = {
    "resourceType": "Patient", "id": "p", "birthDate": "1961-06-15", "gender": "male",
    "identifier": [
        {"system": "urn:oid:1.2.3.4", "value": "A-1"}, {"value": "bare"},
        {"system": "https://mary.example/mrn", "value": "M-7"},
    ],
    "name": [{"use": "official", "family": "Jones & Söhne", "given": ["William", "A"]}],
    "maritalStatus": {"text": "married"},
    "communication": [{"language": {"coding": [{"code": "es"}]}}], "photo": [{"data": "AAAA"}],
}  # fmt: skip
RESOURCES: list[dict[str, Any]] = [
    {
        "resourceType": "AllergyIntolerance", "id": "a", "patient": {"reference": "Patient/p"},
        "clinicalStatus": {"coding": [{"code": "active"}]}, "category": ["medication"], "type": "allergy",
        "criticality": "high", "code": concept(SNOMED, "91936005", "Penicillin"), "onsetDateTime": "2001-05",
        "reaction": [{"manifestation": [concept(SNOMED, "247472004", "Hives")], "severity": "moderate"}],
        "note": [{"text": "as a child"}],
    },
    {
        "resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/p"},
        "clinicalStatus": {"coding": [{"code": "resolved"}]}, "code": concept(SNOMED, "233604007", "Pneumonia"),
        "onsetDateTime": "2020-01-02", "abatementDateTime": "2020-02-03",
    },
    {
        "resourceType": "MedicationRequest", "id": "m", "status": "active", "intent": "order",
        "subject": {"reference": "Patient/p"}, "authoredOn": "2024-02-01",
        "medicationCodeableConcept": concept("http://www.nlm.nih.gov/research/umls/rxnorm", "197361", "Amlodipine"),
        "dosageInstruction": [
            {
                "text": "one tablet a day", "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}},
                "doseAndRate": [{"doseQuantity": {"value": 3.125, "unit": "mg", "code": "mg"}}],
            }
        ],
        "dispenseRequest": {"numberOfRepeatsAllowed": 2, "quantity": {"value": 30}},
    },
    observation("g", "laboratory", "2345-7", valueQuantity={"value": 5.50, "unit": "mmol/L", "code": "mmol/L"}),
    observation("lt", "laboratory", "3016-3", valueQuantity={"value": 0.01, "comparator": "<", "unit": "mIU/L"}),
    observation(
        "bp", "vital-signs", "85354-9",
        component=[
            {"code": concept(LOINC, "8480-6", "Systolic"), "valueQuantity": {"value": 120, "code": "mm[Hg]"}},
            {"code": concept(LOINC, "8462-4", "Diastolic"), "valueQuantity": {"value": 80, "code": "mm[Hg]"}},
        ],
    ),
    observation("loc", "laboratory", "x", valueString="1")
    | {"code": concept("https://mary.example/tests", "GLU", "Sugar")},
    observation("s", "social-history", "72166-2", valueCodeableConcept=concept(SNOMED, "8517006", "Ex-smoker")),
    {
        "resourceType": "DiagnosticReport", "id": "r", "status": "final", "subject": {"reference": "Patient/p"},
        "code": concept(LOINC, "24323-8", "Panel"), "effectiveDateTime": "2024-03-01T10:30:00-05:00",
        "result": [{"reference": "Observation/g"}],
    },
    {
        "resourceType": "Immunization", "id": "i", "status": "completed", "patient": {"reference": "Patient/p"},
        "vaccineCode": concept("http://hl7.org/fhir/sid/cvx", "140", "Influenza"), "occurrenceDateTime": "2023-10-10",
        "lotNumber": "L|1",
    },
    {
        "resourceType": "DocumentReference", "id": "d", "status": "current", "subject": {"reference": "Patient/p"},
        "type": concept(LOINC, "34117-2", "History"), "date": "2024-03-01T10:30:00Z",
        "content": [
            {
                "attachment": {
                    "contentType": "text/plain; charset=utf-8",
                    "data": b64encode(b"first <b>line</b>\n<script>alert(1)</script>\x00").decode(),
                }
            }
        ],
    },
    {"resourceType": "Claim", "id": "x", "patient": {"reference": "Patient/p"}},
]  # fmt: skip


def bundle(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": one} for one in resources]}


def back(content: bytes, fmt: str) -> list[dict[str, Any]]:
    """What our own way in makes of it."""
    parsed: Any = ccda.parse(content) if fmt == "ccda" else hl7v2.parse(content)
    assert parsed.value is not None
    mapped = load(fmt, Site(feed="back")).run(parsed.value, seal("back", fmt, content, AT))
    return [entry.resource for entry in mapped.entries]


def of(resources: list[dict[str, Any]], kind: str, code: str = "") -> list[dict[str, Any]]:
    return [one for one in resources if one["resourceType"] == kind and (not code or f"'{code}'" in repr(one))]


@pytest.fixture(scope="module")
def document() -> Any:
    made = to_ccda(gather(bundle(PATIENT, *RESOURCES))[0], AT, "St. Mary's")
    parsed = ccda.parse(made.contents[0])
    assert parsed.value is not None
    return made, parsed.value, back(made.contents[0], "ccda")


def test_a_document_keeps_the_rules_of_its_templates(document: Any) -> None:
    """All that stands in it keeps the rules; what has no place is not counted."""
    made, tree, _ = document
    assert not parsed_issues(tree)
    assert faults(tree) == []
    assert made.carried == len(RESOURCES)  # all but the claim, and the patient


def parsed_issues(tree: Any) -> list[Any]:
    return [issue for issue in getattr(tree, "issues", ()) if issue.severity in ("error", "fatal")]


@pytest.mark.parametrize(
    ("removed", "kept"),
    [
        (b'<statusCode code="completed"/>', b'<statusCode code="odd"/>'),
        (b'<code code="ASSERTION"', b'<code code="ASSERTED"'),
        (b' classCode="SBADM"', b' classCode="ACT"'),
    ],
)
def test_a_broken_rule_is_found(document: Any, removed: bytes, kept: bytes) -> None:
    """The check of the rules can fail."""
    content = document[0].contents[0]
    assert removed in content
    tree = ccda.parse(content.replace(removed, kept)).value
    assert tree is not None
    assert faults(tree)


def test_facts_return_with_code_date_and_value(document: Any) -> None:
    """Results, conditions and vaccinations come back as they were."""
    _, _, found = document
    glucose = of(found, "Observation", "2345-7")[0]
    assert (glucose["valueQuantity"]["value"], glucose["valueQuantity"]["code"]) == (5.5, "mmol/L")
    assert glucose["effectiveDateTime"] == "2024-03-01T10:30:00-05:00"
    small = of(found, "Observation", "3016-3")[0]["valueQuantity"]
    assert (str(small["value"]), small["comparator"]) == ("0.01", "<")
    assert [of(found, "Observation", code)[0]["valueQuantity"]["value"] for code in ("8480-6", "8462-4")] == [120, 80]
    assert of(found, "Observation", "72166-2")[0]["valueCodeableConcept"]["coding"][0]["code"] == "8517006"
    condition = of(found, "Condition", "233604007")[0]
    assert (condition["onsetDateTime"], condition["abatementDateTime"]) == ("2020-01-02", "2020-02-03")
    assert of(found, "Immunization", "140")[0]["lotNumber"] == "L|1"


def test_an_allergy_and_a_prescription_return_whole(document: Any) -> None:
    """With reaction, severity, status, dose and refills."""
    _, _, found = document
    allergy = of(found, "AllergyIntolerance")[0]
    assert allergy["code"]["coding"][0]["code"] == "91936005"
    assert allergy["reaction"][0]["manifestation"][0]["coding"][0]["code"] == "247472004"
    assert (allergy["criticality"], allergy["reaction"][0]["severity"]) == ("high", "moderate")
    assert allergy["clinicalStatus"]["coding"][0]["code"] == "active"
    order = of(found, "MedicationRequest")[0]
    assert order["authoredOn"] == "2024-02-01"
    dose = order["dosageInstruction"][0]
    assert str(dose["doseAndRate"][0]["doseQuantity"]["value"]) == "3.125"
    assert order["dispenseRequest"]["numberOfRepeatsAllowed"] == 2


def test_when_it_was_ordered_returns_where_nobody_is_at_hand() -> None:
    """The time stands with an author who is not named; that the requester is not carried is said, and nothing else."""
    order = next(one for one in RESOURCES if one["resourceType"] == "MedicationRequest")
    lonely = {**order, "requester": {"reference": "Practitioner/elsewhere"}}
    made = to_ccda(gather(bundle(PATIENT, lonely))[0], AT)
    tree = ccda.parse(made.contents[0]).value
    assert tree is not None
    assert faults(tree) == []
    assert of(back(made.contents[0], "ccda"), "MedicationRequest")[0]["authoredOn"] == "2024-02-01"
    named = {issue.where.path for issue in made.issues}
    assert "MedicationRequest.requester" in named
    assert "MedicationRequest.authoredOn" not in named


def test_identifiers_return_as_they_were(document: Any) -> None:
    """A number with an OID keeps its authority, and one with another URI or none, too; so do local codes."""
    _, _, found = document
    held = {(one.get("system"), one["value"]) for one in of(found, "Patient")[0]["identifier"]}
    assert {("urn:oid:1.2.3.4", "A-1"), (None, "bare"), ("https://mary.example/mrn", "M-7")} <= held
    assert "assigner" not in repr(of(found, "Patient")[0]["identifier"])
    local = of(found, "Observation", "GLU")[0]["code"]["coding"][0]
    assert local["system"] == "https://mary.example/tests"


def test_what_is_not_carried_is_named(document: Any) -> None:
    """Whole resources and single elements, as warnings."""
    made, _, _ = document
    assert {issue.where.path for issue in made.issues} >= {"Claim", "Patient.photo"}
    assert all(issue.severity == "warning" for issue in made.issues)


def test_the_narrative_holds_each_fact_and_entries_refer_to_it(document: Any) -> None:
    """Every reference of an entry has its place, and no text is taken for a tag."""
    made, tree, _ = document
    text = made.contents[0].decode()
    ids = {node.get("ID") for node in tree.root.iter() if node.get("ID")}
    wanted = {(node.get("value") or "")[1:] for node in tree.root.iter() if node.name == "reference"}
    assert wanted <= ids
    assert len(ids) == sum(1 for node in tree.root.iter() if node.get("ID"))
    for said in ("Penicillin", "5.5 mmol/L", "&lt;0.01 mIU/L", "one tablet a day", "Ex-smoker"):
        assert said in text
    assert "<script>" not in text  # what a note holds is text, never a tag


def test_the_same_record_gives_the_same_bytes() -> None:
    """Nothing in it is by chance."""
    first, second = (to_ccda(gather(bundle(PATIENT, *RESOURCES))[0], AT).contents for _ in range(2))
    assert first == second


def test_a_person_without_anything_has_the_required_sections() -> None:
    """They say that there is no information."""
    made = to_ccda(gather({"resourceType": "Patient", "id": "p"})[0], AT)
    tree = ccda.parse(made.contents[0]).value
    assert tree is not None
    assert faults(tree) == []
    assert made.contents[0].count(b'<section nullFlavor="NI">') == 6


def test_no_known_allergies_return() -> None:
    """A known absence is no allergy."""
    none = {**RESOURCES[0], "code": concept(SNOMED, "716186003", "No known allergy"), "reaction": []}
    found = back(to_ccda(gather(bundle(PATIENT, none))[0], AT).contents[0], "ccda")
    assert of(found, "AllergyIntolerance", "716186003")


def test_messages_are_read_again() -> None:
    """Each has its type and control id; patient, results and vaccinations come back."""
    made = to_hl7v2(gather(bundle(PATIENT, *RESOURCES))[0], AT, "St. Mary's")
    kinds = [content.split(b"|")[8] for content in made.contents]
    assert kinds[0] == b"ADT^A08^ADT_A01"
    assert set(kinds[1:]) == {b"ORU^R01^ORU_R01", b"VXU^V04^VXU_V04"}
    found = [one for content in made.contents for one in back(content, "hl7v2")]
    patient = of(found, "Patient")[0]
    assert patient["name"][0]["family"] == "Jones & Söhne"
    assert ("urn:oid:1.2.3.4", "A-1") in {(one.get("system"), one["value"]) for one in patient["identifier"]}
    assert str(of(found, "Observation", "2345-7")[0]["valueQuantity"]["value"]) == "5.5"
    assert of(found, "Observation", "3016-3")[0]["valueQuantity"]["comparator"] == "<"
    assert of(found, "Immunization", "140")[0]["lotNumber"] == "L|1"
    assert of(found, "AllergyIntolerance", "91936005")
    assert {"Claim", "MedicationRequest"} <= {issue.where.path for issue in made.issues}
    ids = [content.split(b"|")[9] for content in made.contents]
    assert len(set(ids)) == len(ids)


def test_several_patients_become_one_record() -> None:
    """Linked Patients are one person, others stay apart."""
    other = {"resourceType": "Patient", "id": "q", "identifier": [{"system": "urn:oid:9.9", "value": "B"}]}
    theirs = observation("o2", "laboratory", "1-1", valueString="x", subject={"reference": "Patient/q"})
    record = joined([PATIENT, other, theirs])
    assert len(record.patient["identifier"]) == 4
    assert record.resources == [theirs]
    apart = gather(bundle(PATIENT, other, theirs))
    assert [len(one.resources) for one in apart] == [0, 1]
    with pytest.raises(ValueError, match="no Patient"):
        joined([theirs])


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("2024", "2024"), ("2024-02", "202402"), ("2024-02-03", "20240203"),
        ("2024-02-03T04:05:06Z", "20240203040506+0000"),
        ("2024-02-03T04:05:06.789123-05:30", "20240203040506.7891-0530"), ("24-2-3", ""), ("", ""), (None, ""),
        ("2024-02-03T04:05:06Z\n", ""),
    ],
)  # fmt: skip
def test_times(given: Any, wanted: str) -> None:
    """With the precision and zone that they have."""
    assert stamp(given) == wanted


def test_systems() -> None:
    """Known URIs have their OID, others one of their own."""
    assert oid_of(LOINC) == "2.16.840.1.113883.6.1"
    assert oid_of("urn:oid:1.2.3") == "1.2.3"
    made = oid_of("https://lab.example/codes")
    assert made.startswith("2.25.")
    assert made == oid_of("https://lab.example/codes")
    uuid = "6eb9f136-121e-2f36-9115-d450c210dced"
    assert instance_root({"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{uuid}"}) == (uuid, "", "")
    assert instance_root({"system": "https://a.b", "value": "1"}) == (oid_of("https://a.b"), "1", "https://a.b")
    assert instance_root({"system": "urn:oid:1.2", "value": 5}) is None


def test_xml_is_escaped() -> None:
    """In attributes and texts."""
    root = Element("a", {"b": '<"&\n'}, "x")
    root.kids.append(Element("c", {}, "\x00 ]]> &"))
    text = write(root).decode()
    assert 'b="&lt;&quot;&amp;&#10;"' in text
    assert "\ufffd ]]&gt; &amp;" in text


ODD: list[Any] = [
    None,
    True,
    0,
    -1.5,
    "",
    "x\x00|^~\\&<>",
    [],
    {},
    [[]],
    [None],
    {"coding": "x"},
    {"reference": 7},
    ["a"],
]


def test_odd_resources_never_raise() -> None:
    """Any element replaced by anything: what comes out is well-formed and can be read again."""
    chance = random.Random(7)
    for _ in range(40):
        people = [_spoilt(one, chance) for one in (PATIENT, *RESOURCES)]
        for record in gather(bundle(*people)):
            content = to_ccda(record, AT).contents[0]
            assert ccda.parse(content).value is not None
            assert all(hl7v2.parse(one).value is not None for one in to_hl7v2(record, AT).contents)


def _spoilt(value: Any, chance: random.Random, depth: int = 0) -> Any:
    if depth > 1 and chance.random() < 0.06:
        return chance.choice(ODD)
    if isinstance(value, dict):
        return {
            key: item if key in ("resourceType", "subject", "patient") else _spoilt(item, chance, depth + 1)
            for key, item in value.items()
            if depth == 0 or chance.random() > 0.02
        }
    if isinstance(value, list):
        return [_spoilt(item, chance, depth + 1) for item in value]
    return chance.choice(ODD) if depth == 1 and chance.random() < 0.05 else value


def round_trip(*resources: dict[str, Any]) -> list[dict[str, Any]]:
    """What comes back of resources by a document that keeps its rules."""
    made = to_ccda(gather(bundle(PATIENT, *resources))[0], AT)
    tree = ccda.parse(made.contents[0]).value
    assert tree is not None
    assert faults(tree) == []
    return back(made.contents[0], "ccda")


def ordered(*dosages: dict[str, Any]) -> list[dict[str, Any]]:
    """The dosages that come back of an order."""
    order = next(one for one in RESOURCES if one["resourceType"] == "MedicationRequest")
    [found] = of(round_trip({**order, "dosageInstruction": list(dosages)}), "MedicationRequest")
    return list(found["dosageInstruction"])


@pytest.mark.parametrize(
    "timing",
    [
        {"event": ["2024-03-01"]},
        {"repeat": {"when": ["HS"]}},
        {"repeat": {"when": ["ACM", "ACV"], "offset": 30}},
        {"repeat": {"frequency": 1, "period": 4, "periodUnit": "h", "periodMax": 6}},
        {"repeat": {"boundsPeriod": {"start": "2024-03-01"}, "when": ["PC"]}},
    ],
)
def test_when_a_dose_is_taken_returns(timing: dict[str, Any]) -> None:
    """A moment, events of the day and a span between doses."""
    assert ordered({"timing": timing})[0]["timing"] == timing


@pytest.mark.parametrize(
    "more", [{"dayOfWeek": ["mon"]}, {"timeOfDay": ["08:00:00"]}, {"frequencyMax": 3}, {"when": ["MORN"]}]
)
def test_a_dose_is_never_told_as_another_one(more: dict[str, Any]) -> None:
    """A repetition that is narrowed by what the document cannot say is left to the words."""
    repeat = {"frequency": 1, "period": 12, "periodUnit": "h", **more}
    [dosage] = ordered({"text": "as told", "timing": {"repeat": repeat}})
    assert "timing" not in dosage
    assert dosage["text"] == "as told"


def test_the_steps_of_a_taper_return_apart() -> None:
    """Each dosage keeps its own dose and time."""
    steps = [
        {"timing": {"repeat": {"boundsPeriod": {"start": start}}}, "doseAndRate": [{"doseQuantity": {"value": dose}}]}
        for start, dose in (("2024-03-01", 4), ("2024-03-08", 2), ("2024-03-15", 1))
    ]
    found = ordered(*steps)
    assert [one["doseAndRate"][0]["doseQuantity"]["value"] for one in found] == [4, 2, 1]
    assert [one["timing"] for one in found] == [one["timing"] for one in steps]


def test_relatives_return_with_ages_and_death() -> None:
    """Ages, what a relative died of, and a relative of whom no condition is known."""
    family = {
        "resourceType": "FamilyMemberHistory", "id": "f1", "status": "completed", "patient": {"reference": "Patient/p"},
        "relationship": concept("http://terminology.hl7.org/CodeSystem/v3-RoleCode", "FTH", "father"),
        "deceasedDate": "2010",
        "condition": [
            {"code": concept(SNOMED, "22298006", "MI"), "contributedToDeath": True,
             "onsetAge": {"value": 57, "unit": "a", "system": "http://unitsofmeasure.org", "code": "a"}},
            {"code": concept(SNOMED, "73211009", "Diabetes"), "contributedToDeath": False},
        ],
    }  # fmt: skip
    lonely = {**{k: v for k, v in family.items() if k not in ("condition", "deceasedDate")}, "id": "f2"}
    found = of(round_trip(family, lonely), "FamilyMemberHistory")
    [father] = [one for one in found if "deceasedDate" in one]
    assert father["deceasedDate"] == "2010"
    assert [one.get("contributedToDeath") for one in father["condition"]] == [True, None]
    assert father["condition"][0]["onsetAge"]["value"] == 57
    assert len(found) == 2


def test_what_was_given_not_done_planned_and_aimed_at_returns() -> None:
    """Administrations, reasons for what was not done, priorities and reasons of plans, targets of goals."""
    patient = {"reference": "Patient/p"}
    given = {
        "resourceType": "MedicationAdministration", "id": "g", "status": "completed", "subject": patient,
        "medicationCodeableConcept": concept("http://www.nlm.nih.gov/research/umls/rxnorm", "2193", "ceftriaxone"),
        "effectivePeriod": {"start": "2024-03-01T10:00:00-05:00", "end": "2024-03-01T10:30:00-05:00"},
        "dosage": {"dose": {"value": 1, "unit": "g", "system": "http://unitsofmeasure.org", "code": "g"}},
    }  # fmt: skip
    refused = {
        "resourceType": "Procedure", "id": "r", "status": "not-done", "subject": patient,
        "code": concept(SNOMED, "73761001", "Colonoscopy"), "statusReason": concept(SNOMED, "105480006", "Refused"),
    }  # fmt: skip
    plan = {
        "resourceType": "ServiceRequest", "id": "s", "status": "active", "intent": "order", "subject": patient,
        "priority": "urgent", "code": concept(LOINC, "4548-4", "A1c"),
        "reasonCode": [concept(SNOMED, "44054006", "Diabetes")],
    }  # fmt: skip
    goal = {
        "resourceType": "Goal", "id": "o", "lifecycleStatus": "active", "subject": patient,
        "description": concept(LOINC, "4548-4", "A1c"),
        "target": [{"measure": concept(LOINC, "4548-4", "A1c"), "dueDate": "2024-12-31",
                    "detailQuantity": {"value": 7, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}}],
    }  # fmt: skip
    found = round_trip(given, refused, plan, goal)
    [one] = of(found, "MedicationAdministration")
    assert (one["effectivePeriod"], one["dosage"]["dose"]["value"]) == (given["effectivePeriod"], 1)
    [one] = of(found, "Procedure")
    assert (one["status"], one["statusReason"]["coding"][0]["code"]) == ("not-done", "105480006")
    [one] = of(found, "ServiceRequest")
    assert (one["priority"], one["reasonCode"][0]["coding"][0]["code"]) == ("urgent", "44054006")
    assert "patientInstruction" not in one
    [one] = of(found, "Goal")
    assert (one["target"][0]["dueDate"], one["target"][0]["detailQuantity"]["value"]) == ("2024-12-31", 7)
