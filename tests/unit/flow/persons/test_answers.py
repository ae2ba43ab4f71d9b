"""Answers of reviewers from CSV files, whatever is in them."""

from pathlib import Path

import pytest

from unsilo.flow.persons.answers import read_answers


def written(folder: Path, text: str | bytes) -> Path:
    """Return a file with a text."""
    file = folder / "answers.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def test_answers_are_read(tmp_path: Path) -> None:
    """All usual words; a row that nobody answered is passed over, the columns of `review.csv` beside do no harm."""
    text = "left,right,probability,same\n1,2,0.5,yes\n3,4,0.4,apart\n5,6,0.3,\n8,7,0.2,SAME\n"
    found = read_answers(written(tmp_path, text), {"1", "2", "3", "4", "5", "6", "7", "8"})
    assert found.value == [("1", "2", True), ("3", "4", False), ("7", "8", True)]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "answers.empty"), ("left,right\n1,2\n", "answers.header"),
        ("left,right,same\n1,2,perhaps\n", "answers.same"),
        ("left,right,same\n1,9,yes\n", "answers.right"), ("left,right,same\n1,1,yes\n", "answers.right"),
        ("left,right,same\n1,2,yes\n2,1,no\n", "answers.same"), ('left,right,same\n1,2,"yes\n', "answers.csv"),
        (b"\xff\xfe\x00", "answers.header"), ("left,right,same\n" + "x" * 10_000 + ",1,no\n", "answers.left"),
    ],
)  # fmt: skip
def test_wrong_files_are_told(tmp_path: Path, text: str | bytes, rule: str) -> None:
    """Each fault names its row and column, and nothing is used of such a file."""
    found = read_answers(written(tmp_path, text), {"1", "2"})
    assert found.value is None
    assert rule in {issue.rule for issue in found.issues}
