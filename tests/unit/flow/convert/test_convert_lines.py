"""Line-wise input: every line is a message, one Bundle a file, bad lines told by number."""

from pathlib import Path

from unsilo.config import Feed
from unsilo.flow.convert.files import convert_files
from unsilo.flow.convert.lines import convert_lines
from unsilo.kernel import json

FEED = Feed("lines", "fhir")


def patient(id_: str, **more: str) -> bytes:
    """One line."""
    value = {"resourceType": "Patient", "identifier": [{"system": "urn:oid:2.999", "value": id_}], **more}
    return json.encode(value)


def test_lines_become_one_bundle() -> None:
    """The resources of all lines stand in one Bundle; blank lines and both line ends are fine."""
    done = convert_lines("x", patient("1") + b"\r\n\n" + patient("2") + b"\n", FEED)
    assert done.bundle is not None
    found = [e["resource"] for e in json.decode(done.bundle)["entry"] if e["resource"]["resourceType"] == "Patient"]
    assert len(found) == 2
    assert done.good


def test_a_bad_line_is_told_and_does_not_stop_the_others(tmp_path: Path) -> None:
    """Its number stands in the Issue, the input counts as failed, its Bundle holds the rest."""
    file = tmp_path / "in" / "deep" / "x.jsonl"
    file.parent.mkdir(parents=True)
    file.write_bytes(patient("1") + b"\nnot json\n\xff\xfe\n" + patient("3"))
    summary = convert_files([tmp_path / "in"], tmp_path / "out", FEED, lines=True)
    assert summary.exit_status == 1
    assert summary.failed == [("deep/x.jsonl", "2 lines give nothing, the first is line 2")]
    bundle = json.decode((tmp_path / "out" / "deep" / "x.jsonl.json").read_bytes())
    assert sum(e["resource"]["resourceType"] == "Patient" for e in bundle["entry"]) == 2


def test_nothing_but_bad_lines_gives_no_bundle(tmp_path: Path) -> None:
    """An input of which nothing is understood writes no file."""
    file = tmp_path / "x.jsonl"
    file.write_bytes(b"\n\nnothing\n")
    summary = convert_files([file], tmp_path / "out", FEED, lines=True)
    assert (summary.converted, len(summary.failed)) == (0, 1)
    assert not (tmp_path / "out").exists()
