"""Every parameter of every type compiles; no shape of input raises."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unsilo.fhir.index import NOT_INDEXED, IndexRows, index, indexed
from unsilo.fhir.index.compiled import extractor
from unsilo.fhir.index.composites import PAIRS
from unsilo.fhir.index.paths import branches, inner, presence
from unsilo.fhir.index.trie import grow
from unsilo.spec.model import types
from unsilo.spec.parameters import all_parameters, parameters

UNREADABLE = {("Bundle", "composition"), ("Bundle", "message")}
"""They lead to resources inside a Bundle, which are no resources of a server."""


def test_every_parameter_with_an_expression_is_indexed() -> None:
    """Of all types' parameters only two cannot be; the store answers two more by itself."""
    left, count = set(), 0
    for kind in sorted(types.resources):
        wanted = indexed(kind)
        count += len(wanted)
        left |= {(one.type, one.code) for one in grow(wanted, kind)[1]}
    assert left == UNREADABLE
    own = [p for p in all_parameters() if p.expression and p.type in types.resources]
    assert count == len(own) - len(NOT_INDEXED) * len(types.resources)


def test_every_type_has_a_function() -> None:
    """An empty resource of any type, and one of no type, give rows without keys (but for `deceased`)."""
    for kind in sorted(types.resources):
        rows = index({"resourceType": kind})
        assert rows == IndexRows() or kind == "Patient"
    assert index({"resourceType": "Nonsense", "id": "1"}) == IndexRows()
    assert index({"resourceType": ["Patient"]}) == IndexRows()
    assert index({}) == IndexRows()


@pytest.mark.parametrize(
    ("kind", "expression", "ends"),
    [("Patient", "Patient.name.given", [("name given", "string")]),
     ("Observation", "(Observation.value as Quantity)", None),
     ("Observation", "Observation.value.ofType(Quantity)", [("valueQuantity", "Quantity")]),
     ("Observation", "Observation.value.ofType(DateTime)", [("valueDateTime", "dateTime")]),
     ("Patient", "Patient.telecom.where(system = 'phone')", [("telecom system", "ContactPoint")]),
     ("InsurancePlan", "name | alias", [("name", "string"), ("alias", "string")]),
     ("Patient", "Patient.nothing", None), ("Patient", "Patient.name.first()", None), ("Patient", "", None),
     ("Patient", "Patient.name[0]", None), ("Patient", "Patient..name", None), ("Patient", "Patient.", None),
     ("Patient", "Patient.name where", None), ("Patient", "Patient.name.where(use='a' or use='b')", None)],
)  # fmt: skip
def test_paths(kind: str, expression: str, ends: list[tuple[str, str]] | None) -> None:
    """What is a path becomes steps; anything else is left to others."""
    found = branches(expression, kind)
    assert ends == (found and [(" ".join(s.name for s in b.steps), b.type) for b in found])


def test_choices_and_extensions_spread() -> None:
    """A choice that is not narrowed leads to each of its types; so does an extension's value."""
    found = branches("AllergyIntolerance.onset", "AllergyIntolerance")
    assert found is not None
    assert {b.type for b in found} == {"dateTime", "Age", "Period", "Range", "string"}
    (extension,) = branches("Patient.extension('u')", "Patient") or []
    assert {"string", "Coding", "Reference"} < {b.type for b in inner(extension)}
    assert presence("Patient.deceased.exists() and Patient.deceased != false", "Patient") == (
        "deceasedBoolean", "deceasedDateTime",
    )  # fmt: skip
    assert presence("Patient.name.exists() and Patient.name != false", "Patient") is None


def test_a_type_is_never_code() -> None:
    """A `resourceType` made to break out of generated source gives no keys and is not kept."""
    before = extractor.cache_info().currsize
    for kind in ("Patient\n    raise SystemExit", "Patient\n", "'", "Resource", "Patient ", "x" * 10**6):
        assert index({"resourceType": kind, "id": "1", "active": True}) == IndexRows()
    assert extractor.cache_info().currsize == before
    with pytest.raises(ValueError, match="Patient"):
        extractor("Patient\n    raise SystemExit")


_scalar = st.none() | st.booleans() | st.integers() | st.decimals() | st.floats() | st.text(max_size=12)
_NAMES = sorted({
    step.name for p in all_parameters() if p.type in ("Patient", "Observation", "Location", "DocumentReference")
    for b in branches(p.expression, p.type) or () for step in b.steps
} | {"coding", "code", "system", "value", "unit", "reference", "identifier", "type", "low", "high", "start", "event",
     "family", "currency", "comparator", "repeat", "boundsPeriod", "text", "display", "url", "extension"})  # fmt: skip
_any = st.recursive(
    _scalar,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_NAMES), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["Patient", "Observation", "Location", "DocumentReference", "Nonsense"]),
       st.dictionaries(st.sampled_from(_NAMES), _any, max_size=6))  # fmt: skip
def test_wrong_shapes_never_raise(kind: str, parts: dict[str, Any]) -> None:
    """Any JSON in any element gives keys of the right types, or none."""
    rows = index({**parts, "resourceType": kind})
    for number, key, system in rows.tok:
        assert type(number) is int
        assert type(key) is int
        assert type(system) is str
    for _, low, high in rows.num:
        assert low <= high or low != low


def test_hostile_sizes_are_bounded() -> None:
    """Codings times units stay within bounds; long texts are cut; a lone surrogate can be written."""
    many = [{"code": str(n)} for n in range(5000)]
    rows = index({"resourceType": "Observation", "code": {"coding": many}, "valueQuantity": {"value": 1}})
    assert len(rows.cmp) <= 2 * PAIRS
    rows = index({"resourceType": "Patient", "name": [{"family": "x" * 10_000_000, "given": ["\ud800\0"]}],
                  "managingOrganization": {"reference": "O/" + "y" * 1_000_000},
                  "meta": {"source": "z" * 1_000_000}})  # fmt: skip
    assert max(len(text) for _, text, _ in rows.str) == 400
    assert max(len(text) for _, text in rows.ref) == 400
    assert max(len(text) for _, text in rows.uri) == 400
    json.dumps([text for _, text, _ in rows.str]).encode()
    assert all(text.encode() for _, text, _ in rows.str)


def test_all_types_are_known() -> None:
    """Each concrete type of the model has parameters, those of every resource at least."""
    assert len(types.resources) == 146
    assert all(len(parameters(kind)) > 5 for kind in types.resources)
