"""Search expressions are cut and rewritten without touching what is quoted or nested."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unsilo.spec.expression import alternatives, restrict, without_as

TYPES = frozenset({"Patient", "Person", "Observation", "Resource", "DomainResource"})


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("Patient.a | Person.b", ["Patient.a", "Person.b"]),
        ("Patient.a.where(x | y) | Patient.c", ["Patient.a.where(x | y)", "Patient.c"]),
        ("Patient.a.where(x='|') |", ["Patient.a.where(x='|')"]),
        (r"Patient.a.where(x='\'|')", [r"Patient.a.where(x='\'|')"]),
        ("", []),
        (" | | ", []),
    ],
)
def test_a_union_is_cut_at_its_outermost_bars(expression: str, expected: list[str]) -> None:
    """Bars in calls and texts do not cut."""
    assert alternatives(expression) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("(Observation.value as Quantity)", "Observation.value.ofType(Quantity)"),
        ("Observation.value as Quantity", "Observation.value.ofType(Quantity)"),
        ("(Observation.value as CodeableConcept).text", "Observation.value.ofType(CodeableConcept).text"),
        ("Observation.value.as(Quantity)", "Observation.value.ofType(Quantity)"),
        ("value.as(Quantity) | value.as(Range)", "value.ofType(Quantity) | value.ofType(Range)"),
        ("(Patient.a.where(b = ' as c') as code)", "Patient.a.where(b = ' as c').ofType(code)"),
        ("Patient.a.where(b = ' as c')", "Patient.a.where(b = ' as c')"),
        ("(Patient.a | Patient.b)", "(Patient.a | Patient.b)"),
        ("(Patient.a", "(Patient.a"),
    ],
)
def test_casts_become_filters(expression: str, expected: str) -> None:
    """All three writings of a cast are one; what is no cast stays."""
    assert without_as(expression) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("Patient.a | Person.a", "Patient.a"),
        ("(Person.a as code) | (Patient.a as code)", "Patient.a.ofType(code)"),
        ("Resource.meta.tag", "Patient.meta.tag"),
        ("DomainResource.text", "Patient.text"),
        ("name.family", "name.family"),
        ("Person.a", ""),
        ("PatientX.a | Patient.b", "PatientX.a | Patient.b"),
    ],
)
def test_other_types_are_left_out(expression: str, expected: str) -> None:
    """Only alternatives that begin at the type, a base type or an element stay."""
    assert restrict(expression, "Patient", TYPES) == expected


@given(st.text(alphabet="Patient.as()|' \\`\"[]{}x", max_size=60))
def test_any_text_is_answered(expression: str) -> None:
    """Garbage gives text, never an exception, and rewriting twice changes nothing more."""
    once = restrict(expression, "Patient", TYPES)
    assert isinstance(once, str)
