"""The condition grammar: what parses, what it means, what is refused."""

import pytest

from unsilo.mapping import condition
from unsilo.mapping.compile.shape import Facts, fold, unparse
from unsilo.mapping.condition import All, Any_, Not, parse_condition
from unsilo.mapping.rows import MapRow

CASES = [
    ("PID-13.2 NOT VALUED", Not(condition.Test("PID-13.2", "VALUED"))),
    ('OBX-2 IN ("ST", "FT")', condition.Test("OBX-2", "IN", ("ST", "FT"))),
    ('IF OBX-2 IS NOT "NA"', Not(condition.Test("OBX-2", "EQUALS", ("NA",)))),
    ("PL.1 AND PL.2 NOT VALUED", All((Not(condition.Test("PL.1", "VALUED")), Not(condition.Test("PL.2", "VALUED"))))),
    ("PV1-3.2 OR PV1-3.3 VALUED", Any_((condition.Test("PV1-3.2", "VALUED"), condition.Test("PV1-3.3", "VALUED")))),
    ("IF PID-11 LST.COUNT GREATER THAN 1", condition.Test("PID-11", "COUNT", compare=">", number=1)),
    ("OBX-5 LST.count LESS THAN OR EQUALS 1", condition.Test("OBX-5", "COUNT", compare="<=", number=1)),
    ("PID-7 LENGTH > 8", condition.Test("PID-7", "LENGTH", compare=">", number=8)),
    ("OBX-5 NUMERIC", condition.Test("OBX-5", "NUMERIC")),
    ("PID-12 EQUALS PID-11.9", condition.Test("PID-12", "EQUALS", ("PID-11.9",), by_ref=True)),
    ("ORC VALUED", condition.Test("ORC", "VALUED")),
    ("{value/@xsi:type} EQUALS 'PQ'", condition.Test("value/@xsi:type", "EQUALS", ("PQ",))),
    (
        'NOT VALUED AND RXA-21 NOT EQUALS "D"',
        All((Not(condition.Test("", "VALUED")), Not(condition.Test("RXA-21", "EQUALS", ("D",))))),
    ),
    (
        'NOT (OBX-2 = "A" OR OBX-2 = "B")',
        Not(Any_((condition.Test("OBX-2", "EQUALS", ("A",)), condition.Test("OBX-2", "EQUALS", ("B",))))),
    ),
]


@pytest.mark.parametrize(("text", "tree"), CASES)
def test_parses(text: str, tree: object) -> None:
    """Each form of the grammar gives its tree."""
    assert parse_condition(text) == tree


@pytest.mark.parametrize(("text", "tree"), CASES)
def test_written_again(text: str, tree: object) -> None:
    """A tree written as text parses to a tree that means the same."""
    again = parse_condition(unparse(tree))  # type: ignore[arg-type]
    assert again == tree or again == parse_condition(unparse(again))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text", ['X")', "OBX-2 EQUALS", "(OBX-2", "OBX-2 IN (", "AND", "PID-5 COUNT", "OBX-2 ~ 3", '"' * 50]
)
def test_refuses(text: str) -> None:
    """A condition that makes no sense is a ValueError that quotes it."""
    with pytest.raises(ValueError, match="condition"):
        parse_condition(text)


def test_empty_is_none() -> None:
    """No text is no condition."""
    assert parse_condition("  ") is None


def test_folds_what_the_shape_decides() -> None:
    """Presence, count and a selecting field's text are decided before a message is read."""
    facts = Facts("OBX", frozenset({2, 3, 5}), frozenset({2, 3, 5}), {2: "NM"}, True)
    row = MapRow("r", "OBX[Observation]", "OBX-5")

    def folded(text: str) -> object:
        tree = parse_condition(text)
        assert tree is not None
        return fold(tree, row, facts)

    assert folded('OBX-2 EQUALS "NM"') is True
    assert folded('OBX-2 IN ("ST","TX")') is False
    assert folded("OBX-29 VALUED") is False
    assert folded("OBX-5 COUNT > 1") is False
    assert folded("OBX-5 COUNT = 1 AND OBX-29 NOT VALUED") is True
    assert folded("OBX-5.2 VALUED AND OBX-3 VALUED") == condition.Test("OBX-5.2", "VALUED")
    assert folded("PID-3 VALUED") == condition.Test("PID-3", "VALUED")
