"""What documents say in ways that are easily lost: words for a code, qualifiers of a code, entries taken back."""

from __future__ import annotations

from typing import Any

import pytest

from unsilo.formats import ccda
from unsilo.kernel import seal
from unsilo.mapping import Site, load

_V3 = 'xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
_SNOMED = 'codeSystem="2.16.840.1.113883.6.96"'
_TEMPLATES = "2.16.840.1.113883.10.20.22"
_CSM = (
    '<participant typeCode="CSM"><participantRole classCode="MANU"><playingEntity classCode="MMAT">'
    '<code code="1191" codeSystem="2.16.840.1.113883.6.88"/></playingEntity></participantRole></participant>'
)


def made(
    section: str, concern: str, observation: str, body: str, status: str, kind: str, more: str = ""
) -> dict[str, Any]:
    """The one resource of a type from a concern with one observation."""
    entry = (
        f'<entry><act classCode="ACT" moodCode="EVN"><templateId root="{_TEMPLATES}.4.{concern}"/>'
        f'<id root="1.9" extension="c"/><code code="CONC" codeSystem="2.16.840.1.113883.5.6"/>'
        f'<statusCode code="{status}"/><entryRelationship typeCode="SUBJ">'
        f'<observation classCode="OBS" moodCode="EVN" {more}><templateId root="{_TEMPLATES}.4.{observation}"/>'
        f'<id root="1.9" extension="o"/><code code="ASSERTION" codeSystem="2.16.840.1.113883.5.4"/>'
        f'<statusCode code="completed"/>{body}</observation></entryRelationship></act></entry>'
    )
    content = (
        f'<ClinicalDocument {_V3}><id root="1.2.3" extension="d"/><recordTarget><patientRole>'
        '<id root="1.2" extension="1"/></patientRole></recordTarget><component><structuredBody><component><section>'
        f'<templateId root="{_TEMPLATES}.2.{section}"/>{entry}</section></component></structuredBody>'
        "</component></ClinicalDocument>"
    ).encode()
    parsed = ccda.parse(content)
    assert parsed.value is not None
    mapped = load("ccda", Site(feed="f", organisation="o")).run(parsed.value, seal("f", "ccda", content, 0))
    (found,) = [e.resource for e in mapped.entries if e.resource["resourceType"] == kind]
    return found


def problem(value: str, status: str = "active", times: str = "") -> dict[str, Any]:
    """The Condition of a problem."""
    return made("5.1", "3", "4", times + value, status, "Condition")


def test_a_problem_in_words_keeps_them() -> None:
    """A value that is a text, not a code, is the condition's words."""
    assert problem('<value xsi:type="ST">Back pain since a fall</value>')["code"] == {"text": "Back pain since a fall"}


_NAMELESS = f'<qualifier><value code="7771000" {_SNOMED}/></qualifier>'
_LEFT = f'<qualifier><name code="272741003" {_SNOMED}/><value code="7771000" {_SNOMED} displayName="Left"/></qualifier>'


def test_a_qualified_code_is_told_whole() -> None:
    """The side is in the code, by SNOMED CT's grammar, and in the words; the plain code stays first."""
    code = problem(f'<value xsi:type="CD" code="64859006" {_SNOMED} displayName="Hip fracture">{_LEFT}</value>')["code"]
    assert [c["code"] for c in code["coding"]] == ["64859006", "64859006:272741003=7771000"]
    assert code["text"] == "Hip fracture, Left"


@pytest.mark.parametrize(
    ("value", "count", "text"),
    [
        (f'code="1" codeSystem="1.2" displayName="X">{_LEFT}', 1, "X, Left"),
        (f'code="64859006" {_SNOMED} displayName="X"><originalText>said</originalText>{_LEFT}', 2, "said"),
        (f'code="64859006" {_SNOMED} displayName="X">{_NAMELESS}', 1, None),
        (f'code="64859006" {_SNOMED}>{_LEFT}{_LEFT}', 2, None),
        (f'code="64859006" {_SNOMED}>{_LEFT.replace("7771000", "x|y")}', 1, None),
    ],
)
def test_qualifiers_that_say_less_make_no_code(value: str, count: int, text: str | None) -> None:
    """Another code system, a name or words that are missing, and what is no code at all."""
    code = problem(f'<value xsi:type="CD" {value}</value>')["code"]
    assert len(code["coding"]) == count
    assert code.get("text") == text


@pytest.mark.parametrize("end", ["", '<effectiveTime><low value="2001"/><high value="2015"/></effectiveTime>'])
def test_what_was_entered_in_error_is_not_shown_as_held(end: str) -> None:
    """A concern that was nullified is neither active nor resolved."""
    value = f'{end}<value xsi:type="CD" code="419199007" {_SNOMED}/>{_CSM}'
    allergy = made("6.1", "30", "7", value, "nullified", "AllergyIntolerance")
    assert allergy["verificationStatus"]["coding"][0]["code"] == "entered-in-error"
    assert "clinicalStatus" not in allergy
    condition = problem(f'<value xsi:type="CD" code="22298006" {_SNOMED}/>', "nullified", end)
    assert "abatementDateTime" not in condition
    assert condition["verificationStatus"]["coding"][0]["code"] == "entered-in-error"
    assert "clinicalStatus" not in condition


_ALLERGY = f'<value xsi:type="CD" code="419199007" {_SNOMED}/>'
_TO = '<participant typeCode="CSM"><participantRole><playingEntity>{}</playingEntity></participantRole></participant>'


@pytest.mark.parametrize(
    ("substance", "code", "text"),
    [
        ("105590001", "716186003", "No known allergies"),
        ("410942007", "409137002", "No known drug allergies"),
        ("762766007", "429625007", "No known food allergies"),
    ],
)
def test_a_negated_allergy_to_any_substance_is_none_known(substance: str, code: str, text: str) -> None:
    """ "No allergy to substance" does not refute one allergy: it says that there are none of a sort."""
    body = _ALLERGY + _TO.format(f'<code code="{substance}" {_SNOMED}/>')
    found = made("6.1", "30", "7", body, "active", "AllergyIntolerance", 'negationInd="true"')
    assert found["code"] == {"coding": [{"system": "http://snomed.info/sct", "code": code}], "text": text}
    assert "verificationStatus" not in found


def severity(reactions: int) -> dict[str, Any]:
    """An allergy that is said to be severe itself, with so many reactions."""
    inner = (
        '<entryRelationship typeCode="{}"><observation classCode="OBS" moodCode="EVN">'
        f'<templateId root="{_TEMPLATES}.4.{{}}"/><code code="x"/><value xsi:type="CD" code="{{}}" {_SNOMED} '
        'displayName="{}"/></observation></entryRelationship>'
    )
    body = _ALLERGY + _CSM + inner.format("SUBJ", 8, "24484000", "Severe")
    for _ in range(reactions):
        body += inner.format("MFST", 9, "271807003", "Rash")
    return made("6.1", "30", "7", body, "active", "AllergyIntolerance")


def test_the_severity_of_an_allergy_is_never_lost() -> None:
    """It is that of the one reaction, and a note where there is none or more than one."""
    assert severity(1)["reaction"][0]["severity"] == "severe"
    assert "note" not in severity(1)
    for reactions in (0, 2):
        assert severity(reactions)["note"] == [{"text": "Severity: Severe"}]


def test_a_substance_that_has_a_name_only_is_not_absent() -> None:
    """A name stands for the code that is not sent."""
    found = made("6.1", "30", "7", _ALLERGY + _TO.format('<code nullFlavor="UNK"/><name>Latex</name>'), "active",
                 "AllergyIntolerance")  # fmt: skip
    assert found["code"] == {"text": "Latex"}
