"""A store's own search parameters: what compiles, what is refused and where it is said."""

from typing import Any

import pytest

from unsilo.fhir.index import compile_parameter, index
from unsilo.kernel import hash64

RACE = "http://hl7.org/fhir/us/core/StructureDefinition/us-core-race"


def definition(**more: Any) -> dict[str, Any]:
    """A SearchParameter as US Core has it, changed in parts."""
    return {
        "resourceType": "SearchParameter", "url": "http://x/race", "name": "Race", "status": "active", "code": "race",
        "base": ["Patient"], "type": "token",
        "expression": f"Patient.extension('{RACE}').extension('ombCategory').value.ofType(Coding)", **more,
    }  # fmt: skip


PATIENT = {
    "resourceType": "Patient", "gender": "other", "birthDate": "2000-01-01",
    "extension": [{"url": RACE, "extension": [{"url": "ombCategory", "valueCoding": {"system": "s", "code": "2106-3"}},
                                              {"url": "text", "valueString": "White"}]}],
}  # fmt: skip


def test_a_parameter_on_a_nested_extension() -> None:
    """Its keys come with the others of the resource, under the number that the store gave."""
    made = compile_parameter(definition(), "Patient", 100_007)
    assert made.value is not None
    assert made.value.parameter.code == "race"
    rows = index(PATIENT, {"Patient": [made.value]})
    assert [row for row in rows.tok if row[0] == 100_007] == [(100_007, hash64("2106-3"), "s")]
    assert [row for row in index(PATIENT).tok if row[0] == 100_007] == []


def test_only_its_own_alternatives_count() -> None:
    """A definition for several types is compiled for each with what is said of it."""
    many = definition(base=["Patient", "Person"], type="date", code="born",
                      expression="Patient.birthDate | Person.birthDate")  # fmt: skip
    made = compile_parameter(many, "Patient", 100_000)
    assert made.value is not None
    assert made.value.parameter.expression == "Patient.birthDate"
    assert [row[0] for row in index(PATIENT, {"Patient": [made.value]}).dat].count(100_000) == 1


@pytest.mark.parametrize(
    ("kind", "expression", "table", "found"),
    [("token", "Patient.gender.upper()", "tok", [(hash64("other"), "")]),
     ("token", "Patient.name.exists()", "tok", [(hash64("false"), "")]),
     ("token", "Patient.extension.extension.where(url = 'text' or url = 'x').value", "tok", [(hash64("white"), "")]),
     ("date", "iif(Patient.gender = 'other', Patient.birthDate, {})", "dat", [(946684800000000, 946771200000000)]),
     ("number", "Patient.extension.count()", "num", [(1.0, 1.0)]),
     ("string", "Patient.birthDate.toString().substring(0, 4)", "str", [("2000", hash64("2000"))]),
     ("token", "Patient.birthDate + 'x'", "tok", [])],
)  # fmt: skip
def test_any_fhirpath(kind: str, expression: str, table: str, found: list[tuple[Any, ...]]) -> None:
    """What is no plain path is run as FHIRPath; data that do not fit it have no keys."""
    made = compile_parameter(definition(type=kind, expression=expression), "Patient", 100_000)
    assert made.value is not None, made.issues
    rows = index(PATIENT, {"Patient": [made.value]})
    assert [row[1:] for row in getattr(rows, table) if row[0] == 100_000] == found


def test_a_composite() -> None:
    """Its parts are parameters that are known, of the standard or of the store."""
    standard = "http://hl7.org/fhir/SearchParameter/individual-"
    parts = [{"definition": f"{standard}gender", "expression": "gender"},
             {"definition": f"{standard}birthdate", "expression": "birthDate"}]  # fmt: skip
    made = compile_parameter(definition(type="composite", expression="Patient", component=parts), "Patient", 100_001)
    assert made.value is not None
    found = [row for row in index(PATIENT, {"Patient": [made.value]}).cmp if row[0] == 100_001]
    assert [row[1] for row in found] == [hash64("other")]
    bad = definition(type="composite", expression="Patient", component=[{"definition": "http://no"}] * 2)
    refused = compile_parameter(bad, "Patient", 100_001)
    assert [issue.where.path for issue in refused.issues] == ["component[0].definition"]


@pytest.mark.parametrize(
    ("change", "place"),
    [({"type": "special"}, "type"), ({"type": None}, "type"), ({"type": ["token"]}, "type"),
     ({"code": "a b"}, "code"), ({"code": "x" * 65}, "code"), ({"code": "x\n"}, "code"), ({"code": 1}, "code"),
     ({"expression": ""}, "expression"), ({"expression": {}}, "expression"), ({"expression": "x" * 9000}, "expression"),
     ({"expression": "Patient.nothing"}, "expression"), ({"expression": "Observation.code"}, "expression"),
     ({"expression": "Patient.gender.("}, "expression"), ({"expression": "Patient.photo"}, "expression"),
     ({"base": ["Observation"]}, "base"), ({"base": "Patient"}, "base"), ({"base": [None]}, "base"),
     ({"type": "composite"}, "component"), ({"expression": "(" * 5000 + "Patient" + ")" * 2}, "expression")],
)  # fmt: skip
def test_what_cannot_be_indexed_is_refused(change: dict[str, Any], place: str) -> None:
    """Each refusal names the element of the definition; nothing raises."""
    made = compile_parameter(definition(**change), "Patient", 100_000)
    assert made.value is None
    assert [issue.where.path for issue in made.issues] == [place]


def test_quotation_marks_stay_data() -> None:
    """Text of a definition goes into the compiled function as a literal, never as code."""
    url = 'x\\"+__import__("os").abort()+"'
    made = compile_parameter(definition(expression=f"Patient.extension('{url}').value"), "Patient", 100_000)
    assert made.value is None or index(PATIENT, {"Patient": [made.value]})
    ok = compile_parameter(definition(expression="Patient.extension('a\"]\n)').value", type="string"), "Patient", 1)
    assert ok.value is not None
    assert index({**PATIENT, "extension": [{"url": 'a"]\n)', "valueString": "v"}]}, {"Patient": [ok.value]}).str


@pytest.mark.parametrize(
    "expression",
    ["Patient.extension.where(url='urn:.valueCode').valueDateTime", "Patient.deceasedDateTime | Patient.birthDate",
     "Patient.extension('urn:.valueCode').valueDateTime"],
)  # fmt: skip
def test_the_name_of_a_choice_in_json(expression: str) -> None:
    """Published guides write `valueDateTime` where FHIRPath has `value.ofType(dateTime)`; texts stay as they are."""
    made = compile_parameter(definition(type="date", expression=expression), "Patient", 100_000)
    assert made.value is not None, made.issues
    extension = {"url": "urn:.valueCode", "valueDateTime": "2020-02-03"}
    one = {"resourceType": "Patient", "id": "a", "deceasedDateTime": "2020-02-03", "extension": [extension]}
    assert len([row for row in index(one, {"Patient": [made.value]}).dat if row[0] == 100_000]) == 1
