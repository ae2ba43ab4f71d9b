"""Expression constraints: every operator against a brute-force evaluator, and what is refused."""

from __future__ import annotations

import os

import pytest

from tests.unit.terminology.worlds import Brute, World
from unsilo.terminology import ids
from unsilo.terminology.ecl import ParseError, evaluate, parse

EACH = int(os.environ.get("UNSILO_ECL_EXPRESSIONS", "700"))
"""Expressions of each of eight worlds; 5,600 in all."""


def _codes(world: World, text: str) -> set[str]:
    numbers = ids.members(evaluate(text, world.artefact))
    return {code for code, _, _ in world.artefact.heads(numbers)}


@pytest.mark.parametrize("seed", range(8))
def test_random_constraints_hold_what_brute_force_finds(seed: int) -> None:
    """Every operator, refinement, group, cardinality and filter gives what walking the plain data gives."""
    world = World(seed)
    brute = Brute(world)
    full = 0
    for _ in range(EACH):
        text, wanted = brute.expression()
        assert _codes(world, text) == wanted, text
        full += bool(wanted)
    assert full > EACH // 3


@pytest.mark.parametrize(
    "text",
    [
        "", "<", "<< 12", "<< 404684003 AND", "(404684003", "404684003)", "404684003 : ", "404684003 : 363698007",
        "< 404684003 AND < 404684003 OR < 404684003", "404684003 : [3..1] 363698007 = *", "{{ term = 'x' }}",
        "^ 404684003 {{ M mapTarget = \"x\" }}", "404684003 |unclosed", '404684003 {{ term = "unclosed }}',
        "404684003 : { R 363698007 = * }", "DROP TABLE concept", "\x00", "404684003 {{ type = xyz }}",
        "404684003 {{ C term = \"x\" }}",
    ],
)  # fmt: skip
def test_what_is_no_constraint_is_refused_with_a_place(text: str) -> None:
    """A wrong text is refused at a place within it."""
    with pytest.raises(ParseError) as caught:
        evaluate(text, World(1).artefact)
    assert 0 <= caught.value.at <= len(text)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5_000 + "404684003" + ")" * 5_000, "404684003 : {" * 500, "<< " * 20_000, "a" * 1_000_000,
        "404684003 OR " * 3_000 + "404684003", "/*" * 5_000, "|" * 10_001,
        "(404684003 : (" * 18 + "363698007 = *" + "))" * 18,
    ],
    ids=range(8),
)  # fmt: skip
def test_bombs_end_soon(text: str) -> None:
    """Long and deeply nested texts are refused before they cost anything."""
    with pytest.raises(ParseError):
        parse(text)


def test_a_constraint_that_takes_too_long_ends() -> None:
    """An evaluation has an end in time."""
    with pytest.raises(ParseError, match="too long to work out"):
        evaluate("< * : * = *", World(2).artefact, seconds=-1)


def test_comments_terms_and_case_are_understood() -> None:
    """Comments, terms, long words and white space change nothing."""
    world = World(3)
    top = world.codes[0]
    wanted = _codes(world, f"<<{top}")
    assert _codes(world, f"/* all of it */ descendantorselfof {top} | the top |") == wanted
    assert _codes(world, f"<< {top}\n  MINUS\t< {top}") == {top}


def test_unknown_concepts_have_nothing() -> None:
    """A concept that is not here has no descendants, and is no error."""
    assert _codes(World(4), "<< 999999999") == set()
