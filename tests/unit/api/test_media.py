"""JSON or XML by Accept and `_format`, with quality values; a body is read as its Content-Type says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unsilo.api.media import negotiate, written_in


@pytest.mark.parametrize(
    ("accept", "said", "found"),
    [
        (b"", None, b"application/fhir+json"), (b"*/*", None, b"application/fhir+json"),
        (b"application/fhir+xml", None, b"application/fhir+xml"), (b"application/xml", None, b"application/xml"),
        (b"text/xml", None, b"text/xml"), (b"application/json", None, b"application/json"),
        (b"application/fhir+xml;q=0.5, application/fhir+json;q=0.9", None, b"application/fhir+json"),
        (b"application/fhir+json;q=0, */*;q=0.1", None, b"application/fhir+json"),
        (b"text/html, application/xml;q=0.9, */*;q=0.8", None, b"application/xml"),
        (b"application/fhir+json; fhirVersion=4.0", None, b"application/fhir+json"),
        (b"text/html", "xml", b"application/fhir+xml"), (b"", "application/fhir json", b"application/fhir+json"),
        (b"", "text/json", b"text/json"), (b"application/fhir+json", "application/fhir+xml", b"application/fhir+xml"),
    ],
)  # fmt: skip
def test_the_best_form_is_chosen(accept: bytes, said: str | None, found: bytes) -> None:
    """The parameter goes before the header, the greater quality before the smaller."""
    media = negotiate(accept, said)
    assert media is not None
    assert media.type.partition(b";")[0] == found
    assert media.xml == (b"xml" in found)


@pytest.mark.parametrize(
    ("accept", "said"),
    [
        (b"text/turtle", None), (b"application/fhir+json;q=0", None), (b"application/fhir+json;fhirVersion=3.0", None),
        (b"application/fhir+json;q=2", None), (b";;,,", None), (b"", "ttl"), (b"", ""), (b"*/*", "html"),
        (b"application/fhir+json; charset=utf-16", None),
    ],
)  # fmt: skip
def test_what_is_not_served_is_none(accept: bytes, said: str | None) -> None:
    """Other forms, other versions and refusals by quality 0 give nothing."""
    assert negotiate(accept, said) is None


@given(st.binary(max_size=60), st.none() | st.text(max_size=20))
def test_any_header_is_read_or_refused(accept: bytes, said: str | None) -> None:
    """No header raises."""
    negotiate(accept, said)
    written_in(accept)


@pytest.mark.parametrize(
    "said", [b"", b"*/*", b"json", b"text/plain", b"application/x-www-form-urlencoded", b"\xff/\xff"]
)
def test_bodies_have_a_type(said: bytes) -> None:
    """A body without a type, or of another one, is not guessed at."""
    assert written_in(said) is None
