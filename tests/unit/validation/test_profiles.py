"""Profiles: slicing, patterns, prohibited elements, extensions with context and binding, unknown profiles."""

import copy

import pytest
import validation_subjects as subjects

from unsilo.spec import definitions as core
from unsilo.validation import Options
from unsilo.validation.library import Library
from unsilo.validation.validator import Validator

PRESSURE, COLOUR = subjects.RANGE + "pressure", subjects.RANGE + "colour"


@pytest.fixture(scope="module")
def val():
    """A validator with the two profiles of our own."""
    pressure = subjects.pressure_profile(core.structure("Observation"))
    colour = subjects.colour_extension(core.structure("Extension"))
    return Validator(
        Library(subjects.Own(pressure, colour, subjects.COLOURS), core), ("Observation", "Patient", "Organization")
    )


def _errors(val, resource, *profiles):
    found = val.validate(resource, Options(profiles=profiles))
    return {(i.where.path, i.rule) for i in found if i.severity == "error"}


def test_what_meets_the_profile_passes(val):
    """Both components in order, the category as the pattern says."""
    assert _errors(val, subjects.observation(), PRESSURE) == set()


@pytest.mark.parametrize(
    ("breaks", "place", "rule"),
    [
        (lambda o: o["component"].pop(1), "Observation", "slice.min"),
        (lambda o: o["component"].reverse(), "Observation.component[1]", "slice.order"),
        (lambda o: o["component"].append(copy.deepcopy(o["component"][0])), "Observation", "slice.max"),
        (lambda o: o["component"][0]["code"]["coding"][0].update(code="1"), "Observation.component[0]", "slice.closed"),
        (lambda o: o["category"][0]["coding"][0].update(code="exam"), "Observation.category[0]", "value.pattern"),
        (lambda o: o.pop("category"), "Observation", "cardinality.min"),
        (lambda o: o.update(note=[{"text": "x"}]), "Observation", "cardinality.max"),
        (lambda o: (o["component"][0].pop("valueQuantity"), o["component"][0].update(valueString="high")),
         "Observation.component[0]", "structure.unknown"),
    ],
)  # fmt: skip
def test_what_breaks_the_profile_is_found(val, breaks, place, rule):
    """Each part of the profile, broken alone, is found at its place; the base definition has nothing against it."""
    broken = subjects.observation()
    breaks(broken)
    assert (place, rule) in _errors(val, broken, PRESSURE)
    assert not {r for _, r in _errors(val, broken)} & {rule}


def test_an_extension_is_checked_by_its_definition(val):
    """Value, binding and place of an extension that is known."""
    person = subjects.patient()
    person["extension"] = [{"url": COLOUR, "valueCode": "red"}]
    assert _errors(val, person) == set()
    person["extension"] = [{"url": COLOUR, "valueCode": "green"}]
    assert ("Patient.extension[0].value.ofType(code)", "binding.required") in _errors(val, person)
    person["extension"] = [{"url": COLOUR}]
    assert ("Patient.extension[0]", "cardinality.min") in _errors(val, person)
    person["extension"] = []
    del person["extension"]
    person["name"][0]["extension"] = [{"url": COLOUR, "valueCode": "red"}]
    assert ("Patient.name[0].extension[0]", "extension.context") in _errors(val, person)


def test_a_profile_that_is_not_here_is_said(val):
    """A claimed one is a warning, one that was asked for an error: nothing passes in silence."""
    person = subjects.patient()
    person["meta"]["profile"] = ["http://example.org/none"]
    assert [i.severity for i in val.validate(person) if i.rule == "profile.unknown"] == ["warning"]
    assert ("Patient", "profile.unknown") in _errors(val, subjects.patient(), "http://example.org/none")


def test_a_profile_of_another_type_is_refused(val):
    """A Patient cannot meet a profile of Observation."""
    assert ("Patient", "profile.type") in _errors(val, subjects.patient(), PRESSURE)
