"""The invariants in a direct form say what the FHIRPath engine says of the same expression."""

import copy
import itertools

import pytest
from validation_subjects import Own

from unsilo.fhir.path import Context, compile_path
from unsilo.spec import definitions as core
from unsilo.validation.invariants import DIRECT, prepare
from unsilo.validation.library import Library
from unsilo.validation.node import Rule
from unsilo.validation.run import Options, Run
from unsilo.validation.validator import Validator

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


VITALS = "http://hl7.org/fhir/StructureDefinition/vitalsigns"


def _with_rule(expression):
    """Return what a profile of one rule finds wrong with a Patient."""
    profile = copy.deepcopy(core.structure("Patient"))
    profile.update(url="http://example.org/own", name="Own", derivation="constraint")
    profile["snapshot"]["element"][0].setdefault("constraint", []).append(
        {"key": "own-1", "severity": "error", "human": "own", "expression": expression}
    )
    val = Validator(Library(Own(profile), core), ("Patient",))
    person = {"resourceType": "Patient", "gender": "male", "maritalStatus": {"coding": [{"system": "x", "code": "y"}]}}
    found = val.validate(person, Options(profiles=("http://example.org/own",)))
    return [issue.rule for issue in found if issue.severity == "error"]


@pytest.mark.parametrize(
    ("expression", "broken"),
    [
        ("gender.memberOf('http://hl7.org/fhir/ValueSet/administrative-gender')", False),
        ("gender.memberOf('http://hl7.org/fhir/ValueSet/name-use')", True),
        ("maritalStatus.memberOf('http://example.org/unknown')", False),  # nobody can say: no error
        ("maritalStatus.memberOf('http://example.org/unknown') or gender = 'female'", False),
        ("conformsTo('http://hl7.org/fhir/StructureDefinition/Patient')", False),
        ("conformsTo('http://hl7.org/fhir/StructureDefinition/Observation')", True),
        ("conformsTo('http://hl7.org/fhir/StructureDefinition/DomainResource')", False),
        ("conformsTo('http://example.org/own')", False),  # a profile that asks for itself
        ("conformsTo('http://example.org/none')", False),
    ],
)
def test_rules_may_ask_for_value_sets_and_profiles(expression, broken):
    """`memberOf` and `conformsTo` are answered from the definitions; what they do not know breaks no rule."""
    assert _with_rule(expression) == (["own-1"] if broken else [])


def test_a_period_of_a_vital_sign_needs_no_day():
    """vs-1 speaks of a dateTime alone."""
    node = {"start": "2016"}
    said = next(e for e in core.structure(VITALS)["snapshot"]["element"] if e["id"] == "Observation.effective[x]")
    rule = next(c for c in said["constraint"] if c["key"] == "vs-1")
    [(_, holds)] = prepare((Rule("vs-1", "error", rule["human"], rule["expression"]),))
    run = Run({"resourceType": "Observation"}, Options())
    assert holds(node, "Period", run)
    assert not holds("2016", "dateTime", run)
    assert holds("2016-01-02", "dateTime", run)


def test_an_answer_to_a_batch_needs_no_full_url():
    """bdl-8 speaks of a fullUrl that is there."""
    answer = {"resourceType": "Bundle", "type": "batch-response", "entry": [{"response": {"status": "201 Created"}}]}
    val = Validator(core, ("Bundle",))
    assert [issue.rule for issue in val.validate(answer) if issue.severity == "error"] == []
    answer["entry"][0]["fullUrl"] = "http://example.org/Patient/1/_history/1"
    assert [issue.rule for issue in val.validate(answer) if issue.severity == "error"] == ["bdl-8"]


def test_profiles_that_ask_for_one_another_end():
    """Many rules of many profiles, each asking for all: every pair of profile and node is tried once."""
    names = [f"http://example.org/p{n}" for n in range(8)]
    made = []
    for name in names:
        profile = copy.deepcopy(core.structure("Patient"))
        profile.update(url=name, derivation="constraint")
        rules = [
            {"key": f"own-{n}", "severity": "error", "human": "h", "expression": f"conformsTo('{each}') or {n} < 0"}
            for n, each in enumerate(names)
        ]
        profile["snapshot"]["element"][0].setdefault("constraint", []).extend(rules)
        made.append(profile)
    val = Validator(Library(Own(*made), core), ("Patient",))
    calls = []
    meets = val.meets
    val.meets = lambda *said: (calls.append(said[0]), meets(*said))[1]
    val.validate({"resourceType": "Patient", "active": True}, Options(profiles=(names[0],)))
    assert len(calls) <= len(names)
