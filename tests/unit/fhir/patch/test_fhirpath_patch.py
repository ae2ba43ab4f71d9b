"""FHIRPath Patch: each operation on each kind of element, what is refused and where, and hostile patches."""

from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest

from unsilo.fhir.patch import fhirpath_patch

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p",
    "name": [{"family": "A", "given": ["B", "C"], "_given": [None, {"id": "c"}]}, {"family": "D"}],
    "birthDate": "1974",
    "_birthDate": {"extension": [{"url": "http://e/1", "valueString": "x"}]},
    "multipleBirthInteger": 2,
    "contact": [{"gender": "male"}],
    "extension": [{"url": "http://e/1", "valueString": "x"}, {"url": "http://e/2", "valueInteger": 1}],
}


def operation(**parts: Any) -> dict[str, Any]:
    """Make an operation: texts become valueString, numbers valueInteger, dicts the part as it is."""
    made = []
    for name, value in parts.items():
        said = (
            value if isinstance(value, dict) else {"valueInteger" if isinstance(value, int) else "valueString": value}
        )
        made.append({"name": name, **said})
    return {"name": "operation", "part": made}


def parameters(*operations: dict[str, Any]) -> dict[str, Any]:
    """Make the patch."""
    return {"resourceType": "Parameters", "parameter": list(operations)}


def patched(*operations: dict[str, Any], document: dict[str, Any] = PATIENT) -> dict[str, Any]:
    """Apply operations that work; the document is never touched."""
    before = deepcopy(document)
    result = fhirpath_patch(document, parameters(*operations))
    assert document == before
    assert result.issues == []
    assert result.value is not None
    return result.value


def add(path: str, name: str, **value: Any) -> dict[str, Any]:
    """Make an `add`."""
    return operation(type="add", path=path, name=name, value=value)


def test_add_makes_appends_and_fills() -> None:
    """A list gets one more, a single element its value, a choice its typed name, a nameless type its parts."""
    found = patched(
        add("Patient", "active", valueBoolean=False),
        add("Patient", "name", valueHumanName={"family": "E"}),
        add("Patient.name[0]", "given", valueString="Z"),
        add("Patient", "deceased", valueDateTime="2020"),
        add("Patient", "contact", part=[
            {"name": "name", "valueHumanName": {"text": "N"}},
            {"name": "telecom", "valueContactPoint": {"value": "1"}},
            {"name": "telecom", "valueContactPoint": {"value": "2"}},
        ]),
        add("Patient.contact[0]", "extension", part=[
            {"name": "url", "valueUri": "http://e/3"}, {"name": "value", "valueDecimal": Decimal("1.0")},
        ]),
    )  # fmt: skip
    assert found["active"] is False
    assert [name.get("family") for name in found["name"]] == ["A", "D", "E"]
    assert found["name"][0]["given"] == ["B", "C", "Z"]
    assert found["name"][0]["_given"] == [None, {"id": "c"}, None]
    assert found["deceasedDateTime"] == "2020"
    assert found["contact"][1] == {"name": {"text": "N"}, "telecom": [{"value": "1"}, {"value": "2"}]}
    assert found["contact"][0]["extension"] == [{"url": "http://e/3", "valueDecimal": Decimal("1.0")}]


def test_extensions_of_primitives_are_reached() -> None:
    """A primitive's extensions stand beside it, and can be added to and taken away."""
    extension = [{"name": "url", "valueUri": "http://e/4"}, {"name": "value", "valueString": "y"}]
    found = patched(
        add("Patient.birthDate", "extension", part=extension),
        add("Patient.name[0].given[0]", "extension", part=extension),
    )
    assert [each["url"] for each in found["_birthDate"]["extension"]] == ["http://e/1", "http://e/4"]
    assert found["name"][0]["_given"][0] == {"extension": [{"url": "http://e/4", "valueString": "y"}]}
    gone = patched(operation(type="delete", path="Patient.birthDate.extension('http://e/1')"))
    assert gone["birthDate"] == "1974"
    assert "_birthDate" not in gone


def test_delete_takes_the_element_and_what_it_leaves_empty() -> None:
    """Items, primitives with what stands beside them, choices; what is not there is no fault."""
    found = patched(
        operation(type="delete", path="Patient.name[0].given[1]"),
        operation(type="delete", path="Patient.contact[0].gender"),
        operation(type="delete", path="Patient.birthDate"),
        operation(type="delete", path="Patient.multipleBirth"),
        operation(type="delete", path="Patient.extension.where(url = 'http://e/2')"),
        operation(type="delete", path="Patient.photo"),
    )
    assert found == {
        "resourceType": "Patient",
        "id": "p",
        "name": [{"family": "A", "given": ["B"]}, {"family": "D"}],
        "extension": [{"url": "http://e/1", "valueString": "x"}],
    }


def test_replace_changes_the_value_and_may_change_the_type_of_a_choice() -> None:
    """The old value goes with its extensions."""
    found = patched(
        operation(type="replace", path="Patient.birthDate", value={"valueDate": "1980", "_valueDate": {"id": "n"}}),
        operation(type="replace", path="Patient.multipleBirth", value={"valueBoolean": True}),
        operation(type="replace", path="Patient.name.given[1]", value={"valueString": "X"}),
        operation(type="replace", path="Patient.name.where(family = 'D')", value={"valueHumanName": {"text": "T"}}),
        operation(type="replace", path="Patient.extension('http://e/2').value", value={"valueCode": "c"}),
    )
    assert (found["birthDate"], found["_birthDate"]) == ("1980", {"id": "n"})
    assert found["multipleBirthBoolean"] is True
    assert "multipleBirthInteger" not in found
    assert found["name"] == [{"family": "A", "given": ["B", "X"]}, {"text": "T"}]
    assert found["extension"][1] == {"url": "http://e/2", "valueCode": "c"}


def test_lists_are_put_in_order() -> None:
    """Insert and move keep what stands beside primitives; a list that is not there yet is begun."""
    found = patched(
        operation(type="insert", path="Patient.name[0].given", index=1, value={"valueString": "M"}),
        operation(type="move", path="Patient.name[0].given", source=2, destination=0),
        operation(type="move", path="Patient.name", source=0, destination=1),
        operation(type="insert", path="Patient.telecom", index=0, value={"valueContactPoint": {"value": "1"}}),
    )
    assert found["name"][1]["given"] == ["C", "B", "M"]
    assert found["name"][1]["_given"] == [{"id": "c"}, None, None]
    assert found["telecom"] == [{"value": "1"}]


@pytest.mark.parametrize(
    ("made", "place"),
    [
        ({"name": "other"}, ""),
        ({"name": "operation"}, ""),
        (operation(type="jump", path="Patient"), ".part[0]"),
        (operation(type="delete"), ""),
        (operation(type="delete", path="Patient..x"), ".part[1]"),
        (operation(type="delete", path=5), ".part[1]"),
        (operation(type="delete", path="Patient.name"), ".part[1]"),
        (operation(type="delete", path="Patient"), ".part[1]"),
        (operation(type="delete", path="'x'"), ".part[1]"),
        (operation(type="delete", path="Patient.descendants().where($this = 'male')"), ".part[1]"),
        (operation(type="replace", path="Patient.gender", value="x"), ".part[1]"),
        (operation(type="replace", path="Patient.birthDate"), ""),
        (operation(type="replace", path="Patient.birthDate", value=5), ".part[2]"),
        (operation(type="replace", path="Patient.birthDate", value={"valuePeriod": {}}), ".part[2]"),
        (operation(type="replace", path="Patient.multipleBirth", value={"valueString": "x"}), ".part[2]"),
        (operation(type="replace", path="Patient.name[0]", value="x"), ".part[2]"),
        (operation(type="replace", path="Patient.name[0]", value={"valueAddress": {}}), ".part[2]"),
        (add("Patient", "nothing", valueString="x"), ".part[3]"),
        (add("Patient", "birthDate", valueDate="2000"), ".part[3]"),
        (add("Patient", "multipleBirth", valueBoolean=True), ".part[3]"),
        (add("Patient.gender", "extension", valueString="x"), ".part[1]"),
        (add("Patient", "contact", part=[{"name": "nothing", "valueString": "x"}]), ".part[3].part[0]"),
        (add("Patient", "contact", part=["x"]), ".part[3].part[0]"),
        (add("Patient", "contact"), ".part[3]"),
        (add("Patient", "contained", valueString="x"), ".part[3]"),
        (operation(type="insert", path="Patient.name", index=5, value={"valueHumanName": {}}), ".part[2]"),
        (operation(type="insert", path="Patient.name", index=-1, value={"valueHumanName": {}}), ".part[2]"),
        (operation(type="insert", path="Patient.name.where(family = 'A')", index=0, value={}), ".part[1]"),
        (operation(type="insert", path="Patient.gender", index=0, value={"valueCode": "x"}), ".part[1]"),
        (operation(type="move", path="Patient.name", source=0, destination=2), ".part[3]"),
        (operation(type="move", path="Patient.photo", source=0, destination=0), ".part[2]"),
        (operation(type="delete", path="Patient.where(" * 5000), ".part[1]"),
    ],
)
def test_faults_say_the_place_in_the_patch(made: dict[str, Any], place: str) -> None:
    """The second operation's fault takes the first one back and names its part."""
    result = fhirpath_patch(PATIENT, parameters(add("Patient", "active", valueBoolean=True), made))
    assert result.value is None
    assert [issue.where.path for issue in result.issues] == [f"Parameters.parameter[1]{place}"]
    assert result.issues[0].hint


def test_type_and_id_stay() -> None:
    """A patch does not make another resource of this one."""
    for made in (
        operation(type="replace", path="Patient.id", value={"valueId": "q"}),
        operation(type="delete", path="Patient.id"),
    ):
        result = fhirpath_patch(PATIENT, parameters(made))
        assert result.value is None
        assert result.issues[0].rule == "fhir.patch.identity"


@pytest.mark.parametrize(
    "patch",
    [None, [], {}, {"resourceType": "Patient"}, {"resourceType": "Parameters", "parameter": "x"},
     {"resourceType": "Parameters", "parameter": [None]}],
)  # fmt: skip
def test_what_is_no_patch_is_refused(patch: Any) -> None:
    """A patch is a Parameters resource of operations."""
    assert fhirpath_patch(PATIENT, patch).value is None


def test_an_empty_patch_changes_nothing() -> None:
    """No operation, no difference."""
    assert patched() == PATIENT


def test_patches_that_cost_are_refused() -> None:
    """Many operations, long paths and paths that take many steps end with an Issue."""
    many = [operation(type="delete", path="Patient.photo")] * 10_001
    assert fhirpath_patch(PATIENT, parameters(*many)).issues[0].code == "too-costly"
    long = [operation(type="delete", path="Patient.photo | " * 3000 + "Patient.photo")] * 5
    assert fhirpath_patch(PATIENT, parameters(*long)).issues[0].code == "too-costly"
    steps = operation(type="delete", path="1.repeat($this + 1)")
    assert fhirpath_patch(PATIENT, parameters(steps)).issues[0].code == "too-costly"


def test_a_resource_is_added_to_a_bundle() -> None:
    """Parts may bring whole resources."""
    entry = [
        {"name": "fullUrl", "valueUri": "urn:uuid:1"},
        {"name": "resource", "resource": {"resourceType": "Patient", "id": "a"}},
    ]
    found = patched(add("Bundle", "entry", part=entry), document={"resourceType": "Bundle", "type": "collection"})
    assert found["entry"] == [{"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Patient", "id": "a"}}]
