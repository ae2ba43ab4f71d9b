"""HL7's patch tests (FHIR/fhir-test-cases@2dee8a0f8fa0): every JSON Patch and FHIRPath Patch case."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from unsilo.fhir import xml
from unsilo.fhir.patch import fhirpath_patch, json_patch

pytestmark = pytest.mark.corpora


@pytest.fixture(scope="module")
def folder() -> Path:
    """The folder of the patch tests."""
    found = Path(os.environ.get("UNSILO_CORPORA") or "/nowhere", "fhir-patch/r4/patch")
    if not found.is_dir():
        pytest.skip("UNSILO_CORPORA names no folder that holds fhir-patch")
    return found


def resource(case: etree._Element, name: str) -> dict[str, Any]:
    """Read the resource below an element of a case."""
    holder = case.find(name)
    assert holder is not None
    result = xml.decode(etree.tostring(holder[0], with_tail=False))
    assert result.value is not None, result.issues
    return result.value


def test_json_patch(folder: Path) -> None:
    """Documents come out as they should, errors leave none."""
    cases = json.loads((folder / "json-patch-tests.json").read_text("utf-8"))
    assert len(cases) == 16
    for case in cases:
        result = json_patch(case["doc"], case["patch"])
        assert result.value == case.get("expected"), case["comment"]
        assert bool(result.issues) is ("error" in case), case["comment"]


def test_fhirpath_patch(folder: Path) -> None:
    """Resources come out as they should, the one error leaves none."""
    cases = etree.parse(folder / "fhir-patch-tests.xml").getroot().findall("case")
    assert len(cases) == 33
    for case in cases:
        result = fhirpath_patch(resource(case, "input"), resource(case, "diff"))
        if case.find("error") is not None:
            assert result.value is None, case.get("name")
            assert result.issues, case.get("name")
        else:
            assert result.value == resource(case, "output"), case.get("name")
