"""Every published example: JSON to XML to JSON is equal."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from unsilo.fhir import codec, xml

pytestmark = pytest.mark.corpora
LEAST = {"r4-spec-examples": 215, "us-core-examples": 230}


@pytest.mark.parametrize("name", LEAST)
def test_json_to_xml_to_json_is_equal(name: str) -> None:
    """No digit, extension, order of a list or letter of a narrative changes; the XML has no issue."""
    folder = Path(os.environ.get("UNSILO_CORPORA", ""), name)
    if not os.environ.get("UNSILO_CORPORA") or not folder.is_dir():
        pytest.skip(f"UNSILO_CORPORA names no folder that holds {name}")
    count, differing = 0, []
    for file in sorted(folder.rglob("*.json")):
        resource = codec.decode(file.read_bytes()).value
        assert resource is not None, file.name
        count += 1
        back = xml.decode(xml.encode(resource))
        if back.value != resource or back.issues:
            differing.append((file.name, back.issues[:1]))
    assert differing == []
    assert count >= LEAST[name]
