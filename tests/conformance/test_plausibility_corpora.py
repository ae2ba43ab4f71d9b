"""Plausibility raises no alarm on published examples and made-up populations."""

import os
from pathlib import Path

import pytest

from unsilo.fhir import codec
from unsilo.flow.doubt import found_in
from unsilo.kernel import Limits, clock

pytestmark = pytest.mark.corpora

CORPORA = os.environ.get("UNSILO_CORPORA", "")


@pytest.mark.skipif(not CORPORA, reason="UNSILO_CORPORA names no folder of corpora")
@pytest.mark.parametrize("name", ["synthea-r4", "us-core-examples", "r4-spec-examples"])
def test_no_false_alarms(name):
    """Nothing in the published examples and in Synthea's people can hardly be true."""
    found, seen = [], 0
    for file in sorted((Path(CORPORA) / name).rglob("*.json")):
        read = codec.decode(file.read_bytes(), Limits(message_bytes=1 << 30)).value
        entries = read.get("entry") if isinstance(read, dict) and read.get("resourceType") == "Bundle" else None
        held = [e["resource"] for e in entries if "resource" in e] if isinstance(entries, list) else [read]
        held = [each for each in held if isinstance(each, dict) and isinstance(each.get("resourceType"), str)]
        seen += len(held)
        found += [(file.name, issue.text) for issue in found_in(held, clock.now())]
    assert seen > 100
    assert found == []
