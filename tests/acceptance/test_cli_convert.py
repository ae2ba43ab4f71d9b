"""`unsilo convert` over third-party messages and documents: no crash, one Bundle an input, the rest told by name."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.corpora]
CORPORA = os.environ.get("UNSILO_CORPORA", "")


@pytest.mark.skipif(not CORPORA, reason="UNSILO_CORPORA is not set")
@pytest.mark.parametrize(
    ("folder", "suffixes", "share"),
    [
        ("ms-hl7v2", (".hl7",), 1.0), ("reportstream-mapinv", (".hl7",), 1.0), ("v2-to-fhir/samples", (".txt",), 1.0),
        ("c-cda-examples", (".xml",), 0.98), ("ehr-ccda", (".xml",), 1.0),
    ],
)  # fmt: skip
def test_convert_a_corpus(folder: str, suffixes: tuple[str, ...], share: float, tmp_path: Path) -> None:
    """Whatever fails is an Issue, never a fault of the program; messages and documents give their Bundles."""
    source = Path(CORPORA) / folder
    if not source.is_dir():
        pytest.skip(f"{folder} is not among the corpora")
    done = subprocess.run(
        [sys.executable, "-m", "unsilo", "convert", str(source), "--out", str(tmp_path), "--json"],
        capture_output=True, text=True, timeout=170,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    assert "Traceback" not in done.stderr
    summary = json.loads(done.stdout)
    assert [why for _name, why in summary["failed"] if "the program failed" in why or "process ended" in why] == []
    wanted = [p.relative_to(source) for p in source.rglob("*") if p.suffix in suffixes and p.is_file()]
    made = [p for p in wanted if (tmp_path / f"{p}.json").is_file()]
    assert wanted
    assert len(made) >= share * len(wanted), sorted(set(wanted) - set(made))[:5]
    for path in made[:20]:
        bundle = json.loads((tmp_path / f"{path}.json").read_bytes())
        assert (bundle["resourceType"], bundle["type"]) == ("Bundle", "collection")
