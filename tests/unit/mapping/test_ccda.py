"""A small summary document becomes exactly the stored resources, with the source of every element."""

import html
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from unsilo.fhir.leaves import leaves
from unsilo.fhir.references import walk
from unsilo.formats import ccda
from unsilo.kernel import seal
from unsilo.kernel.json import encode
from unsilo.mapping import Mapped, Site, load
from unsilo.mapping.ccda import faults_of
from unsilo.mapping.ccda.functions import FUNCTIONS
from unsilo.mapping.tables import standard
from unsilo.spec import r4

GOLDEN = Path(__file__).parents[2] / "golden" / "ccda"
SITE = Site(feed="golden", organisation="Hillside", zone="Europe/Rome")
CITES_PARTS = ("text", "text.div")


def run(content: bytes, site: Site = SITE) -> Mapped:
    """Map a document."""
    parsed = ccda.parse(content)
    assert parsed.value is not None, parsed.issues
    return load("ccda", site).run(parsed.value, seal("golden", "ccda", content, 1_700_000_000_000_000))


def resources(mapped: Mapped, kind: str) -> list[dict[str, Any]]:
    """All resources of a type."""
    return [e.resource for e in mapped.entries if e.resource["resourceType"] == kind]


def ordered(node: Any) -> Any:
    """Return JSON with sorted keys: the order of elements says nothing."""
    if isinstance(node, dict):
        return {key: ordered(node[key]) for key in sorted(node)}
    return [ordered(item) for item in node] if isinstance(node, list) else node


def render(mapped: Mapped) -> tuple[str, str]:
    """Return the golden texts: resources, one JSON each line; and lineage, unconsumed values and issues."""
    lines, rows = [], []
    for entry in mapped.entries:
        kind = entry.resource["resourceType"]
        body = {k: v for k, v in entry.resource.items() if k != "extension" or kind != "Provenance"}
        lines.append(encode(ordered(body)).decode())
        reference = f"{kind}/{entry.resource['id']}"
        rows += sorted(f"{reference} {r.path} {r.rule} {r.source or '-'}" for r in entry.rows)
    rows += [f"unconsumed {place} {value!r}" for place, _, value in mapped.unconsumed]
    rows += [f"issue {i.severity} {i.rule} {i.where.path}" for i in mapped.issues]
    return "\n".join(lines) + "\n", "\n".join(rows) + "\n"


@pytest.mark.parametrize("name", sorted(file.stem for file in GOLDEN.glob("*.xml")))
def test_golden(name: str) -> None:
    """The document gives the stored resources and lineage (`python tests/unit/mapping/test_ccda.py` rewrites them)."""
    made, lineage = render(run((GOLDEN / f"{name}.xml").read_bytes()))
    assert made == (GOLDEN / f"{name}.fhir.ndjson").read_text("utf-8")
    assert lineage == (GOLDEN / f"{name}.lineage.txt").read_text("utf-8")


def check_lineage(content: bytes, mapped: Mapped) -> tuple[int, int]:
    """Check that every leaf has a row, every source a slice, and rows name leaves only; return (sliced, counted)."""
    document = ccda.parse(content).value
    assert document is not None
    sliced = counted = 0
    for entry in mapped.entries:
        values = dict(leaves(entry.resource))
        cited: dict[str, list[str]] = {}
        for row in entry.rows:
            cited.setdefault(row.path, []).append(str(row.source) if row.source else "")
        assert set(values) == set(cited), entry.resource["resourceType"]
        for path, sources in cited.items():
            for source in filter(None, sources):
                place = ccda.span(document, source)
                assert place is not None, (path, source)
                assert 0 <= place[0] <= place[1] <= len(content)
            if (
                entry.resource["resourceType"] == "Provenance"
                or path.endswith(("reference", ".system", ".url"))
                or path == "id"
            ):
                continue
            counted += 1
            sliced += any(sources)
    return sliced, counted


def test_every_leaf_has_a_row_and_every_source_a_slice() -> None:
    """Lineage is complete, and most leaves that are no ids, references or fixed values lead to bytes."""
    content = (GOLDEN / "ccd.xml").read_bytes()
    sliced, counted = check_lineage(content, run(content))
    assert sliced / counted > 0.75


def test_slices_hold_the_values() -> None:
    """A text or number taken as sent stands in the bytes of its source."""
    content = (GOLDEN / "ccd.xml").read_bytes()
    document = ccda.parse(content).value
    assert document is not None
    checked = 0
    for entry in run(content).entries:
        values = dict(leaves(entry.resource))
        for row in entry.rows:
            value = values[row.path]
            if (
                not isinstance(row.source, str)
                or "@" not in row.source
                or not row.path.endswith((".code", ".display", ".unit"))
            ):
                continue
            place = ccda.span(document, row.source)
            assert place is not None
            if html.unescape(content[place[0] : place[1]].decode()) == value:
                checked += 1
            else:
                assert (
                    "@" in row.rule or row.rule.startswith(("comp.section", "alg.status", "ccda.")) or "py" in row.rule
                ), row
    assert checked > 80


def test_references_close() -> None:
    """Every reference leads to a resource of the document or to the original."""
    mapped = run((GOLDEN / "ccd.xml").read_bytes())
    ids = {f"{e.resource['resourceType']}/{e.resource['id']}" for e in mapped.entries}
    for entry in mapped.entries:
        for path, reference in walk(entry.resource):
            assert reference in ids or reference.startswith("Binary/"), path


def test_elements_exist_in_r4() -> None:
    """Every element written is one of R4, repeated where R4 repeats."""

    def check(node: dict[str, Any], context: str) -> None:
        for name, value in node.items():
            if name == "resourceType" or context == "Extension":
                continue
            element = r4.child(context, name.removeprefix("_"))
            assert element is not None, (context, name)
            assert element.many == isinstance(value, list), (context, name)
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, dict) and not name.startswith("_"):
                    check(item, element.context)

    for entry in run((GOLDEN / "ccd.xml").read_bytes()).entries:
        check(entry.resource, entry.resource["resourceType"])


def test_the_tables_have_no_faults() -> None:
    """Every row of the C-CDA tables compiles."""
    assert faults_of(SITE) == []


def test_tables_hold_nothing_unused() -> None:
    """Every function, vocabulary and map is used, and the golden documents reach nearly all rows."""
    rows = standard("ccda").rows
    uses = {r.type for r in rows["maps"]} | {u.strip() for r in rows["messages"] for u in r.use.split(";")}
    assert {r.map for r in rows["maps"]} <= uses
    assert {f"py:{name}" for name in FUNCTIONS} == {u for u in uses if u.startswith("py:")}
    read_by_functions = {"AllergyConcern", "LaboratoryCode", "ProblemConcern", "NullFlavor", "Severity", "UdiPart"}
    vocabularies = {r.vocab for r in rows["maps"]} | {r.element for r in rows["resources"]} | read_by_functions
    assert {r.vocab for r in rows["vocabularies"]} <= vocabularies
    reached: set[str] = set()
    for path in GOLDEN.glob("*.xml"):
        for entry in run(path.read_bytes()).entries:
            reached.update(part.split("@")[0] for row in entry.rows for part in row.rule.split(">"))
    missed = [r.id for r in rows["maps"] if r.id not in reached]
    assert len(missed) < len(rows["maps"]) * 0.14, missed


def test_mapping_is_deterministic_and_repeatable() -> None:
    """The same document gives the same resources, also when the same tree is mapped again."""
    content = (GOLDEN / "ccd.xml").read_bytes()
    document = ccda.parse(content).value
    maps = load("ccda", SITE)
    first = render(maps.run(document, seal("golden", "ccda", content, 0)))
    assert render(maps.run(document, seal("golden", "ccda", content, 0))) == first


def test_ordered_dose_and_dispensed_strength_stay_apart() -> None:
    """3.125 mg ordered and 6.25 mg tablets dispensed are two resources; neither number touches the other."""
    mapped = run((GOLDEN / "ccd.xml").read_bytes())
    [order], [dispense] = resources(mapped, "MedicationRequest"), resources(mapped, "MedicationDispense")
    assert str(order["dosageInstruction"][0]["doseAndRate"][0]["doseQuantity"]["value"]) == "3.125"
    assert order["medicationCodeableConcept"]["coding"][0]["display"] == "carvedilol"
    assert dispense["medicationCodeableConcept"]["coding"][0]["display"] == "carvedilol 6.25 MG Oral Tablet"
    assert "dosageInstruction" not in dispense
    assert dispense["authorizingPrescription"] == [{"reference": f"MedicationRequest/{order['id']}"}]


def test_confidentiality_becomes_security() -> None:
    """The document's code labels every resource, a section's own code its entries too."""
    mapped = run((GOLDEN / "ccd.xml").read_bytes())
    labels = {
        e.resource["resourceType"]: [s["code"] for s in e.resource["meta"]["security"]]
        for e in mapped.entries
        if e.resource["resourceType"] != "Provenance"
    }
    assert labels["Patient"] == ["R"]
    assert labels["DiagnosticReport"] == ["R", "V"]
    assert all("R" in codes for codes in labels.values())


def _allergy(inside: str, attributes: str = "") -> bytes:
    return (
        '<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        '<id root="1.2.3"/>'
        '<recordTarget><patientRole><id root="1.2" extension="1"/></patientRole></recordTarget>'
        '<component><structuredBody><component><section><code code="48765-2"/><entry><act><statusCode code="active"/>'
        f'<entryRelationship typeCode="SUBJ"><observation {attributes}><id root="1.2.9" extension="a"/>'
        f"{inside}</observation>"
        "</entryRelationship></act></entry></section></component></structuredBody></component></ClinicalDocument>"
    ).encode()


def test_negated_allergies_are_never_shown_as_allergies() -> None:
    """A negated substance is refuted; negation without a substance is a coded "no known", never "allergy to"."""
    substance = (
        '<participant typeCode="CSM"><participantRole><playingEntity>'
        '<code code="7984" codeSystem="2.16.840.1.113883.6.88"/>'
        "</playingEntity></participantRole></participant>"
    )
    value = '<value xsi:type="CD" code="419199007" codeSystem="2.16.840.1.113883.6.96"/>'
    [refuted] = resources(run(_allergy(value + substance, 'negationInd="true"')), "AllergyIntolerance")
    assert refuted["verificationStatus"]["coding"][0]["code"] == "refuted"
    assert refuted["clinicalStatus"]["coding"][0]["code"] == "inactive"
    [none] = resources(run(_allergy(value, 'negationInd="true"')), "AllergyIntolerance")
    assert none["code"]["coding"] == [{"code": "716186003", "system": "http://snomed.info/sct"}]
    assert none["code"]["text"] == "No known allergies"
    assert "verificationStatus" not in none
    [real] = resources(run(_allergy(value + substance, 'negationInd="false"')), "AllergyIntolerance")
    assert "verificationStatus" not in real
    assert real["code"]["coding"][0]["code"] == "7984"


def test_entries_without_templates_are_found_by_section_code() -> None:
    """A section that only has a LOINC code, with entries that have no templateId, is read all the same."""
    [allergy] = resources(run(_allergy('<value code="416098002"/>')), "AllergyIntolerance")
    assert allergy["category"] == ["medication"]
    assert allergy["clinicalStatus"]["coding"][0]["code"] == "active"


def test_a_missing_code_is_absent_with_its_reason() -> None:
    """A nullFlavor becomes data-absent-reason, and an element that must be there is marked, never made up."""
    masked = '<playingEntity><code nullFlavor="MSK"/></playingEntity>'
    mapped = run(_allergy(f"<participant><participantRole>{masked}</participantRole></participant>"))
    [allergy] = resources(mapped, "AllergyIntolerance")
    assert allergy["code"]["extension"][0]["valueCode"] == "masked"
    [bare] = resources(run(_allergy("")), "AllergyIntolerance")
    assert bare["code"]["extension"][0]["valueCode"] == "unknown"
    assert "ccda.allergyintolerance.required.1" in {i.rule for i in run(_allergy("")).issues}


def _patient(ids: str) -> bytes:
    return (
        '<ClinicalDocument xmlns="urn:hl7-org:v3"><id root="1.2.3"/><recordTarget><patientRole>'
        f"{ids}<patient><name><family>Doe</family></name></patient></patientRole></recordTarget></ClinicalDocument>"
    ).encode()


@pytest.mark.parametrize(
    ("ids", "identifiers"),
    [
        ('<id root="2.16.840.1.113883.4.1"/>', None),
        ('<id root="1.2.3.4"/>', None),
        ('<id nullFlavor="UNK"/>', None),
        ('<id root="1.2.3.4" extension="7"/>', [{"system": "urn:oid:1.2.3.4", "value": "7"}]),
        (
            '<id root="2.16.840.1.113883.4.1" extension="000-00-0001"/>',
            [{"system": "http://hl7.org/fhir/sid/us-ssn", "value": "000-00-0001"}],
        ),
        ('<id root="1.2.3.4.5" extension="9"/>', [{"system": "https://hillside.example/mrn", "value": "9"}]),
        (
            '<id root="5A7A0D10-0000-4000-8000-000000000001"/>',
            [{"system": "urn:ietf:rfc:3986", "value": "urn:uuid:5a7a0d10-0000-4000-8000-000000000001"}],
        ),
    ],
)  # fmt: skip
def test_an_authority_without_a_number_is_no_identifier(ids: str, identifiers: Any) -> None:
    """An OID alone is the same for everybody: as an identifier it would join persons who are not the same."""
    site = Site(feed="f", organisation="o", authorities={"1.2.3.4.5": "https://hillside.example/mrn"})
    [patient] = resources(run(_patient(ids), site), "Patient")
    assert patient.get("identifier") == identifiers


def test_two_patients_without_numbers_are_two() -> None:
    """Documents whose patients have no number never share a Patient id."""
    one, two = (resources(run(_patient('<id root="1.2.3"/>') + b" " * n), "Patient")[0]["id"] for n in (1, 2))
    assert one != two


@pytest.mark.corpora
def test_vendors_documents() -> None:
    """Real documents map without a fault, with complete lineage and closed references."""
    root = os.environ.get("UNSILO_CORPORA")
    if not root:
        pytest.skip("UNSILO_CORPORA names no folder of test data")
    for path in sorted(Path(root, "ehr-ccda").rglob("*.xml"))[::6]:
        content = path.read_bytes()
        mapped = run(content)
        sliced, counted = check_lineage(content, mapped)
        assert sliced / counted > 0.6, path
        assert resources(mapped, "Patient"), path


if __name__ == "__main__":
    for source in sorted(GOLDEN.glob("*.xml")):
        texts = render(run(source.read_bytes()))
        for ending, text in zip((".fhir.ndjson", ".lineage.txt"), texts, strict=True):
            source.with_suffix(ending).write_text(text, "utf-8")
        sys.stdout.write(f"{source.name}\n")
