"""`unsilo suggest`: the columns that it promises, and what it says of files that are wrong."""

import csv
import shlex
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from unsilo.cli.main import app

TARGETS = (
    "code,display\n2345-7,Glucose [Mass/volume] in Serum or Plasma\n14749-6,Glucose [Moles/volume] in Serum or Plasma\n"
)
ITEMS = "local_code,label,specimen,unit,category\nGLU,Glucose,Serum,mg/dL,Chemistry\nX1,Voided Specimen,,,\n"


def run(
    folder: Path, items: bytes, targets: bytes = TARGETS.encode(), *more: str
) -> tuple[int, list[dict[str, str]], str]:
    (folder / "items.csv").write_bytes(items)
    (folder / "targets.csv").write_bytes(targets)
    out = folder / "out.csv"
    command = ["suggest", str(folder / "items.csv"), "--targets", str(folder / "targets.csv"), "--out", str(out), *more]
    done = CliRunner().invoke(app, command)
    rows = list(csv.DictReader(out.read_text(encoding="utf-8").splitlines())) if out.exists() else []
    return done.exit_code, rows, done.stderr


def test_the_columns_are_those_promised(tmp_path: Path) -> None:
    """The columns are those promised."""
    status, rows, _ = run(tmp_path, ITEMS.encode())
    assert status == 0
    assert list(rows[0]) == ["local_code", "rank", "code", "score", "decision", "reason"]
    assert [(row["local_code"], row["rank"], row["code"]) for row in rows] == [
        ("GLU", "1", "2345-7"), ("GLU", "2", "14749-6"), ("X1", "1", ""),
    ]  # fmt: skip
    assert rows[-1]["decision"] == "abstain"
    assert all(0 <= float(row["score"]) <= 1 for row in rows)


def test_top_limits_the_rows(tmp_path: Path) -> None:
    """Top limits the rows."""
    _, rows, _ = run(tmp_path, ITEMS.encode(), TARGETS.encode(), "--top", "1")
    assert [row["rank"] for row in rows] == ["1", "1"]


@pytest.mark.parametrize(
    "items",
    [
        "local_code;label;unit\nGLU;Glucose;mg/dL\n".encode("utf-16"),
        b"\xef\xbb\xbfLabel,Local Code,Unit\r\nGlucose,GLU,mg/dL\r\n",
        b"local_code\tlabel\tunit\tnote\nGLU\tGlucose\tmg/dL\tx\n",
        b'local_code,label,unit\n\nGLU,"Gluc\xf3se",mg/dL\n',
    ],
)
def test_other_hands_files_are_read(tmp_path: Path, items: bytes) -> None:
    """Other hands files are read."""
    status, rows, _ = run(tmp_path, items)
    assert (status, rows[0]["code"]) == (0, "2345-7")


@pytest.mark.parametrize(
    ("items", "targets", "said"),
    [
        (b"", TARGETS.encode(), "items.csv: row 1: the file is empty"),
        (b"a,b\n1,2\n", TARGETS.encode(), "no local_code or label"),
        (b"local_code,label\n", TARGETS.encode(), "items.csv: row 2"),
        (b'local_code,label\nGLU,"Glucose\n', TARGETS.encode(), "items.csv: row 2"),
        (b"local_code,label\nGLU,Glucose,mg,dL\n", TARGETS.encode(), "the row has 4 cells"),
        (ITEMS.encode(), b"", "targets.csv: row 1"),
        (ITEMS.encode(), b"display\nGlucose\n", "no code"),
        (ITEMS.encode(), b"code,display\n,Glucose\n", "no row has a code"),
    ],
)
def test_a_wrong_file_is_told_with_its_row_and_nothing_is_written(
    tmp_path: Path, items: bytes, targets: bytes, said: str
) -> None:
    """A wrong file is told with its row and nothing is written."""
    status, rows, told = run(tmp_path, items, targets)
    assert (status, rows) == (2, [])
    assert said in told


def test_a_formula_is_told_and_repeated_codes_count_once(tmp_path: Path) -> None:
    """A formula is told and repeated codes count once."""
    status, rows, told = run(tmp_path, b"local_code,label\n=1+1,Glucose\n", TARGETS.encode() + b"2345-7,Other\n")
    assert (status, rows[0]["local_code"]) == (0, "=1+1")
    assert "formula" in told
    assert "another display" in told


def test_paths_are_checked_first(tmp_path: Path) -> None:
    """Paths are checked first."""
    file = tmp_path / "items.csv"
    file.write_text(ITEMS)
    done = CliRunner().invoke(app, ["suggest", str(file), "--targets", str(tmp_path / "no.csv"), "--out", "o.csv"])
    assert done.exit_code == 2
    done = CliRunner().invoke(app, ["suggest", str(file), "--targets", str(file), "--out", str(file)])
    assert done.exit_code == 2


def chooser(folder: Path, body: str) -> str:
    """Write a program that chooses, and return its command."""
    file = folder / "chooser.py"
    file.write_text("import json, sys\nsaid = json.load(sys.stdin)\n" + body, encoding="utf-8")
    return shlex.join([sys.executable, str(file)])


VAGUE = b"local_code,label,specimen,unit,category\nGLU,Gluc,,,\n"


def test_a_program_may_choose_among_candidates_for_review(tmp_path: Path) -> None:
    """What it names comes first, for review, with its name in the reason; chances stay."""
    _, before, _ = run(tmp_path, VAGUE)
    assert [row["decision"] for row in before] == ["review", "review"]
    command = chooser(tmp_path, "print(said['candidates'][-1]['code'])")
    status, rows, _ = run(tmp_path, VAGUE, TARGETS.encode(), "--chooser", command)
    assert status == 0
    assert [row["code"] for row in rows] == [row["code"] for row in before][::-1]
    assert {row["decision"] for row in rows} == {"review"}
    assert "chosen by" in rows[0]["reason"]
    assert {row["code"]: row["score"] for row in rows} == {row["code"]: row["score"] for row in before}


@pytest.mark.parametrize(
    "body",
    [
        "print('9999-9')",
        "raise SystemExit(3)",
        "print('')",
        "print('x' * 100_000)",
        "sys.stdout.buffer.write(b'\\xff')",
    ],
)
def test_a_program_can_write_no_code(tmp_path: Path, body: str) -> None:
    """An answer that is no candidate, no answer, and a failure leave the order as it was."""
    _, before, _ = run(tmp_path, VAGUE)
    status, rows, said = run(tmp_path, VAGUE, TARGETS.encode(), "--chooser", chooser(tmp_path, body))
    assert (status, rows) == (0, before)
    assert ("refused" in said) is (body != "print('')")


def test_a_command_that_is_none_is_told(tmp_path: Path) -> None:
    """A command with an open quote ends with 2; a program that is not there leaves the order and is told."""
    assert run(tmp_path, VAGUE, TARGETS.encode(), "--chooser", "'open")[0] == 2
    status, rows, said = run(tmp_path, VAGUE, TARGETS.encode(), "--chooser", "/no/such/program")
    assert (status, len(rows)) == (0, 2)
    assert "refused" in said
