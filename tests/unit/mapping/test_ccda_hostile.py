"""Documents made to harm, and documents gone wrong: what can be understood is, the rest is an Issue, bytes are kept."""

# ruff: noqa: E501 - an XML element on one line is easier to read

import time

import pytest

from unsilo.formats import ccda
from unsilo.kernel import Limits, seal
from unsilo.mapping import Mapped, Site, load

HEAD = (
    '<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:sdtc="urn:hl7-org:sdtc" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
    '<id root="1.2.3" extension="d"/><code code="34133-9" codeSystem="2.16.840.1.113883.6.1"/><effectiveTime value="20240101"/>'
    '<recordTarget><patientRole><id root="1.2" extension="1"/><patient><name><given>Ann</given><family>Lee</family></name></patient></patientRole></recordTarget>'
    "<component><structuredBody>"
)
TAIL = "</structuredBody></component></ClinicalDocument>"


def section(entries: str, text: str = "said", loinc: str = "30954-2") -> str:
    """One section."""
    return f'<component><section><code code="{loinc}" codeSystem="2.16.840.1.113883.6.1"/><title>t</title><text>{text}</text>{entries}</section></component>'


def result(number: int, ident: str = "", code: str = "718-7") -> str:
    """One result as an entry."""
    return (
        f'<entry><observation classCode="OBS" moodCode="EVN"><id root="1.9" extension="{ident or number}"/><code code="{code}" codeSystem="2.16.840.1.113883.6.1"/>'
        f'<statusCode code="completed"/><effectiveTime value="20240101"/><value xsi:type="PQ" value="{number}" unit="g/dL"/></observation></entry>'
    )


def run(content: bytes | str, limits: Limits | None = None) -> tuple[ccda.Document, Mapped, list[str]]:
    """Read and map a document; the rules of all issues come with it."""
    raw = content.encode() if isinstance(content, str) else content
    parsed = ccda.parse(raw, limits) if limits else ccda.parse(raw)
    assert parsed.value is not None, parsed.issues
    assert parsed.value.raw == raw
    mapped = load("ccda", Site(feed="hostile")).run(parsed.value, seal("hostile", "ccda", raw, 1))
    return parsed.value, mapped, [issue.rule for issue in [*parsed.issues, *mapped.issues]]


def kinds(mapped: Mapped) -> list[str]:
    """The resource types made."""
    return [entry.resource["resourceType"] for entry in mapped.entries]


def test_a_body_over_the_limit_is_refused() -> None:
    """A hundred megabytes of base64 are refused by the limit, before they are looked at."""
    body = f'{HEAD[:-16]}<nonXMLBody><text mediaType="application/pdf" representation="B64">'.encode()
    start = time.process_time()
    refused = ccda.parse(body + b"QUJD" * 26_000_000 + b"</text></nonXMLBody></component></ClinicalDocument>")
    assert refused.value is None
    assert refused.issues[0].rule == "ccda.xml.size"
    assert time.process_time() - start < 5


def test_a_large_body_is_carried() -> None:
    """Eleven megabytes of base64 become the attachment as they stand."""
    data = "QUJD" * 2_900_000
    content = f'{HEAD[:-16]}<nonXMLBody><text mediaType="application/pdf" representation="B64">{data}</text></nonXMLBody></component></ClinicalDocument>'
    _, mapped, _ = run(content)
    [document] = [e.resource for e in mapped.entries if e.resource["resourceType"] == "DocumentReference"]
    assert document["content"][-1]["attachment"] == {"contentType": "application/pdf", "data": data}


def test_nested_tables_stay_in_the_narrative() -> None:
    """Tables in tables, as deep as the limit lets them."""
    text = "<table><tbody><tr><td>" * 40 + "deep" + "</td></tr></tbody></table>" * 40
    _, mapped, _ = run(HEAD + section(result(1), text) + TAIL)
    [composition] = [e.resource for e in mapped.entries if e.resource["resourceType"] == "Composition"]
    assert composition["section"][0]["text"]["div"].count("<table>") == 40


def test_script_in_the_narrative_is_only_text() -> None:
    """Scripts, handlers and links that run code are data of the original and never markup of the Composition."""
    text = '<script>alert(1)</script><paragraph onclick="x()">p</paragraph><linkHtml href="javascript:y()">z</linkHtml><content styleCode="Bold">&lt;script&gt;</content>'
    document, mapped, _ = run(HEAD + section("", text) + TAIL)
    [composition] = [e.resource for e in mapped.entries if e.resource["resourceType"] == "Composition"]
    div = composition["section"][0]["text"]["div"]
    assert "<script" not in div
    assert "onclick" not in div
    assert "javascript" not in div
    assert "&lt;script&gt;" in div
    assert b"<script>alert(1)</script>" in document.raw


def test_references_that_lead_in_a_circle_end() -> None:
    """Narrative that points to itself, and entries that point to entries, are read once."""
    text = '<content ID="a"><content ID="b">word</content></content>'
    entry = '<entry><observation><id root="1" extension="1"/><code code="1-8"><originalText><reference value="#a"/></originalText></code><text ID="c"><reference value="#c"/></text></observation></entry>'
    _, mapped, _ = run(HEAD + section(entry, text) + TAIL)
    [observation] = [e.resource for e in mapped.entries if e.resource["resourceType"] == "Observation"]
    assert observation["code"]["text"] == "word"


def test_one_id_for_all_entries_keeps_them_apart() -> None:
    """Different entries with one id are different resources, and that is said once."""
    _, mapped, rules = run(HEAD + section("".join(result(n, "same") for n in range(5))) + TAIL)
    assert kinds(mapped).count("Observation") == 5
    assert rules.count("ccda.same-id") == 1


def test_the_same_entry_twice_is_one() -> None:
    """An entry that is sent twice is one resource that cites both."""
    _, mapped, rules = run(HEAD + section(result(7) + result(7)) + TAIL)
    assert kinds(mapped).count("Observation") == 1
    assert "ccda.same-id" not in rules


@pytest.mark.parametrize("root", ["<html><body/></html>", '<Bundle xmlns="http://hl7.org/fhir"/>', "<a/>"])
def test_a_wrong_root_is_named(root: str) -> None:
    """What is no clinical document is refused by what it starts with."""
    refused = ccda.parse(root.encode())
    assert refused.value is None
    assert refused.issues[-1].rule == "ccda.xml.foreign"


@pytest.mark.parametrize("share", [0.5, 0.7, 0.9, 0.99])
def test_a_truncated_document_is_read_as_far_as_it_goes(share: float) -> None:
    """The patient and the entries before the cut are there; the Issue has line, column and byte."""
    whole = HEAD + section("".join(result(n) for n in range(40))) + TAIL
    document, mapped, rules = run(whole[: int(len(whole) * share)])
    assert "ccda.xml.cut" in rules
    assert "Patient" in kinds(mapped)
    assert kinds(mapped).count("Observation") >= int(40 * share) - 12
    for locator, value in ccda.valued(document):
        assert ccda.span(document, locator) is not None, (locator, value)


def test_a_tag_that_is_never_closed_costs_little() -> None:
    """One missing end tag and an entity that XML does not know leave the rest readable."""
    broken = HEAD + section(result(1) + result(2), "<paragraph>one&nbsp;two") + TAIL
    _, mapped, rules = run(broken)
    assert "ccda.xml.cut" in rules
    assert kinds(mapped).count("Observation") == 2


def test_utf_16_and_a_wrong_encoding_are_read() -> None:
    """UTF-16 with its mark, and Latin bytes under the name of UTF-8."""
    content = (HEAD + section(result(1)) + TAIL).replace("Ann", "Änn")
    for raw, rule in ((content.encode("utf-16"), ""), (content.encode("latin-1"), "ccda.xml.codec")):
        _, mapped, rules = run(raw)
        [patient] = [e.resource for e in mapped.entries if e.resource["resourceType"] == "Patient"]
        assert patient["name"][0]["given"] == ["Änn"]
        assert not rule or rule in rules


def test_thousands_of_entries_are_all_read() -> None:
    """Ten thousand entries are all read, half of them with one id."""
    entries = "".join(result(n, "" if n % 2 else "same") for n in range(10_000))
    _, mapped, _ = run(HEAD + section(entries) + TAIL)
    assert kinds(mapped).count("Observation") == 10_000


@pytest.mark.parametrize(
    ("wrong", "right", "rule"),
    [
        ('xmlns="urn:hl7-org:v3"', 'xmlns="urn:hl7-org:V3"', "ccda.xml.misspelt"),
        ('xmlns="urn:hl7-org:v3"', 'xmlns="http://www.hl7.org/v3"', "ccda.xml.misspelt"),
        ("/2001/XMLSchema-instance", "/2001/XMLSchema", "ccda.xml.misspelt"),
        (' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"', "", ""),
        ('xmlns="urn:hl7-org:v3" ', "", "ccda.xml.namespace"),
        ('xsi:type="PQ"', 'type="PQ"', ""),
        ('xsi:type="PQ"', 'xsi:type="pq"', ""),
        ('xsi:type="PQ"', 'xsi:type="hl7:PQ"', ""),
        ('xsi:type="PQ"', "", ""),
        ('<observation classCode="OBS" moodCode="EVN">', '<observation><templateId root="1.2.3.4.5"/>', ""),
    ],
)
def test_slips_of_namespace_and_type_are_recovered(wrong: str, right: str, rule: str) -> None:
    """Vendors' usual slips change nothing in what is made."""
    content = HEAD + section(result(7)) + TAIL
    assert wrong in content
    _, mapped, rules = run(content.replace(wrong, right))
    [observation] = [e.resource for e in mapped.entries if e.resource["resourceType"] == "Observation"]
    assert observation["valueQuantity"]["value"] == 7
    assert not rule or rule in rules


def test_a_statement_about_somebody_else_is_not_the_patients() -> None:
    """A result of the fetus, and a statement that is itself unknown, are left to the text and said."""
    subject = '<subject><relatedSubject classCode="PRS"><code code="FETUS"/></relatedSubject></subject>'
    other = result(1).replace("</observation>", subject + "</observation>")
    unknown = result(2).replace("<observation ", '<observation nullFlavor="UNK" ')
    _, mapped, rules = run(HEAD + section(other + unknown + result(3)) + TAIL)
    values = [e.resource["valueQuantity"]["value"] for e in mapped.entries if "valueQuantity" in e.resource]
    assert values == [3]
    assert {"ccda.other-person", "ccda.no-information"} <= set(rules)


def test_none_of_a_sort_is_never_one_of_it() -> None:
    """ "No medications" is that statement and no order; "no procedures" is the empty reason of the section."""
    medication = (
        '<entry><substanceAdministration classCode="SBADM" moodCode="EVN" negationInd="true"><id root="1" extension="2"/><consumable><manufacturedProduct>'
        '<manufacturedMaterial><code code="410942007" codeSystem="2.16.840.1.113883.6.96"/></manufacturedMaterial></manufacturedProduct></consumable></substanceAdministration></entry>'
    )
    procedure = '<entry><procedure classCode="PROC" moodCode="EVN" negationInd="true"><id root="1" extension="3"/><code code="71388002" codeSystem="2.16.840.1.113883.6.96"/></procedure></entry>'
    _, mapped, rules = run(HEAD + section(medication, "none", "10160-0") + section(procedure, "none", "47519-4") + TAIL)
    assert not {"MedicationRequest", "Procedure"} & set(kinds(mapped))
    [statement] = [e.resource for e in mapped.entries if e.resource["resourceType"] == "MedicationStatement"]
    assert statement["medicationCodeableConcept"]["coding"][0]["code"] == "787481004"
    [composition] = [e.resource for e in mapped.entries if e.resource["resourceType"] == "Composition"]
    assert composition["section"][1]["emptyReason"]["coding"][0]["code"] == "nilknown"
    assert "ccda.none-known" in rules


ALLERGY = (
    '<entry><act classCode="ACT" moodCode="EVN"><statusCode code="{concern}"/><entryRelationship typeCode="SUBJ"><observation classCode="OBS" moodCode="EVN"{negated}>'
    '<id root="1" extension="2"/><code code="ASSERTION" codeSystem="2.16.840.1.113883.5.4"/><statusCode code="completed"/><effectiveTime><low value="1990"/>{high}</effectiveTime>'
    '<value xsi:type="CD" code="416098002" codeSystem="2.16.840.1.113883.6.96"/><participant typeCode="CSM"><participantRole><playingEntity>'
    '<code code="7980" codeSystem="2.16.840.1.113883.6.88"/></playingEntity></participantRole></participant></observation></entryRelationship></act></entry>'
)


@pytest.mark.parametrize(
    ("concern", "high", "negated", "clinical"),
    [
        ("active", "", "", "active"),
        ("completed", "", "", "inactive"),
        ("active", '<high value="2000"/>', "", "active"),
        ("completed", '<high value="2000"/>', "", "resolved"),
        ("active", "", ' negationInd="true"', "inactive"),
        ("", "", "", "active"),
    ],
)
def test_the_state_of_an_allergy(concern: str, high: str, negated: str, clinical: str) -> None:
    """An active concern is an active allergy, else an end resolves; refuted is inactive; unknown active, with an Issue."""
    entry = ALLERGY.format(concern=concern, high=high, negated=negated)
    _, mapped, rules = run(HEAD + section(entry, "a", "48765-2") + TAIL)
    [allergy] = [e.resource for e in mapped.entries if e.resource["resourceType"] == "AllergyIntolerance"]
    assert [c["code"] for c in allergy["clinicalStatus"]["coding"]] == [clinical]
    assert ("ccda.allergyintolerance.required.status" in rules) is (not concern)
