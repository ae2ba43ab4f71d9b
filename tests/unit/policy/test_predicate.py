"""The predicate's algebra without a database."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unsilo.policy import (
    EVERYTHING,
    NOTHING,
    And,
    Compartment,
    Facts,
    Label,
    Not,
    Or,
    Predicate,
    Source,
    Types,
    admits,
    masked,
    mentions_labels,
    predicate_of,
    pushed,
    touches,
)

LEAVES = st.sampled_from([
    EVERYTHING, NOTHING, Types(frozenset({"Patient"})), Types(frozenset({"Observation"})), Label("s", "R"),
    Compartment(frozenset({"a"})), Source(frozenset({"lab"})),
])  # fmt: skip
ALGEBRA = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(lambda parts: And(tuple(parts)), st.lists(inner, max_size=3)),
        st.builds(lambda parts: Or(tuple(parts)), st.lists(inner, max_size=3)),
    ),
    max_leaves=6,
)
SEEN = Facts(0, "Observation", frozenset({("s", "r")}), frozenset({"a"}), frozenset(), "lab")


def _depth_of_not(allow: object) -> bool:
    if isinstance(allow, Not):
        return not isinstance(allow.part, And | Or | Not)
    return all(_depth_of_not(part) for part in getattr(allow, "parts", ()))


@given(ALGEBRA, st.booleans())
def test_not_stands_above_leaves_only(allow, deleted):
    """Pushing `Not` down changes nothing of what is known, and leaves it above leaves."""
    made = pushed(allow)
    assert _depth_of_not(made)
    facts = Facts(0, SEEN.type, SEEN.labels, SEEN.patients, SEEN.persons, SEEN.feed, deleted)
    assert admits(Predicate(0, made), facts) == admits(Predicate(0, allow), facts)


@given(ALGEBRA)
def test_exactly_one_of_a_thing_and_its_opposite_holds(allow):
    """What is live is either allowed or not allowed."""
    assert admits(Predicate(0, allow), SEEN) != admits(Predicate(0, Not(allow)), SEEN)


def test_of_a_deleted_resource_labels_are_not_known():
    """Neither a label nor its absence shows a deletion."""
    gone = Facts(0, "Observation", deleted=True)
    assert not admits(Predicate(0, Label("s", "R")), gone)
    assert not admits(Predicate(0, Not(Label("s", "R"))), gone)
    assert admits(Predicate(0, Not(Types(frozenset({"Patient"})))), gone)


def test_another_tenant_is_never_shown():
    """The tenant is no part of the algebra."""
    assert not admits(Predicate(1), SEEN)


def test_labels_are_found_anywhere_in_the_algebra():
    """Versions of the past are looked at one by one only where labels matter."""
    assert mentions_labels(And((EVERYTHING, Not(Or((Label("s", "R"),))))))
    assert not mentions_labels(Or((Types(frozenset({"Patient"})), Compartment(frozenset({"a"})))))


def test_settings_write_every_part():
    """What an operator writes becomes the algebra."""
    allow = {"and": [{"types": ["Patient"]}, {"not": {"label": "http://x|R"}}, {"or": [{"patients": ["p"]}]}]}
    found = predicate_of({"tenant": 2, "allow": allow, "elements": {"Patient": ["telecom"]}})
    label = Not(Label("http://x", "R"))
    assert found == Predicate(
        2, And((Types(frozenset({"Patient"})), label, Or((Compartment(frozenset({"p"})),)))),
        {"Patient": frozenset({"telecom"})},
    )  # fmt: skip
    assert predicate_of({}) == Predicate()


@pytest.mark.parametrize(
    "data",
    [
        {"allow": "all"}, {"allow": {"types": "Patient"}}, {"allow": {"a": 1, "b": 2}}, {"allow": {"and": {}}},
        {"allow": {"label": "no-bar"}}, {"tenant": "x"}, {"tenant": True}, {"elements": []}, {"else": 1},
        {"allow": {"not": {"near": []}}},
    ],
)  # fmt: skip
def test_wrong_settings_say_where(data):
    """A policy that cannot be read stops the start; it never means more than was written."""
    with pytest.raises(ValueError, match=r"\w"):
        predicate_of(data)


def test_masked_elements_go_with_extensions_and_choices():
    """`value` covers valueQuantity and _valueString; what was subset says so."""
    resource = {
        "resourceType": "Observation", "id": "1", "status": "final", "valueQuantity": {"value": 1}, "valueSetting": 1,
        "_valueString": {}, "values": 1, "meta": {"tag": [{"code": "x"}]},
    }  # fmt: skip
    shown = masked(resource, frozenset({"value", "id"}))
    assert sorted(shown) == ["id", "meta", "resourceType", "status", "values"]
    assert shown["meta"]["tag"][-1]["code"] == "SUBSETTED"
    none = masked(resource, frozenset({"note"}))
    assert none == {**resource, "meta": shown["meta"]}  # that there was no note is not told either
    assert masked(resource, frozenset()) is resource
    assert resource["meta"]["tag"] == [{"code": "x"}]


def test_parameters_over_masked_elements_are_known():
    """An expression is looked at by the first element of each of its paths."""
    hidden = Predicate(elements={"Patient": frozenset({"name"}), "Observation": frozenset({"value"})})
    assert touches(hidden, "Patient", "Patient.name.family")
    assert not touches(hidden, "Patient", "Patient.birthDate")
    assert touches(hidden, "Observation", "Observation.value.ofType(Quantity) | Observation.component.value")
    assert not touches(hidden, "Observation", "Observation.code")
    assert not touches(hidden, "Organization", "Organization.name")
    assert touches(hidden, "Patient", "")
