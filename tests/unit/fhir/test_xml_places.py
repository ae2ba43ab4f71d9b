"""Where elements stand in an XML document."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.fhir.made import resource
from unsilo.fhir import xml

DOCUMENT = """<?xml version="1.0"?>
<Bundle xmlns="http://hl7.org/fhir">
  <type value="batch"/>
  <entry><resource><Patient>
    <text><status value="empty"/><div xmlns="http://www.w3.org/1999/xhtml"/></text>
    <contained><Organization><active value="true"/></Organization></contained>
    <name><given value="A"/>
      <given value="B"/></name>
    <nothing/><name><text value="C"/></name>
  </Patient></resource></entry>
</Bundle>
"""


def test_each_element_has_its_place() -> None:
    """The bytes of its start tag; what is refused leaves the others where they are."""
    content = DOCUMENT.encode()
    found = {pointer: content[start:end].decode() for pointer, (start, end) in xml.spans(content).items()}
    assert found[""] == '<Bundle xmlns="http://hl7.org/fhir">'
    assert found["/type"] == '<type value="batch"/>'
    assert found["/entry/0/resource"] == "<resource>"
    assert found["/entry/0/resource/text/div"].startswith("<div")
    assert found["/entry/0/resource/contained/0/active"] == '<active value="true"/>'
    assert found["/entry/0/resource/name/0/given/1"] == '<given value="B"/>'
    assert found["/entry/0/resource/name/1/text"] == '<text value="C"/>'


def pointers(value: Any, here: str = "") -> set[str]:
    """Return the pointers of all elements of a resource; attributes and companions aside."""
    if isinstance(value, list):
        return {p for at, item in enumerate(value) for p in {f"{here}/{at}"} | pointers(item, f"{here}/{at}")}
    if isinstance(value, dict):
        found = set()
        for name, item in value.items():
            if name == "resourceType" or name.startswith("_"):
                continue
            found |= (set() if isinstance(item, list) else {f"{here}/{name}"}) | pointers(item, f"{here}/{name}")
        return found
    return set()


@given(st.integers(0, 2**32))
def test_all_elements_of_anything_have_one(seed: int) -> None:
    """Every pointer into the JSON is in the map, but for what XML writes as an attribute; the byte is a tag's start."""
    made = resource(Random(seed))
    written = xml.encode(made)
    found = xml.spans(written)
    missing = {p for p in pointers(made) - set(found) if not p.endswith(("/id", "/url"))}
    assert missing == set()
    assert all(written[start] == ord("<") and written[end - 1] == ord(">") for start, end in found.values())


@pytest.mark.parametrize(
    "content", [b"", b"<", b"\xff", b"<a/>", b"<!DOCTYPE a><a/>", b'<Patient xmlns="http://hl7.org/fhir">']
)
def test_a_broken_document_has_the_places_before_the_break(content: bytes) -> None:
    """Never an exception."""
    assert set(xml.spans(content)) <= {""}
