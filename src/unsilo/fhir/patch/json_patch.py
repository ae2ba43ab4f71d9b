"""JSON Patch (RFC 6902) with JSON Pointer (RFC 6901), all operations or none."""

import re
from copy import deepcopy
from decimal import Decimal
from typing import Any, Final

from unsilo.fhir.patch.faults import LARGEST, MOST_OPERATIONS, PatchError, identity, refuse, size, too_deep
from unsilo.kernel import Json, Result

__all__ = ["json_patch"]

_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,9}")
_HINT: Final = "Paths are JSON Pointers (RFC 6901) into the resource as it is before this operation."


def json_patch(resource: Json, patch: Any) -> Result[Json]:
    """Apply a JSON Patch to a copy; all of it or, with the Issue of the first operation that fails, none.

    `where.path` of an Issue is a JSON Pointer into the patch (`/2/path`). Refused: what RFC 6902 calls an error, a
    change of resourceType or id, more than 10,000 operations, more than a million values added. Of a resource, arrays
    and objects that the patch leaves empty are taken out, as FHIR JSON has none (json.html).
    """
    try:
        return Result(_patched(resource, patch), [])
    except PatchError as fault:
        return Result(None, [fault.issue])
    except RecursionError:
        return Result(None, [too_deep()])


def _patched(resource: Json, patch: Any) -> Json:
    if not isinstance(patch, list):
        refuse("structure", "A JSON Patch is an array of operations.", "", "See RFC 6902.", "shape")
    if len(patch) > MOST_OPERATIONS:
        refuse("too-costly", "The patch has too many operations.", "", "Send a smaller patch.", "operations")
    document: Any = deepcopy(resource)
    added = 0
    for number, operation in enumerate(patch):
        document, size_of = _apply(document, operation, f"/{number}")
        added += size_of
        if added > LARGEST:
            refuse("too-costly", "The patch adds too much.", f"/{number}", "Send a smaller patch.", "size")
    identity(resource, document, "")
    if "resourceType" in resource:
        document = _without_empty(document)
    found: Json = document
    return found


def _apply(document: Any, operation: Any, place: str) -> tuple[Any, int]:
    """Apply one operation; return the document and how many values it added."""
    if not isinstance(operation, dict):
        refuse("structure", "An operation is a JSON object.", place, "See RFC 6902.", "shape")
    name = operation.get("op")
    path = _pointer(operation, "path", place)
    if name == "remove":
        return _remove(document, path, place)[0], 0
    if name in ("move", "copy"):
        source = _pointer(operation, "from", place)
        if name == "copy":
            value = deepcopy(_find(document, source, f"{place}/from"))
            return _add(document, path, value, place), size(value)
        if path[: len(source)] == source and path != source:
            refuse("value", "A value cannot be moved into itself.", f"{place}/from", _HINT, "move")
        document, value = _remove(document, source, place, "from")
        return _add(document, path, value, place), 0
    if name not in ("add", "replace", "test"):
        hint = "The operations are add, remove, replace, move, copy and test."
        refuse("structure", "There is no such operation.", f"{place}/op", hint, "operation")
    if "value" not in operation:
        refuse("required", "The operation has no value.", place, "Give it a member `value`.", "value")
    value = operation["value"]
    if name == "test":
        if not _same(_find(document, path, f"{place}/path"), value):
            refuse("business-rule", "The tested value is another one.", f"{place}/value", "Read it again.", "test")
        return document, 0
    value = deepcopy(value)
    if name == "add":
        return _add(document, path, value, place), size(value)
    if not path:
        return value, size(value)
    document, _ = _remove(document, path, place, keep=True)
    holder = _find(document, path[:-1], f"{place}/path")
    if isinstance(holder, list):
        holder[int(path[-1])] = value
    else:
        holder[path[-1]] = value
    return document, size(value)


def _pointer(operation: Json, name: str, place: str) -> list[str]:
    text = operation.get(name)
    if not isinstance(text, str):
        refuse("required", f"The operation has no {name}.", place, f"Give it a member `{name}`.", "path")
    if text and not text.startswith("/"):
        refuse("value", "The pointer does not begin with a slash.", f"{place}/{name}", _HINT, "pointer")
    if re.search(r"~(?![01])", text):
        refuse("value", "A tilde stands alone in the pointer.", f"{place}/{name}", "Write ~0 and ~1.", "pointer")
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _index(holder: list[Any], part: str, place: str, end: int) -> int:
    """Return a position in an array, below `end`."""
    if not _INDEX.fullmatch(part):
        refuse("value", "A position in an array is a number without leading zeros.", place, _HINT, "index")
    if int(part) >= end:
        refuse("value", f"The array has {len(holder)} items.", place, _HINT, "index")
    return int(part)


def _find(document: Any, path: list[str], place: str) -> Any:
    for part in path:
        if isinstance(document, dict) and part in document:
            document = document[part]
        elif isinstance(document, list):
            document = document[_index(document, part, place, len(document))]
        else:
            refuse("value", "There is nothing at this path.", place, _HINT, "missing")
    return document


def _remove(document: Any, path: list[str], place: str, name: str = "path", *, keep: bool = False) -> tuple[Any, Any]:
    """Take a value out and return it; with `keep` only look whether it is there."""
    place = f"{place}/{name}"
    if not path:
        if keep:
            return document, document
        refuse("value", "The whole document cannot be removed.", place, _HINT, "missing")
    holder = _find(document, path[:-1], place)
    part = path[-1]
    if isinstance(holder, list):
        index = _index(holder, part, place, len(holder))
        return document, holder[index] if keep else holder.pop(index)
    if not isinstance(holder, dict) or part not in holder:
        refuse("value", "There is nothing at this path.", place, _HINT, "missing")
    return document, holder[part] if keep else holder.pop(part)


def _add(document: Any, path: list[str], value: Any, place: str) -> Any:
    if not path:
        return value
    holder = _find(document, path[:-1], f"{place}/path")
    part = path[-1]
    if isinstance(holder, list):
        holder.insert(len(holder) if part == "-" else _index(holder, part, f"{place}/path", len(holder) + 1), value)
    elif isinstance(holder, dict):
        holder[part] = value
    else:
        refuse("value", "Nothing can be added below a single value.", f"{place}/path", _HINT, "missing")
    return document


def _same(one: Any, other: Any) -> bool:
    """Compare as RFC 6902 4.6 says: numbers by value, texts by characters, never one kind with another."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | Decimal | float) and isinstance(other, int | Decimal | float):
        return bool(one == other)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return type(one) is type(other) and bool(one == other)


def _without_empty(value: Any) -> Any:
    """Return the value without empty arrays and objects below it."""
    if isinstance(value, dict):
        kept = {key: _without_empty(each) for key, each in value.items()}
        return {key: each for key, each in kept.items() if each not in ({}, [])}
    if isinstance(value, list):
        return [each for each in map(_without_empty, value) if each not in ({}, [])]
    return value
