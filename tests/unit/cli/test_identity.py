"""`unsilo identity`: populations, quality, explanations and the index, as somebody types them."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from unsilo.cli.main import app

run = CliRunner()


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A made-up population."""
    path = tmp_path_factory.mktemp("identity") / "people.csv"
    done = run.invoke(app, ["identity", "simulate", "--records", "1500", "--seed", "11", "--out", str(path)])
    assert done.exit_code == 0, done.output
    return path


def test_quality_by_group(people: Path) -> None:
    """Precision and recall of a seed that was not tuned on, with groups; a file without truth is told."""
    done = run.invoke(app, ["identity", "evaluate", str(people), "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    one = found["automatic"]
    assert one["right"] / one["linked"] >= 0.98
    assert one["right"] / one["true"] >= 0.85
    assert found["review"] <= 0.05 * found["rows"]
    assert {"sex", "age", "origin", "completeness"} <= set(found["groups"])
    bare = people.with_name("bare.csv")
    bare.write_text("record_id,given_name\n1,Ann\n", "utf-8")
    assert run.invoke(app, ["identity", "evaluate", str(bare)]).exit_code == 2


def test_an_explanation_sums(people: Path) -> None:
    """The parts of two rows sum to the score; an unknown row is told."""
    done = run.invoke(app, ["identity", "explain", "1", "2", "--file", str(people), "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert sum(part["weight"] for part in found["parts"]) == pytest.approx(found["score"])
    assert run.invoke(app, ["identity", "explain", "1", "none", "--file", str(people)]).exit_code == 2


@pytest.mark.parametrize("rate", ["twins", "twins=9", "x=0.1"])
def test_a_wrong_rate_ends_with_two(tmp_path: Path, rate: str) -> None:
    """Nothing is written then."""
    out = tmp_path / "people.csv"
    done = run.invoke(app, ["identity", "simulate", "--records", "5", "--rate", rate, "--out", str(out)])
    assert done.exit_code == 2
    assert not out.exists()
