"""An expression taken apart says the same as the one that is reduced."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unsilo.units.essence import essence
from unsilo.units.explain import explain
from unsilo.units.unit import canonical


def test_each_part_has_its_prefix_name_power_and_definition() -> None:
    """`mg/dL`: a thousandth of a gram below a tenth of a litre."""
    found = explain("mg/dL{note}").value
    assert found is not None
    first, second = found.parts
    assert (first.text, first.atom, first.name, first.power, first.prefix) == ("mg", "g", "gram", 1, Fraction(1, 1000))
    assert (second.atom, second.power, second.definition, second.note) == ("L", -1, "1 l", "{note}")
    assert found.unit.canonical.code == "g.m-3"


@pytest.mark.parametrize(
    ("code", "powers"),
    [("kg.m/s2", [1, 1, -2]), ("/(m.s-1)", [-1, 1]), ("m/(s/(K.g))", [1, -1, 1, 1]), ("10*3/uL", [3, -1]),
     ("mm[Hg]", [1]), ("Cel", [1]), ("{only}", [1])],
)  # fmt: skip
def test_powers_count_in_the_whole_expression(code: str, powers: list[int]) -> None:
    """A parenthesis below a solidus turns what is inside."""
    found = explain(code).value
    assert found is not None
    assert [part.power for part in found.parts] == powers


@pytest.mark.parametrize("code", ["mg/dl/", "10*-", "", "mg dL", "(m", "m)", "{", "furlong", "m" * 1001, "\u0000"])
def test_what_is_no_ucum_has_the_issue_of_the_parser(code: str) -> None:
    """Nothing is taken apart that is not understood."""
    found = explain(code)
    assert found.value is None
    assert found.issues


ATOM = st.tuples(st.sampled_from(sorted(essence().atoms)), st.sampled_from([1, 2, -1]))


@given(st.lists(ATOM, min_size=1, max_size=5), st.sampled_from("./"))
def test_the_parts_make_the_whole(atoms: list[tuple[str, int]], sign: str) -> None:
    """The product of what each part is in base units is what the expression is."""
    code = sign.join(atom if power == 1 else f"{atom}{power}" for atom, power in atoms)
    found = explain(code).value
    if found is None or found.unit.special:
        return
    factor = Fraction(1)
    for part in found.parts:
        own = canonical(part.atom)
        assert own is not None
        factor *= (own.factor * part.prefix) ** part.power
    assert factor == found.unit.canonical.factor
