"""Snapshots made from differentials against those that HL7 published, for all profiles of FHIR R4 itself."""

from __future__ import annotations

import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from unsilo.spec import definitions as core
from unsilo.spec.definitions.slim import slim_element
from unsilo.spec.packages.snapshot import snapshot

pytestmark = pytest.mark.corpora
EXPLAINED = {
    # The short form `valueQuantity` inside a slice: published without the slice that it stands for elsewhere.
    "bp": {"id", "slicing"},
    # Published with the rules of the type's profile copied in; they are checked by that profile.
    "cholesterol": {"constraint"}, "hdlcholesterol": {"constraint"}, "ldlcholesterol": {"constraint"},
    # Published with the slice's name in a content reference, and without its own differential's binding.
    "provenance-relevant-history": {"id", "binding", "contentReference"},
    # Published with the name of a slice in the id of elements that are not sliced.
    "catalog": {"id"}, "familymemberhistory-genetic": {"id"},
    # Published with the children of its extensions, which the profile does not constrain.
    "elementdefinition-de": {"id"},
}  # fmt: skip


def published() -> list[dict[str, Any]]:
    """Return the profiles of the official package that `UNSILO_R4_PACKAGE` names."""
    path = Path(os.environ.get("UNSILO_R4_PACKAGE", ""))
    if not os.environ.get("UNSILO_R4_PACKAGE") or path.suffix != ".tgz" or not path.is_file():
        pytest.skip("UNSILO_R4_PACKAGE names no hl7.fhir.r4.core.tgz")
    with tarfile.open(path) as archive:
        files = [archive.extractfile(each) for each in archive if "StructureDefinition-" in each.name]
        found = [json.load(content) for content in files if content]
    return [one for one in found if one.get("derivation") == "constraint" and "snapshot" in one]


def differences(made: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> set[str]:
    """Name what differs: the ids, or fields of elements with the same id; `base` and prose aside."""
    found = set() if [e["id"] for e in made] == [e["id"] for e in wanted] else {"id"}
    ours = {e["id"]: slim_element(e) for e in made}
    for theirs in map(slim_element, wanted):
        mine = ours.get(theirs["id"], theirs)
        for name in (set(mine) | set(theirs)) - {"short", "base"}:
            one, other = mine.get(name), theirs.get(name)
            if name == "constraint":
                one, other = ([sorted(c["key"] for c in each or [])] for each in (one, other))
            if one != other:
                found.add(name)
    return found


def test_snapshots_are_those_that_were_published() -> None:
    """Of 439 profiles all but those listed with their reason are the same in every field that is kept."""
    profiles = published()
    assert len(profiles) == 439
    differing = {}
    for one in profiles:
        base = core.structure(one["baseDefinition"])
        assert base is not None
        made = snapshot({k: v for k, v in one.items() if k != "snapshot"}, base, core.structure)
        if found := differences(made, one["snapshot"]["element"]):
            differing[one["id"]] = found
    assert {name: found for name, found in differing.items() if not found <= EXPLAINED.get(name, set())} == {}
