"""Variables, ports and references."""

from typing import Any

import pytest

from unsilo.fhir.path import Context, PathError, by_type, compile_path

PATIENT: dict[str, Any] = {"resourceType": "Patient", "id": "p", "contact": [{"gender": "male"}]}


def test_variables_are_nodes_values_or_lists() -> None:
    """What the caller gives is found by its name; None is empty."""
    context = Context(variables={"a": 1, "b": PATIENT, "c": ["x", "y"], "d e": "f", "none": None})
    assert compile_path("%a + 1")({}, context) == [2]
    assert compile_path("%b.contact.gender")({}, context) == ["male"]
    assert compile_path("%c.count()")({}, context) == [2]
    assert compile_path("%`d e` & %'d e'")({}, context) == ["ff"]
    assert compile_path("%none.empty()")({}, context) == [True]


def test_resource_and_root_are_the_surroundings() -> None:
    """An element is judged in its resource, a contained resource in its container."""
    inner = {"resourceType": "Organization", "id": "o"}
    outer = {"resourceType": "Patient", "id": "p", "contained": [inner]}
    context = Context(resource=inner, root=outer)
    path = compile_path("%resource.id | %rootResource.id | %context.gender")
    assert path({"gender": "x"}, context, "Patient.contact") == ["o", "p", "x"]
    assert compile_path("reference.resolve().id")({"reference": "#o"}, context, "Reference") == ["o"]


def test_references_are_found_in_the_bundle() -> None:
    """By full URL or by type and id; what is not there is left out."""
    bundle = {
        "resourceType": "Bundle",
        "entry": [
            {"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Patient", "id": "a"}},
            {"fullUrl": "http://x/Patient/b", "resource": {"resourceType": "Patient", "id": "b"}},
            "junk",
        ],
    }
    refs = [
        {"reference": r} for r in ("urn:uuid:1", "Patient/b", "http://x/Patient/b", "http://y/Patient/b", "Patient/c")
    ]
    path = compile_path("%refs.reference.resolve().id")
    assert path(bundle, Context(variables={"refs": [refs]})) == []
    each = compile_path("subject.resolve().id")
    found = [each({"subject": r}, Context(root=bundle), "Observation") for r in refs]
    assert found == [["a"], ["b"], ["b"], [], []]


def test_the_resolve_port_is_asked_last() -> None:
    """`by_type` answers the type a literal reference names, which is all that search expressions ask."""
    path = compile_path("subject.where(resolve() is Patient).reference")
    node = {"resourceType": "Observation", "subject": {"reference": "http://x/fhir/Patient/1/_history/2"}}
    assert path(node, Context(resolve=by_type)) == ["http://x/fhir/Patient/1/_history/2"]
    assert path(node) == []
    for other in ("urn:uuid:x", "Group/1", "Nothing/1", "Patient", "Patient/" + "a" * 65, "", "#"):
        assert path({"resourceType": "Observation", "subject": {"reference": other}}, Context(resolve=by_type)) == []


def test_terminology_and_profiles_come_by_ports() -> None:
    """Without a port the answer is empty or by type; with one it is the port's."""
    coding = {"system": "s", "code": "c"}
    asked: list[Any] = []

    def member_of(node: Any, url: str) -> bool | None:
        asked.append((node, url))
        return url == "http://vs"

    context = Context(
        member_of=member_of,
        subsumes=lambda one, other: one["code"] < other["code"],
        conforms_to=lambda _, url: url == "http://profile" or None,
        slices=lambda *asked: asked[2] == "s",
    )
    assert compile_path("memberOf('http://vs')")(coding, context, "Coding") == [True]
    assert compile_path("memberOf('http://vs')")(coding, kind="Coding") == []
    assert asked == [(coding, "http://vs")]
    assert compile_path("subsumes(%o)")(coding, Context(variables={"o": coding})) == [True]
    other = Context(subsumes=context.subsumes, variables={"o": {"system": "s", "code": "d"}})
    assert compile_path("subsumes(%o)")(coding, other) == [True]
    assert compile_path("subsumedBy(%o)")(coding, other) == [False]
    assert compile_path("conformsTo('http://profile')")(PATIENT, context) == [True]
    assert compile_path("contact.slice('http://p', 's').count()")(PATIENT, context) == [1]
    with pytest.raises(PathError):
        compile_path("conformsTo('http://other')")(PATIENT, context)


def test_trace_tells_and_passes_on() -> None:
    """The values go to the port under the name; the result is the input."""
    told: list[Any] = []
    context = Context(trace=lambda name, values: told.append((name, values)))
    assert compile_path("contact.trace('c', gender).gender.trace('g')")(PATIENT, context) == ["male"]
    assert told == [("c", ["male"]), ("g", ["male"])]


def test_a_node_is_given_with_its_type() -> None:
    """Elements are evaluated as their type says; a primitive may bring its extensions."""
    assert compile_path("start <= end")({"start": "2012", "end": "2013"}, kind="Period") == [True]
    assert compile_path("$this < @2013")("2012", kind="date") == [True]
    assert compile_path("extension.url")("2012", kind="date", extensions={"extension": [{"url": "u"}]}) == ["u"]
    assert compile_path("hasValue() or (children().count() > id.count())").truth(None, kind="string") is False
    assert compile_path("gender").truth({"gender": "x"}, kind="Patient.contact") is True
    assert compile_path("nothing").truth({}) is None


@pytest.mark.parametrize(
    ("markup", "safe"),
    [
        ('<div xmlns="http://www.w3.org/1999/xhtml"><p class="a">x</p></div>', True),
        ('<div xmlns="http://www.w3.org/1999/xhtml"><script>x</script></div>', False),
        ('<div xmlns="http://www.w3.org/1999/xhtml"><p onclick="x()">x</p></div>', False),
        ('<div xmlns="http://www.w3.org/1999/xhtml"><a href="javascript:x()">x</a></div>', False),
        ('<div xmlns="http://www.w3.org/1999/xhtml"> </div>', False),
        ("<div>x</div>", False),
        ("<div", False),
        ('<!DOCTYPE div [<!ENTITY e "x">]><div xmlns="http://www.w3.org/1999/xhtml">&e;</div>', False),
    ],
)
def test_narratives_are_checked(markup: str, safe: bool) -> None:
    """Only elements and attributes that FHIR allows, and something to read."""
    assert compile_path("text.div.htmlChecks()")({"resourceType": "Patient", "text": {"div": markup}}) == [safe]
