"""Links between the entries of a transaction, and from them to what a search finds (FHIR R4 3.1.0.11.2, 2.3.0.4)."""

import re
from collections.abc import Mapping
from typing import Any, Final

from unsilo.kernel import Json
from unsilo.spec.r4 import resource_types

__all__ = ["conditional", "conditionals", "resolved", "targets_of"]

_TYPED: Final = ("Uri", "Url", "Oid", "Uuid", "Canonical")
"""Ends of the names of choices that are links."""
_NAMED: Final = frozenset((
    "reference", "url", "uri", "implicitRules", "source", "endpoint", "derivedFrom", "library", "profile", "content",
    "questionnaire", "definition", "relation", "action", "targetProfile", "system",
))  # fmt: skip
"""Elements of type uri, url or canonical, and `Reference.reference`, that may name another entry."""
_IN_NARRATIVE: Final = re.compile(r"""\b(href|src)\s*=\s*(["'])(.*?)\2""", re.IGNORECASE | re.DOTALL)
_CONDITION: Final = re.compile(r"([A-Z][A-Za-z]+)\?(.+)", re.DOTALL)


def conditional(reference: str) -> tuple[str, str] | None:
    """Return (type, query) of a conditional reference (`Patient?identifier=...`), None for any other."""
    if "?" not in reference:
        return None
    found = _CONDITION.fullmatch(reference)
    return (found[1], found[2]) if found is not None and found[1] in resource_types() else None


def conditionals(node: Any) -> list[str]:
    """Return every conditional reference of a resource."""
    found: list[str] = []
    todo: list[Any] = [node]
    while todo:
        one = todo.pop()
        if type(one) is dict:
            said = one.get("reference")
            if type(said) is str and conditional(said) is not None:
                found.append(said)
            one = one.values()
        todo += [value for value in one if type(value) is dict or type(value) is list]
    return found


def targets_of(full_url: str, kind: str, id_: str) -> dict[str, str]:
    """Return what refers to an entry, by its fullUrl or relative to that, and what it becomes."""
    place = f"{kind}/{id_}"
    if not full_url:
        return {}
    found = {full_url: place}
    if full_url.startswith(("http://", "https://")):
        parts = full_url.rsplit("/", 2)
        if len(parts) == 3 and parts[1] in resource_types():
            found[f"{parts[1]}/{parts[2]}"] = place
    return found


def resolved(resource: Json, targets: Mapping[str, str]) -> Json:
    """Return the resource with every link that is a key of `targets` replaced, in its narrative too.

    Links may carry a fragment (`urn:uuid:...#part`). Parts without a link are shared with the original.
    """
    if not targets:
        return resource
    made: Json = _node(resource, targets)
    text = resource.get("text")
    div = text.get("div") if isinstance(text, dict) else None
    if isinstance(div, str) and ("href" in div or "src" in div):

        def link(match: re.Match[str]) -> str:
            new = _target(match[3], targets)
            return match[0] if new is None else f"{match[1]}={match[2]}{new}{match[2]}"

        changed = _IN_NARRATIVE.sub(link, div)
        if changed != div:
            made = {**made, "text": {**made["text"], "div": changed}}
    return made


def _target(said: str, targets: Mapping[str, str]) -> str | None:
    found = targets.get(said)
    if found is None and "#" in said:
        whole, _, part = said.partition("#")
        found = targets.get(whole)
        return None if found is None else f"{found}#{part}"
    return found


def _node(node: Any, targets: Mapping[str, str]) -> Any:
    if type(node) is dict:
        changed: Json = {}
        for key, value in node.items():
            kind = type(value)
            if kind is str:
                new = targets.get(value)
                if new is None and "#" in value:
                    new = _target(value, targets)
                if new is not None and (key in _NAMED or key.endswith(_TYPED)):
                    changed[key] = new
            elif kind is dict:
                made = _node(value, targets)
                if made is not value:
                    changed[key] = made
            elif kind is list:
                linked = key in _NAMED or key.endswith(_TYPED)
                made = _items(value, targets, linked=linked)
                if made is not value:
                    changed[key] = made
        return {**node, **changed} if changed else node
    return _items(node, targets, linked=False) if type(node) is list else node


def _items(items: list[Any], targets: Mapping[str, str], *, linked: bool) -> list[Any]:
    """Return the list with links replaced, itself when there are none; texts are links only where `linked`."""
    made = items
    for n, item in enumerate(items):
        kind = type(item)
        if kind is dict or kind is list:
            new = _node(item, targets)
        elif linked and kind is str:
            new = _target(item, targets) or item
        else:
            continue
        if new is not item:
            if made is items:
                made = list(items)
            made[n] = new
    return made
