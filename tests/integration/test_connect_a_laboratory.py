"""The page that teaches to connect a laboratory: its files are the example's, its commands do as it says."""

import re
import shlex
import shutil
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from unsilo.cli.main import app
from unsilo.kernel import json
from unsilo.storage import open_store

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-to/connect-a-laboratory.md").read_text("utf-8")
EXAMPLE = ROOT / "docs/examples/city-laboratory"


def _blocks(kind: str) -> list[str]:
    """Return the texts between fences of a kind."""
    return [text for named, text in re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.S | re.M) if named == kind]


def test_the_page_shows_the_files_of_the_example() -> None:
    """Overlay and settings as they are; every expectation shown is one of the test's."""
    assert _blocks("yaml") == [(EXAMPLE / "overlay.yaml").read_text("utf-8")]
    assert _blocks("toml") == [(EXAMPLE / "feed.toml").read_text("utf-8")]
    assert list(tomllib.loads(_blocks("toml")[0])["feeds"]) == ["city-lab"]
    expected = (EXAMPLE / "tests/chemistry.expect").read_text("utf-8").splitlines()
    shown = next(block for block in _blocks("") if block.startswith("Patient.gender")).splitlines()
    assert set(shown) <= set(expected)


def test_every_command_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In order, in a folder of its own; what the page says that they print, they print."""
    shutil.copytree(EXAMPLE, tmp_path / "city-laboratory")
    monkeypatch.chdir(tmp_path)
    said = {}
    for line in "".join(_blocks("sh")).splitlines():
        words = shlex.split(line)
        assert words[0] == "unsilo"
        done = CliRunner().invoke(app, words[1:])
        assert done.exit_code == 0, (line, done.output)
        said[" ".join(words[1:3])] = done.output
    printed = {" ".join(line.split()[:3]) for output in said.values() for line in output.splitlines()}
    shown = [block for block in _blocks("") if block.startswith(("city-lab", "ok"))]
    assert len(shown) == 2
    assert [line for block in shown for line in block.splitlines() if " ".join(line.split()[:3]) not in printed] == []
    assert "12 of 12 hold, 2 messages" in said["map test"]
    assert "codes without a map in PID-8" in said["map coverage"]
    assert "Patient gender: added in 2 resources of 2 messages" in said["map diff"]
    assert "interface of March 2026" in said["map history"]
    assert "segment ORU^R01 ZLB" in said["map shape"]
    with open_store(tmp_path / "lab") as store:
        [row, _] = store.search_messages(feed="city-lab")
        patient = next(each for each in store.effects(row.mid) if each.type == "Patient")
        now = store.read("Patient", patient.id)
        assert now is not None
        assert json.decode(now.body)["gender"] == "female"
