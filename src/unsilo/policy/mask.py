"""Takes masked elements out of a resource, and says which search parameters would look at them."""

import re
from collections.abc import Mapping
from functools import lru_cache

from unsilo.kernel import Json
from unsilo.policy.predicate import Predicate

__all__ = ["masked", "touches"]

_TAG = {"system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", "code": "SUBSETTED"}
_FIRST = re.compile(r"(?<![\w.'/:-])([A-Z]\w*)\.([a-z]\w*)")
_KEPT = frozenset(("resourceType", "id", "meta"))


def _covers(name: str, element: str) -> bool:
    """Tell whether a JSON name belongs to an element: itself, its extensions (`_name`), or a form of `name[x]`."""
    bare = name[1:] if name[:1] == "_" else name
    return bare == element or (bare.startswith(element) and bare[len(element) : len(element) + 1].isupper())


def masked(resource: Json, elements: frozenset[str]) -> Json:
    """Return the resource without the masked elements, tagged SUBSETTED (FHIR R4 3.1.0.1.12).

    It is tagged whether or not one was there: that there is one is not told either.
    """
    if not elements:
        return resource
    gone = {n for n in resource if n not in _KEPT and any(_covers(n, element) for element in elements)}
    shown = {name: value for name, value in resource.items() if name not in gone}
    meta = shown.get("meta")
    meta = dict(meta) if isinstance(meta, Mapping) else {}
    tags = meta.get("tag")
    tags = list(tags) if isinstance(tags, list) else []
    meta["tag"] = tags if _TAG in tags else [*tags, _TAG]
    shown["meta"] = meta
    return shown


@lru_cache(maxsize=4096)
def _elements(expression: str) -> frozenset[str]:
    return frozenset(name for _, name in _FIRST.findall(expression))


def touches(predicate: Predicate, resource_type: str, expression: str) -> bool:
    """Tell whether a search expression of a type looks at a masked element; one that names none looks at all."""
    hidden = predicate.elements.get(resource_type)
    if not hidden:
        return False
    looked = _elements(expression)
    if not looked:
        return True
    return any(_covers(name, element) or _covers(element, name) for name in looked for element in hidden)
