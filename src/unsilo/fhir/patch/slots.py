"""Where elements stand in a resource, and how they are put there: a primitive keeps its `_name` beside it."""

from typing import Any

from unsilo.fhir.path import Place
from unsilo.kernel import Json

__all__ = ["Value", "append", "beside", "fill", "insert", "length", "move", "prune", "remove"]

Value = tuple[Any, Any]
"""A JSON value and what stands beside it (id and extensions of a primitive); either may be None."""


def _pair(holder: Json, key: str) -> tuple[list[Any], list[Any]]:
    """Return the array and the one beside it, as long as each other."""
    values = list(holder.get(key) or [])
    extras = list(holder.get("_" + key) or [])
    count = max(len(values), len(extras))
    return values + [None] * (count - len(values)), extras + [None] * (count - len(extras))


def _put(holder: Json, key: str, values: list[Any], extras: list[Any]) -> None:
    for name, each in ((key, values), ("_" + key, extras)):
        if any(one is not None for one in each):
            holder[name] = each
        else:
            holder.pop(name, None)


def length(holder: Json, key: str) -> int:
    """Count the items of an array."""
    return len(_pair(holder, key)[0])


def insert(holder: Json, key: str, at: int, value: Value) -> None:
    """Put a value into an array."""
    values, extras = _pair(holder, key)
    values.insert(at, value[0])
    extras.insert(at, value[1])
    _put(holder, key, values, extras)


def append(holder: Json, key: str, value: Value) -> None:
    """Put a value at the end of an array, which is made where there is none."""
    insert(holder, key, length(holder, key), value)


def fill(holder: Json, key: str, value: Value) -> None:
    """Set a single element."""
    for name, each in ((key, value[0]), ("_" + key, value[1])):
        if each is None:
            holder.pop(name, None)
        else:
            holder[name] = each


def remove(place: Place) -> None:
    """Take an element away."""
    if place.at is None:
        place.holder.pop(place.key, None)
        place.holder.pop("_" + place.key, None)
        return
    values, extras = _pair(place.holder, place.key)
    del values[place.at], extras[place.at]
    _put(place.holder, place.key, values, extras)


def move(holder: Json, key: str, source: int, target: int) -> None:
    """Move an item of an array."""
    values, extras = _pair(holder, key)
    values.insert(target, values.pop(source))
    extras.insert(target, extras.pop(source))
    _put(holder, key, values, extras)


def beside(place: Place) -> Json:
    """Return the object with id and extensions of a primitive, made where there is none."""
    name = "_" + place.key
    if place.at is None:
        made: Json = place.holder.setdefault(name, {})
        return made
    values, extras = _pair(place.holder, place.key)
    if not isinstance(extras[place.at], dict):
        extras[place.at] = {}
    place.holder[name] = extras
    if place.key in place.holder:
        place.holder[place.key] = values
    found: Json = extras[place.at]
    return found


def prune(node: Any) -> bool:
    """Take empty objects and arrays out of a node; False when nothing is left of it."""
    if isinstance(node, dict):
        for key in [key for key, value in node.items() if isinstance(value, dict | list) and not prune(value)]:
            del node[key]
        return bool(node)
    if isinstance(node, list):
        kept = [each for each in node if not isinstance(each, dict | list) or prune(each)]
        if len(kept) != len(node):
            node[:] = kept
        return any(each is not None for each in node)
    return True
