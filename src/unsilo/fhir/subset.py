"""Parts of a resource that a reader asked for: `_summary` and `_elements` (FHIR R4 search.html 3.1.1.5.8 and 9)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Final, Literal

from unsilo.kernel import Json
from unsilo.spec.model import Element, types

__all__ = ["SUBSETTED", "Mode", "subset", "unknown"]

Mode = Literal["true", "text", "data", "false"]

SUBSETTED: Final = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "SUBSETTED",
    "display": "subsetted",
}
"""The tag of a resource that is not whole, so that nobody writes it back by mistake."""

_ALWAYS: Final = frozenset(("resourceType", "id", "meta"))


def subset(resource: Json, mode: Mode | tuple[str, ...]) -> Json:
    """Return the part of a resource that `mode` says, tagged SUBSETTED; the resource itself stays as it is.

    `true`: elements that R4 marks for summaries, at every depth, mandatory ones, and what modifies the meaning. `text`:
    narrative, id, meta and mandatory elements. `data`: all but the narrative. `false`: the resource. A tuple: the named
    elements, with id, meta and all that is mandatory or modifies the meaning. Contained resources stay as far as
    something kept refers to them. Resources inside a Bundle or Parameters stay whole.
    """
    if mode == "false":
        return resource
    kind = str(resource.get("resourceType", ""))
    if mode == "data":
        kept = {name: value for name, value in resource.items() if name != "text"}
    elif mode == "true":
        kept = _summary(resource, kind)
    else:
        names = _text_names(kind) if mode == "text" else _chosen(kind, mode)
        kept = {name: value for name, value in resource.items() if name in names}
    kept = {"resourceType": kind, **kept, "meta": _tagged(resource.get("meta"))}
    if "id" in resource:
        kept["id"] = resource["id"]
    if "contained" not in kept and (contained := _cited(resource.get("contained"), kept)):
        kept["contained"] = contained
    return {name: kept[name] for name in ("resourceType", "id", "meta") if name in kept} | kept


def unknown(kind: str, names: Iterable[str]) -> list[str]:
    """Return the names given to `_elements` that no element of the resource type has, in their order.

    A name may carry the type before it (`Patient.name`); one with another type is not this type's business. For kind
    "Resource", a search over types, a name is known when any type has it.
    """
    kinds = sorted(types.resources) if kind == "Resource" else [kind]
    return [name for name in names if not any(_foreign(k, name) or _named(k, name) for k in kinds)]


def _tagged(meta: Any) -> Json:
    found = dict(meta) if isinstance(meta, dict) else {}
    tags = found.get("tag")
    tags = tags if isinstance(tags, list) else []
    if not any(isinstance(t, dict) and t.get("code") == "SUBSETTED" for t in tags):
        tags = [*tags, dict(SUBSETTED)]
    return found | {"tag": tags}


def _foreign(kind: str, name: str) -> bool:
    owner, dot, _ = name.partition(".")
    return bool(dot) and owner != kind and owner in types.resources


def _named(kind: str, name: str) -> frozenset[str]:
    """Return the JSON names of an element given by its name, its stem or a choice's one type."""
    if _foreign(kind, name):
        return frozenset()
    wanted = name.removeprefix(f"{kind}.").removesuffix("[x]")
    fields = types.fields(kind)
    if wanted in fields:
        return frozenset((wanted, f"_{wanted}"))
    found = [json_name for json_name, element in fields.items() if element.choice and element.name == wanted]
    return frozenset(form for json_name in found for form in (json_name, f"_{json_name}"))


def _fields(kind: str) -> Iterator[tuple[str, Element]]:
    for name, element in types.fields(kind).items():
        yield name, element
        yield f"_{name}", element


@lru_cache(maxsize=512)
def _text_names(kind: str) -> frozenset[str]:
    return _ALWAYS | {"text"} | {name for name, element in _fields(kind) if element.min}


@lru_cache(maxsize=512)
def _chosen(kind: str, names: tuple[str, ...]) -> frozenset[str]:
    needed = {name for name, element in _fields(kind) if element.min or element.modifier}
    return _ALWAYS | needed | {form for name in names for form in _named(kind, name)}


@lru_cache(maxsize=2048)
def _summary_names(context: str) -> dict[str, str]:
    """Map the JSON names that a summary keeps to where their children are looked up; "" for what stays whole."""
    kept = {}
    for name, element in types.fields(context).items():
        if element.summary or element.min or element.modifier or element.attribute:
            found = types.child(context, name)
            below = found[1] if found else ""
            kept[name] = "" if below in ("Resource", "xhtml") or types.is_primitive(below) else below
    return kept


def _summary(node: Json, context: str) -> Json:
    names = _summary_names(context)
    kept: Json = {}
    for name, value in node.items():
        below = names.get(name)
        if below is None:
            # What has no value consists of its extensions: they say why.
            if name.startswith("_") and name[1:] in names and _lacking(node.get(name[1:])):
                kept[name] = value
        elif below and isinstance(value, dict):
            kept[name] = _summary(value, below) or value
        elif below and isinstance(value, list):
            kept[name] = [(_summary(item, below) or item) if isinstance(item, dict) else item for item in value]
        else:
            kept[name] = value
    return kept


def _lacking(value: Any) -> bool:
    return value is None or (isinstance(value, list) and None in value)


def _references(value: Any) -> Iterator[str]:
    todo = [value]
    while todo:
        one = todo.pop()
        if isinstance(one, dict):
            todo.extend(one.values())
        elif isinstance(one, list):
            todo.extend(one)
        elif isinstance(one, str) and one.startswith("#"):
            yield one[1:]


def _cited(contained: Any, kept: Json) -> list[Json]:
    """Return the contained resources that what is kept refers to, or that one of them refers to."""
    if not isinstance(contained, list):
        return []
    by_id = {one["id"]: one for one in contained if isinstance(one, dict) and isinstance(one.get("id"), str)}
    wanted: set[str] = set()
    todo = list(_references(kept))
    while todo:
        name = todo.pop()
        if name in by_id and name not in wanted:
            wanted.add(name)
            todo.extend(_references(by_id[name]))
    return [one for name, one in by_id.items() if name in wanted]
