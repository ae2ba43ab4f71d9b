"""JSON Patch: each operation, what is refused and where, and hostile patches."""

from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest

from unsilo.fhir.patch import json_patch

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p",
    "name": [{"family": "A", "given": ["B", "C"]}, {"family": "D"}],
    "multipleBirthInteger": 2,
}


def patched(*operations: Any, document: dict[str, Any] = PATIENT) -> dict[str, Any] | None:
    """Apply operations; the document is never touched."""
    before = deepcopy(document)
    result = json_patch(document, list(operations))
    assert document == before
    assert (result.value is None) is bool(result.issues)
    return result.value


@pytest.mark.parametrize(
    ("operation", "path", "value"),
    [
        ({"op": "add", "path": "/active", "value": True}, ("active",), True),
        ({"op": "add", "path": "/name/-", "value": {"family": "E"}}, ("name", 2, "family"), "E"),
        ({"op": "add", "path": "/name/0", "value": {"family": "E"}}, ("name", 0, "family"), "E"),
        ({"op": "replace", "path": "/name/1/family", "value": "E"}, ("name", 1, "family"), "E"),
        ({"op": "replace", "path": "/name/0/given/1", "value": "E"}, ("name", 0, "given", 1), "E"),
        ({"op": "remove", "path": "/name/0"}, ("name", 0, "family"), "D"),
        ({"op": "move", "from": "/name/1", "path": "/name/0"}, ("name", 0, "family"), "D"),
        ({"op": "move", "from": "/name/0/family", "path": "/name/1/text"}, ("name", 1, "text"), "A"),
        ({"op": "copy", "from": "/name/0", "path": "/contact"}, ("contact", "family"), "A"),
        ({"op": "test", "path": "/multipleBirthInteger", "value": Decimal("2.0")}, ("id",), "p"),
        ({"op": "add", "path": "/value", "value": Decimal("1.00")}, ("value",), Decimal("1.00")),
    ],
)
def test_operations(operation: dict[str, Any], path: tuple[Any, ...], value: Any) -> None:
    """Each operation of RFC 6902 does what it says."""
    found: Any = patched(operation)
    for part in path:
        found = found[part]
    assert str(found) == str(value)


@pytest.mark.parametrize(
    ("operation", "place", "code"),
    [
        ("x", "/0", "structure"),
        ({"path": "/active"}, "/0/op", "structure"),
        ({"op": "remove"}, "/0", "required"),
        ({"op": "add", "path": "/active"}, "/0", "required"),
        ({"op": "add", "path": "active", "value": 1}, "/0/path", "value"),
        ({"op": "add", "path": "/a~2", "value": 1}, "/0/path", "value"),
        ({"op": "add", "path": "/name/3", "value": 1}, "/0/path", "value"),
        ({"op": "add", "path": "/name/01", "value": 1}, "/0/path", "value"),
        ({"op": "add", "path": "/name/-1", "value": 1}, "/0/path", "value"),
        ({"op": "add", "path": "/name/１", "value": 1}, "/0/path", "value"),
        ({"op": "add", "path": "/name/99999999999999999999", "value": 1}, "/0/path", "value"),
        ({"op": "add", "path": "/id/x", "value": 1}, "/0/path", "value"),
        ({"op": "remove", "path": "/nothing"}, "/0/path", "value"),
        ({"op": "remove", "path": "/name/-"}, "/0/path", "value"),
        ({"op": "remove", "path": ""}, "/0/path", "value"),
        ({"op": "replace", "path": "/nothing", "value": 1}, "/0/path", "value"),
        ({"op": "move", "from": "/name", "path": "/name/0/x"}, "/0/from", "value"),
        ({"op": "move", "from": "/nothing", "path": "/x"}, "/0/from", "value"),
        ({"op": "copy", "from": "/nothing", "path": "/x"}, "/0/from", "value"),
        ({"op": "test", "path": "/id", "value": "q"}, "/0/value", "business-rule"),
        ({"op": "test", "path": "/multipleBirthInteger", "value": "2"}, "/0/value", "business-rule"),
        ({"op": "test", "path": "/multipleBirthInteger", "value": True}, "/0/value", "business-rule"),
        ({"op": "replace", "path": "/id", "value": "q"}, "", "business-rule"),
        ({"op": "remove", "path": "/id"}, "", "business-rule"),
        ({"op": "replace", "path": "/resourceType", "value": "Group"}, "", "business-rule"),
        ({"op": "replace", "path": "", "value": []}, "", "structure"),
    ],
)
def test_faults_say_the_place_in_the_patch(operation: Any, place: str, code: str) -> None:
    """The first fault ends the patch, with a pointer into it."""
    result = json_patch(PATIENT, [operation])
    assert result.value is None
    assert [(issue.where.path, issue.code, issue.severity) for issue in result.issues] == [(place, code, "error")]
    assert result.issues[0].hint


def test_all_or_nothing() -> None:
    """The second operation's fault takes the first one back."""
    result = json_patch(PATIENT, [{"op": "add", "path": "/a", "value": 1}, {"op": "remove", "path": "/b"}])
    assert result.value is None
    assert result.issues[0].where.path == "/1/path"


def test_nothing_empty_is_left_in_a_resource() -> None:
    """FHIR JSON has no empty arrays and objects; other documents stay as they are."""
    found = patched({"op": "remove", "path": "/name/1/family"}, {"op": "add", "path": "/contact", "value": [{}]})
    assert found is not None
    assert found["name"] == [{"family": "A", "given": ["B", "C"]}]
    assert "contact" not in found
    assert patched({"op": "add", "path": "/a", "value": {}}, document={"b": []}) == {"a": {}, "b": []}


@pytest.mark.parametrize("patch", [None, {}, "x", 5, [[]], [None]])
def test_what_is_no_patch_is_refused(patch: Any) -> None:
    """A patch is an array of objects."""
    result = json_patch(PATIENT, patch)
    assert result.value is None
    assert result.issues[0].code == "structure"


def test_patches_that_grow_are_refused() -> None:
    """Copies of copies, nesting without end and very many operations end with `too-costly`."""
    doubling = [{"op": "copy", "from": "/name", "path": "/name/-"}] * 60
    nesting = [{"op": "copy", "from": "/name", "path": "/name/0/x"}] * 400
    deep = [{"op": "add", "path": "/a" * n, "value": {}} for n in range(1, 3000)]
    for patch in (doubling, nesting, deep, [{"op": "test", "path": "/id", "value": "p"}] * 20_000):
        result = json_patch(PATIENT, patch)
        assert result.value is None
        assert result.issues[0].code == "too-costly"
