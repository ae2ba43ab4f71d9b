"""The scanner of JSON bytes sees what a decoder sees."""

import json

from hypothesis import given
from hypothesis import strategies as st

from unsilo.fhir import scan


@given(
    st.lists(st.sampled_from(["\\", "u", "0", "a", "F", "n", "q", "\\u00e4", "\\\\", '"', " "]), max_size=12).map(
        "".join
    )
)
def test_the_scanner_knows_escapes(text: str) -> None:
    """A string is whole for the scanner where it is for a decoder: `\\u` has four digits (RFC 8259, 7)."""
    content = f'{{"a":"{text}"}}'.encode()
    try:
        json.loads(content)
    except ValueError:
        assert scan.first_fault(content, 9) is not None
    else:
        assert scan.first_fault(content, 9) is None
