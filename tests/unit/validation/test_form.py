"""The form of a resource: the quick answer says the same as the validation, and nothing more is asked."""

from decimal import Decimal
from typing import Any

import pytest

from unsilo.validation.form import Form, is_of_form
from unsilo.validation.library import validator

GOOD: list[Any] = [
    {"resourceType": "Patient"},
    {"resourceType": "Observation", "valueQuantity": {"value": Decimal("5.0"), "unit": "mg"}},
    {"resourceType": "Patient", "gender": "M", "name": [{"family": "Smith", "given": [None, "J"], "_given": [
        {"extension": [{"url": "http://x.org/y", "valueString": "a"}]}, None]}]},
    {"resourceType": "Patient", "_birthDate": {"extension": [{"url": "http://x.org/y", "valueBoolean": True}]}},
    {"resourceType": "Patient", "contained": [{"resourceType": "Organization", "id": "o", "name": "A"}]},
    {"resourceType": "Parameters", "parameter": [{"name": "a", "part": [{"name": "b", "valueInteger": 1}]}]},
]  # fmt: skip
BAD: list[tuple[Any, str]] = [
    ({"resourceType": "Patient", "name": "Smith"}, "structure.array"),
    ({"resourceType": "Patient", "birthDate": "rubbish"}, "type.date"),
    ({"resourceType": "Patient", "birthDate": ["1980"]}, "structure.array"),
    ({"resourceType": "Patient", "birthDate": "1980-02-30"}, "type.date"),
    ({"resourceType": "Patient", "foo": 1}, "structure.unknown"),
    ({"resourceType": "Patient", "_foo": {"id": "a"}}, "structure.unknown"),
    ({"resourceType": "Patient", "_name": [{"id": "a"}]}, "structure.unknown"),
    ({"resourceType": "Patient", "active": "yes"}, "type.boolean"),
    ({"resourceType": "Patient", "name": []}, "structure.empty"),
    ({"resourceType": "Patient", "name": [None]}, "structure.object"),
    ({"resourceType": "Patient", "name": [{"given": [None]}]}, "ele-1"),
    ({"resourceType": "Patient", "name": [{}]}, "ele-1"),
    ({"resourceType": "Patient", "name": [{"resourceType": "HumanName", "family": "x"}]}, "structure.unknown"),
    ({"resourceType": "Patient", "deceasedBoolean": True, "deceasedDateTime": "2020"}, "structure.choice"),
    ({"resourceType": "Patient", "contained": [{"resourceType": "Foo"}]}, "structure.type"),
    ({"resourceType": "Patient", "contained": ["x"]}, "structure.resource"),
    ({"resourceType": "Patient", "_birthDate": "x"}, "ele-1"),
    ({"resourceType": "Patient", "name": [{"given": ["a"], "_given": [None, {"id": "b"}]}]}, "structure.shadow"),
    ({"resourceType": "Observation", "valueQuantity": {"value": "5"}}, "type.decimal"),
    ({"resourceType": "Observation", "referenceRange": [{"low": {"value": True}}]}, "type.decimal"),
]


@pytest.mark.parametrize("resource", GOOD, ids=range(len(GOOD)))
def test_a_resource_may_be_incomplete_and_still_be_one(resource: Any) -> None:
    """Missing elements, codes that are none and invariants are not of the form."""
    assert Form(validator().shapes).fits(resource)
    assert not [issue for issue in validator().validate(resource) if is_of_form(issue)]


@pytest.mark.parametrize(("resource", "rule"), BAD, ids=[f"{n}-{rule}" for n, (_, rule) in enumerate(BAD)])
def test_what_no_reader_of_fhir_can_take_is_told(resource: Any, rule: str) -> None:
    """The quick answer is no, and the validation says which rule and where."""
    assert not Form(validator().shapes).fits(resource)
    assert rule in {issue.rule for issue in validator().validate(resource) if is_of_form(issue)}


@pytest.mark.parametrize("hostile", [None, 1, [], {}, {"resourceType": 1}, {"resourceType": "Foo"}], ids=repr)
def test_what_is_no_resource_has_no_form(hostile: Any) -> None:
    """No value whatever makes it fail."""
    assert not Form(validator().shapes).fits(hostile)


def test_a_resource_nested_without_end_has_no_form() -> None:
    """A hundred levels are enough for any record."""
    part: dict[str, Any] = {"name": "a", "valueInteger": 1}
    for _ in range(200):
        part = {"name": "a", "part": [part]}
    assert not Form(validator().shapes).fits({"resourceType": "Parameters", "parameter": [part]})
