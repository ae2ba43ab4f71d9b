"""The demo's town is the same every time, well-formed, and tells the stories it promises."""

import json
from collections import Counter
from pathlib import Path

from lxml import etree

from unsilo.config.check import check
from unsilo.demo.pdf import page
from unsilo.demo.script import Sending, town
from unsilo.demo.settings import demo_settings


def kinds(sendings: list[Sending]) -> Counter[str]:
    """Count the HL7 v2 messages by type."""
    return Counter(
        line.split(b"|")[8].decode()[:7] for s in sendings for line in s.content.split(b"\r") if line.startswith(b"MSH")
    )


def test_the_town_is_the_same_every_time() -> None:
    """Two runs send byte for byte the same."""
    assert town() == town()


def test_every_message_type_that_is_mapped_is_sent() -> None:
    """Each table has something to do in the demo."""
    found = kinds(town())
    wanted = ["A01", "A03", "A04", "A08", "A11", "A13", "A28", "A31", "A40"]
    assert [t for t in wanted if not found[f"ADT^{t}"]] == []
    assert [t for t in ("ORU^R01", "ORM^O01", "OML^O21", "VXU^V04", "SIU^S12", "MDM^T02") if not found[t]] == []


def test_a_few_dozen_people_and_every_transport() -> None:
    """Three transports, five feeds, 30 to 60 people."""
    sendings = town()
    assert {s.via for s in sendings} == {"mllp", "folder", "http"}
    assert {s.feed for s in sendings} == {"north", "brigid", "citylab", "harbour-ccda", "harbour-fhir"}
    born = {
        (line.split(b"|")[5].upper().split(b"^")[1][:3], line.split(b"|")[7])
        for s in sendings
        for line in s.content.split(b"\r")
        if line.startswith(b"PID")
    }
    assert 30 <= len(born) <= 60


def test_one_resend_and_unique_control_ids_otherwise() -> None:
    """Only the resend repeats bytes; no two other messages of a sender share a control id."""
    sendings = town()
    again = [content for content, n in Counter(s.content for s in sendings).items() if n > 1]
    assert len(again) == 1
    ids = Counter(
        (line.split(b"|")[3], line.split(b"|")[9])
        for content in {s.content for s in sendings}
        for line in content.split(b"\r")
        if line.startswith(b"MSH")
    )
    assert max(ids.values()) == 1


def test_bytes_are_in_the_character_set_that_msh_18_says() -> None:
    """St. Brigid writes Latin-1 (not valid UTF-8), the others UTF-8."""
    sendings = town()
    latin = [s for s in sendings if s.feed == "brigid" and "Åkesson".encode("iso8859-1") in s.content]
    assert latin
    for s in sendings:
        if b"UNICODE UTF-8" in s.content:
            s.content.decode("utf-8")
    assert any("MUÑOZ".encode() in s.content for s in sendings if s.feed == "north")


def test_documents_are_well_formed() -> None:
    """The C-CDAs are XML, the Bundle is JSON whose references close, the PDF has a sound cross-reference table."""
    sendings = town()
    documents = [etree.fromstring(s.content) for s in sendings if s.name.endswith(".xml")]
    assert [d.tag for d in documents] == ["{urn:hl7-org:v3}ClinicalDocument"] * 3
    bundle = json.loads(next(s.content for s in sendings if s.feed == "harbour-fhir"))
    urls = {entry["fullUrl"] for entry in bundle["entry"]}
    wanted = {entry["resource"]["subject"]["reference"] for entry in bundle["entry"] if "subject" in entry["resource"]}
    assert wanted <= urls
    pdf = page(["a line (with brackets)", "Å"])
    start = int(pdf.rsplit(b"startxref\n", 1)[1].split()[0])
    assert pdf[start:].startswith(b"xref")


def test_settings_of_the_demo_are_sound(tmp_path: Path) -> None:
    """The demo's own settings pass the check that every operator's settings pass."""
    (tmp_path / "inbox").mkdir()
    assert check(demo_settings(tmp_path, 8080, 2575)) == []
