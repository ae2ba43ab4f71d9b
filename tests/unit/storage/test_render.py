"""Plans to SQL for both stores: every kind of clause, each store in its own words, every value bound."""

import re
from decimal import Decimal
from math import inf
from typing import Any

import pytest

from unsilo.policy import And, Compartment, Everything, Label, Not, Nothing, Or, Predicate, Source, Types
from unsilo.spec import r4
from unsilo.storage import plan as p
from unsilo.storage.render import POSTGRES, SQLITE, Dialect, Sight
from unsilo.storage.render.leaf import Measured, Targets, prefix_end
from unsilo.storage.render.order import after_condition, order_by
from unsilo.storage.render.select import count_query, included_query, page_query, referring_query, walk_of
from unsilo.storage.render.tree import Compartment as Known
from unsilo.storage.render.tree import Tree

OBSERVATION, PATIENT = r4.type_number("Observation"), r4.type_number("Patient")
SP = (7,)
ANY = p.Unit("any", "", "", (Decimal(1), Decimal(2)))
UNITS = (
    ((3, 1.0, 2.0),), ((3, 1.0, 2.0), (4, 1.0, 2.0), (5, 0.1, inf)),
    tuple((n, float(n), float(n)) for n in range(1, 140)),
)  # fmt: skip
LEAVES: list[Any] = [
    p.Token(SP, 1, "s"), p.Token(SP, 1, ""), p.Token(SP, 1, None), p.Token(SP, None, "s"), p.Coded(SP, 1, (2, 3)),
    p.Codes(SP, ((1, "s"), (2, None), (3, ""))), p.Words(SP, "x"), p.Text(SP, "starts", "x"),
    p.Text(SP, "exact", "x", 5), p.Text(SP, "contains", "x"), p.Uri(SP, "is", ("a",)), p.Uri(SP, "is", ("a", "b")),
    p.Uri(SP, "below", ("a",)), Targets(SP, (1,)), Targets(SP, (1, 2)), p.Position(SP, 1.0, 2.0, 3.0),
    *(Measured(p.Composite(SP, (1, "s"), span=("gt", 1.0, 1.0)), units) for units in UNITS),
    *(Measured(p.Composite(SP, (1, ""), span=("ne", 1.0, 1.0)), units) for units in UNITS),
    Measured(p.Composite(SP, None, span=("ap", 1.0, 2.0)), UNITS[0]),
    Measured(p.Composite(SP, (1, "s"), (2, None), None, ("gt", 1.0, 1.0), ("le", 2.0, 2.0)), UNITS[0]),
    p.Composite(SP, (1, "s"), (2, None), None, ("gt", 1.0, 1.0), ("le", 2.0, 2.0), ("eq", 1.0, 2.0), "x"),
    p.Id((OBSERVATION,), ("a", "b")), p.Missing(SP, ("ref", "uri"), True), p.Missing(SP, ("dat",), False),
    p.InList(SP, "l"), Known("1", (OBSERVATION,), True, (4, 5)), p.NEVER, p.All(()), p.Any(()),
    p.Dates((p.Date(SP, "ge", 1, 2), p.Date(SP, "lt", 5, 6))),
    *(p.Date(SP, how, 10, 20) for how in ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")),  # type: ignore[arg-type]
    *(p.Number(SP, how, 1.0, 2.0) for how in ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")),  # type: ignore[arg-type]
    *(Measured(p.Quantity(SP, ANY, how, 1.0, 2.0), units) for how in ("eq", "gt", "ap") for units in UNITS),  # type: ignore[arg-type]
    *(p.Updated(how, 10, 20) for how in ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")),  # type: ignore[arg-type]
]  # fmt: skip
NODES: list[Any] = [
    *LEAVES, p.Not(LEAVES[0]), p.All((LEAVES[0], LEAVES[7])), p.Any((LEAVES[0], p.Not(LEAVES[7]))),
    p.Chain(SP, (PATIENT,), LEAVES[7]), p.Chain(SP, (PATIENT,), p.Not(LEAVES[0]), False),
    p.Implied(LEAVES[0]), p.Implied(LEAVES[7]),
    p.Has(SP, (OBSERVATION,), LEAVES[0]), p.Has(SP, (OBSERVATION,), p.Has(SP, (OBSERVATION,), LEAVES[0], False)),
]  # fmt: skip
STRICT = Predicate(
    allow=And((
        Not(Label("s", "R")), Or((Compartment(frozenset({"a"}), frozenset({1})), Source(frozenset({"f"})))),
        Types(frozenset({"Observation", "Patient"})), Everything(), Not(Nothing()),
    ))
)  # fmt: skip
ONLY_SQLITE = re.compile(r"json_each|own_|INDEXED BY|LIMIT -1|instr\(|security_of|km_between|CROSS JOIN res")


def statements(node: Any, dialect: Dialect, predicate: Predicate, rows: int) -> list[tuple[str, list[Any]]]:
    """Return the statements of a search by a node of which so many rows are known."""
    found = []
    sorts = ((), (p.Sort("dat", (8,), True), p.Sort("tok", (9,), False)), (p.Sort("ref", (9,), True),),
             (p.Sort("updated", (), True),), (p.Sort("id", (), False),), (p.Sort("qty", (9,), False),))  # fmt: skip
    for sort in sorts:
        for after in (None, (*(None if n else 5 for n in range(len(sort))), 77)):
            asked = p.Plan(predicate, (OBSERVATION,), (node, LEAVES[1]), sort, after=after)
            tree = Tree(Sight(predicate, dialect), {node: rows})
            walk = walk_of(tree, asked)
            found.append(tuple(page_query(tree, asked, walk, 11)))
            if walk.sorted:
                found.append(tuple(page_query(tree, asked, walk._replace(missing=True), 11)))
            found.append(tuple(count_query(tree, asked, walk._replace(sorted=False), None)))
    return found  # type: ignore[return-value] # (text, values)


@pytest.mark.parametrize("dialect", [SQLITE, POSTGRES], ids=["sqlite", "postgres"])
@pytest.mark.parametrize("predicate", [Predicate(), STRICT], ids=["everything", "strict"])
@pytest.mark.parametrize("rows", [3, 100_000])
def test_every_node_is_rendered(dialect: Dialect, predicate: Predicate, rows: int) -> None:
    """As many values as question marks, and no other store's words."""
    for node in NODES:
        listed = Tree(Sight(predicate, dialect), {}).members(node, (OBSERVATION,)) is not None
        for text, values in statements(node, dialect, predicate, rows if listed else 100_000):
            assert text.count("?") == len(values), (node, text)
            if dialect is POSTGRES:
                assert not ONLY_SQLITE.search(text), (node, text)


def test_a_statement_is_the_same_for_other_values() -> None:
    """Only values change between searches of one shape, so that a statement is prepared once."""
    one = statements(p.Text(SP, "starts", "abc"), SQLITE, STRICT, 3)
    two = statements(p.Text(SP, "starts", "x'; --"), SQLITE, STRICT, 3)
    assert [text for text, _ in one] == [text for text, _ in two]


def test_includes() -> None:
    """By number and by who refers, with the predicate and a bound."""
    for dialect in (SQLITE, POSTGRES):
        tree = Tree(Sight(STRICT, dialect), {})
        for text, values in (
            included_query(tree, [1, 2], (PATIENT,), 10), referring_query(tree, [1, 2], (7, 8), (OBSERVATION,), 10),
        ):  # fmt: skip
            assert text.count("?") == len(values)
            assert text.endswith("LIMIT 10")
            assert "r.tenant = 0" in text


@pytest.mark.parametrize(
    ("prefix", "end"),
    [("a", "b"), ("az", "a{"), ("a\U0010ffff", "b"), ("\U0010ffff", ""), ("\ud7ff", "\ue000"), ("é", "ê")],
)
def test_the_end_of_a_prefix(prefix: str, end: str) -> None:
    """The first text after all that begin so; the greatest character has none after it."""
    assert prefix_end(prefix) == end


def test_missing_values_come_last() -> None:
    """In both directions, and a page that ended among them goes on among them."""
    sorts = [p.Sort("dat", SP, False), p.Sort("str", SP, True)]
    order = order_by(sorts, ["a", "b"], "n")
    assert order.count("NULL") == 2
    assert order.endswith(", n DESC")
    found = after_condition(sorts, ["a", "b"], "n", (1, None, 9))
    assert found is not None
    assert found.text == "(((a > ? OR a IS NULL)) OR (a = ? AND b IS NULL AND n < ?))"
    assert found.values == [1, 1, 9]
    assert after_condition(sorts, ["a", "b"], "n", None) is None
