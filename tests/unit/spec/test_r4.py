"""FHIR R4 element paths as the table has them."""

import pytest

from unsilo.spec import r4


@pytest.mark.parametrize(
    ("root", "path", "many", "types"),
    [
        ("Patient", "name.family", False, ("string",)),
        ("Patient", "identifier", True, ("Identifier",)),
        ("Observation", "valueQuantity.value", False, ("decimal",)),
        ("Observation", "component.referenceRange.low.unit", False, ("string",)),
        ("Patient", "birthDate.extension.valueDateTime", False, ("dateTime",)),
        ("ServiceRequest", "occurrenceTiming.repeat.boundsPeriod.start", False, ("dateTime",)),
        ("Bundle", "type", False, ("code",)),
        ("Condition", "onsetAge.value", False, ("decimal",)),
    ],
)
def test_an_element_is_found_with_its_cardinality_and_type(
    root: str, path: str, many: bool, types: tuple[str, ...]
) -> None:
    """Backbones, datatypes, choices, extensions on primitives and inherited elements are walked."""
    found = r4.resolve(root, path)
    assert found is not None
    assert (found.many, found.types) == (many, types)


@pytest.mark.parametrize(
    ("root", "path"),
    [
        ("MessageHeader", "endpoint"),
        ("Observation", "valueAttachment"),
        ("Patient", "nam"),
        ("Nothing", "id"),
        ("", ""),
    ],
)
def test_what_r4_does_not_have_is_none(root: str, path: str) -> None:
    """A wrong name, a type that a choice does not allow and an unknown resource all answer None."""
    assert r4.resolve(root, path) is None


def test_a_reference_names_its_targets() -> None:
    """The types that a reference may point to are kept."""
    found = r4.resolve("Observation", "subject")
    assert found is not None
    assert found.targets == ("Device", "Group", "Location", "Patient")


def test_required_elements_and_resource_types_are_listed() -> None:
    """Required elements come by name; datatypes are not resource types."""
    assert r4.required("Observation") == ["status", "code"]
    assert {"Patient", "Bundle"} <= r4.resource_types()
    assert not {"HumanName", "Timing"} & r4.resource_types()
