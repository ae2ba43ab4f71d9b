"""Expressions that grow: steps, texts and results end with a clear error."""

from time import process_time
from typing import Any

import pytest

from unsilo.fhir.path import Context, PathError, compile_path

MANY: dict[str, Any] = {
    "resourceType": "Patient",
    "name": [{"given": [f"a{n}" for n in range(10)]} for _ in range(50)],
}


@pytest.mark.parametrize(
    "expression",
    [
        "name.where(%context.name.where(%context.name.where(%context.name.where(true).exists()).exists()).exists())",
        "name.select(%context.name.select(%context.name.select(%context.name.select(%context.name.given))))",
        "1.repeat($this + 1)",
        "1.repeat($this | ($this + 1))",
        "name.given.aggregate($total.combine($total), name.given).count()",
        "name.given.aggregate(iif($total.empty(), 'aaaa', $total & $total)).length()",
        "name.given.aggregate(iif($total.empty(), 'ab', $total.replace('a', $total))).length()",
        "name.given.aggregate(iif($total.empty(), 'ab', $total.replaceMatches('a', $total & 'a'))).length()",
        "name.given.aggregate(iif($total.empty(), 'ab', ($total | ($total & 'x')).join($total))).length()",
    ],
)
def test_bombs_end(expression: str) -> None:
    """Nested filters, endless repetition and doubling end before they hurt."""
    start = process_time()
    with pytest.raises(PathError) as caught:
        compile_path(expression)(MANY, Context(budget=200_000))
    assert caught.value.fault == "costly"
    assert process_time() - start < 60  # a guard against no end at all, not a measurement


def test_comparison_without_order_is_bounded() -> None:
    """Each with each costs steps; an array of many nodes inside of nodes is refused."""
    with pytest.raises(PathError):
        compile_path("(name | name.given) ~ (name | name.given)")(MANY, Context(budget=300))
    many = [
        {"resourceType": "Patient", "contact": [{"gender": str(n)} for n in order]}
        for order in (range(4000), range(4000, 0, -1))
    ]
    with pytest.raises(PathError) as caught:
        compile_path("%a ~ %b")({}, Context(variables={"a": many[0], "b": many[1]}))
    assert caught.value.fault == "costly"
    texts = [
        {"resourceType": "Patient", "name": [{"given": order}]}
        for order in (["a"] * 50_000 + ["B"], ["b"] + ["A"] * 50_000)
    ]
    assert compile_path("%a ~ %b")({}, Context(variables={"a": texts[0], "b": texts[1]})) == [True]


def test_patterns_match_in_linear_time() -> None:
    """A pattern that takes exponential time elsewhere is answered."""
    assert compile_path("'" + "a" * 5000 + "!'.matches('(a+)+$')")({}) == [False]
    assert compile_path("'" + "a" * 5000 + "'.matches('^(a|a)*$')")({}) == [True]


def test_a_huge_pattern_is_refused() -> None:
    """A pattern that would need gigabytes is an error."""
    with pytest.raises(PathError):
        compile_path("'a'.matches('(((a{1,100}){1,100}){1,100})')")({})


def test_numbers_stay_small() -> None:
    """Powers and products beyond any measurement are empty, as overflow is."""
    for expression in ("2.power(2147483647)", "2.5.power(10000)", "1000.0.exp()", "(10.0).power(9999.5)",
                       "(1000000 * 1000000)", "9999999999999999999999999999999999999999.0 * 10.0"):  # fmt: skip
        assert compile_path(expression)({}) == [], expression


def test_expressions_are_kept_by_their_text() -> None:
    """The same text compiles once; a very long one is not kept."""
    assert compile_path("name.given") is compile_path("name.given")
    long = "name" + " | name" * 400
    assert compile_path(long) is not compile_path(long)


def test_an_evaluation_leaves_the_resource_as_it_is() -> None:
    """Results share nodes with the resource, but nothing is changed in it."""
    before = repr(MANY)
    for expression in ("name.given | 'x'", "name.select(given).combine(name)", "name.sort(given.first())"):
        compile_path(expression)(MANY)
    assert repr(MANY) == before
