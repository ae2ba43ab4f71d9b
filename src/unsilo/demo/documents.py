"""What Harbour Clinic sends: a C-CDA Continuity of Care Document, and a FHIR Bundle."""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import NAMESPACE_URL, uuid5
from xml.sax.saxutils import escape, quoteattr

from unsilo.demo.cast import Person
from unsilo.kernel import Json
from unsilo.kernel.json import encode

__all__ = ["Chart", "Coded", "Drug", "Reading", "ccd", "fhir_bundle"]

HARBOUR = "2.999.1.4"
_SNOMED, _LOINC, _RXNORM = "2.16.840.1.113883.6.96", "2.16.840.1.113883.6.1", "2.16.840.1.113883.6.88"
_GENDER = {"F": "female", "M": "male"}


class Coded(NamedTuple):
    """A code with its words and the day it began (YYYYMMDD, empty unknown)."""

    code: str
    text: str
    since: str = ""


class Drug(NamedTuple):
    """A medicine (RxNorm), what is given at a time, every how many hours, and since when."""

    code: str
    text: str
    amount: str
    unit: str
    hours: int
    since: str


class Reading(NamedTuple):
    """One measured value (LOINC) with unit and time."""

    code: str
    text: str
    value: str
    unit: str
    at: str


class Chart(NamedTuple):
    """What the clinic knows; no `allergies` means that it asserts there are none."""

    allergies: list[tuple[Coded, str]]
    problems: list[Coded]
    drugs: list[Drug]
    results: list[Reading]
    vitals: list[Reading]


def _root(*parts: str) -> str:
    return str(uuid5(NAMESPACE_URL, "/".join(("urn:unsilo:demo", *parts))))


def _time(name: str, value: str) -> str:
    return f"<{name}><low value={quoteattr(value)}/></{name}>" if value else f'<{name}><low nullFlavor="UNK"/></{name}>'


def _section(template: str, code: str, title: str, rows: list[list[str]], entries: list[str]) -> str:
    cells = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    text = f"<table><tbody>{cells}</tbody></table>" if rows else "None recorded."
    return (
        f'<component><section><templateId root="{template}" extension="2015-08-01"/><templateId root="{template}"/>'
        f'<code code="{code}" codeSystem="{_LOINC}"/><title>{title}</title><text>{text}</text>'
        f"{''.join(f'<entry>{entry}</entry>' for entry in entries)}</section></component>"
    )


def _allergy(who: Person, n: int, substance: Coded | None, reaction: str) -> str:
    """Allergy concern act; without a substance the negated assertion that there is no known allergy."""
    negated = ' negationInd="true"' if substance is None else ""
    since = substance.since if substance else "20250101"
    playing = (
        f'<code code="{substance.code}" codeSystem="{_RXNORM}" displayName={quoteattr(substance.text)}/>'
        if substance
        else '<code nullFlavor="NA"/>'
    )
    manifest = (
        '<entryRelationship typeCode="MFST" inversionInd="true"><observation classCode="OBS" moodCode="EVN">'
        '<templateId root="2.16.840.1.113883.10.20.22.4.9" extension="2014-06-09"/>'
        f'<id root="{_root(who.key, "reaction", str(n))}"/><code code="ASSERTION" codeSystem="2.16.840.1.113883.5.4"/>'
        f'<statusCode code="completed"/><value xsi:type="CD" code="{reaction.split("|")[0]}" codeSystem="{_SNOMED}" '
        f"displayName={quoteattr(reaction.split('|')[1])}/></observation></entryRelationship>"
        if reaction
        else ""
    )
    return (
        '<act classCode="ACT" moodCode="EVN">'
        '<templateId root="2.16.840.1.113883.10.20.22.4.30" extension="2015-08-01"/>'
        f'<id root="{_root(who.key, "allergy", str(n))}"/><code code="CONC" codeSystem="2.16.840.1.113883.5.6"/>'
        f'<statusCode code="active"/>{_time("effectiveTime", since)}<entryRelationship typeCode="SUBJ">'
        f'<observation classCode="OBS" moodCode="EVN"{negated}>'
        '<templateId root="2.16.840.1.113883.10.20.22.4.7" extension="2014-06-09"/>'
        f'<id root="{_root(who.key, "intolerance", str(n))}"/>'
        '<code code="ASSERTION" codeSystem="2.16.840.1.113883.5.4"/>'
        f'<statusCode code="completed"/>{_time("effectiveTime", since)}'
        f'<value xsi:type="CD" code="419199007" codeSystem="{_SNOMED}" displayName="Allergy to substance"/>'
        '<participant typeCode="CSM"><participantRole classCode="MANU"><playingEntity classCode="MMAT">'
        f"{playing}</playingEntity></participantRole></participant>{manifest}</observation></entryRelationship></act>"
    )


def _problem(who: Person, n: int, problem: Coded) -> str:
    return (
        '<act classCode="ACT" moodCode="EVN">'
        '<templateId root="2.16.840.1.113883.10.20.22.4.3" extension="2015-08-01"/>'
        f'<id root="{_root(who.key, "concern", str(n))}"/><code code="CONC" codeSystem="2.16.840.1.113883.5.6"/>'
        f'<statusCode code="active"/>{_time("effectiveTime", problem.since)}<entryRelationship typeCode="SUBJ">'
        '<observation classCode="OBS" moodCode="EVN">'
        '<templateId root="2.16.840.1.113883.10.20.22.4.4" extension="2015-08-01"/>'
        f'<id root="{_root(who.key, "problem", str(n))}"/>'
        f'<code code="55607006" codeSystem="{_SNOMED}" displayName="Problem"/>'
        f'<statusCode code="completed"/>{_time("effectiveTime", problem.since)}'
        f'<value xsi:type="CD" code="{problem.code}" codeSystem="{_SNOMED}" displayName={quoteattr(problem.text)}/>'
        "</observation></entryRelationship></act>"
    )


def _drug(who: Person, n: int, drug: Drug) -> str:
    return (
        '<substanceAdministration classCode="SBADM" moodCode="EVN">'
        '<templateId root="2.16.840.1.113883.10.20.22.4.16" extension="2014-06-09"/>'
        f'<id root="{_root(who.key, "drug", str(n))}"/><statusCode code="active"/>'
        f'<effectiveTime xsi:type="IVL_TS"><low value="{drug.since}"/></effectiveTime>'
        f'<effectiveTime xsi:type="PIVL_TS" operator="A"><period value="{drug.hours}" unit="h"/></effectiveTime>'
        '<routeCode code="C38288" codeSystem="2.16.840.1.113883.3.26.1.1" displayName="Oral"/>'
        f'<doseQuantity value="{drug.amount}" unit="{drug.unit}"/><consumable><manufacturedProduct classCode="MANU">'
        '<templateId root="2.16.840.1.113883.10.20.22.4.23" extension="2014-06-09"/><manufacturedMaterial>'
        f'<code code="{drug.code}" codeSystem="{_RXNORM}" displayName={quoteattr(drug.text)}/>'
        "</manufacturedMaterial></manufacturedProduct></consumable></substanceAdministration>"
    )


def _reading(who: Person, n: int, reading: Reading, template: str, extension: str, kind: str) -> str:
    return (
        f'<observation classCode="OBS" moodCode="EVN"><templateId root="{template}" extension="{extension}"/>'
        f'<id root="{_root(who.key, kind, str(n))}"/>'
        f'<code code="{reading.code}" codeSystem="{_LOINC}" displayName={quoteattr(reading.text)}/>'
        f'<statusCode code="completed"/><effectiveTime value="{reading.at}"/>'
        f'<value xsi:type="PQ" value="{reading.value}" unit={quoteattr(reading.unit)}/></observation>'
    )


def _organizer(who: Person, readings: list[Reading], kind: str) -> list[str]:
    """One organizer for all results, or all vital signs."""
    if not readings:
        return []
    lab = kind == "result"
    outer = ("2.16.840.1.113883.10.20.22.4.1", "2.16.840.1.113883.10.20.22.4.26")[not lab]
    inner = ("2.16.840.1.113883.10.20.22.4.2", "2.16.840.1.113883.10.20.22.4.27")[not lab]
    extension = ("2015-08-01", "2014-06-09")[not lab]
    code = (
        f'<code code="24323-8" codeSystem="{_LOINC}" displayName="Comprehensive metabolic panel"/>'
        if lab
        else f'<code code="46680005" codeSystem="{_SNOMED}" displayName="Vital signs"/>'
    )
    parts = "".join(
        f"<component>{_reading(who, n, reading, inner, extension, kind)}</component>"
        for n, reading in enumerate(readings)
    )
    return [(
        f'<organizer classCode="{"BATTERY" if lab else "CLUSTER"}" moodCode="EVN">'
        f'<templateId root="{outer}" extension="2015-08-01"/><id root="{_root(who.key, kind)}"/>{code}'
        f'<statusCode code="completed"/><effectiveTime value="{readings[0].at}"/>{parts}</organizer>'
    )]  # fmt: skip


def ccd(who: Person, chart: Chart, at: datetime) -> bytes:
    """Write a C-CDA R2.1 Continuity of Care Document with five sections, in UTF-8."""
    made = at.strftime("%Y%m%d%H%M%S+0000")
    given = "".join(f"<given>{escape(part)}</given>" for part in (who.given, who.middle) if part)
    allergies = [_allergy(who, n, c, reaction) for n, (c, reaction) in enumerate(chart.allergies)]
    sections = [
        _section(
            "2.16.840.1.113883.10.20.22.2.6.1", "48765-2", "Allergies",
            [[c.text, reaction.partition("|")[2]] for c, reaction in chart.allergies] or [["No known allergies"]],
            allergies or [_allergy(who, 0, None, "")],
        ),
        _section(
            "2.16.840.1.113883.10.20.22.2.5.1", "11450-4", "Problems", [[p.text, p.since] for p in chart.problems],
            [_problem(who, n, p) for n, p in enumerate(chart.problems)],
        ),
        _section(
            "2.16.840.1.113883.10.20.22.2.1.1", "10160-0", "Medications",
            [[d.text, f"{d.amount} {d.unit} every {d.hours} hours"] for d in chart.drugs],
            [_drug(who, n, d) for n, d in enumerate(chart.drugs)],
        ),
        _section(
            "2.16.840.1.113883.10.20.22.2.3.1", "30954-2", "Results",
            [[r.text, f"{r.value} {r.unit}", r.at] for r in chart.results], _organizer(who, chart.results, "result"),
        ),
        _section(
            "2.16.840.1.113883.10.20.22.2.4.1", "8716-3", "Vital Signs",
            [[r.text, f"{r.value} {r.unit}", r.at] for r in chart.vitals], _organizer(who, chart.vitals, "vital"),
        ),
    ]  # fmt: skip
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        '<realmCode code="US"/><typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>'
        '<templateId root="2.16.840.1.113883.10.20.22.1.1" extension="2015-08-01"/>'
        '<templateId root="2.16.840.1.113883.10.20.22.1.2" extension="2015-08-01"/>'
        f'<id root="{HARBOUR}.7" extension="CCD-{who.numbers["harbour"]}"/>'
        f'<code code="34133-9" codeSystem="{_LOINC}" displayName="Summarization of Episode Note"/>'
        f'<title>Harbour Clinic: continuity of care</title><effectiveTime value="{made}"/>'
        '<confidentialityCode code="N" codeSystem="2.16.840.1.113883.5.25"/><languageCode code="en-US"/>'
        f'<recordTarget><patientRole><id root="{HARBOUR}" extension="{who.numbers["harbour"]}"/>'
        f'<id root="2.16.840.1.113883.4.1" extension="{who.ssn}"/>'
        f'<addr use="HP"><streetAddressLine>{escape(who.street)}</streetAddressLine><city>{escape(who.city)}</city>'
        f"<state>ME</state><postalCode>{who.zip}</postalCode><country>US</country></addr>"
        f'<telecom use="HP" value="tel:{who.phone}"/><patient>'
        f'<name use="L">{given}<family>{escape(who.family)}</family>'
        f'</name><administrativeGenderCode code="{who.sex}" codeSystem="2.16.840.1.113883.5.1"/>'
        f'<birthTime value="{who.born:%Y%m%d}"/></patient></patientRole></recordTarget>'
        f'<author><time value="{made}"/><assignedAuthor><id root="{HARBOUR}.9" extension="H-12"/>'
        "<assignedPerson><name><given>Iris</given><family>Halvorsen</family></name></assignedPerson>"
        "<representedOrganization><name>Harbour Clinic</name></representedOrganization></assignedAuthor></author>"
        f'<custodian><assignedCustodian><representedCustodianOrganization><id root="{HARBOUR}.1"/>'
        "<name>Harbour Clinic</name></representedCustodianOrganization></assignedCustodian></custodian>"
        f"<component><structuredBody>{''.join(sections)}</structuredBody></component></ClinicalDocument>\n"
    ).encode()


def fhir_bundle(who: Person, chart: Chart, at: datetime) -> bytes:
    """Write a FHIR R4 collection Bundle with the same kinds of facts."""
    patient = f"urn:uuid:{_root(who.key, 'patient')}"
    entries: list[tuple[str, Json]] = []

    def add(kind: str, n: int, resource: Json) -> None:
        entries.append((f"urn:uuid:{_root(who.key, kind, str(n))}", resource))

    entries.append((patient, {
        "resourceType": "Patient",
        "identifier": [{
            "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MR"}]},
            "system": f"urn:oid:{HARBOUR}", "value": who.numbers["harbour"],
        }],
        "name": [{"use": "official", "family": who.family, "given": [p for p in (who.given, who.middle) if p]}],
        "telecom": [{"system": "phone", "value": who.phone, "use": "home"}],
        "gender": _GENDER[who.sex],
        "birthDate": who.born.isoformat(),
        "address": [{"use": "home", "line": [who.street], "city": who.city, "state": "ME", "postalCode": who.zip}],
    }))  # fmt: skip
    subject = {"reference": patient}
    clinical = "http://terminology.hl7.org/CodeSystem/condition-clinical"
    for n, problem in enumerate(chart.problems):
        add("problem", n, {
            "resourceType": "Condition",
            "clinicalStatus": {"coding": [{"system": clinical, "code": "active"}]},
            "code": {"coding": [{"system": "http://snomed.info/sct", "code": problem.code, "display": problem.text}]},
            "subject": subject,
            "onsetDateTime": f"{problem.since[:4]}-{problem.since[4:6]}-{problem.since[6:]}",
        })  # fmt: skip
    rxnorm = "http://www.nlm.nih.gov/research/umls/rxnorm"
    for n, drug in enumerate(chart.drugs):
        add("drug", n, {
            "resourceType": "MedicationRequest", "status": "active", "intent": "order",
            "medicationCodeableConcept": {
                "coding": [{"system": rxnorm, "code": drug.code, "display": drug.text}],
            },
            "subject": subject,
            "authoredOn": f"{drug.since[:4]}-{drug.since[4:6]}-{drug.since[6:]}",
            "dosageInstruction": [{
                "text": f"{drug.amount} {drug.unit} every {drug.hours} hours",
                "doseAndRate": [{"doseQuantity": {
                    "value": Decimal(drug.amount),
                    "unit": drug.unit, "system": "http://unitsofmeasure.org", "code": drug.unit,
                }}],
            }],
        })  # fmt: skip
    category = "http://terminology.hl7.org/CodeSystem/observation-category"
    for kind, readings in (("laboratory", chart.results), ("vital-signs", chart.vitals)):
        for n, reading in enumerate(readings):
            day = f"{reading.at[:4]}-{reading.at[4:6]}-{reading.at[6:8]}"
            add(kind, n, {
                "resourceType": "Observation", "status": "final",
                "category": [{"coding": [{"system": category, "code": kind}]}],
                "code": {"coding": [{"system": "http://loinc.org", "code": reading.code, "display": reading.text}]},
                "subject": subject, "effectiveDateTime": day,
                "valueQuantity": {
                    "value": Decimal(reading.value),
                    "unit": reading.unit, "system": "http://unitsofmeasure.org", "code": reading.unit,
                },
            })  # fmt: skip
    bundle = {
        "resourceType": "Bundle", "type": "collection", "timestamp": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "identifier": {"system": f"urn:oid:{HARBOUR}.8", "value": f"B-{who.numbers['harbour']}"},
        "entry": [{"fullUrl": url, "resource": resource} for url, resource in entries],
    }  # fmt: skip
    return encode(bundle)
