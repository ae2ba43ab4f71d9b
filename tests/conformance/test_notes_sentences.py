"""Sentences of many writers, read and compared with what a reader would say: codes, numbers, and what is said of them.

`written-first` were written before any rule, the `blind` ones after them; rules were mended after each first reading.
The figures of the first reading of each are in docs/reference/notes.md.
"""

import csv
from pathlib import Path
from typing import NamedTuple

import pytest

from unsilo.notes import Fact, read, section_named
from unsilo.notes.shipped import shipped_dictionary

SENTENCES = Path(__file__).with_name("notes_sentences.csv")
SYSTEMS = {
    "http://hl7.org/fhir/sid/icd-10-cm": "icd10", "http://loinc.org": "loinc", "http://snomed.info/sct": "sct",
    "http://fdasis.nlm.nih.gov": "unii", "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips": "ips",
}  # fmt: skip


class Told(NamedTuple):
    """One fact as the table has it: `icd10:I10`, a value with its unit, and what is said of it."""

    code: str
    value: str
    said: tuple[str, ...]


def expected(cell: str) -> list[Told]:
    found = []
    for one in (part.strip() for part in cell.split(";") if part.strip()):
        body, _, said = one.partition(" !")
        code, _, value = body.partition("=")
        found.append(Told(code, value, tuple(said.split(" !")) if said else ()))
    return found


def told(fact: Fact) -> Told:
    system, code, _ = fact.coding[0]
    kind = "allergy:" if fact.kind == "allergy" and SYSTEMS[system] != "ips" else ""
    value = f"{fact.value} {fact.unit}".strip() if fact.value else ""
    return Told(f"{kind}{SYSTEMS[system]}:{code}", value, tuple(flag.replace(" ", "_") for flag in fact.flags))


def compared(row: dict[str, str]) -> tuple[int, list[Told], list[Told]]:
    """Return how many facts are right, those that are missing, and those that are too many."""
    found = read(row["sentence"], shipped_dictionary(), section_named(row["section"])).facts
    left = [told(fact) for fact in found if fact.coding]
    right, missing = 0, []
    for want in expected(row["expected"]):
        hit = next(
            (t for t in left if (t.code, t.said) == (want.code, want.said) and want.value in ("", t.value)), None
        )
        if hit is None:
            missing.append(want)
        else:
            left.remove(hit)
            right += 1
    return right, missing, left


@pytest.mark.parametrize("part", ["written-first", "blind", "blind-second", "blind-third"])
def test_precision_and_recall(part: str) -> None:
    """Precision and recall."""
    with SENTENCES.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["part"] == part]
    results = [compared(row) for row in rows]
    right = sum(one[0] for one in results)
    missing = sum(len(one[1]) for one in results)
    more = sum(len(one[2]) for one in results)
    wrong = "\n".join(
        f"{row['sentence']} missing {one[1]} more {one[2]}"
        for row, one in zip(rows, results, strict=True)
        if one[1] or one[2]
    )
    assert len(rows) >= 60
    assert right / (right + more) >= 0.95, wrong
    assert right / (right + missing) >= 0.95, wrong
