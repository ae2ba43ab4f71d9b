"""`match` over labelled third-party persons: splink's thousand, and Febrl where it was exported beside it."""

import csv
import os
from collections import defaultdict
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path

import pytest

from unsilo.identity import match, standardise

pytestmark = [pytest.mark.slow, pytest.mark.corpora]
CORPORA = os.environ.get("UNSILO_CORPORA", "")
SPLINK = Path(CORPORA) / "mpi/tests/datasets/fake_1000_from_splink_demos.csv"
NAMES = {"unique_id": "record_id", "first_name": "given_name", "surname": "family_name", "dob": "birth_date"}


def pairs(groups: Iterable[tuple[str, str]]) -> set[tuple[str, ...]]:
    """Return the pairs of ids that share a group."""
    members = defaultdict(list)
    for record_id, group in groups:
        members[group].append(record_id)
    return {pair for ids in members.values() for pair in combinations(sorted(ids), 2)}


@pytest.mark.skipif(not (CORPORA and SPLINK.is_file()), reason="UNSILO_CORPORA has no mpi")
def test_splink_thousand() -> None:
    """Without labels and without numbers: no wrong link, and nine true pairs of ten are linked."""
    with SPLINK.open(encoding="utf-8", newline="") as source:
        rows = [{NAMES.get(name, name): cell for name, cell in row.items()} for row in csv.DictReader(source)]
    found = match([(row["record_id"], standardise(row)) for row in rows])
    linked = pairs(zip((row["record_id"] for row in rows), found.persons, strict=True))
    true = pairs((row["record_id"], row["cluster"]) for row in rows)
    hit = len(linked & true)
    assert hit / len(linked) >= 0.998
    assert 2 * hit / (len(linked) + len(true)) >= 0.99
    assert len(found.review) <= 0.03 * len(rows)


@pytest.mark.skipif(not CORPORA, reason="UNSILO_CORPORA is not set")
@pytest.mark.parametrize(("number", "least"), [(1, 0.995), (2, 0.995), (3, 0.995)])
def test_febrl(number: int, least: float) -> None:
    """Febrl, exported as febrl/N.csv with a column `truth` (docs/reference/matching.md says how): F1 as measured."""
    path = Path(CORPORA) / "febrl" / f"{number}.csv"
    if not path.is_file():
        pytest.skip(f"{path.name} of febrl is not among the corpora")
    with path.open(encoding="utf-8", newline="") as source:
        rows = list(csv.DictReader(source))
    found = match([(row["record_id"], standardise(row)) for row in rows])
    linked = pairs(zip((row["record_id"] for row in rows), found.persons, strict=True))
    true = pairs((row["record_id"], row["truth"]) for row in rows)
    assert linked <= true
    assert 2 * len(linked & true) / (len(linked) + len(true)) >= least
