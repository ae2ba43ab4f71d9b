"""The tables of IHE's requirements are true: each test that they cite is there, each state without a test says no."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "ihe.md").read_text("utf-8")


def _rows() -> list[list[str]]:
    tables = PAGE.split("| requirement | state | test |")[1:]
    lines = [line for table in tables for line in table.split("\n\n")[0].splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_every_requirement_has_a_test_or_says_that_it_is_not_met() -> None:
    """Cited tests stand in the tree; a row without one begins its state with no or not."""
    rows = _rows()
    assert len(rows) > 25
    for requirement, state, test in rows:
        if not test:
            assert state.startswith(("no", "not")), requirement
            continue
        file, _, name = test.strip("`").partition("::")
        text = (ROOT / file).read_text("utf-8")
        assert not name or f"def {name}(" in text, test
