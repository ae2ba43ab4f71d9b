"""The commands `terminology ...` as an operator uses them: import, ask, a newer version, what is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def _run(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "unsilo", "terminology", *arguments, "--data", str(data)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_a_table_of_ones_own(tmp_path: Path) -> None:
    """A table is imported, asked in every way, imported anew with a report, and taken away."""
    data, file = tmp_path / "data", tmp_path / "wards.csv"
    file.write_text("code,display,parent,synonyms\nH,Hospital,,\nICU,Intensive care unit,H,critical care\n")
    done = _run(data, "import", str(file), "--url", "urn:wards", "--version", "1")
    assert (done.returncode, done.stderr) == (0, "")
    assert "urn:wards 1: 2 concepts" in done.stdout
    file.write_text("code,display,parent,synonyms\nH,Hospital,,\nCCU,Coronary care unit,H,\n")
    again = _run(data, "import", str(file), "--url", "urn:wards", "--version", "2", "--json")
    assert json.loads(again.stdout)[0]["changes"]["counts"]["removed"] == 1
    assert "Coronary" in _run(data, "search", "urn:wards", "care cor").stdout
    assert "critical care" in _run(data, "lookup", "urn:wards", "ICU", "--version", "1").stdout
    assert _run(data, "lookup", "urn:wards", "ICU").returncode == 1
    assert _run(data, "subsumes", "urn:wards", "H", "CCU").stdout == "subsumes\n"
    assert "2 of 2" in _run(data, "expand", "urn:wards").stdout
    assert _run(data, "remove", "urn:wards", "2").returncode == 0
    assert _run(data, "lookup", "urn:wards", "ICU").returncode == 0


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    """Wrong paths, systems and sets end with a message and the status of the kind of fault."""
    data = tmp_path / "data"
    for arguments, status, words in [
        (("import", str(tmp_path / "absent.zip")), 2, "there is no"),
        (("search", "loinc", "zzzz"), 1, "no code of loinc that is here"),
        (("translate", "loinc", "zzzz"), 1, "no map that is here leads from zzzz"),
        (("lookup", "urn:none", "x"), 3, "is not here"),
        (("expand", "urn:none"), 1, "is not here"),
        (("remove", "urn:none", "1"), 2, "there is no version"),
    ]:
        done = _run(data, *arguments)
        assert (done.returncode, words in done.stderr) == (status, True), (arguments, done.stderr)
        assert "Traceback" not in done.stderr


def test_what_comes_with_the_product_is_built_once(tmp_path: Path) -> None:
    """The second time there is nothing to do."""
    first = _run(tmp_path, "prepare")
    assert (first.returncode, first.stderr) == (0, "")
    assert "icd-10-cm" in first.stdout
    assert json.loads(_run(tmp_path, "prepare", "--json").stdout) == {"built": []}
