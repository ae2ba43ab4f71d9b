"""Tests of an overlay beside it: FHIRPath and whole Bundles hold or do not, with their place."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from unsilo.cli.main import app
from unsilo.flow.overlays.trial import Trial, folder_feed, run_tests

MESSAGE = (
    "MSH|^~\\&|LAB|CITYLAB|HIS|HOSP|20250105101500||ORU^R01^ORU_R01|42|P|2.5.1\r"
    "PID|1||12345^^^CITYLAB^MR||DOE^JANE||19700101|F\r"
    "OBR|1||A1^CITYLAB|CBC^Blood count^L|||20250105090000||||||||||||||||||F\r"
    "OBX|1|NM|GLU^Glucose^L||5.4|mmol/L|3.9-6.1|N|||F|||20250105090000\rZLB|1|Hexokinase\r"
)
OVERLAY = """add:
  - {id: city.zlb.2, map: "ZLB[Observation]", source: ZLB-2, target: method.text}
  - {id: city.zlb, map: ORU_R01, at: ZLB, as: ob, use: "ZLB[Observation]"}
"""
FEED = '[feeds.citylab]\nformat = "hl7v2"\nauthorities = { CITYLAB = "urn:oid:1.2.3.4" }\n'
GOOD = """# the glucose
expect: Observation.where(code.coding.code='GLU').value.value = 5.4
Observation.where(code.coding.code='GLU').method.text = 'Hexokinase'
Patient.identifier.where(system='urn:oid:1.2.3.4').value = '12345' and Observation.count() = 1
Bundle.entry.resource.where($this is Patient).exists()
read: ZLB-2, OBX-5
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with overlay, settings and one test."""
    (tmp_path / "overlay.yaml").write_text(OVERLAY)
    (tmp_path / "feed.toml").write_text(FEED)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/cbc.hl7").write_text(MESSAGE, newline="")
    (tmp_path / "tests/cbc.expect").write_text(GOOD)
    return tmp_path


def _run(folder: Path, *, update: bool = False) -> Trial:
    feed = folder_feed(folder).value
    assert feed is not None
    return run_tests(folder, feed, update=update)


def test_expectations_hold(folder: Path) -> None:
    """Every line is a check; version and digest are said; the row that works was hit."""
    trial = _run(folder)
    assert trial.good
    assert len(trial.checks) == 5
    assert (trial.messages, trial.unhit, trial.format) == (1, [], "hl7v2")
    assert len(trial.overlay_sha256) == len(trial.digest) == 64


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("Observation.where(code.coding.code='GLU').value.value = 5.5", "found 5.4"),
        ("Observation.nothing = 1", "nothing is no element of Observation"),
        ("Patient.gender = (", "cannot be evaluated"),
        ("Condition.code.text = 'x'", "found nothing"),
        ("Patient.name.given = 'JANE' and Patient.gender = 'male'", "found false"),
        ("unread: none", "also unread: "),
        ("read: ZLB", "nothing read ZLB-1"),
        ("read: OBX-5, PID-3", ""),
        ("read: ZLB-1", "nothing read ZLB-1"),
        ("issue: no.such", "told were: "),
    ],
)
def test_what_does_not_hold_says_what_was_found(folder: Path, line: str, found: str) -> None:
    """The place, and the value that stands there instead."""
    (folder / "tests/cbc.expect").write_text(f"\n\n{line}\n")
    [check] = _run(folder).checks
    assert (check.file, check.line) == ("tests/cbc.expect", 3)
    assert found in check.found
    assert check.passed == (found == "")


def test_a_bundle_is_compared_element_by_element(folder: Path) -> None:
    """It is written by `update`, holds afterwards, and a change names resource, element and both values."""
    file = folder / "tests/cbc.bundle.json"
    file.write_text("{}")
    assert _run(folder, update=True).good
    assert b"Provenance" not in file.read_bytes()
    assert _run(folder).good
    file.write_bytes(file.read_bytes().replace(b"Hexokinase", b"Oxidase"))
    check = next(check for check in _run(folder).checks if not check.passed)
    assert "method.text: expected 'Oxidase', found 'Hexokinase'" in check.found
    file.write_text("no JSON")
    assert not _run(folder).good


def test_rows_without_a_test_are_named(folder: Path) -> None:
    """An overlay's row that no message comes to is told, and so are faults."""
    (folder / "overlay.yaml").write_text(OVERLAY + "  - {id: city.zlb.9, map: 'ZLB[Observation]', source: ZLB-9}\n")
    assert _run(folder).unhit == ["city.zlb.9"]
    (folder / "overlay.yaml").write_text(OVERLAY + "drop: [no.such]\n")
    trial = _run(folder)
    assert not trial.good
    assert trial.failed == 0
    assert trial.faults[0].where.path == "overlay, line 4, no.such"


def test_a_test_without_message_and_a_folder_without_tests_fail(folder: Path) -> None:
    """Nothing passes by being absent."""
    (folder / "tests/other.expect").write_text("Patient.exists()")
    assert [check.found for check in _run(folder).checks if not check.passed] == ["there is no file other.*"]
    (folder / "tests/other.hl7").write_text("not a message")
    assert [check.text for check in _run(folder).checks if not check.passed] == ["can be read"]
    (folder / "tests/other.hl7").unlink()
    (folder / "tests/other.expect").write_text("# nothing\n")
    assert not _run(folder).good
    for file in (folder / "tests").iterdir():
        file.unlink()
    assert not _run(folder).good


def test_the_command_says_places_and_status(folder: Path) -> None:
    """`unsilo map test`: 0 when all holds, 1 when something does not, 2 for a wrong folder."""
    run = CliRunner().invoke
    good = run(app, ["map", "test", str(folder)])
    assert good.exit_code == 0
    assert "5 of 5 hold, 1 message (hl7v2, overlay " in good.output
    (folder / "tests/cbc.expect").write_text("Patient.gender = 'male'\n")
    bad = run(app, ["map", "test", str(folder)])
    assert bad.exit_code == 1
    assert "FAILS tests/cbc.expect:1: Patient.gender = 'male'\n      found \"female\"" in bad.output
    assert run(app, ["map", "test", str(folder / "nowhere")]).exit_code == 2
    assert '"unhit"' in run(app, ["map", "test", "--json", str(folder)]).output
    (folder / "feed.toml").write_text("[feeds.a]\n[feeds.b]\n")
    assert run(app, ["map", "test", str(folder)]).exit_code == 2
