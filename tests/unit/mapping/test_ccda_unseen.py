"""What documents say of lots, makers, specimens, consents and the authors of sections reaches the resources."""

from __future__ import annotations

from pathlib import Path

import pytest

from unsilo.formats import ccda
from unsilo.kernel import Json, seal
from unsilo.mapping import Mapped, Site, load
from unsilo.mapping.outward import faults, gather, to_ccda

GOLDEN = Path(__file__).parents[2] / "golden" / "ccda"
SITE = Site(feed="unseen", organisation="stmarys", zone="Europe/Berlin")


def convert(name: str, old: str = "", new: str = "") -> Mapped:
    """What a document becomes, with one text in it replaced."""
    content = (GOLDEN / f"{name}.xml").read_text("utf-8")
    assert old in content
    raw = content.replace(old, new).encode() if old else content.encode()
    document = ccda.parse(raw).value
    assert document is not None
    return load("ccda", SITE).run(document, seal("unseen", "ccda", raw, 0))


def bodies(mapped: Mapped, kind: str) -> list[Json]:
    """The resources of a type, in order."""
    return [entry.resource for entry in mapped.entries if entry.resource["resourceType"] == kind]


def kept(body: Json, name: str) -> list[Json]:
    """The extensions of a resource that keep an element of CDA."""
    return [one for one in body.get("extension", ()) if one["url"] == f"urn:unsilo:ccda:{name}"]


def test_the_lot_of_a_drug_is_kept_where_it_was_ordered_dispensed_and_given() -> None:
    """R4 has a lot for vaccines only; a recall of drugs asks for it."""
    mapped = convert("seen-lots-consent")
    assert kept(bodies(mapped, "MedicationRequest")[0], "lotNumberText")[0]["valueString"] == "LOT-77"
    assert kept(bodies(mapped, "MedicationDispense")[0], "lotNumberText")[0]["valueString"] == "LOT-78"
    given = bodies(convert("seen-given"), "MedicationAdministration")
    assert [len(kept(body, "lotNumberText")) for body in given] == [1, 0]


def test_the_maker_of_a_drug_is_an_organization() -> None:
    """It is referred to, not only made."""
    mapped = convert("seen-lots-consent")
    (maker,) = kept(bodies(mapped, "MedicationRequest")[0], "manufacturerOrganization")
    named = {f"Organization/{body['id']}": body.get("name") for body in bodies(mapped, "Organization")}
    assert named[maker["valueReference"]["reference"]] == "Sanofi"
    empty = convert("seen-lots-consent", '<id root="1.2.9" extension="SAN"/><name>Sanofi</name>')
    assert kept(bodies(empty, "MedicationRequest")[0], "manufacturerOrganization") == []


def test_what_a_procedure_took_is_its_specimen() -> None:
    """R4's Procedure names none."""
    mapped = convert("seen-specimen")
    done, refused = bodies(mapped, "Procedure")
    (specimen,) = bodies(mapped, "Specimen")
    assert kept(done, "specimen")[0]["valueReference"]["reference"] == f"Specimen/{specimen['id']}"
    assert kept(refused, "specimen") == []


def test_a_consent_of_the_header_says_no_more_than_it_does() -> None:
    """What it allows is not known: scope and policy are marked so."""
    (consent,) = bodies(convert("seen-lots-consent"), "Consent")
    assert consent["status"] == "active"
    assert consent["category"][0]["coding"][0]["code"] == "64293-4"
    assert {"extension"} == set(consent["scope"]) == set(consent["policyRule"])
    other = bodies(convert("seen-lots-consent", '<statusCode code="completed"/></consent>', "</consent>"), "Consent")
    assert other[0].get("status") != "active"


def test_who_wrote_a_section_is_its_author() -> None:
    """People and programs; a section without an author has none."""
    mapped = convert("seen-lots-consent")
    medications, problems = bodies(mapped, "Composition")[0]["section"]
    assert medications["author"][0]["reference"].startswith("Practitioner/")
    assert problems["author"][0]["reference"].startswith("Device/")
    assert "author" not in bodies(convert("seen-specimen"), "Composition")[0]["section"][0]


@pytest.mark.parametrize("name", ["seen-lots-consent", "seen-specimen", "seen-given", "vendors", "odd"])
def test_every_reference_leads_to_a_resource_of_the_document(name: str) -> None:
    """No resource is made that nothing leads to, no extension that leads to none."""
    mapped = convert(name)
    names = {f"{entry.resource['resourceType']}/{entry.resource['id']}" for entry in mapped.entries}
    for entry in mapped.entries:
        for one in entry.resource.get("extension", ()):
            if "valueReference" in one:
                assert one["valueReference"]["reference"] in names


def test_specimens_go_out_with_reports_and_results() -> None:
    """Number and sort of a specimen return from the document; what it does not hold is said."""
    coding = {"system": "http://snomed.info/sct", "code": "119297000", "display": "Blood"}
    specimen = {"resourceType": "Specimen", "id": "s", "type": {"coding": [coding]}, "receivedTime": "2026-01-01"}
    specimen["identifier"] = [{"system": "urn:oid:1.2.3", "value": "B1"}]
    patient = {"resourceType": "Patient", "id": "p", "name": [{"family": "A"}]}
    common = {"status": "final", "subject": {"reference": "Patient/p"}, "effectiveDateTime": "2026-01-01"}
    held = {"reference": "Specimen/s"}
    glucose = {"coding": [{"system": "http://loinc.org", "code": "2345-7"}]}
    result = {"resourceType": "Observation", "id": "o", "code": glucose, "valueString": "5", "specimen": held, **common}
    report = {"resourceType": "DiagnosticReport", "id": "d", "code": glucose, "specimen": [held], **common}
    report["result"] = [{"reference": "Observation/o"}]
    entries = [{"resource": one} for one in (patient, specimen, result, report)]
    (record,) = gather({"resourceType": "Bundle", "type": "collection", "entry": entries})
    made = to_ccda(record, 1_763_700_000_000_000)
    document = ccda.parse(made.contents[0]).value
    assert document is not None
    assert faults(document) == []
    back = load("ccda", SITE).run(document, seal("unseen", "ccda", made.contents[0], 0))
    (found,) = bodies(back, "Specimen")
    assert (found["identifier"], found["type"]["coding"]) == (specimen["identifier"], [coding])
    reference = f"Specimen/{found['id']}"
    assert bodies(back, "DiagnosticReport")[0]["specimen"] == [{"reference": reference}]
    assert bodies(back, "Observation")[0]["specimen"] == {"reference": reference}
    assert "Specimen.receivedTime" in " ".join(issue.text for issue in made.issues)
