"""The importer of the guide's tables and the measure of recall, on small examples of their own."""

import csv
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
HEAD = ["HL7 v2"] + [""] * 18


def tool(name: str) -> Any:
    """A module of `tools`, which is no package."""
    if f"tools_{name}" not in sys.modules:
        spec = importlib.util.spec_from_file_location(f"tools_{name}", ROOT / f"tools/{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module: ModuleType = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
    return sys.modules[f"tools_{name}"]


@pytest.mark.parametrize(
    ("words", "ours"),
    [
        ("IF PID-5 VALUED", "PID-5 VALUED"),
        ("IF PID-8 IS 'F' or PID-8 EQUALS 'X'", 'PID-8.1 EQUALS "F" OR PID-8.1 EQUALS "X"'),
        ("IF PID-11 LST.COUNT GREATER THAN 1", "PID-11 COUNT GREATER THAN 1"),
        ("IF (XAD.7 IS NOT VALUED", "(PID-11.7 NOT VALUED)"),
        ("IF PID-5 NOT EXIST", "PID-5 NOT VALUED"),
    ],
)
def test_conditions_of_the_guide(words: str, ours: str) -> None:
    """The guide's ways to say one thing become one way; a coded field compares its code."""
    assert tool("import_v2_to_fhir").condition(words, {"PID-8": "CWE"}, True, "XAD", "PID-11") == ours


@pytest.mark.parametrize(
    ("attribute", "path", "valid"),
    [
        ("name[1].family", "name[1].family", True),
        ("birthDate", "birthDate", True),
        ("Patient.birthDate", "birthDate", True),
        ("telecom", "telecom[]", True),
        ("generalPractitioner(Practitioner.name[1].text)", "generalPractitioner[1](Practitioner).name[1].text", True),
        ("birthDate.extension.url", "_birthDate.extension[7-1].url", True),
        ("no.such.element", "no.such.element", False),
    ],
)
def test_targets_of_the_guide(attribute: str, path: str, valid: bool) -> None:
    """The guide's targets become paths of ours; one that is no path of FHIR R4 is known as such."""
    found = tool("import_v2_to_fhir").target(attribute, "Patient", "7", "")
    assert (found.path, found.valid) == (path, valid)


def test_importer_writes_the_same_tables_each_time(tmp_path: Path) -> None:
    """A small guide makes headed tables with stable unique ids, twice the same; comments are not carried over."""
    row = ["1", "PID-7", "Date", "DTM", "0", "1", "", "", "", "birthDate", "", "date", "", "", "", "", "", "prose"]
    code = ["2", "PID-8", "Sex", "CWE", "0", "1", "", "", "", "gender", "", "code", "", "", "", "", "", "more prose"]
    for folder in ("segments", "datatypes", "codesystems", "messages"):
        (tmp_path / folder).mkdir()
    with (tmp_path / "segments/HL7 Segment - FHIR R4_ PID[Patient] - PID.csv").open("w", newline="") as file:
        csv.writer(file).writerows([HEAD, HEAD, row, code, code])
    written = []
    for name in ("a", "b"):
        command = [sys.executable, "-m", "tools.import_v2_to_fhir", str(tmp_path), "--output", str(tmp_path / name)]
        subprocess.run(command, cwd=ROOT, check=True)
        written.append((tmp_path / name / "maps/segments.csv").read_text())
    assert written[0] == written[1]
    assert "prose" not in written[0]
    lines = written[0].splitlines()
    assert "8c9b414be172" in lines[1]
    assert "Generated" in lines[1]
    ids = [line.partition(",")[0] for line in lines if line.startswith("pid.")]
    assert ids == ["pid.7", "pid.8.gender", "pid.8.gender.2"]


def test_recall_compares_values_in_their_comparable_forms() -> None:
    """Dates, times in zones, decimals and identifiers' prefixes compare; different values do not."""
    forms = tool("recall").forms
    for left, right in (
        ("19800131", "1980-01-31"),
        ("20240102030405+0100", "2024-01-02T02:04:05Z"),
        ("1.50", "1.5"),
        ("urn:oid:1.2.3", "1.2.3"),
        (" A  b", "a B"),
    ):
        assert forms(left) & forms(right), (left, right)
    for left, right in (("19800131", "1980-01-30"), ("1.5", "15"), ("20241301", "2024-13-01x")):
        assert not forms(left) & forms(right), (left, right)


def test_recall_reads_a_message_by_itself() -> None:
    """Every part that is not empty is listed at every level, with the message's own delimiters; MSH-2 is none."""
    found = list(tool("recall").split("MSH|^~\\&|A^B\rPID|||1^&x~2\r"))
    assert [place for _, place, _ in found] == [
        (0, 3, 0, 1, 1), (0, 3, 0, 2, 1), (0, 3, 0, 0, 0),
        (1, 3, 0, 1, 1), (1, 3, 0, 2, 2), (1, 3, 0, 2, 0), (1, 3, 0, 0, 0), (1, 3, 1, 1, 1),
    ]  # fmt: skip
    other = [raw for _, _, raw in tool("recall").split("MSH$*~\\@$A*B\r")]
    assert other == ["A", "B", "A*B"]
