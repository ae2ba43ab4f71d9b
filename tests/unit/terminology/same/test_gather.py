"""Many statements: every one in one set, never two that are known apart in the same, whatever the order."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.terminology.same.saying import ICD10, SNOMED, coded, meant
from unsilo.terminology.same import Meaning, gather, verdict

SAID = [
    "Heart attack", "Myocardial infarction", "Acute myocardial infarction", "History of heart attack", "Old MI",
    "Type 2 diabetes", "Diabetes", "Type 1 diabetes", "No diabetes", "Hypertension", "Essential hypertension",
    "Left knee osteoarthritis", "Right knee osteoarthritis", "Osteoarthritis", "Asthma", "Childhood asthma",
]  # fmt: skip
CODED = [
    coded((SNOMED, "22298006", "Myocardial infarction")), coded((ICD10, "I21.9", "Acute myocardial infarction")),
    coded((ICD10, "I25.2")), coded((ICD10, "I10", "Essential (primary) hypertension")), coded((ICD10, "E11.9")),
    coded((SNOMED, "38341003", "Hypertensive disorder")), coded((SNOMED, "59621000", "Essential hypertension")),
    coded((SNOMED, "57054005", "Acute myocardial infarction")),
]  # fmt: skip
EVERY: list[Meaning] = [meant("problem", said) for said in [*SAID, *CODED]]


@given(st.lists(st.sampled_from(range(len(EVERY))), max_size=20))
def test_no_set_holds_what_is_known_apart(places: list[int]) -> None:
    """A third statement never brings together two that a rule keeps apart; nothing is lost or doubled."""
    meanings = [EVERY[place] for place in places]
    found = gather(meanings)
    assert sorted(place for one in found.sets for place in one) == list(range(len(places)))
    for one in found.sets:
        for a in one:
            for b in one:
                said = verdict(meanings[a], meanings[b])
                assert meanings[a] == meanings[b] or said is None or said.outcome == "same"


@given(st.randoms(use_true_random=False))
def test_the_order_decides_nothing(draw: random.Random) -> None:
    """The same statements in another order make the same sets."""
    order = list(range(len(EVERY)))
    draw.shuffle(order)
    first = {frozenset(one) for one in gather(EVERY).sets}
    second = {frozenset(order[place] for place in one) for one in gather([EVERY[n] for n in order]).sets}
    assert first == second


def test_a_code_between_two_goes_with_the_one_whose_name_it_bears() -> None:
    """I10 is essential hypertension by its title and hypertension by an inclusion term; the two are not one."""
    texts = ["Hypertension", "Essential hypertension", coded((ICD10, "I10", "Essential (primary) hypertension"))]
    found = gather([meant("problem", said) for said in texts])
    assert found.sets == [[0], [1, 2]]
    assert [(g.one, g.other, g.verdict.rule) for g in found.related] == [(0, 1, "related.family")]
    assert gather([meant("problem", said) for said in (texts[0], texts[2])]).sets == [[0, 1]]


def test_each_set_says_why() -> None:
    """As many grounds as there are statements more than one, each with its row."""
    found = gather([EVERY[0], EVERY[1], EVERY[16]])
    assert [len(grounds) for grounds in found.grounds] == [2]
    assert {ground.verdict.row for ground in found.grounds[0]} <= {"", "P001"}


def test_a_crowd_is_compared_in_bounds() -> None:
    """A thousand names with one word in common are a thousand sets, in no time."""
    found = gather([meant("problem", f"Pain {n} of number {n * 7}") for n in range(1000)])
    assert len(found.sets) == 1000
