"""The element model: order, choices, backbones, repeated content, inheritance."""

import pytest

from unsilo.spec.model import types
from unsilo.spec.r4 import resource_types, type_name, type_number


def test_elements_come_in_the_order_of_the_standard() -> None:
    """XML is written in this order: base elements first, then the type's own."""
    assert [e.name for e in types.elements("Narrative")] == ["id", "extension", "status", "div"]
    names = [e.name for e in types.elements("Patient")]
    assert names[:10] == [
        "id", "meta", "implicitRules", "language", "text", "contained", "extension", "modifierExtension", "identifier",
        "active",
    ]  # fmt: skip
    assert [e.name for e in types.elements("Timing.repeat")][:3] == ["id", "extension", "bounds"]


def test_a_choice_has_a_name_for_each_type() -> None:
    """`deceased[x]` is found as `deceasedBoolean` and `deceasedDateTime`, and by its stem."""
    fields = types.fields("Patient")
    assert fields["deceasedBoolean"] is fields["deceasedDateTime"]
    assert "deceased" not in fields
    found = types.child("Patient", "deceasedDateTime")
    assert found is not None
    assert (found[0].name, found[0].choice, found[1]) == ("deceased", True, "dateTime")
    assert types.child("Patient", "deceased") == (fields["deceasedBoolean"], "boolean")
    assert types.child("Patient", "deceasedQuantity") is None


@pytest.mark.parametrize(
    ("context", "name", "below"),
    [
        ("Observation", "component", "Observation.component"),
        ("Observation.component", "referenceRange", "Observation.referenceRange"),
        ("Bundle.entry", "resource", "Resource"),
        ("Bundle.entry", "link", "Bundle.link"),
        ("Patient", "name", "HumanName"),
        ("Timing", "repeat", "Timing.repeat"),
        ("ElementDefinition", "type", "ElementDefinition.type"),
        ("Extension", "valueDosage", "Dosage"),
        ("date", "extension", "Extension"),
        ("Questionnaire.item", "item", "Questionnaire.item"),
    ],
)
def test_a_child_says_where_its_own_children_are(context: str, name: str, below: str) -> None:
    """Backbones go by path, datatypes by name, repeated content by the path that it repeats."""
    found = types.child(context, name)
    assert found is not None
    assert found[1] == below
    assert types.fields(below)


def test_facts_of_an_element_are_kept() -> None:
    """Flags, cardinality, bindings and targets are as published."""
    status = types.fields("Observation")["status"]
    assert (status.min, status.max, status.summary, status.modifier) == (1, 1, True, True)
    assert status.binding == ("required", "http://hl7.org/fhir/ValueSet/observation-status|4.0.1")
    assert types.fields("Observation")["subject"].targets == ("Device", "Group", "Location", "Patient")
    assert types.fields("Patient")["name"].max is None
    assert types.fields("Extension")["url"].attribute
    assert not types.fields("Patient")["id"].attribute


def test_types_know_their_ancestors() -> None:
    """A type is each of its bases."""
    assert types.is_a("Patient", "DomainResource")
    assert types.is_a("Patient", "Resource")
    assert types.is_a("Age", "Quantity")
    assert types.is_a("code", "string")
    assert types.is_a("Patient", "Patient")
    assert not types.is_a("Patient", "Observation")
    assert not types.is_a("", "")
    assert types.is_primitive("instant")
    assert not types.is_primitive("Quantity")
    assert types.parent("Nothing") == ""


@pytest.mark.parametrize("context", ["", ".", "Nothing", "Patient.nothing", "Patient.name.given", "a.b.c", "Patient."])
def test_an_unknown_context_has_no_elements(context: str) -> None:
    """Foreign names answer empty."""
    assert types.fields(context) == {}
    assert types.child(context, "id") is None


def test_every_path_is_reachable() -> None:
    """All types' elements lead to types or paths that are known, and each type has at least an id or children."""
    for name in types.names():
        todo, seen = [name], set()
        while todo:
            context = todo.pop()
            if context in seen:
                continue
            seen.add(context)
            assert types.fields(context), context
            for json_name in types.fields(context):
                found = types.child(context, json_name)
                assert found is not None
                below = found[1]
                if below.startswith(f"{context}."):
                    todo.append(below)
                else:
                    assert types.kind(below) or "." in below, (context, json_name, below)


def test_numbers_of_types_never_change() -> None:
    """Stores keep them: 146 types, sorted, from 1."""
    assert len(resource_types()) == 146
    assert (type_number("Account"), type_number("Patient"), type_number("VisionPrescription")) == (1, 103, 146)
    assert all(type_name(type_number(name)) == name for name in resource_types())
    with pytest.raises(KeyError):
        type_number("Resource")
    with pytest.raises(IndexError):
        type_name(0)
