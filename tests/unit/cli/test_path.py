"""`unsilo fhirpath`: one expression, many lines, and what is wrong with either."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from unsilo.cli.main import app

PATIENT = '{"resourceType":"Patient","id":"p","name":[{"given":["A","B"]}],"birthDate":"1974-12-25","active":true}'
XML = '<Patient xmlns="http://hl7.org/fhir"><id value="x"/><name><given value="C"/></name></Patient>'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A Patient as JSON and one as XML."""
    (tmp_path / "p.json").write_text(PATIENT)
    (tmp_path / "p.xml").write_text(XML)
    return tmp_path


def run(*arguments: str, given: str = "") -> tuple[int, str, str]:
    """Run the command; return status, output and errors."""
    result = CliRunner().invoke(app, ["fhirpath", *arguments], input=given)
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize(
    ("expression", "printed"),
    [
        ("Patient.name.given", '["A","B"]'),
        ("name", '[{"given":["A","B"]}]'),
        ("active | 1 | 1.50", "[true,1,1.50]"),
        ("birthDate | @2014T | @T10:30", '["1974-12-25","2014","10:30"]'),
        ("4 days | 1.0 'mg'", '["4 days","1.0 \'mg\'"]'),
        ("{}", "[]"),
        ("'ä€'", '["ä€"]'),
    ],
)
def test_the_result_is_a_json_array(folder: Path, expression: str, printed: str) -> None:
    """Numbers keep their digits, dates are texts without @, quantities are texts as the language writes them."""
    assert run(expression, str(folder / "p.json")) == (0, printed + "\n", "")


def test_xml_and_standard_input_are_read(folder: Path) -> None:
    """What the bytes are is seen from the first sign."""
    assert run("name.given", str(folder / "p.xml"))[1] == '["C"]\n'
    assert run("name.given", "-", given=XML)[1] == '["C"]\n'
    assert run("name.given", "-", given=PATIENT)[1] == '["A","B"]\n'


def test_faults_end_with_one_line_and_status(folder: Path) -> None:
    """1 when it cannot be evaluated, 2 when the command line is wrong; never a traceback."""
    file = str(folder / "p.json")
    assert run("name.", file)[0] == 1
    assert run("name.", file)[2] == "unsilo: syntax: expected a name, found the end (line 1, column 6)\n"
    assert run("name.nothing", file)[0] == 1
    assert run("name.nothing", "--lenient", file)[:2] == (0, "[]\n")
    assert run("name.given.single()", file)[0] == 1
    assert run("name", str(folder / "none.json"))[0] == 2
    assert run("name", str(folder))[0] == 2
    assert run("name", "-", given="{")[0] == 1
    assert run("name")[0] == 2
    assert run()[0] == 2
    assert run("name", file, "--batch", file)[0] == 2
    assert run("--batch", str(folder / "none.jsonl"))[0] == 2


def test_trace_is_told_on_standard_error(folder: Path) -> None:
    """Each trace is a line with its name and values."""
    assert run("name.given.trace('t').count()", str(folder / "p.json")) == (0, "[2]\n", 't: ["A","B"]\n')


def replies(*lines: Any, batch: Path) -> list[dict[str, Any]]:
    """Answer lines."""
    batch.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
    status, out, err = run("--batch", str(batch))
    assert (status, err) == (0, "")
    return [json.loads(line, parse_float=Decimal) for line in out.splitlines()]


def test_a_batch_answers_each_line(folder: Path) -> None:
    """Files are looked for beside the lines; an id comes back as it is; a fault is the line's answer."""
    found = replies(
        {"id": 1, "expression": "name.given", "file": "p.json"},
        {"id": "two", "expression": "name.given", "file": str(folder / "p.xml")},
        "",
        {"id": None, "expression": "1.50 + 1", "file": ""},
        {"expression": "1"},
        {"id": [3], "expression": "name.nothing", "file": "p.json"},
        {"id": 4, "expression": "name", "file": "none.json"},
        {"id": 5, "expression": 5},
        "no json",
        "[]",
        {"id": 6, "expression": "(" * 1000, "file": "p.json"},
        {"id": 7, "expression": "1", "file": "a\0b"},
        "[" * 100_000,
        batch=folder / "lines.jsonl",
    )
    assert found[:4] == [
        {"id": 1, "result": ["A", "B"]},
        {"id": "two", "result": ["C"]},
        {"id": None, "result": [Decimal("2.50")]},
        {"id": 5, "result": [1]},
    ]
    assert [each["id"] for each in found[4:]] == [[3], 4, 5, 9, 10, 6, 7, 13]
    assert all(set(each) == {"id", "error"} for each in found[4:])
    assert "none.json cannot be read" in found[5]["error"]


def test_files_are_also_looked_for_from_here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path that is not beside the lines is one from the working folder."""
    monkeypatch.chdir(folder)
    inner = folder / "inner"
    inner.mkdir()
    assert replies({"id": 1, "expression": "id", "file": "p.json"}, batch=inner / "l")[0]["result"] == ["p"]
    assert run("--batch", "-", given='{"id":1,"expression":"id","file":"p.json"}\n')[1] == '{"id":1,"result":["p"]}\n'
    marked = '\ufeff{"id":1,"expression":"1 + 1"}\r\n'  # as some editors save it
    assert run("--batch", "-", given=marked)[1] == '{"id":1,"result":[2]}\n'
