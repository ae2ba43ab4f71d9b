"""HL7's FHIRPath tests for R4 (FHIR/fhir-test-cases@2dee8a0f8fa0); what differs is a table with reasons."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections import Counter
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from lxml import etree

from unsilo.fhir.path import Context, PathError
from unsilo.fhir.path.answering import answer, read

pytestmark = pytest.mark.corpora
HERE = Path(__file__).parent
DIFFERENCES = HERE / "fhirpath_differences.csv"
TESTS = "fhirpath/r4/fhirpath/tests-fhir-r4.xml"


class Case(NamedTuple):
    """One test: `outputs` are (type, text), `invalid` is what kind of error is expected."""

    name: str
    file: str
    expression: str
    invalid: str
    predicate: bool
    ordered: bool
    outputs: list[tuple[str, str]]


@pytest.fixture(scope="module")
def folder() -> Path:
    """The folder of the tests' resources."""
    named = os.environ.get("UNSILO_CORPORA", "")
    if not named or not Path(named, TESTS).is_file():
        pytest.skip("UNSILO_CORPORA names no folder that holds fhirpath")
    return Path(named, "fhirpath/r4")


def cases(folder: Path) -> list[Case]:
    """Read the tests."""
    found = []
    for node in etree.parse(folder / "fhirpath/tests-fhir-r4.xml").getroot().iter("test"):
        expression = node.find("expression")
        assert expression is not None
        found.append(
            Case(
                node.get("name", ""),
                node.get("inputfile", ""),
                expression.text or "",
                expression.get("invalid", ""),
                node.get("predicate") == "true",
                node.get("ordered") != "false",
                [(out.get("type", ""), out.text or "") for out in node.findall("output")],
            )
        )
    return found


@cache
def resource(path: Path) -> dict[str, Any]:
    """Read a resource of the tests, XML or JSON."""
    result = read(path.read_bytes())
    assert result.value is not None, result.issues
    return result.value


def said(value: Any) -> str:
    """Return a result as the tests write it, without the @ of dates and the T of times."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def expected(case: Case) -> list[str]:
    """Return the outputs in the same form."""
    found = [text.removeprefix("@T") if text.startswith("@T") else text.removeprefix("@") for _, text in case.outputs]
    return found if case.ordered else sorted(found)


def passes(case: Case, folder: Path) -> bool:
    """Run one test as the command line would."""
    document = resource(folder / case.file) if case.file else None
    try:
        found = answer(case.expression, document, Context())
    except PathError:
        return bool(case.invalid)
    if case.invalid:
        return False
    texts = [said(bool(found))] if case.predicate else [said(value) for value in found]
    return (texts if case.ordered else sorted(texts)) == expected(case)


def differences() -> dict[str, str]:
    """Return the tests that we do not agree with, and why."""
    with DIFFERENCES.open(encoding="utf-8", newline="") as handle:
        return {row["test"]: row["reason"] for row in csv.DictReader(handle)}


def test_all_of_hl7s_tests_pass_but_the_listed_ones(folder: Path) -> None:
    """935 tests; those that fail are exactly the ones in the table, at most 2 in a hundred."""
    every = cases(folder)
    assert len(every) == 935
    failed = Counter(case.name for case in every if not passes(case, folder))
    assert set(failed) == set(differences())
    assert sum(failed.values()) / len(every) <= 0.02


def test_each_difference_is_explained_in_the_reference() -> None:
    """The page names every test that is not passed, with the reason of the table."""
    page = (HERE.parents[1] / "docs/reference/fhirpath.md").read_text("utf-8")
    for name, reason in differences().items():
        assert f"| `{name}` | {reason} |" in page


def test_the_batch_command_answers_the_same(folder: Path, tmp_path: Path) -> None:
    """Every test through `unsilo fhirpath --batch`: the same passes, one line for each, in order."""
    every = cases(folder)
    lines = tmp_path / "lines.jsonl"
    with lines.open("w", encoding="utf-8") as out:
        for number, case in enumerate(every):
            file = str(folder / case.file) if case.file else ""
            out.write(json.dumps({"id": number, "expression": case.expression, "file": file}) + "\n")
    command = [sys.executable, "-m", "unsilo", "fhirpath", "--batch", str(lines)]
    done = subprocess.run(command, capture_output=True, check=True, timeout=150)
    replies = [json.loads(line, parse_float=Decimal) for line in done.stdout.splitlines()]
    assert [reply["id"] for reply in replies] == list(range(len(every)))
    for case, reply in zip(every, replies, strict=True):
        if case.name in differences() or case.predicate:
            continue
        if case.invalid:
            assert set(reply) == {"id", "error"}, case.name
        else:
            texts = [said(value) for value in reply["result"]]
            assert (texts if case.ordered else sorted(texts)) == expected(case), case.name
