"""The shared words behave as their docstrings say."""

from base64 import b32encode
from decimal import Decimal
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unsilo.kernel import CATEGORIES, Issue, Result, Where, content_id, content_ids, fresh_id, hash64, seal, worst
from unsilo.kernel import json as lossless
from unsilo.kernel.clock import from_instant, instant, now


def test_content_ids_are_stable_and_distinct() -> None:
    """The same parts give the same FHIR id; moving a character between parts gives another."""
    assert content_id("a", "bc") == "mjgojyrkugl5uq576o6li4l6lm"
    assert content_id("a", "bc") != content_id("ab", "c")
    assert content_id("a").isalnum()
    assert content_id("a").islower()


@given(st.lists(st.text(max_size=200), max_size=70))
def test_ids_made_together_are_those_made_alone(texts: list[str]) -> None:
    """Whatever the texts are and however many, each has the id that it has by itself."""
    assert content_ids(texts) == [content_id(text) for text in texts]


@given(st.lists(st.text()))
def test_content_id_is_always_a_fhir_id(parts: list[str]) -> None:
    """Any text gives an id that FHIR allows: base 32 of its hash."""
    own = content_id(*parts)
    digest = sha256("\x1f".join(parts).encode("utf-8", "surrogatepass")).digest()
    assert own == b32encode(digest[:16])[:26].decode().lower()
    assert len(own) == 26
    assert set(own) <= set("abcdefghijklmnopqrstuvwxyz234567")


def test_hash64_fits_a_signed_integer() -> None:
    """A hash fits SQLite's and PostgreSQL's 64-bit integers."""
    assert all(-(2**63) <= hash64(str(n)) < 2**63 for n in range(500))


def test_fresh_ids_grow_with_time() -> None:
    """Fresh ids do not repeat."""
    assert len({fresh_id() for _ in range(1000)}) == 1000


@given(st.integers(min_value=0, max_value=4_000_000_000_000_000))
def test_instants_round_trip_to_the_millisecond(at: int) -> None:
    """An instant written and read again differs by less than a millisecond."""
    assert 0 <= at - from_instant(instant(at)) < 1000


def test_an_instant_needs_a_zone() -> None:
    """A time without zone is refused rather than guessed."""
    with pytest.raises(ValueError, match="time zone"):
        from_instant("2026-01-01T00:00:00")


def test_numbers_keep_their_digits() -> None:
    """1.00 stays 1.00 through decode and encode."""
    raw = b'{"value":1.00,"small":0.10,"int":7}'
    assert lossless.encode(lossless.decode(raw)) == raw
    assert lossless.decode(raw)["value"] == Decimal("1.00")


def test_the_same_bytes_on_the_same_feed_are_the_same_envelope() -> None:
    """Envelope ids derive from feed and content, not from time."""
    one, two = seal("lab", "hl7v2", b"MSH|", 1), seal("lab", "hl7v2", b"MSH|", 2)
    assert one.id == two.id
    assert seal("other", "hl7v2", b"MSH|", 1).id != one.id
    assert seal("lab", "hl7v2", b"MSH|x", 1).id != one.id


def test_worst_issue_wins() -> None:
    """The gravest issue is found; none among none."""
    low = Issue("information", "informational", "a")
    high = Issue("error", "value", "b", Where("OBX[1]-5"))
    assert worst([low, high, low]) is high
    assert worst([]) is None


def test_a_result_with_errors_is_not_ok() -> None:
    """A value with an error is no success; with a warning it is."""
    assert Result(1, [Issue("warning", "value", "w")]).ok
    assert not Result(1, [Issue("error", "value", "e")]).ok
    assert not Result(None).ok


def test_every_code_says_itself_in_every_protocol() -> None:
    """Each category names an OperationOutcome code, an HL7 0357 code and an HTTP status."""
    for category in CATEGORIES.values():
        assert category.fhir
        assert category.hl7.isdigit()
        assert 200 <= category.http < 600


def test_now_is_in_microseconds() -> None:
    """The clock counts microseconds."""
    assert 1_700_000_000_000_000 < now() < 5_000_000_000_000_000
