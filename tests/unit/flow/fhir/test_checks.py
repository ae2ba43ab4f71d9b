"""What is looked at before a resource is stored makes it ready once."""

import pytest

from unsilo.fhir import codec
from unsilo.flow.fhir.checks import draft, own_words
from unsilo.flow.process import Draft


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ({"resourceType": "Basic", "id": "a", "code": {"text": "x"}}, True),
        ({"resourceType": "Basic", "id": "a", "meta": {"profile": ["p"]}, "code": {}}, True),
        ({"resourceType": "Basic", "id": "a", "meta": {"versionId": "3"}, "code": {}}, False),
        ({"resourceType": "Basic", "id": "a", "meta": None, "code": {}}, False),
        ({"resourceType": "Basic", "id": "a", "code": {}, "meta": {"profile": ["p"]}}, False),
        ({"id": "a", "resourceType": "Basic", "code": {}}, False),
        ({"resourceType": "Basic", "id": "b", "code": {}}, False),
    ],
)
def test_what_is_in_order_is_taken_as_it_is(said: dict[str, object], kept: bool) -> None:
    """And what is not is copied, so that the caller's own object stays what it was."""
    before = repr(said)
    made = own_words(said, "a")
    assert (made is said) is kept
    assert repr(said) == before
    assert list(made)[:2] == ["resourceType", "id"]
    assert made["id"] == "a"
    assert not {"versionId", "lastUpdated"} & set(made.get("meta") or {})


@pytest.mark.parametrize("content", [b'{"resourceType":"Basic", "id":"a"}', b'{"id":"a","resourceType":"Basic"}'])
def test_words_that_are_known_make_the_same_draft(content: bytes) -> None:
    """Those of a resource that had to be put in order are not those of its draft."""
    read, words = codec.read(content)
    given, made = draft("Basic", read.value, "a", words), draft("Basic", read.value, "a")
    assert isinstance(given, Draft)
    assert isinstance(made, Draft)
    assert given.body == made.body == b'{"resourceType":"Basic","id":"a"}'
    assert given.digest == made.digest
