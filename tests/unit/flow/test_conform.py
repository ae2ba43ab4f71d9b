"""The check of a feed: errors as warnings, a message refused as a dead letter, profiles and packages of its own."""

import io
import json
import tarfile

import pytest

from unsilo.config import Feed
from unsilo.flow.process import process
from unsilo.kernel import seal

NOW = 1_790_000_000_000_000
PROFILE = "http://example.org/StructureDefinition/born"


def _patient(**more):
    body = {"resourceType": "Patient", "id": "p1", "identifier": [{"system": "urn:x", "value": "1"}], **more}
    return seal("fhir", "fhir", json.dumps(body).encode(), NOW)


@pytest.fixture
def packages(tmp_path):
    """A folder with a package whose one profile wants a birth date."""
    profile = {
        "resourceType": "StructureDefinition", "url": PROFILE, "name": "Born", "status": "active", "kind": "resource",
        "abstract": False, "type": "Patient", "derivation": "constraint", "fhirVersion": "4.0.1",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
        "differential": {"element": [{"id": "Patient.birthDate", "path": "Patient.birthDate", "min": 1}]},
    }  # fmt: skip
    about = {"name": "own", "version": "1.0.0", "fhirVersions": ["4.0.1"]}
    with tarfile.open(tmp_path / "own.tgz", "w:gz") as archive:
        for name, content in (("package.json", about), ("StructureDefinition-born.json", profile)):
            data = json.dumps(content).encode()
            info = tarfile.TarInfo(f"package/{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return tmp_path


def _rules(done, severity):
    return [issue.where.path for issue in done.issues if issue.severity == severity]


def test_warn_keeps_and_reject_refuses():
    """The same fault is a warning of a message that is kept, or the error of a dead letter."""
    kept = process(_patient(gender="f"), Feed("fhir", "fhir", validate="warn"))
    assert not kept.failed
    assert "Patient/p1: Patient.gender" in [p.replace(kept.pieces[0].id, "p1") for p in _rules(kept, "warning")]
    refused = process(_patient(gender="f"), Feed("fhir", "fhir", validate="reject"))
    assert refused.failed
    assert refused.pieces == []
    assert any(path.endswith("Patient.gender") for path in _rules(refused, "error"))
    assert not process(_patient(gender="female"), Feed("fhir", "fhir", validate="reject")).failed
    assert not process(_patient(gender="f"), Feed("fhir", "fhir")).failed


def test_profiles_and_packages_of_a_feed(packages):
    """A profile from the feed's folder holds for every resource of its type."""
    feed = Feed("fhir", "fhir", validate="reject", packages=str(packages), profiles={"Patient": [PROFILE]})
    assert process(_patient(), feed).failed
    assert not process(_patient(birthDate="1980-01-01"), feed).failed


def test_plausibility_of_a_message():
    """What can hardly be true is a warning of the message, unless the feed wants none; it refuses nothing."""
    late = _patient(birthDate="2999-01-01")
    found = process(late, Feed("fhir", "fhir"))
    assert not found.failed
    assert [i.rule for i in found.issues if i.rule.startswith("plausible.")] == ["plausible.birth.future"]
    quiet = process(late, Feed("fhir", "fhir", plausibility="off"))
    assert [i for i in quiet.issues if i.rule.startswith("plausible.")] == []
