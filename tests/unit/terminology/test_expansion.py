"""Value sets: random ones against brute force, pages, text filters, and those that cannot be worked out."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.terminology.shelf import TestShelf
from tests.unit.terminology.worlds import ATTRIBUTES, REFSETS, URL, Brute, World
from unsilo.kernel import Json
from unsilo.terminology import Terminology, TerminologyError

SETS = 150
"""Random value sets of each of four worlds."""


def _include(draw: random.Random, brute: Brute) -> tuple[Json, set[str]]:
    world = brute.world
    if draw.random() < 0.25:
        codes = draw.sample(world.codes, 5)
        return {"system": URL, "concept": [{"code": code} for code in codes]}, set(codes)
    found = set(world.named)
    filters = []
    for _ in range(draw.randint(0, 2)):
        said, test = _filter(draw, brute)
        filters.append(said)
        found = {code for code in found if test(code)}
    return {"system": URL} | ({"filter": filters} if filters else {}), found


def _filter(draw: random.Random, brute: Brute) -> tuple[Json, Callable[[str], bool]]:
    world = brute.world
    code = draw.choice(world.codes)
    name = draw.choice(ATTRIBUTES)
    other = draw.choice(world.codes)
    triples = {(s, n, t) for s, n, t, _ in world.triples}
    below, above = brute.below(code), brute.above(code)
    has = {s for s, n, _ in triples if n == name}
    members = world.refsets[REFSETS[0]]
    leaves = {c for c in world.named if not brute.below(c)}
    pattern = draw.choice(["heart.*", "(acute|chronic) .*", ".*pain", "[hl].*"])
    terms = brute.terms_of
    rows: list[tuple[str, str, str, Callable[[str], bool]]] = [
        ("concept", "is-a", code, lambda c: c == code or c in below),
        ("concept", "descendent-of", code, lambda c: c in below),
        ("concept", "is-not-a", code, lambda c: c != code and c not in below),
        ("concept", "generalizes", code, lambda c: c == code or c in above),
        ("concept", "child-of", code, lambda c: code in world.parents.get(c, ())),
        ("concept", "descendent-leaf", code, lambda c: c in below and c in leaves),
        ("concept", "in", REFSETS[0], lambda c: c in members),
        ("concept", "in", f"{code},{other}", lambda c: c in (code, other)),
        ("code", "not-in", f"{code}, {other}", lambda c: c not in (code, other)),
        (name, "=", other, lambda c: (c, name, other) in triples),
        (name, "in", f"{code},{other}", lambda c: (c, name, other) in triples or (c, name, code) in triples),
        (
            name,
            "not-in",
            f"{code},{other}",
            lambda c: (c, name, other) not in triples and (c, name, code) not in triples,
        ),
        (name, "exists", "true", lambda c: c in has),
        (name, "exists", "false", lambda c: c not in has),
        ("parent", "=", code, lambda c: code in world.parents.get(c, ())),
        ("child", "=", code, lambda c: c in world.parents.get(code, ())),
        ("ancestor", "=", code, lambda c: c in below),
        ("inactive", "=", "true", lambda c: c in world.inactive),
        ("display", "regex", pattern, lambda c: re.fullmatch(pattern, terms(c)[0]) is not None),
        ("code", "regex", f"{code[:4]}.*", lambda c: c.startswith(code[:4])),
        ("constraint", "=", f"<! {code}", lambda c: code in world.parents.get(c, ())),
    ]
    name_, op, value, test = draw.choice(rows)
    return {"property": name_, "op": op, "value": value}, test


@pytest.mark.parametrize("seed", range(4))
def test_random_value_sets_hold_what_brute_force_finds(seed: int) -> None:
    """Includes, excludes, filters and nested sets give what plain sets give, paged, filtered and asked one by one."""
    world = World(seed + 50)
    brute, draw = Brute(world), random.Random(seed)
    kept: dict[tuple[str, str], Json] = {}
    terminology = Terminology(TestShelf(world.artefact, definitions=kept))
    known: dict[str, set[str]] = {}
    for number in range(SETS):
        url = f"urn:vs:{number}"
        includes, wanted = [], set[str]()
        for _ in range(draw.randint(1, 3)):
            part, found = _include(draw, brute)
            if known and draw.random() < 0.3:
                other = draw.choice(sorted(known))
                part["valueSet"], found = [other], found & known[other]
            includes.append(part)
            wanted |= found
        compose: Json = {"include": includes}
        if draw.random() < 0.4:
            part, found = _include(draw, brute)
            compose["exclude"], wanted = [part], wanted - found
        if draw.random() < 0.2:
            compose["inactive"], wanted = False, wanted - world.inactive
        kept["ValueSet", url] = {"resourceType": "ValueSet", "url": url, "compose": compose}
        known[url] = wanted
        listed = [m.code for m in terminology.page(url).members]
        assert set(listed) == wanted, compose
        assert len(listed) == len(wanted) == terminology.page(url, count=0).total
        paged = [
            m.code for at in range(0, len(wanted) + 3, 3) for m in terminology.page(url, offset=at, count=3).members
        ]
        assert paged == listed
        active = terminology.page(url, active=True).members
        assert {m.code for m in active} == wanted - world.inactive
        for code in draw.sample(world.codes, 3):
            assert terminology.holds(url, URL, code)[0] is (code in wanted)
        text = draw.choice(["heart", "acu", "pain left", "zzz"])
        fits = {c for c in wanted if any(all(any(w.startswith(a) for w in t.split()) for a in text.split())
                                         for t in brute.terms_of(c))}  # fmt: skip
        assert {m.code for m in terminology.page(url, text=text).members} == fits


def _terminology(**sets: Any) -> Terminology:
    kept = {("ValueSet", f"urn:{name}"): {"url": f"urn:{name}", "compose": said} for name, said in sets.items()}
    return Terminology(TestShelf(World(9).artefact, definitions=kept))


@pytest.mark.parametrize(
    ("compose", "code"),
    [
        ({"include": [{"valueSet": ["urn:it"]}]}, "business-rule"),
        ({"include": [{"system": URL, "filter": [{"property": "display", "op": "regex", "value": "("}]}]}, "value"),
        (
            {"include": [{"system": URL, "filter": [{"property": "x", "op": "regex", "value": "a" * 2_000}]}]},
            "too-long",
        ),
        ({"include": [{"system": URL, "filter": [{"property": "zz", "op": "=", "value": "1"}]}]}, "not-supported"),
        (
            {"include": [{"system": URL, "filter": [{"property": "concept", "op": "near", "value": "1"}]}]},
            "not-supported",
        ),
        (
            {"include": [{"system": URL, "filter": [{"property": "concept", "op": "is-a", "value": "1"}]}]},
            "code-invalid",
        ),
        ({"include": [{"system": URL, "filter": [{"property": "concept", "op": "is-a", "value": 7}]}]}, "structure"),
        ({"include": [{"system": URL, "filter": {"op": "="}}]}, "structure"),
        ({"include": [{"system": URL, "version": "99"}]}, "not-found"),
        ({"include": [{"system": "urn:nowhere"}]}, "not-found"),
        ({"include": [{"system": 7}]}, "structure"),
        ({"include": "all"}, "structure"),
        ({"include": [{"valueSet": ["urn:absent"]}]}, "not-found"),
        ({"include": [{"system": "http://unitsofmeasure.org"}]}, "too-costly"),
    ],
)
def test_what_cannot_be_expanded_says_why(compose: Json, code: str) -> None:
    """A set that cannot be worked out names the reason."""
    with pytest.raises(TerminologyError) as caught:
        _terminology(it=compose).page("urn:it")
    assert caught.value.issue.code == code


def test_a_regular_expression_that_would_run_for_ever_ends() -> None:
    """A pattern that explodes elsewhere takes linear time."""
    said = {"include": [{"system": URL, "filter": [{"property": "display", "op": "regex", "value": "(a+)+$" * 30}]}]}
    assert _terminology(it=said).page("urn:it").total == 0


def test_codes_of_systems_that_are_not_here_are_kept_as_they_are_listed() -> None:
    """Listed codes count even where their system is unknown."""
    said = {"include": [{"system": "urn:far", "concept": [{"code": "b", "display": "Bee"}, {"code": "a"}]}]}
    terminology = _terminology(it=said)
    assert [(m.code, m.display) for m in terminology.page("urn:it").members] == [("b", "Bee"), ("a", "")]
    assert terminology.member("urn:it", "urn:far", "a") is True
    assert terminology.member("urn:it", "urn:far", "c") is False
    assert terminology.member("urn:absent", "urn:far", "c") is None


def test_units_belong_by_their_form() -> None:
    """UCUM codes are told by their form."""
    terminology = _terminology()
    url = "http://unitsofmeasure.org/vs"
    assert terminology.member(url, "http://unitsofmeasure.org", "mg/dL") is True
    assert terminology.member(url, "http://unitsofmeasure.org", "mg/dl/") is False


def test_a_part_of_a_system_cannot_deny() -> None:
    """Where the system is not here, nothing is denied."""
    terminology = _terminology(it={"include": [{"system": "urn:unknown"}]})
    assert terminology.member("urn:it", "urn:unknown", "x") is None


def test_sets_that_name_each_other_many_times_are_worked_out_once() -> None:
    """Fifteen levels of four references each would be a thousand million ways."""
    kept: dict[tuple[str, str], Json] = {}
    for n in range(15):
        inner = {"valueSet": [f"urn:level:{n + 1}"]} if n < 14 else {"system": URL, "concept": [{"code": "100000"}]}
        kept["ValueSet", f"urn:level:{n}"] = {"url": f"urn:level:{n}", "compose": {"include": [inner] * 4}}
    terminology = Terminology(TestShelf(World(9).artefact, definitions=kept))
    assert [m.code for m in terminology.page("urn:level:0").members] == ["100000"]


def test_a_set_of_very_many_filters_is_refused() -> None:
    """Each filter may cost much; hundreds of them are no value set."""
    part = {"system": URL, "filter": [{"property": "display", "op": "regex", "value": ".*"}] * 600}
    with pytest.raises(TerminologyError, match="at most 500 filters"):
        _terminology(it={"include": [part]}).page("urn:it")
