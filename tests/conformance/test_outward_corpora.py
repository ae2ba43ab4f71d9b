"""FHIR to C-CDA and to HL7 v2 and back again, over persons of Synthea and the examples of US Core."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance.loading import corpus
from tests.conformance.outward_facts import kept
from unsilo.formats import ccda, hl7v2
from unsilo.kernel import json, seal
from unsilo.mapping import Site, load
from unsilo.mapping.outward import faults, gather, to_ccda, to_hl7v2

pytestmark = pytest.mark.corpora
AT = 1_763_700_000_000_000
PERSONS = 4
LEAST = 0.99
MESSAGES = frozenset({"AllergyIntolerance", "Condition", "Immunization", "Observation"})
"""What the messages carry: results, vaccinations, allergies and diagnoses."""


def bundles() -> Iterator[dict[str, Any]]:
    for path in sorted(corpus("synthea-r4").rglob("*.json"))[:PERSONS]:
        yield json.decode(path.read_bytes())
    examples = sorted(corpus("us-core-examples").rglob("*.json"))
    yield {"resourceType": "Bundle", "entry": [{"resource": json.decode(path.read_bytes())} for path in examples]}


def back(content: bytes, fmt: str) -> list[dict[str, Any]]:
    parsed: Any = ccda.parse(content) if fmt == "ccda" else hl7v2.parse(content)
    assert parsed.value is not None
    mapped = load(fmt, Site(feed="back")).run(parsed.value, seal("back", fmt, content, AT))
    return [entry.resource for entry in mapped.entries]


@pytest.mark.parametrize("fmt", ["ccda", "hl7v2"])
def test_coded_facts_return(fmt: str) -> None:
    """At least .99 with date and value; each document keeps the rules."""
    good, missing = [], []
    for bundle in bundles():
        for record in gather(bundle):
            if fmt == "ccda":
                made = to_ccda(record, AT)
                tree = ccda.parse(made.contents[0]).value
                assert tree is not None
                assert faults(tree) == []
            else:
                made = to_hl7v2(record, AT)
            before = [one for one in record.resources if fmt == "ccda" or one["resourceType"] in MESSAGES]
            found, lost = kept(before, [one for content in made.contents for one in back(content, fmt)])
            good += found
            missing += lost
    share = len(good) / (len(good) + len(missing))
    print(f"{fmt}: {share:.4f} of {len(good) + len(missing)} coded facts return")
    assert share >= LEAST, missing[:10]
