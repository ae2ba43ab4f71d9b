"""Formats of primitive types: what is right passes, what is wrong says why, hostile text costs no time."""

from decimal import Decimal

import pytest

from unsilo.validation.primitives import PRIMITIVES

GOOD = {
    "boolean": [True, False], "integer": [0, -5, 2147483647], "unsignedInt": [0, 9], "positiveInt": [1],
    "decimal": [Decimal("1.00"), 3, Decimal("-0.1")], "string": ["a", "ä b\nc"], "markdown": ["*a*"],
    "code": ["a", "a b"], "id": ["a-1.B"], "uri": ["urn:x:y", "a#b"], "url": ["http://a"],
    "canonical": ["http://a|1"], "oid": ["urn:oid:2.16.840"],
    "uuid": ["urn:uuid:0c1a5e3e-3c15-4d1b-9f6f-3a5d0e0b0c01"], "base64Binary": ["aGk=", "aGVs bG8="],
    "instant": ["2026-03-01T10:00:00.000Z"], "date": ["2026", "2026-03", "2024-02-29"],
    "dateTime": ["2026", "2026-03-01T10:00:00+01:00", "2026-06-30T23:59:60Z"], "time": ["10:00:00"],
}  # fmt: skip
BAD = {
    "boolean": ["true", 1, None], "integer": [1.5, Decimal("1"), True, 2147483648, "1"], "unsignedInt": [-1],
    "positiveInt": [0], "decimal": ["1.0", True], "string": ["", " ", "a\x00b", 1], "markdown": [""],
    "code": ["", " a", "a  b", "a\tb"], "id": ["", "a b", "a" * 65, "a_b", "a\n", "١"], "uri": ["", "a b"],
    "url": [""], "canonical": [" "], "oid": ["2.16", "urn:oid:02.1", "urn:oid:3.1"], "uuid": ["urn:uuid:1"],
    "base64Binary": ["a", "aGk", "a*b=", "=aGk"], "instant": ["2026-03-01", "2026-03-01T10:00:00"],
    "date": ["2026-13", "2023-02-29", "2026-3-1", "0000", "2026-03-01T10:00:00Z", "２０２６"],
    "dateTime": ["2026-03-01T10:00:00", "2026-03T10:00:00Z", "2026-03-01T24:00:00Z", "2026-03-01 10:00"],
    "time": ["24:00:00", "10:00"],
}  # fmt: skip


@pytest.mark.parametrize(("kind", "value"), [(k, v) for k, vs in GOOD.items() for v in vs])
def test_right_values_pass(kind, value):
    """Nothing is said of them."""
    assert PRIMITIVES[kind](value) == ""


@pytest.mark.parametrize(("kind", "value"), [(k, v) for k, vs in BAD.items() for v in vs])
def test_wrong_values_are_told(kind, value):
    """Each is told in words."""
    assert PRIMITIVES[kind](value)


@pytest.mark.parametrize("kind", ["base64Binary", "string", "markdown", "code", "uri", "dateTime", "oid", "id"])
def test_long_hostile_text_is_linear(kind):
    """A text that makes the specification's own patterns backtrack is answered as soon as it is read once."""
    for text in ("A" * 200_000 + "!", "A " * 100_000 + "!", " " * 200_000, "urn:oid:1" + ".1" * 100_000 + "x"):
        PRIMITIVES[kind](text)
