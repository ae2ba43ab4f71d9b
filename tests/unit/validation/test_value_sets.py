"""Value sets: what they hold, what nobody can say, and sets that include themselves."""

import pytest

from unsilo.validation.value_sets import ValueSets

SYSTEM = {
    "resourceType": "CodeSystem", "url": "http://x/cs", "content": "complete",
    "concept": [
        {"code": "a", "concept": [{"code": "a1", "concept": [{"code": "a11"}]}]},
        {"code": "b", "property": [{"code": "kind", "valueCode": "k"}]},
        {"code": "c", "property": [{"code": "parent", "valueCode": "b"}]},
    ],
}  # fmt: skip


class Sets:
    """Value sets given as composes."""

    def __init__(self, **composes):
        self.composes = composes

    def structure(self, url):
        """There is none."""

    def value_set(self, url):
        """Return a value set by the last part of its address."""
        found = self.composes.get(url.rpartition("/")[2])
        return {"url": url, "compose": found} if found else None

    def code_system(self, url):
        """Return the one system."""
        return SYSTEM if url == "http://x/cs" else None


def _filter(op, value, name="concept"):
    return {"include": [{"system": "http://x/cs", "filter": [{"property": name, "op": op, "value": value}]}]}


@pytest.mark.parametrize(
    ("compose", "codes"),
    [
        ({"include": [{"system": "http://x/cs"}]}, "a a1 a11 b c"),
        ({"include": [{"system": "http://x/cs"}], "exclude": [{"system": "http://x/cs", "concept": [{"code": "a"}]}]},
         "a1 a11 b c"),
        ({"include": [{"system": "http://x/cs", "concept": [{"code": "b"}]}]}, "b"),
        (_filter("is-a", "a"), "a a1 a11"), (_filter("descendent-of", "a"), "a1 a11"),
        (_filter("is-not-a", "a"), "b c"), (_filter("=", "k", "kind"), "b"), (_filter("in", "a,c"), "a c"),
        (_filter("not-in", "a,c"), "a1 a11 b"), (_filter("exists", "true", "kind"), "b"), (_filter("is-a", "b"), "b c"),
    ],
)  # fmt: skip
def test_what_a_set_holds(compose, codes):
    """Includes, excludes and each filter."""
    found = ValueSets(Sets(s=compose)).codes("http://x/s")
    assert found is not None
    assert {c for c in "a a1 a11 b c z".split() if found.has("http://x/cs", c)} == set(codes.split())


def test_what_is_not_here_is_never_said_to_be_right_or_wrong():
    """A system that is not loaded, and a filter that is not worked out, give None."""
    sets = ValueSets(Sets(s={"include": [{"system": "http://loinc.org"}]}, r=_filter("regex", "a.*", "code")))
    assert sets.codes("http://x/s").has("http://loinc.org", "1-8") is None
    assert sets.codes("http://x/s").has("http://other", "1-8") is False
    assert sets.codes("http://x/r").has("http://x/cs", "a1") is None
    assert sets.codes("http://x/missing") is None


def test_sets_of_sets_and_of_themselves():
    """Imports intersect within one include; a set that includes itself ends and is said to be unknown there."""
    sets = ValueSets(
        Sets(
            s={"include": [{"system": "http://x/cs", "valueSet": ["http://x/t"]}]}, t=_filter("is-a", "a"),
            loop={"include": [{"valueSet": ["http://x/loop"]}, {"system": "http://x/cs", "concept": [{"code": "b"}]}]},
        )
    )  # fmt: skip
    assert sets.codes("http://x/s").has("http://x/cs", "a1") is True
    assert sets.codes("http://x/s").has("http://x/cs", "b") is False
    assert sets.codes("http://x/loop").has("http://x/cs", "b") is True
    assert sets.codes("http://x/loop").has("http://x/cs", "a") is None


def test_codes_told_by_their_form():
    """Languages, media types and units are told by their grammar."""
    sets = ValueSets(Sets(
        l={"include": [{"system": "urn:ietf:bcp:47"}]}, m={"include": [{"system": "urn:ietf:bcp:13"}]},
        u={"include": [{"system": "http://unitsofmeasure.org"}]},
    ))  # fmt: skip
    assert sets.codes("http://x/l").has_code("de-AT") is True
    assert sets.codes("http://x/l").has_code("not a language") is False
    assert sets.codes("http://x/m").has_code("text/plain; charset=utf-8") is True
    assert sets.codes("http://x/u").has("http://unitsofmeasure.org", "mg/dL") is True
    assert sets.codes("http://x/u").has("http://unitsofmeasure.org", "mg/dl/") is False


@pytest.mark.parametrize(
    ("code", "said"),
    [("USD", None), ("usd", False), ("US$", False), ("", False)],
)
def test_the_form_of_a_code_of_a_system_that_is_not_here(code, said):
    """Nobody here lists the currencies, but a code of another form is none of them."""
    found = ValueSets(Sets(s={"include": [{"system": "urn:iso:std:iso:4217"}]})).codes("http://x/s")
    assert found is not None
    assert found.has("urn:iso:std:iso:4217", code) is said
    assert found.has_code(code) is said


@pytest.mark.parametrize(
    ("tag", "good"),
    [
        *(
            (tag, True)
            for tag in "en de-CH-1996 zh-cmn-Hans-CN sr-Latn-RS es-419 en-u-co-phonebk de-x-a x-a i-hak".split()
        ),
        *((tag, False) for tag in "english e en- zz-q en-a x 12 de_CH".split()),
    ],
)
def test_language_tags(tag, good):
    """Tags as RFC 5646 builds them."""
    found = ValueSets(Sets(s={"include": [{"system": "urn:ietf:bcp:47"}]})).codes("http://x/s")
    assert found is not None
    assert found.has_code(tag) is good
