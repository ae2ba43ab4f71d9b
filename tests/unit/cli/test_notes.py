"""The command `notes`: one line a fact, and a word about what is not there."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from unsilo.cli.main import app
from unsilo.kernel import json


def _run(*arguments: str, said: str = "") -> tuple[int, list[dict[str, object]], str]:
    result = CliRunner().invoke(app, ["notes", *arguments], input=said)
    lines = [json.decode(line.encode()) for line in result.stdout.splitlines() if line.startswith("{")]
    return result.exit_code, lines, result.output


def test_facts_are_printed_with_their_places(tmp_path: Path) -> None:
    """The last line says how much was read; HTML and RTF are read as words."""
    plain, marked, rich = tmp_path / "a.txt", tmp_path / "discharge summary.html", tmp_path / "c.rtf"
    plain.write_text("Denies fever.\nMetformin 500 mg BID.", "utf-8")
    marked.write_text("<p>Has <b>gout</b></p>", "utf-8")
    rich.write_text(r"{\rtf1\ansi No {\b asthma}.}", "utf-8")
    status, lines, _ = _run(str(plain), str(marked), str(rich))
    assert status == 0
    fever, metformin, end, gout, ended, asthma, _ = lines
    assert (fever["text"], fever["said"], fever["start"]) == ("fever", ["neg"], 7)
    assert (metformin["value"], metformin["unit"], metformin["frequency"]) == ("500", "mg", "BID")
    assert end == {"file": str(plain), "read": 35, "facts": 2, "kinds": []}
    assert marked.read_text("utf-8")[int(str(gout["start"])) : int(str(gout["end"]))] == "gout"
    assert ended["kinds"] == ["discharge"]
    assert (asthma["text"], asthma["said"]) == ("asthma", ["neg"])


def test_standard_input_is_read() -> None:
    """By the name `-`."""
    assert _run("-", said="Has gout.")[1][0]["text"] == "gout"


@pytest.mark.parametrize("arguments", [("nowhere.txt",), ("-", "--data", "nowhere")])
def test_what_is_not_there_is_said(arguments: tuple[str, ...]) -> None:
    """Before anything is read."""
    status, lines, output = _run(*arguments)
    assert status != 0
    assert lines == []
    assert "there is no" in output
