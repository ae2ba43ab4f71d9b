"""The server answers searches as a plain look at every resource does (`make oracle` asks many more)."""

import pytest
from oracle_judge import Answers
from oracle_questions import Asker
from oracle_run import known, run, run_steady
from oracle_world import World


def test_the_questions_are_worth_asking():
    """A good part of them has an answer that is neither nothing nor everything."""
    world = World(5, 240)
    asker, answers = Asker(6, world, known), Answers(world.resources, known)
    told = 0
    for _ in range(400):
        question = asker.question()
        found = answers.matches(question.kind, question.criteria)
        told += 0 < len(found) < len(world.ids[question.kind])
    assert told > 120


def test_a_thousand_questions(tmp_path):
    """Matches, order, pages, totals and inclusions are those of the judge."""
    assert run(1000, 11, tmp_path, predicates=False) == []


def test_a_thousand_questions_under_predicates(tmp_path):
    """The same when random predicates hide a part: matches, chains, inclusions, totals and orders do not see it."""
    assert run(1000, 12, tmp_path, predicates=True) == []


@pytest.mark.parametrize("seed", [21, 22])
def test_pages_stay_while_others_write(tmp_path, seed):
    """What nobody touches comes exactly once and in order, whatever is written between two pages."""
    assert run_steady(40, seed, tmp_path) == []
