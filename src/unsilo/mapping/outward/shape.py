"""Resources as R4 shapes them: what does not fit its element is left out and named."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from unsilo.kernel import Json
from unsilo.spec import r4

__all__ = ["fitting"]

_NUMBERS = frozenset({"decimal", "integer", "positiveInt", "unsignedInt"})
_DEEPEST = 40


def fitting(resource: Json, dropped: list[str]) -> Json:
    """Return a copy of a resource with only what fits (FHIR R4 json.html); the paths of the rest go to `dropped`.

    A resource of a type that R4 does not know comes back with its type and id alone.
    """
    kind = resource["resourceType"]
    if kind not in r4.resource_types():
        return {name: resource[name] for name in ("resourceType", "id") if isinstance(resource.get(name), str)}
    found = _object(resource, kind, kind, dropped, 0)
    return {"resourceType": kind, **found}


def _object(node: Json, context: str, path: str, dropped: list[str], depth: int) -> Json:
    made: Json = {}
    for name, value in node.items():
        if name == "resourceType" or name.startswith("_"):
            continue
        element = r4.child(context, name)
        here = f"{path}.{name}"
        if element is None or depth > _DEEPEST or isinstance(value, list) != element.many:
            dropped.append(here)
            continue
        kept = [_value(item, element, here, dropped, depth) for item in (value if element.many else [value])]
        kept = [item for item in kept if item is not None]
        if kept:
            made[name] = kept if element.many else kept[0]
    return made


def _value(value: Any, element: r4.Element, path: str, dropped: list[str], depth: int) -> Any:
    kind = element.types[0] if element.types else ""
    if kind == "Resource":
        return value if isinstance(value, dict) else None
    if kind[:1].islower() or kind.startswith("http"):
        if kind == "boolean":
            fits = isinstance(value, bool)
        elif kind in _NUMBERS:
            fits = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
        else:
            fits = isinstance(value, str)
        if fits:
            return value
    elif isinstance(value, dict):
        return _object(value, element.context, path, dropped, depth + 1) or None
    dropped.append(path)
    return None
