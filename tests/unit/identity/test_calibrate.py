"""Answers of reviewers: how they move weights, and how a file is matched with them."""

import random

import pytest

from unsilo.identity import Frequencies, Scorer, match, standardise
from unsilo.identity.calibrate import ENOUGH, Label, calibrated
from unsilo.identity.person import Person

BASE = {"given_name": "Anna", "family_name": "Keller", "birth_date": "1971-04-09", "phone": "212 555 0101"}


def person(**cells: str) -> Person:
    """Return the base row with other cells."""
    return standardise({**BASE, **cells})


def labels(same: bool, count: int) -> list[Label]:
    """Return pairs that agree in names and date but not in the telephone."""
    found = []
    for n in range(count):
        family, born = f"Kel{'abcdefghij'[n % 10]}r", f"19{30 + n % 60}-04-{1 + n % 27:02}"
        one = person(family_name=family, birth_date=born)
        found.append(Label(one, person(family_name=family, birth_date=born, phone=f"212 777 {n:04}"), same))
    return found


def judge() -> Scorer:
    """Return a scorer of no population in particular."""
    return Scorer(Frequencies.of([person()]))


def test_few_answers_say_nothing() -> None:
    """Below `ENOUGH` of either kind nothing is learned."""
    assert calibrated(judge(), labels(True, 200)) is None
    assert calibrated(judge(), labels(True, 200) + labels(False, ENOUGH - 1)) is None


def test_answers_move_what_they_are_about() -> None:
    """When reviewers say that another telephone means another person, that level weighs more against."""
    scorer = judge()
    agree = [Label(label.one, label.one, True) for label in labels(True, 60)]
    taught = calibrated(scorer, agree + labels(False, 60))
    assert taught is not None
    shares, table = taught
    assert table["phone", "different"].m < scorer.table["phone", "different"].m
    assert all(0 < weight.m < 1 for weight in table.values())
    after = Scorer(Frequencies.of([person()]), shares=shares, table=table)
    one, other, _ = labels(False, 1)[0].one, labels(False, 1)[0].other, None
    assert after.score(one, other)[0] < scorer.score(one, other)[0]


def test_the_order_of_answers_changes_nothing() -> None:
    """The same answers in any order give the same weights, but for what floating point leaves."""
    answers = [*(Label(x.one, x.one, True) for x in labels(True, 40)), *labels(False, 40)]
    first = calibrated(judge(), answers)
    random.Random(3).shuffle(answers)
    again = calibrated(judge(), answers)
    assert first is not None
    assert again is not None
    for key, weight in first[1].items():
        assert again[1][key].m == pytest.approx(weight.m, rel=1e-6)


def test_what_people_said_is_kept() -> None:
    """Answers link what the weights would not, part what they would, and are not asked about again."""
    rows = [
        ("1", person()), ("2", person(phone="")), ("3", person(given_name="Bertha", birth_date="1930-01-02", phone="")),
        ("4", person(given_name="Bertha", birth_date="1930-01-02", phone="212 555 0909")),
    ]  # fmt: skip
    plain = dict(zip("1234", match(rows).persons, strict=True))
    assert plain["1"] == plain["2"] != plain["3"]
    found = match(rows, answers=[("2", "1", False), ("1", "3", True), ("9", "1", True)])
    told = dict(zip("1234", found.persons, strict=True))
    assert told["1"] != told["2"]
    assert told["1"] == told["3"]
    assert not any({pair.left, pair.right} == {"1", "2"} for pair in found.review)


def test_a_contradiction_parts() -> None:
    """A with B, B with C, but A not with C: whatever comes first, A and C are never one."""
    rows = [(name, person(phone=f"212 555 01{n:02}")) for n, name in enumerate("ABC")]
    for order in ([0, 1, 2], [2, 1, 0], [1, 0, 2]):
        answers = [("A", "B", True), ("B", "C", True), ("A", "C", False)]
        found = match(rows, answers=[answers[at] for at in order])
        told = dict(zip("ABC", found.persons, strict=True))
        assert told["A"] != told["C"]
