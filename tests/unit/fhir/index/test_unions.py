"""Parameters that are others taken together, and the numbers under which their keys are kept."""

from unsilo.fhir.index import index
from unsilo.fhir.index.unions import kept_as, unions
from unsilo.spec.model import types
from unsilo.spec.parameters import FIRST_CUSTOM, parameters

OBSERVATION = {
    "resourceType": "Observation", "code": {"coding": [{"code": "a"}]}, "valueQuantity": {"value": 1, "unit": "mg"},
    "dataAbsentReason": {"coding": [{"code": "x"}]},
    "component": [{"code": {"coding": [{"code": "b"}]}, "valueQuantity": {"value": 2}},
                  {"code": {"coding": [{"code": "c"}]}, "valueCodeableConcept": {"coding": [{"code": "d"}]}}],
}  # fmt: skip


def _by_name(kind: str) -> dict[str, set[str]]:
    """Return whose keys the parameters of a type without keys of their own use."""
    names = {one.number: one.code for one in parameters(kind).values()}
    return {names[number]: {names[part] for part in parts} for number, parts in unions(kind).items()}


def test_the_unions_of_r4() -> None:
    """Observation's six combinations of its own values and its components' are all there are."""
    found = _by_name("Observation")
    assert {name for name, parts in found.items() if len(parts) > 1} == {
        code for code in parameters("Observation") if code.startswith("combo-")
    }
    assert found["combo-code"] == {"code", "component-code"}
    assert found["combo-code-value-quantity"] == {"code-value-quantity", "component-code-value-quantity"}
    several = [kind for kind in types.resources if any(len(parts) > 1 for parts in unions(kind).values())]
    assert several == ["Observation"]


def test_the_twins_of_r4() -> None:
    """Texts that have two names are kept once, under one of them."""
    found = {kind: {name: next(iter(parts)) for name, parts in _by_name(kind).items() if len(parts) == 1}
             for kind in types.resources}  # fmt: skip
    people = ("Patient", "Person", "Practitioner", "RelatedPerson")
    assert {kind: twins for kind, twins in found.items() if twins} == {
        **{kind: {"phonetic": "name"} for kind in people},
        "Observation": {"gene-amino-acid-change": "amino-acid-change", "gene-dnavariant": "dna-variant"},
    }


def test_where_keys_are_kept() -> None:
    """All other parameters, those of a store too, keep their own keys."""
    own = parameters("Observation")
    assert kept_as(own["code"].number) == (own["code"].number,)
    assert len(kept_as(own["combo-code"].number)) == 2
    assert kept_as(FIRST_CUSTOM + 5) == (FIRST_CUSTOM + 5,)


def test_a_union_has_the_keys_of_its_parts() -> None:
    """What is kept under the parts' numbers is what the union's paths give."""
    rows = index(OBSERVATION)
    own = parameters("Observation")
    parts = {code: set(kept_as(own[code].number)) for code in own}
    codes = [row[1] for row in rows.tok if row[0] in parts["combo-code"]]
    assert len(codes) == 3
    assert {row[2] for row in rows.qty if row[0] in parts["combo-value-quantity"]} == {1.0, 2.0}
    assert len({row[1] for row in rows.cmp if row[0] in parts["combo-code-value-quantity"]}) == 2
