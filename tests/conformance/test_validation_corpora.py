"""The validator against HL7's own verdicts and against the standard's and other published examples."""

import json as plain
import os
import re
from pathlib import Path

import pytest

from unsilo.kernel import json
from unsilo.validation import Options
from unsilo.validation.documents import check_bytes
from unsilo.validation.library import validator

CORPORA = os.environ.get("UNSILO_CORPORA", "")
pytestmark = [
    pytest.mark.corpora,
    pytest.mark.skipif(not CORPORA, reason="UNSILO_CORPORA is not set: third-party test data is not here"),
]
ROOT = Path(CORPORA)

OUTSIDE = {
    "bundle-duplicate-ids-not": "displays in German of LOINC",
    "bundle-id-4": "a display of CVX (its other errors are compared)",
    "uk-msg": "displays and codes of the United Kingdom's SNOMED CT",
}
"""Cases whose errors are, wholly or in part, about terminologies that are not among the definitions."""

DIFFERENT = {"contained-resource-bad-id-ignore": "its harness switches the check of contained resources off"}
"""Cases on which the verdict differs, and why."""

WRONG_BY_THE_STANDARD = {
    "eventdefinition-example.json": "txt-2: its narrative is empty",
    "message-request-link.json": "its third entry's fullUrl and id differ",
    "observation-example-clinical-gender.json": "performer refers to an Encounter, which R4 does not allow",
    "diagnosticreport-cbc.json": "a contained resource lacks what its type requires",
}
"""Published examples with an error; all `*-questionnaire.json` leave out linkId, which R4 requires."""


def _plain(path: str) -> str:
    """Return a path as FHIRPath says it: without the notes of the other validator, XML steps as elements."""
    path = re.sub(r"/\*.*?\*/", "", path).rstrip("./")
    return ".".join(step.removeprefix("f:") for step in path.strip("/").split("/")) if path.startswith("/") else path


def _from_zero(path: str) -> str:
    return re.sub(r"\[(\d+)\]", lambda m: f"[{int(m[1]) - 1}]", path)


def _cases():
    if not CORPORA:
        return []
    return plain.loads((ROOT / "validator-r4/manifest.json").read_text("utf-8"))


def _theirs(case) -> list[tuple[str, str]]:
    told = plain.loads((ROOT / "validator-r4/validator/outcomes" / case["java"]).read_text("utf-8"))
    found = []
    for issue in told.get("issue", ()):
        text = issue.get("details", {}).get("text", "")
        if issue["severity"] not in ("error", "fatal") or "Wrong Display Name" in text or "Unknown code" in text:
            continue
        path = _plain((issue.get("expression") or issue.get("location") or [""])[0])
        # What it says of links within a document it counts from one.
        found.append((_from_zero(path) if text.startswith(("Can't find", "Found 2 matches")) else path, text))
    return found


def _ours(case) -> list[str]:
    file = ROOT / "validator-r4/validator" / case["file"]
    found = check_bytes(file.name, file.read_bytes(), validator(), Options())
    return [issue.where.path for issue in found if issue.severity in ("error", "fatal")]


def test_verdicts_agree_with_hl7s_own():
    """At least .93 of the cases, and .75 of the places, agree; each other verdict is explained by name above."""
    agreed = places = found = 0
    cases = [case for case in _cases() if case["name"] != "uk-msg"]
    different = []
    for case in cases:
        theirs, ours = _theirs(case), _ours(case)
        same = bool(theirs) == bool(ours)
        agreed += same
        if not same:
            different.append(case["name"])
        wanted = {path for path, _ in theirs}
        places += len(wanted)
        found += len(wanted & set(ours))
    print(f"verdicts {agreed} of {len(cases)}, places {found} of {places}")
    assert set(different) <= set(DIFFERENT) | set(OUTSIDE)
    assert agreed / len(cases) >= 0.93
    assert found / places >= 0.75


@pytest.mark.parametrize("folder", ["r4-spec-examples", "us-core-examples", "synthea-r4"])
def test_published_examples_have_no_error_but_their_own(folder):
    """Every file passes the base definitions, but for those that the standard itself calls wrong."""
    wrong = {}
    for file in sorted((ROOT / folder).rglob("*.json")):
        resource = json.decode(file.read_bytes())
        if not isinstance(resource, dict) or "resourceType" not in resource:
            continue
        found = [i for i in validator().validate(resource) if i.severity in ("error", "fatal")]
        if file.name.endswith("-questionnaire.json") and {i.rule for i in found} <= {"cardinality.min", "que-2"}:
            assert all("linkId" in i.text or i.rule == "que-2" for i in found)
            continue
        if found and file.name not in WRONG_BY_THE_STANDARD:
            wrong[file.name] = [(i.where.path, i.rule) for i in found[:3]]
    assert wrong == {}
