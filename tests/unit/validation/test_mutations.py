"""Every named way of breaking a valid resource is found, at its place; the valid ones are left alone."""

import copy

import pytest
import validation_subjects as subjects
from validation_mutations import MUTATIONS, Mutation

from unsilo.validation.library import validator


@pytest.mark.parametrize("make", [subjects.patient, subjects.observation, subjects.media, subjects.document])
def test_what_is_valid_is_left_alone(make):
    """The resources that the mutations break have no error before."""
    found = [i for i in validator().validate(make()) if i.severity in ("error", "fatal")]
    assert found == []


@pytest.mark.parametrize("mutation", MUTATIONS, ids=[each.name for each in MUTATIONS])
def test_each_mutation_is_found_at_its_place(mutation: Mutation):
    """An error is said at the path that the mutation names."""
    resource = copy.deepcopy(mutation.subject())
    mutation.breaks(resource)
    found = {i.where.path for i in validator().validate(resource) if i.severity == "error"}
    assert found == set() if not mutation.path else mutation.path in found
