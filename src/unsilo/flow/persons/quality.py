"""How well persons are matched: made-up labelled files, and the answers of `match` held against the truth, by group."""

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path

import msgspec

from unsilo.flow.csv_file import delimiter_of, text_of, write_csv
from unsilo.flow.persons.columns import RECORD_ID, TRUTH, columns_of
from unsilo.flow.persons.match import ERROR, match_file
from unsilo.identity.simulate import HEADER, rates, settings, simulate
from unsilo.kernel import Issue, Result

__all__ = ["Figures", "Quality", "evaluate_file", "linked_pairs", "simulate_file", "true_pairs"]

_SMALL = 30  # true pairs from which a group has figures of its own


class Figures(msgspec.Struct, frozen=True):
    """Pairs: `true` in truth, `linked`, `right` of them; `precision` and `recall` are 1 where there was nothing."""

    true: int
    linked: int
    right: int

    @property
    def precision(self) -> float:
        """Return the share of links that are right."""
        return self.right / self.linked if self.linked else 1.0

    @property
    def recall(self) -> float:
        """Return the share of true pairs that are linked."""
        return self.right / self.true if self.true else 1.0

    @property
    def f1(self) -> float:
        """Return the harmonic mean of the two."""
        return 2 * self.right / (self.linked + self.true) if self.linked + self.true else 1.0


class Quality(msgspec.Struct, frozen=True):
    """`automatic` are the links, `decided` those and the right ones of the review pairs, as people would decide them.

    `review` are pairs for review, `review_right` of them true; `groups` are the automatic figures of pairs by
    (kind of group, group), a pair counting for each group of its two records.
    """

    rows: int
    automatic: Figures
    decided: Figures
    review: int
    review_right: int
    link_at: float
    groups: dict[str, dict[str, Figures]]


def simulate_file(out: Path, records: int, seed: int, changed: Sequence[str] = ()) -> Result[int]:
    """Write a labelled population as CSV and return its rows; the value is None when a rate is wrong. OSError."""
    found, issues = settings(list(changed)) if changed else (rates(), [])
    if issues:
        return Result(None, issues)
    write_csv(out, HEADER, (tuple(row) for row in simulate(records, seed, found)))
    return Result(records, [])


def _pairs(groups: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    members: dict[str, list[str]] = defaultdict(list)
    for record_id, group in groups:
        members[group].append(record_id)
    return {(one, other) for ids in members.values() for one, other in combinations(sorted(ids), 2)}


def _labelled(people: Path) -> dict[str, dict[str, str]]:
    """Return the rows of a file that `match` has read by record id, columns by their names or as in the header."""
    text, _ = text_of(people.read_bytes(), "match")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter_of(text))
    header = next(reader)
    names = [cell.strip().casefold() for cell in header]
    for name, at in columns_of(header)[0].items():
        names[at] = name
    rows = (dict(zip(names, cells, strict=False)) for cells in reader if any(cells))
    return {row[RECORD_ID].strip(): row for row in rows}


def true_pairs(people: Path) -> set[tuple[str, str]]:
    """Return the pairs of record ids of one person by the column `truth` of a labelled file. OSError."""
    return _pairs((record_id, row[TRUTH]) for record_id, row in _labelled(people).items())


def linked_pairs(links: Path) -> set[tuple[str, str]]:
    """Return the pairs of record ids that a file of links makes one person. OSError."""
    with links.open(encoding="utf-8", newline="") as source:
        return _pairs((row["record_id"], row["person_id"]) for row in csv.DictReader(source))


_AGES = (("under 18", 2007), ("18 to 64", 1960), ("65 and over", 1))
_COMPLETE = {6: "name, birth date, number, telephone and address are there", 5: "one of them is missing"}


def _age(born: str) -> str:
    year = int(born) if born.isdigit() else 0
    return next((name for name, since in _AGES if year >= since), "")


def _completeness(row: dict[str, str]) -> str:
    filled = sum(bool(row.get(name)) for name in ("birth_date", "ssn", "phone", "street", "given_name", "family_name"))
    return _COMPLETE.get(filled, "more of them are missing")


def _groups(row: dict[str, str]) -> list[tuple[str, str]]:
    found = [
        ("sex", row.get("true_sex", "")), ("age", _age(row.get("born", ""))), ("origin", row.get("origin", "")),
        ("role", row.get("role", "") or "none"), ("completeness", _completeness(row)),
    ]  # fmt: skip
    return [(kind, group) for kind, group in found if group]


def evaluate_file(people: Path, out: Path, review: Path, *, error: float = ERROR) -> Result[Quality]:
    """Match a file that has a column `truth`, and hold the answer against it. OSError when a file cannot be used."""
    matched = match_file(people, out, review, error=error)
    if matched.value is None:
        return Result(None, matched.issues)
    rows = _labelled(people)
    if not all(TRUTH in row for row in rows.values()):
        return Result(None, [Issue("error", "required", "the file has no column truth", rule="evaluate.truth")])
    linked = linked_pairs(out)
    with review.open(encoding="utf-8", newline="") as source:
        doubtful = [(row["left"], row["right"]) for row in csv.DictReader(source)]
    true = _pairs((record_id, row["truth"]) for record_id, row in rows.items())
    right_doubts = sum(rows[left]["truth"] == rows[right]["truth"] for left, right in doubtful)
    tallies: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for at, pairs in enumerate((true, linked, linked & true)):
        for pair in pairs:
            for each in {group for record_id in pair for group in _groups(rows[record_id])}:
                tallies[each][at] += 1
    groups: dict[str, dict[str, Figures]] = {}
    for (kind, group), tally in sorted(tallies.items()):
        if tally[0] >= _SMALL:
            groups.setdefault(kind, {})[group] = Figures(*tally)
    automatic = Figures(len(true), len(linked), len(linked & true))
    decided = Figures(len(true), len(linked) + right_doubts, automatic.right + right_doubts)
    found = Quality(len(rows), automatic, decided, len(doubtful), right_doubts, matched.value.link_at, groups)
    return Result(found, matched.issues)
