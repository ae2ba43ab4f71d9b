"""Links between the entries of a transaction, and from them to what a search finds (FHIR R4 3.1.0.11.2, 2.3.0.4)."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from unsilo.kernel import Json
from unsilo.spec.r4 import resource_types

__all__ = ["conditional", "conditionals", "linked", "resolved", "targets_of", "unmet"]

_TYPED: Final = ("Uri", "Url", "Oid", "Uuid", "Canonical")
"""Ends of the names of choices that are links."""
_NAMED: Final = frozenset((
    "reference", "url", "uri", "implicitRules", "source", "endpoint", "derivedFrom", "library", "profile", "content",
    "questionnaire", "definition", "relation", "action", "targetProfile", "system",
))  # fmt: skip
"""Elements of type uri, url or canonical, and `Reference.reference`, that may name another entry."""
_IN_NARRATIVE: Final = re.compile(r"""\b(href|src)\s*=\s*(["'])(.*?)\2""", re.IGNORECASE | re.DOTALL)
_INSIDE: Final = ("urn:uuid:", "urn:oid:")
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


def linked(patch: Any, targets: Mapping[str, str]) -> Any:
    """Return a patch with every link of its values replaced: Parameters, or the operations of a JSON Patch."""
    if not targets:
        return patch
    made = _node(patch, targets)
    if type(made) is not list:
        return made
    return [
        {**one, "value": _target(one["value"], targets) or one["value"]}
        if type(one) is dict and type(one.get("value")) is str and _is_link(str(one.get("path")).rpartition("/")[2])
        else one
        for one in made
    ]  # fmt: skip


def unmet(node: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield (path, reference) of what still names an entry that no Bundle has; a Bundle within has entries of its own.

    Such a URN (R4 bundle.html#references) is good inside its Bundle only: stored, it would lead nowhere for ever.
    """
    if type(node) is dict:
        if node.get("resourceType") == "Bundle":
            return
        for key, value in node.items():
            if key == "reference" and type(value) is str and value.startswith(_INSIDE):
                yield f"{path}.reference", value
            elif type(value) is dict or type(value) is list:
                yield from unmet(value, f"{path}.{key}")
    elif type(node) is list:
        for n, value in enumerate(node):
            yield from unmet(value, f"{path}[{n}]")


def _is_link(name: str) -> bool:
    return name in _NAMED or name.endswith(_TYPED)


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
                if new is not None and _is_link(key):
                    changed[key] = new
            elif kind is dict:
                made = _node(value, targets)
                if made is not value:
                    changed[key] = made
            elif kind is list:
                made = _items(value, targets, links=_is_link(key))
                if made is not value:
                    changed[key] = made
        return {**node, **changed} if changed else node
    return _items(node, targets, links=False) if type(node) is list else node


def _items(items: list[Any], targets: Mapping[str, str], *, links: bool) -> list[Any]:
    """Return the list with links replaced, itself when there are none; texts are links only where `links`."""
    made = items
    for n, item in enumerate(items):
        kind = type(item)
        if kind is dict or kind is list:
            new = _node(item, targets)
        elif links and kind is str:
            new = _target(item, targets) or item
        else:
            continue
        if new is not item:
            if made is items:
                made = list(items)
            made[n] = new
    return made
