"""The invariants in a direct form say what the FHIRPath engine says of the same expression."""

import itertools

import pytest

from unsilo.fhir.path import Context, compile_path
from unsilo.validation.invariants import DIRECT
from unsilo.validation.run import Options, Run

EXTENSION = "extension.exists() != value.exists()"
USED = next(each for each in DIRECT if each.startswith("contained.where"))
REFERENCE = next(each for each in DIRECT if each.startswith("reference.starts"))


@pytest.mark.parametrize(
    "parts", list(itertools.product([None, "a"], [None, [{"url": "http://x/y", "valueCode": "b"}]]))
)
def test_extensions(parts):
    """A value or extensions, not both and not neither."""
    value, nested = parts
    node = {"url": "http://x", **({"valueString": value} if value else {}), **({"extension": nested} if nested else {})}
    run = Run({"resourceType": "Patient", "extension": [node]}, Options())
    wanted = compile_path(EXTENSION).truth(node, Context(), kind="Extension")
    assert DIRECT[EXTENSION](node, "Extension", run) is bool(wanted)


@pytest.mark.parametrize("reference", ["#a", "#b", "Patient/1", "http://x/y", None])
def test_references_to_contained_resources(reference):
    """`#id` must be there."""
    node = {"display": "x", **({"reference": reference} if reference else {})}
    root = {"resourceType": "Observation", "contained": [{"resourceType": "Patient", "id": "a"}], "subject": node}
    wanted = compile_path(REFERENCE).truth(node, Context(resource=root, root=root), kind="Reference")
    assert DIRECT[REFERENCE](node, "Reference", Run(root, Options())) is (wanted is not False)


@pytest.mark.parametrize(
    ("resource", "holds"),
    [
        ({"subject": {"reference": "#a"}}, True),
        ({"subject": {"reference": "#b"}}, False),
        ({"subject": {"reference": "Patient/a"}}, False),
        ({"text": {"div": '<div xmlns="http://www.w3.org/1999/xhtml"><img src="#a" alt="x"/></div>'}}, True),
        ({"contained": [{"resourceType": "Provenance", "id": "a", "target": [{"reference": "#"}]}]}, True),
    ],
)
def test_contained_resources_are_used(resource, holds):
    """A contained resource is referred to (the narrative counts), or refers to its container."""
    root = {"resourceType": "Observation", "contained": [{"resourceType": "Patient", "id": "a"}], **resource}
    assert DIRECT[USED](root, "Observation", Run(root, Options())) is holds
