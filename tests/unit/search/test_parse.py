"""What a whole search request says: names, chains, controls, and everything hostile."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.search.test_values import VOCABULARY, ask, one, refused, sp
from unsilo.fhir.index import token_hash
from unsilo.policy import Predicate
from unsilo.search import Bounds, Vocabulary, parse, plan, supported
from unsilo.search.joined import single
from unsilo.spec import r4
from unsilo.spec.parameters import FIRST_CUSTOM, SearchParameter, parameter
from unsilo.storage import plan as p


def number(kind: str) -> int:
    return r4.type_number(kind)


def test_chains() -> None:
    """By type, by every type that the reference allows, several steps, and through `_has`."""
    gender = p.Token(sp("Patient", "gender"), token_hash("male"), None)
    chain = one("Observation", "subject:Patient.gender", "male")
    assert chain == p.Chain(sp("Observation", "subject"), (number("Patient"),), gender, True)
    every = one("Observation", "subject.identifier", "1")
    assert isinstance(every, p.Any)
    kinds = {part.types[0] for part in every.parts if isinstance(part, p.Chain)}
    assert kinds == {number(kind) for kind in ("Patient", "Group", "Device", "Location")}
    deep = one("Observation", "encounter:Encounter.patient.organization.partof.name", "x")
    depth = 0
    while isinstance(deep, p.Chain):
        deep, depth = deep.node, depth + 1
    assert depth == 4
    both = one("Encounter", "patient._has:Group:member:_id", "g")
    assert isinstance(both, p.Chain)
    assert isinstance(both.node, p.Has)


def test_reverse_chains() -> None:
    """`_has`, nested, with modifiers at the end."""
    found = one("Patient", "_has:Observation:patient:code", "x")
    code = p.Token(sp("Observation", "code"), token_hash("x"), None)
    assert found == p.Has(sp("Observation", "patient"), (number("Observation"),), code, True)
    nested = one("Patient", "_has:Observation:patient:_has:AuditEvent:entity:agent.name:exact", "x")
    assert isinstance(nested, p.Has)
    assert isinstance(nested.node, p.Has)
    assert isinstance(nested.node.node, p.Chain | p.Any)
    for wrong in ("_has:Observation:patient", "_has:Nonsense:a:b", "_has:Observation:code:status", "_has:::",
                  "_has:Observation:encounter:code"):  # fmt: skip
        refused("Patient", (wrong, "x"))


@pytest.mark.parametrize(
    "name",
    ["bogus", "code.name", "subject:Nonsense.name", "subject:Practitioner.name", "patient.bogus", "code:exact",
     "code:bogus", "_text", "_content", "_query", "date:not", "family", "", ":", ".", "a:b:c", "patient.", ".name",
     "subject:", "_id:exact", "_lastUpdated:exact", "_filter:x", "_list:x"],
)  # fmt: skip
def test_unknown_names_are_refused(name: str) -> None:
    """Nothing is ignored in silence: the place and what to do are said."""
    issue = refused("Observation", (name, "1"))[0]
    assert issue.severity == "error"
    assert issue.where.path.startswith("http.")


def test_lenient_says_what_it_left_out() -> None:
    """Under lenient handling the search goes on, with warnings, and without the pair in its link."""
    found, issues = parse("Patient", [("bogus", "1"), ("gender", "male"), ("birthdate", "x")], VOCABULARY, lenient=True)
    assert found is not None
    assert [issue.severity for issue in issues] == ["warning", "warning"]
    assert found.used == [("gender", "male")]
    assert len(found.clauses) == 1


def test_controls() -> None:
    """_count, _total, _summary, _elements, _sort; each once, each checked."""
    found = ask(
        "Patient", ("_count", "7"), ("_total", "accurate"), ("_summary", "data"), ("_elements", "name,birthDate"),
        ("_sort", "-birthdate,family,_id,-_lastUpdated"), ("_format", "json"), ("_page", "x"), ("_pretty", "true"),
    )  # fmt: skip
    assert (found.count, found.total, found.summary, found.elements) == (7, "accurate", "data", ("name", "birthDate"))
    assert [(s.table, s.down) for s in found.sort] == [("dat", True), ("str", False), ("id", False), ("updated", True)]
    assert found.page == "x"
    assert ask("Patient", ("_count", "1000000000")).count == Bounds().most
    assert ask("Patient", ("_count", "0")).only_count
    assert ask("Patient", ("_summary", "count")).only_count
    for pair in [
        ("_count", "-1"), ("_count", "x"), ("_count", "१"), ("_total", "x"), ("_summary", "x"), ("_elements", "a b"),
        ("_sort", "bogus"), ("_sort", ""), ("_sort", "-"), ("_sort", "_has"), ("_sort", ",".join(["_id"] * 20)),
        ("_contained", "true"), ("_containedType", "container"), ("_sort", "near"), ("_sort", "code-value-quantity"),
    ]:  # fmt: skip
        refused("Patient" if pair[1] != "code-value-quantity" else "Observation", pair)
    refused("Patient", ("_count", "1"), ("_count", "2"))
    assert ask("Patient", ("_contained", "false")).clauses == []


def test_includes() -> None:
    """Of a type, to a type, all, reverse, iterate."""
    (found,) = ask("Observation", ("_include", "Observation:subject:Patient")).includes
    assert found == p.Include((number("Observation"),), sp("Observation", "subject"), (number("Patient"),))
    (back,) = ask("Patient", ("_revinclude", "Observation:patient")).includes
    assert (back.reverse, back.sp) == (True, sp("Observation", "patient"))
    (again,) = ask("Observation", ("_include:iterate", "Patient:organization")).includes
    assert again.iterate
    (every,) = ask("Observation", ("_include", "*")).includes
    assert len(every.sp) > 8
    (canonical,) = ask("QuestionnaireResponse", ("_include", "QuestionnaireResponse:questionnaire")).includes
    assert canonical.urls == sp("Questionnaire", "url")
    for pair in [
        ("_include", "Patient:organization"), ("_include", "Observation"), ("_include", "Observation:code"),
        ("_include", "Nonsense:x"), ("_include", "Observation:subject:Nonsense"), ("_include:bogus", "*"),
        ("_revinclude", "Encounter:bogus"), ("_include", ""), ("_revinclude", "Patient:organization"),
    ]:  # fmt: skip
        refused("Observation", pair)


def test_types_of_a_search_over_all() -> None:
    """`_type` narrows; a parameter has to be one of each type."""
    found = ask(None, ("_type", "Patient,Observation"), ("_id", "1"))
    assert found.types == ("Patient", "Observation")
    assert found.clauses == [p.Id((number("Patient"), number("Observation")), ("1",))]
    assert len(ask(None, ("_tag", "a")).clauses[0].sp) == len(r4.resource_types())  # type: ignore[union-attr]
    refused(None, ("_type", "Patient,Nonsense"))
    refused(None, ("_type", "Patient"), ("_type", "Group"))
    refused(None, ("code", "1"))
    refused("Patient", ("_type", "Patient"))
    single_type = ask(None, ("_type", "Patient"), ("gender", "male"))
    assert single_type.types == ("Patient",)
    assert single_type.used == [("_type", "Patient"), ("gender", "male")]


def test_compartments() -> None:
    """Of a Patient by what is filed under it, of others by their parameters; a type outside is refused."""
    found = ask("Observation", compartment=("Patient", "1"))
    assert found.clauses == [p.Member("1", (number("Observation"),), True)]
    assert "Patient" in ask(None, compartment=("Patient", "1")).types
    (node,) = ask("Observation", compartment=("Encounter", "1")).clauses
    assert node == p.Reference(sp("Observation", "encounter"), (number("Encounter"),), ("1",), False)
    found_, issues = parse("Organization", [], VOCABULARY, compartment=("Patient", "1"))
    assert found_ is None
    assert issues
    assert parse("Observation", [], VOCABULARY, compartment=("Nonsense", "1"))[0] is None
    assert parse(None, [], VOCABULARY, compartment=("Basic", "1"))[0] is None


def test_filters() -> None:
    """and binds more than or; not, parentheses and quotes; what is not known is refused with the place."""
    found = one("Patient", "_filter", 'gender eq male or family sw "x, y" and not(birthdate lt 1980)')
    assert isinstance(found, p.Any)
    both = found.parts[1]
    assert isinstance(both, p.All)
    assert both.parts[0] == p.Text(sp("Patient", "family"), "starts", "x, y")
    assert isinstance(both.parts[1], p.Not)
    assert isinstance(one("Patient", "_filter", "identifier pr true"), p.Any)
    assert isinstance(one("Patient", "_filter", "gender ne male"), p.Not)
    assert isinstance(one("Observation", "_filter", 'patient.family co "x"'), p.Chain)
    for wrong in ("", "gender", "gender eq", "(gender eq x", "gender xx y", "gender eq x)", "not gender eq x",
                  "bogus eq 1", "name[a eq b].c eq d", "a" * 5000, "(" * 200, 'family eq "x', "_filter eq x",
                  " or ".join(["gender eq x"] * 200)):  # fmt: skip
        refused("Patient", ("_filter", wrong))


def test_lists() -> None:
    """Resources that a List names; functional lists are not defined here."""
    assert one("Patient", "_list", "42") == p.InList(sp("List", "item"), "42")
    refused("Patient", ("_list", "$current-allergies"))


@pytest.mark.parametrize(
    "pair",
    [
        ("code", ",".join(["a"] * 10_000)), ("subject" + ".subject" * 50, "1"), ("family", "x\0"), ("code", "\ud800"),
        ("a" * 10_000, "1"), ("code", "x" * 100_000), ("date", ",".join(str(2000 + n) for n in range(200))),
        ("code", ""), ("code", ","),
        ("code", "a,"), ("_has:Observation:derived-from" * 40 + ":code", "1"), ("x\0y", "1"),
    ],
)  # fmt: skip
def test_hostile_pairs_are_refused(pair: tuple[str, str]) -> None:
    """Bounded work, and an Issue that repeats little of what was sent."""
    for issue in refused("Observation", pair):
        assert len(issue.text) < 400
        assert "\0" not in issue.where.path


def test_too_many_parameters() -> None:
    """A request of a thousand parameters is not read."""
    assert refused("Patient", *[("gender", "male")] * 1000)[0].code == "too-costly"


NAMES = st.sampled_from([
    "code", "subject", "date", "_sort", "_include", "_filter", "_has:Observation:patient:code", "_count", "_type",
    "value-quantity", "code-value-quantity", "_lastUpdated", "subject.name", "near",
])  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(NAMES | st.text(max_size=30), st.text(max_size=40)), max_size=5), st.booleans())
def test_anything_is_a_search_or_issues(pairs: list[tuple[str, str]], lenient: bool) -> None:
    """No text makes an exception; either there is a search or at least one error."""
    for kind in ("Observation", None):
        found, issues = parse(kind, pairs, VOCABULARY, lenient=lenient)
        assert (found is None) == any(issue.severity == "error" for issue in issues)
        if found is not None:
            plan(found, Predicate(), VOCABULARY)


def test_every_parameter_of_the_standard_is_read() -> None:
    """Each of the indexed parameters of every type has a reader for a value of its kind."""
    sample = {"number": "1", "date": "2020", "string": "a", "token": "a", "reference": "http://x/1", "quantity": "1",
              "uri": "http://x"}  # fmt: skip
    seen = 0
    for kind in sorted(r4.resource_types()):
        for known in supported(VOCABULARY, kind):
            if known.kind in sample:
                found, issues = parse(kind, [(known.code, sample[known.kind])], VOCABULARY)
                assert found is not None, (kind, known.code, issues)
                seen += 1
    assert seen > 2500


def test_own_parameters() -> None:
    """A store's own parameter is read like the standard's; while its keys are being made it is refused."""
    own = SearchParameter(FIRST_CUSTOM, "Patient", "nick", "string", "Patient.name.text")
    vocabulary = Vocabulary({"Patient": {"nick": own}})
    found, _ = parse("Patient", [("nick", "x")], vocabulary)
    assert found is not None
    assert found.clauses == [p.Text((FIRST_CUSTOM,), "starts", "x")]
    half = Vocabulary({"Patient": {"nick": own}}, frozenset({("Patient", "nick")}))
    found, issues = parse("Patient", [("nick", "x")], half)
    assert found is None
    assert issues[0].rule == "search.rebuilding"


def test_joined_clauses() -> None:
    """Bounds of one date become one range; a code and a quantity that stand once become their composite."""
    found = ask("Observation", ("date", "ge2020"), ("date", "lt2021"), ("code", "s|a"), ("value-quantity", "gt5"))
    made = plan(found, Predicate(), VOCABULARY).clauses
    assert {type(node) for node in made} == {p.Dates, p.Composite, p.Implied}
    kept = ask("Patient", ("death-date", "ge2020"), ("birthdate", "lt2021"))
    assert {type(node) for node in plan(kept, Predicate(), VOCABULARY).clauses} == {p.Date}
    assert single("Observation", "Observation.effective")
    assert not single("Patient", "Patient.name.family")
    assert not single("Patient", "Patient.telecom.where(system='email')")


def test_readers_are_made_once() -> None:
    """A parameter's name is understood once for all requests."""
    vocabulary = Vocabulary()
    assert vocabulary.reader(("Patient",), "name") is vocabulary.reader(("Patient",), "name")
    random = Random(1)
    for _ in range(6000):
        vocabulary.reader(("Patient",), f"x{random.random()}")
    assert len(vocabulary._readers) <= 4096
    assert parameter("Patient", "name") is not None


def test_issues_repeat_no_values() -> None:
    """What was searched for may be a person's, so an Issue says the parameter and what is wrong with its value."""
    secret = "Xq7secret"
    for kind, name in [
        ("Patient", "birthdate"), ("Observation", "value-quantity"), ("Observation", "code-value-quantity"),
        ("Observation", "subject:Patient"), ("RiskAssessment", "probability"), ("Location", "near"),
        ("Patient", "identifier:of-type"), ("Patient", "identifier:missing"), ("Patient", "_list"),
        ("Patient", "_filter"), ("Observation", "patient.birthdate"), ("Observation", "_lastUpdated"),
    ]:  # fmt: skip
        value = f"${secret}" if name == "_list" else f"{secret} \u00fc" if name == "_filter" else f"{secret}$é"
        for issue in refused(kind, (name, value)):
            assert secret not in f"{issue.text} {issue.hint} {issue.where.path}", name
