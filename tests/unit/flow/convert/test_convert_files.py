"""Many inputs to a folder of Bundles: folders and archives kept, bad ones told, nothing written over another."""

import json
import os
import zipfile
from pathlib import Path

import pytest

from tests.unit.flow.convert.test_convert import ADT, FEED, FHIR
from unsilo.flow.convert.bundle import Conversion
from unsilo.flow.convert.files import convert_files


def test_folders_are_kept_and_bad_files_do_not_stop_the_others(tmp_path: Path) -> None:
    """Each input is named whole, the summary names what failed, and the status says so."""
    source, out = tmp_path / "in", tmp_path / "out"
    (source / "deep").mkdir(parents=True)
    (source / "a.hl7").write_bytes(ADT % b"1")
    (source / "a.txt").write_bytes(ADT % b"2")
    (source / "deep" / "b.json").write_bytes(FHIR)
    (source / "bad.hl7").write_bytes(b"nothing")
    (source / ".hidden").write_bytes(b"x")
    (source / "moved.hl7").symlink_to(tmp_path / "elsewhere.hl7")
    (source / "round").symlink_to(source)
    told: list[Conversion] = []
    summary = convert_files([source, tmp_path / "missing.hl7"], out, FEED, told=lambda done, _: told.append(done))
    assert sorted(str(f.relative_to(out)) for f in out.rglob("*.json")) == [
        "a.hl7.json",
        "a.txt.json",
        "deep/b.json.json",
    ]
    assert (summary.files, summary.converted, summary.exit_status) == (6, 3, 1)
    assert {name for name, _why in summary.failed} == {"bad.hl7", "missing.hl7", "moved.hl7"}
    assert len(told) == 6


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


def zipped(path: Path, *members: tuple[str, bytes]) -> Path:
    """Write an archive; names are taken as they are."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content)
    return path


def made(out: Path) -> list[str]:
    """The files of a folder."""
    return sorted(str(file.relative_to(out)) for file in out.rglob("*") if file.is_file())


def test_an_archive_is_read_like_a_folder(tmp_path: Path) -> None:
    """Its members keep their paths; in a folder they stand below its name; hidden files are passed over."""
    members = [("a/x.hl7", ADT % b"1"), ("b/", b""), ("b/y.json", FHIR), ("b/.x", b"?"), ("__MACOSX/a/x.hl7", b"?")]
    (tmp_path / "in" / "deep").mkdir(parents=True)
    given = zipped(tmp_path / "in" / "deep" / "z.ZIP", *members)
    assert convert_files([given], tmp_path / "one", FEED).failed == []
    assert made(tmp_path / "one") == ["a/x.hl7.json", "b/y.json.json"]
    assert convert_files([tmp_path / "in"], tmp_path / "two", FEED).failed == []
    assert made(tmp_path / "two") == ["deep/z.ZIP/a/x.hl7.json", "deep/z.ZIP/b/y.json.json"]
    other = given.rename(tmp_path / "archive")
    assert convert_files([other], None, FEED).converted == 2


def test_many_members_go_through_processes(tmp_path: Path) -> None:
    """In several processes an archive gives the bytes that its files give one by one."""
    members = [(f"{n}/m.hl7", ADT % str(n).encode()) for n in range(30)]
    given = zipped(tmp_path / "in.zip", *members)
    assert convert_files([given], tmp_path / "out", FEED, workers=2, at=1_700_000_000_000_000).converted == 30
    for name, content in members:
        (tmp_path / "in" / name).parent.mkdir(parents=True)
        (tmp_path / "in" / name).write_bytes(content)
    convert_files([tmp_path / "in"], tmp_path / "plain", FEED, workers=1, at=1_700_000_000_000_000)
    for name in made(tmp_path / "plain"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "plain" / name).read_bytes()


def test_members_that_cannot_be_taken_are_told_and_the_others_are(tmp_path: Path) -> None:
    """Ways out of the folder, archives in archives, two of one name, a spoiled one, one over the limit."""
    members = [
        ("good.hl7", ADT % b"1"), ("../out.hl7", ADT % b"2"), ("/abs.hl7", ADT % b"3"), ("c:\\x.hl7", ADT % b"4"),
        ("in.zip", b"PK"), ("spoiled.hl7", ADT % b"5"), ("long.hl7", (ADT % b"6").ljust(40_000)), ("empty.hl7", b""),
    ]  # fmt: skip
    given = zipped(tmp_path / "in.zip", *members)
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(given, "a") as archive:
        archive.writestr("good.hl7", ADT % b"7")
    content = given.read_bytes()
    given.write_bytes(content.replace(b"ADT^A08|5|", b"ADT^A08|9|"))
    out = tmp_path / "deep" / "out"
    summary = convert_files([given], out, type(FEED)("convert", "", limit_bytes=30_000))
    assert made(tmp_path / "deep") == ["out/good.hl7.json"]
    assert b"ADT^A08|1|" in _original(out / "good.hl7.json")
    faults = dict(summary.failed)
    assert "not converted" in faults.pop("good.hl7")
    assert "cannot be unpacked: Bad CRC-32" in faults.pop("spoiled.hl7")
    assert faults.pop("long.hl7") == "longer than 30000 bytes"
    assert faults.pop("empty.hl7") == "the file is empty"
    assert "unpack it first" in faults.pop("in.zip")
    assert set(faults.values()) == {"its name in the archive leads out of the folder"}
    assert len(faults) == 3


def test_a_member_that_unpacks_to_far_more_than_the_limit_is_refused(tmp_path: Path) -> None:
    """No more of it is unpacked than tells that it is too long."""
    given = tmp_path / "in.zip"
    with zipfile.ZipFile(given, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.hl7", ADT % b"1" + bytes(50_000_000))
    feed = type(FEED)("convert", "", limit_bytes=1000)
    assert convert_files([given], None, feed).failed == [("bomb.hl7", "longer than 1000 bytes")]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"not an archive at all"])
def test_what_is_no_archive_is_told(tmp_path: Path, content: bytes) -> None:
    """It fails by its name and the others go on."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "x.zip").write_bytes(content)
    (tmp_path / "in" / "y.hl7").write_bytes(ADT % b"1")
    summary = convert_files([tmp_path / "in"], tmp_path / "out", FEED)
    assert made(tmp_path / "out") == ["y.hl7.json"]
    assert [(name, why.split(":")[0]) for name, why in summary.failed] == [("x.zip", "the archive cannot be read")]


def test_two_inputs_of_one_name_are_not_written_over_each_other(tmp_path: Path) -> None:
    """The second is told; the same file given twice is one input."""
    for folder, number in (("a", b"1"), ("b", b"2")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.hl7").write_bytes(ADT % number)
    first, second = tmp_path / "a" / "x.hl7", tmp_path / "b" / "x.hl7"
    summary = convert_files([first, second, first], tmp_path / "out", FEED)
    assert (summary.files, summary.converted) == (2, 1)
    assert [name for name, why in summary.failed if str(first) in why] == ["x.hl7"]
    assert b"ADT^A08|1|" in _original(tmp_path / "out" / "x.hl7.json")


def _original(bundle: Path) -> bytes:
    import base64

    found = [e["resource"] for e in json.loads(bundle.read_bytes())["entry"]]
    return base64.b64decode(next(r["data"] for r in found if r["resourceType"] == "Binary"))


def test_a_name_that_no_output_can_have_stops_nothing(tmp_path: Path) -> None:
    """An input whose name leaves no room for the ending is told."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.hl7").write_bytes(ADT % b"1")
    (tmp_path / "in" / ("n" * 253)).write_bytes(ADT % b"2")
    (tmp_path / "in" / "z.hl7").write_bytes(ADT % b"3")
    summary = convert_files([tmp_path / "in"], tmp_path / "out", FEED)
    assert made(tmp_path / "out") == ["a.hl7.json", "z.hl7.json"]
    assert [name for name, why in summary.failed if "cannot be written" in why] == ["n" * 253]
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError, match="Not a directory"):
        convert_files([tmp_path / "in"], tmp_path / "file" / "out", FEED)


def test_lines_go_through_processes(tmp_path: Path) -> None:
    """Files whose lines are messages are shared out too; a bad line makes its input a failed one."""
    (tmp_path / "in").mkdir()
    for n in range(12):
        (tmp_path / "in" / f"{n}.jsonl").write_bytes(FHIR + b"\n" + (b"no json\n" if n == 7 else b""))
    summary = convert_files([tmp_path / "in"], tmp_path / "out", FEED, lines=True, workers=2)
    assert (summary.converted, len(made(tmp_path / "out"))) == (12, 12)
    assert summary.failed == [("7.jsonl", "nothing could be understood of line 2")]
