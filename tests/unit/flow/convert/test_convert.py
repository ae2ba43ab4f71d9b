"""One input to one Bundle: formats seen, several messages in one, any content answered."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unsilo.config import Feed
from unsilo.flow.convert.bundle import convert_bytes, detect

FEED = Feed("convert", "")
ADT = b"MSH|^~\\&|A|B|C|D|20260101||ADT^A08|%s|P|2.5\rEVN|A08|20260101\rPID|1||7^^^KH^MR||Roe^Jane||19700101|F\r"
FHIR = b'{"resourceType":"Patient","id":"a","identifier":[{"system":"urn:x","value":"7"}]}'


def test_formats_are_seen() -> None:
    """The first bytes say what a file is."""
    assert [detect(c) for c in (ADT, b"\x0bMSH|", b"\xef\xbb\xbf <a/>", b" {", b"ISA*", b"")] == [
        "hl7v2", "hl7v2", "ccda", "fhir", "", "",
    ]  # fmt: skip


XML = b"""<?xml version="1.0"?><!-- <ClinicalDocument xmlns="urn:hl7-org:v3"> -->
<Patient xmlns="http://hl7.org/fhir"><id value="a"/><identifier><system value="urn:x"/><value value="7"/></identifier>
</Patient>"""


@pytest.mark.parametrize(
    ("content", "format_"),
    [
        (XML, "fhir"),
        (b"<f:Bundle xmlns:f='http://hl7.org/fhir'/>", "fhir"),
        (b'<ClinicalDocument xmlns="urn:hl7-org:v3" xmlns:f="urn:x">http://hl7.org/fhir', "ccda"),
        (b"<!-- no end <Patient xmlns='http://hl7.org/fhir'", "fhir"),
        (b"<", "ccda"),
        (XML.decode().replace("?>", " encoding='UTF-16'?>", 1).encode("utf-16"), "fhir"),
        ("\ufeff<ClinicalDocument xmlns='urn:hl7-org:v3'/>".encode("utf-16-be"), "ccda"),
        (b"<!DOCTYPE x [<!ENTITY a 'b'>]><x/>", "ccda"),
    ],
)
def test_xml_is_told_by_the_namespace_of_its_document_element(content: bytes, format_: str) -> None:
    """FHIR XML and C-CDA both begin with `<`; comments, prefixes and text do not mislead, broken XML raises nothing."""
    assert detect(content) == format_
    convert_bytes("x.xml", content, FEED, at=1)


def test_fhir_xml_becomes_what_its_json_becomes() -> None:
    """The same Patient in both syntaxes has the same id and content; the Binary says which syntax came."""
    made = [json.loads(convert_bytes("p", c, FEED, at=1).bundle or b"{}") for c in (XML, FHIR)]
    patients = [[e["resource"] for e in b["entry"] if e["resource"]["resourceType"] == "Patient"] for b in made]
    assert patients[0] == patients[1]
    kinds = [
        e["resource"]["contentType"] for b in made for e in b["entry"] if e["resource"]["resourceType"] == "Binary"
    ]
    assert kinds == ["application/fhir+xml", "application/fhir+json"]


def test_a_message_becomes_a_closed_bundle() -> None:
    """The Bundle holds the resources, the original as Binary, and no reference to nothing."""
    done = convert_bytes("a.hl7", ADT % b"1", FEED, at=1)
    assert done.good, done.issues
    bundle = json.loads(done.bundle or b"")
    resources = {f"{e['resource']['resourceType']}/{e['resource']['id']}" for e in bundle["entry"]}
    assert {name.split("/")[0] for name in resources} >= {"Patient", "Binary", "Provenance"}
    text = json.dumps(bundle)
    cited = {part.split('"')[0] for part in text.split('"reference": "')[1:]}
    assert cited <= resources
    assert convert_bytes("a.hl7", ADT % b"1", FEED, at=1).bundle == done.bundle


def test_a_file_of_messages_is_one_bundle() -> None:
    """Several messages in a file: the last word on each resource, every original kept."""
    done = convert_bytes("two.hl7", ADT % b"1" + ADT.replace(b"Jane", b"Janet") % b"2", FEED)
    resources = [entry["resource"] for entry in json.loads(done.bundle or b"")["entry"]]
    patients = [r for r in resources if r["resourceType"] == "Patient"]
    assert [p["name"][0]["given"] for p in patients] == [["Janet"]]
    assert sum(r["resourceType"] == "Binary" for r in resources) == 2


@pytest.mark.parametrize("fmt", ["x12", "dicom"])
def test_a_format_that_is_not_built_is_refused_by_name(fmt: str) -> None:
    """The name of the format is in the answer."""
    done = convert_bytes("a", b"ISA*", Feed("convert", fmt))
    assert done.bundle is None
    assert fmt in done.issues[0].text


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([b"", b"MSH|^~\\&|", b"<ClinicalDocument", b"{", ADT]), st.binary(max_size=200))
def test_no_content_raises(head: bytes, tail: bytes) -> None:
    """Any bytes give a Bundle or a reason."""
    done = convert_bytes("x", head + tail, FEED)
    assert done.bundle is not None or done.issues
