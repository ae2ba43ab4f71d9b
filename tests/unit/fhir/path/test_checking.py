"""What is refused before it runs, because R4 does not have it."""

import pytest

from unsilo.fhir.path import PathError, compile_path
from unsilo.fhir.path.checking import check
from unsilo.spec.definitions import structure
from unsilo.spec.model import types
from unsilo.spec.parameters import parameters


@pytest.mark.parametrize(
    ("kind", "expression", "at"),
    [
        ("Patient", "name.given1", 5),
        ("Patient", "Encounter.name", 0),
        ("Patient", "Patient.contact.name.gender", 21),
        ("Patient", "name.where(usage = 'a')", 11),
        ("Patient", "name.select(given | surname)", 20),
        ("Patient", "iif(active, name, contact).phone", 27),
        ("Patient", "name.first().given.first().family", 27),
        ("Patient", "1.value", 2),
        ("Patient", "children().first()", 11),
        ("Patient", "Patient.descendants()[0]", 21),
        ("Observation", "valueQuantity", 0),
        ("Observation", "(value as Period).unit", 18),
        ("Observation", "value.ofType(Quantity).low", 23),
        ("Observation.component", "code.text1", 5),
        ("HumanName", "start", 0),
    ],
)
def test_elements_that_are_not_there(kind: str, expression: str, at: int) -> None:
    """The place of the first name that no possible type has is told."""
    with pytest.raises(PathError) as caught:
        check(expression, kind)
    assert caught.value.fault == "semantic"
    assert caught.value.at == at


@pytest.mark.parametrize(
    ("kind", "expression"),
    [
        ("Patient", "Resource.id | DomainResource.text.div"),
        ("Patient", "contained.anything.at.all"),
        ("Patient", "managingOrganization.resolve().name"),
        ("Patient", "descendants().linkId"),
        ("Patient", "%resource.whatever"),
        ("Patient", "birthDate.extension('x').value.coding.code"),
        ("Patient", "name.given.select($this.length() + $index)"),
        ("Bundle", "entry.resource.name.family"),
        ("Questionnaire", "repeat(item).linkId"),
        ("ValueSet", "expansion.repeat(contains).code"),
        ("Observation", "value.ofType(Quantity).value | component.value.unit"),
        ("Observation", "(value as Quantity).unit"),
        ("Patient", "type().name"),
    ],
)
def test_what_may_be_there_is_let_through(kind: str, expression: str) -> None:
    """What is known only when it runs, and every element of a possible type, is no fault."""
    check(expression, kind)


def test_a_typed_choice_name_is_explained() -> None:
    """`valueQuantity` is JSON's name; the text says the element's."""
    with pytest.raises(PathError, match="the element is value, its type Quantity"):
        check("Observation.valueQuantity.value", "Observation")


def test_all_search_parameters_of_r4_compile_and_have_their_elements() -> None:
    """Every expression of R4's SearchParameters is FHIRPath over its type."""
    count = 0
    for kind in sorted(types.resources):
        for parameter in parameters(kind).values():
            if parameter.expression:
                compile_path(parameter.expression, lenient=True)
                check(parameter.expression, kind)
                count += 1
    assert count > 2000


def test_all_invariants_of_r4_compile() -> None:
    """Every invariant of R4's definitions is FHIRPath over its element, but for two that R4 has wrong itself."""
    wrong = set()
    for name in types.names():
        for element in (structure(name) or {"snapshot": {"element": []}})["snapshot"]["element"]:
            found = types.at(element["path"]) if "." in element["path"] else None
            kinds = [found.context(k) for k in found.types] if found else [] if "." in element["path"] else [name]
            for constraint in element.get("constraint", ()):
                if "expression" not in constraint:
                    continue
                compile_path(constraint["expression"])
                try:
                    for kind in kinds:
                        check(constraint["expression"], kind)
                except PathError:
                    wrong.add(constraint["key"])
    # cid-0 asks for a `name` that ChargeItemDefinition does not have; ras-1 takes probability[x] for a Range always.
    assert wrong == {"cid-0", "ras-1"}
