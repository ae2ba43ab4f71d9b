"""Files to Bundles: folders kept, bad files told and left behind, any content answered."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unsilo.config import Feed
from unsilo.flow.convert import Conversion, convert_bytes, convert_files, detect

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


def test_folders_are_kept_and_bad_files_do_not_stop_the_others(tmp_path: Path) -> None:
    """Each input is named whole, the summary names what failed, and the status says so."""
    source, out = tmp_path / "in", tmp_path / "out"
    (source / "deep").mkdir(parents=True)
    (source / "a.hl7").write_bytes(ADT % b"1")
    (source / "a.txt").write_bytes(ADT % b"2")
    (source / "deep" / "b.json").write_bytes(FHIR)
    (source / "bad.hl7").write_bytes(b"nothing")
    (source / ".hidden").write_bytes(b"x")
    told: list[Conversion] = []
    summary = convert_files([source, tmp_path / "missing.hl7"], out, FEED, told=told.append)
    assert sorted(str(f.relative_to(out)) for f in out.rglob("*.json")) == [
        "a.hl7.json",
        "a.txt.json",
        "deep/b.json.json",
    ]
    assert (summary.files, summary.converted, summary.exit_status) == (5, 3, 1)
    assert {name for name, _why in summary.failed} == {"bad.hl7", "missing.hl7"}
    assert len(told) == 5


def test_many_files_go_through_processes_to_one_file_of_lines(tmp_path: Path) -> None:
    """With jsonl each Bundle is a line; the number of inputs decides whether processes are started."""
    source = tmp_path / "in"
    source.mkdir()
    for n in range(12):
        (source / f"{n}.hl7").write_bytes(ADT % str(n).encode())
    out = tmp_path / "all.jsonl"
    summary = convert_files([source], out, FEED, jsonl=True, workers=2)
    assert summary.exit_status == 0
    assert len([json.loads(line) for line in out.read_bytes().splitlines()]) == 12


class Killer(type(Path())):  # type: ignore[misc]
    """A file on which the process that reads it ends."""

    def read_bytes(self) -> bytes:
        os._exit(9)


def test_the_file_on_which_a_process_ends_is_named_and_no_other(tmp_path: Path) -> None:
    """What was out beside it goes again."""
    files: list[Path] = []
    for n in range(11):
        files.append(tmp_path / f"{n}.hl7")
        files[-1].write_bytes(ADT % str(n).encode())
    (tmp_path / "end.hl7").write_bytes(ADT % b"end")
    files.insert(5, Killer(tmp_path / "end.hl7"))
    summary = convert_files(files, None, FEED, workers=2)
    assert (summary.files, summary.converted) == (12, 11)
    assert summary.failed == [("end.hl7", "the process ended on this file")]


def test_with_a_time_of_receipt_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    """However many processes do it."""
    source = tmp_path / "in"
    source.mkdir()
    for n in range(70):
        (source / f"{n}.hl7").write_bytes(ADT % str(n).encode())
    for name, workers in (("one", 1), ("two", 2)):
        convert_files([source], tmp_path / name, FEED, workers=workers, at=1_700_000_000_000_000)
    made = {f.name: f.read_bytes() for f in (tmp_path / "one").iterdir()}
    assert {f.name: f.read_bytes() for f in (tmp_path / "two").iterdir()} == made
    assert len(made) == 70
    assert b'"recorded":"2023-11-14T22:13:20' in made["7.hl7.json"]


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
