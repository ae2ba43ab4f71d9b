"""What a worker does with one message, without a store."""

import pytest

from unsilo.config import Feed
from unsilo.flow.process import process
from unsilo.flow.trees import place_of
from unsilo.kernel import seal
from unsilo.storage.packing import unpack_lineage

FEED = Feed("wards", organisation="Wards")
PID = "PID|1||4711^^^WARDS^MR||Rivera^Ana||19700102|F"


def message(type_: str, *segments: str) -> bytes:
    """A message of a type with a patient."""
    return "\r".join([f"MSH|^~\\&|A|B|C|D|20260101||{type_}|1|P|2.5", PID, *segments, ""]).encode()


def test_a_message_becomes_resources_with_rows_and_lineage() -> None:
    """An admission gives its patient with index rows, packed lineage and a matching record."""
    done = process(seal("wards", "hl7v2", message("ADT^A01", "PV1|1|I|||||||||||||||||V1"), 1), FEED)
    assert not done.failed
    patient = next(piece for piece in done.pieces if piece.type == "Patient")
    assert patient.index.keys.str
    assert patient.lineage
    assert patient.keys


def test_a_feed_may_have_its_resources_checked() -> None:
    """With `validate = "warn"` what R4 forbids is a warning with its place, and the resource is kept."""
    content = b'{"resourceType":"Observation","id":"a","status":"done","code":{"text":"x"}}'
    quiet, loud = (
        process(seal("lab", "fhir", content, 1), Feed("lab", "fhir", validate=how)) for how in ("off", "warn")
    )
    assert [piece.digest for piece in quiet.pieces] == [piece.digest for piece in loud.pieces]
    said = [issue for issue in loud.issues if issue not in quiet.issues]
    assert [issue.severity for issue in said] == ["warning"] * len(said)
    assert any("Observation.status" in issue.where.path for issue in said)


def test_fhir_xml_is_read_and_its_lineage_leads_to_the_bytes() -> None:
    """A resource in XML gives its piece; the place of an element is its start tag, with the value in it."""
    content = b'<Patient xmlns="http://hl7.org/fhir"><id value="a"/><name><family value="Roe"/></name></Patient>'
    done = process(seal("registry", "fhir", content, 1), Feed("registry", "fhir"))
    patient = next(piece for piece in done.pieces if piece.type == "Patient")
    rows = [row for part in unpack_lineage(patient.lineage) for row in part.rows]
    (place,) = [row.source for row in rows if row.path == "name[0].family"]
    span = place_of("fhir", None, content, place)[1]
    assert span is not None
    assert content[span[0] : span[1]] == b'<family value="Roe"/>'


@pytest.mark.parametrize(
    "content", [b"<", b"<Patient/>", b"<!DOCTYPE a []><Patient/>", b"<Patient xmlns='http://hl7.org/fhir'>"]
)
def test_xml_that_is_no_fhir_fails_with_an_issue(content: bytes) -> None:
    """Broken XML, a DOCTYPE and another namespace are dead letters with a reason, not faults."""
    done = process(seal("registry", "fhir", content, 1), Feed("registry", "fhir"))
    assert done.failed
    assert any(issue.severity in ("error", "fatal") for issue in done.issues)


@pytest.mark.parametrize("content", [b"", b"no message", message(""), b"MSH|^~\\&|A|B|C|D|20260101||ADT^A01|1|P|2.5\r"])
def test_what_receipt_refuses_fails_however_often_it_is_tried(content: bytes) -> None:
    """A replay of a dead letter whose cause stands gives no resource and says why."""
    done = process(seal("wards", "hl7v2", content, 1), FEED)
    assert done.failed
    assert any(issue.severity in ("error", "fatal") for issue in done.issues)
