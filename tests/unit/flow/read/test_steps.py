"""What was done with a fact, step by step, in words."""

from datetime import UTC

import pytest

from unsilo.flow.read.fact import Fact
from unsilo.flow.read.steps import steps
from unsilo.kernel import Json, json
from unsilo.storage import Stored

AMB = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB", "display": "ambulatory"}


@pytest.mark.parametrize(
    ("resource", "said"),
    [
        ({"resourceType": "Encounter", "class": AMB}, "HL7 v3 ActCode AMB “ambulatory”."),
        (
            {"resourceType": "Encounter", "class": AMB, "type": [{"coding": [{"system": "urn:a", "code": "7"}]}]},
            "urn:a 7.",
        ),
        ({"resourceType": "Condition", "code": {"text": "gout"}}, "No code was sent; the words stand as they came."),
        ({"resourceType": "Encounter", "class": "AMB"}, "No code was sent; the words stand as they came."),
    ],
)
def test_the_codes_of_a_fact_are_named(resource: Json, said: str) -> None:
    """The class of an Encounter counts where it has no type; of words without a code that is said."""
    kind = resource["resourceType"]
    fact = Fact(kind, "a", 1, 0, "lab", resource)
    stored = Stored(1, kind, "a", 1, 0, 0, 0, 0, 0, b"", json.encode(resource))
    (step,) = [each for each in steps(fact, stored, [], [], [], {}, UTC) if each.title == "Code"]
    assert step.words == said
