"""R4's search parameters: complete, restricted to a type, numbered for good."""

import hashlib

import pytest

from unsilo.spec.definitions import search_parameter, urls
from unsilo.spec.parameters import FIRST_CUSTOM, all_parameters, parameter, parameters
from unsilo.spec.r4 import resource_types


def test_numbers_are_positions_and_never_change() -> None:
    """Index rows on disk carry these numbers: the list of (number, type, code) is the one that was released."""
    found = all_parameters()
    assert [one.number for one in found] == list(range(1, len(found) + 1))
    assert len(found) == 3185 < FIRST_CUSTOM
    text = "\n".join(f"{one.number},{one.type},{one.code}" for one in found)
    digest = hashlib.sha256(text.encode()).hexdigest()
    assert digest == "b253f6af43c7e13ff8bddfcc45c82b18b85a92636bf0f8b81f96b6295dcd9b13"


@pytest.mark.parametrize(
    ("kind", "code", "expression"),
    [
        ("Condition", "onset-date", "Condition.onset.ofType(dateTime) | Condition.onset.ofType(Period)"),
        ("Observation", "code", "Observation.code"),
        ("Condition", "patient", "Condition.subject.where(resolve() is Patient)"),
        ("Patient", "_tag", "Patient.meta.tag"),
        ("Patient", "deceased", "Patient.deceased.exists() and Patient.deceased != false"),
        ("Practitioner", "email", "Practitioner.telecom.where(system='email')"),
        (
            "Group",
            "value",
            "Group.characteristic.value.ofType(CodeableConcept) | Group.characteristic.value.ofType(boolean)",
        ),
        (
            "Observation",
            "value-string",
            "Observation.value.ofType(string) | Observation.value.ofType(CodeableConcept).text",
        ),
        ("Patient", "_content", ""),
    ],
)
def test_an_expression_is_the_types_own(kind: str, code: str, expression: str) -> None:
    """Alternatives of other types are gone, casts are `ofType`, base types are written as the type itself."""
    found = parameter(kind, code)
    assert found is not None
    assert " | ".join(sorted(found.expression.split(" | "))) == " | ".join(sorted(expression.split(" | ")))


def test_every_published_parameter_is_there_for_each_of_its_types() -> None:
    """Nothing is lost but the examples: each SearchParameter of the package stands under all its base types."""
    there = {(one.type, one.url) for one in all_parameters()}
    for canonical in urls("search_parameters"):
        published = search_parameter(canonical)
        assert published is not None
        if published["id"].startswith("example"):
            continue
        for base in published.get("base", ()):
            assert (base, published["url"]) in there
            for kind in resource_types() if base == "Resource" else ():
                assert (kind, published["url"]) in there


def test_an_expression_is_lost_only_where_none_is_published() -> None:
    """A parameter whose definition has an expression has one for each of its types."""
    for one in all_parameters():
        published = search_parameter(one.url)
        assert published is not None
        assert bool(one.expression) == bool(published.get("expression")), one


def test_components_name_parameters_of_the_same_type() -> None:
    """A composite's parts are found by number, and are no composites themselves."""
    composites = [one for one in all_parameters() if one.kind == "composite"]
    assert len(composites) > 40
    for one in composites:
        assert len(one.components) > 1
        for part in one.components:
            other = all_parameters()[part.number - 1]
            assert (other.type, other.code, other.kind) == (one.type, part.code, part.kind)
            assert part.kind != "composite"
            assert " as " not in part.expression
            assert ".as(" not in part.expression


def test_every_type_has_the_common_parameters() -> None:
    """`_id` and its like are there for all types, `_text` for those with a narrative."""
    common = {"_id", "_lastUpdated", "_tag", "_profile", "_security", "_source", "_content"}
    for kind in resource_types():
        assert common <= set(parameters(kind))
        assert ("_text" in parameters(kind)) == (kind not in ("Binary", "Bundle", "Parameters"))
    assert common < set(parameters("Resource"))


@pytest.mark.parametrize("kind", ["", "Nothing", "HumanName", "patient", "Patient\n", "Patient'--"])
def test_an_unknown_type_has_no_parameters(kind: str) -> None:
    """Foreign text is looked up, not interpreted."""
    assert parameters(kind) == {}
    assert parameter(kind, "_id") is None
