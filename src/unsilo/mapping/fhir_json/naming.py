"""Ids of ours for foreign resources, and foreign references pointed at them."""

from __future__ import annotations

from typing import Any, NamedTuple

from unsilo.fhir.leaves import leaves
from unsilo.fhir.references import split
from unsilo.kernel import Json, content_id
from unsilo.kernel.json import encode
from unsilo.mapping.fhir_json.collect import Part
from unsilo.mapping.fhir_json.types import R4_TYPES

__all__ = ["Closed", "Names", "close"]


class Names:
    """What each foreign name means here.

    The same organisation's `Patient/123` is always the same resource of ours, in whatever bundle it comes; a
    resource without an id is named by its full URL, and one without either by its content.
    """

    def __init__(self, organisation: str) -> None:
        self.organisation = organisation
        self.known: dict[str, str] = {}
        self.bases: set[str] = set()
        self.by_identifier: dict[tuple[str, str, str], set[str]] = {}

    def foreign(self, kind: str, key: str) -> str:
        """Return our id for a foreign id or full URL."""
        return content_id("fhir", self.organisation, kind, key)

    def learn(self, part: Part) -> tuple[str, str, str]:
        """Return (our id, the foreign key, the pointer where that stands) of a resource and remember its names."""
        resource: Json = part.resource
        kind = resource["resourceType"]
        given = resource.get("id")
        if isinstance(given, str) and given:
            key, place = given, f"{part.pointer}/id"
        elif part.url:
            key, place = part.url, f"{part.entry}/fullUrl"
        else:
            key, place = encode(resource).decode("utf-8", "replace"), ""
        ours = self.foreign(kind, key)
        target = f"{kind}/{ours}"
        if isinstance(given, str) and given:
            self.known[f"{kind}/{given}"] = target
        if part.url:
            self.known[part.url] = target
            if part.url.endswith(f"/{kind}/{given}"):
                self.bases.add(part.url[: -len(f"/{kind}/{given}")])
        identifiers = resource.get("identifier")
        for item in identifiers if isinstance(identifiers, list) else [identifiers]:
            if isinstance(item, dict) and isinstance(item.get("value"), str):
                name = (kind, str(item.get("system") or ""), item["value"])
                self.by_identifier.setdefault(name, set()).add(target)
        return ours, key if place else "", place

    def resolve(self, reference: str) -> str | Json | None:
        """Return what a reference becomes: text, a logical reference (identifier), or None when it leads nowhere.

        Absolute URLs of other servers, contained (`#`) and empty ones stay as they are.
        """
        found = self.known.get(reference)
        if found is not None:
            return found
        if reference.startswith("#") or not reference:
            return reference
        kind, query, rest = reference.partition("?")
        if query and kind in R4_TYPES:
            return self._conditional(kind, rest)
        if reference.startswith(("urn:uuid:", "urn:oid:")):
            return {"identifier": {"system": "urn:ietf:rfc:3986", "value": reference}}
        named = split(reference)
        if named is None or named[0] not in R4_TYPES:
            return reference if ":" in reference else None
        base = reference[: reference.find(f"/{named[0]}/{named[1]}")] if "://" in reference else ""
        if base and base not in self.bases:
            return reference
        plain = f"{named[0]}/{named[1]}"
        return self.known.get(plain) or f"{named[0]}/{self.foreign(*named)}"

    def _conditional(self, kind: str, query: str) -> str | Json | None:
        """`Practitioner?identifier=system|value`: the one in this bundle, else a logical reference."""
        name, _, value = query.partition("=")
        if name != "identifier" or not value or "&" in value:
            return None
        system, bar, code = value.rpartition("|")
        targets = self.by_identifier.get((kind, system, code), set())
        if len(targets) == 1:
            return next(iter(targets))
        identifier = {"system": system, "value": code} if bar and system else {"value": code}
        return {"type": kind, "identifier": identifier}


class Closed(NamedTuple):
    """What happened while a resource's references were closed, by element path."""

    lost: dict[str, str]
    """References that lead nowhere: path of the `reference` -> its text."""
    logical: dict[str, str]
    """Leaves made of a reference: their path -> the path of the `reference` that was sent."""


def close(node: Any, names: Names, closed: Closed, drop: frozenset[str] = frozenset(), path: str = "") -> Any:
    """Return a resource with all references of ours and without the elements whose paths are in `drop`."""
    if isinstance(node, list):
        places = [f"{path}[{i}]" for i in range(len(node))]
        return [close(item, names, closed, drop, at) for item, at in zip(node, places, strict=True) if at not in drop]
    if not isinstance(node, dict):
        return node
    result: Json = {}
    for key, value in node.items():
        here = f"{path}.{key}" if path else key
        if here in drop:
            continue
        if key != "reference" or not isinstance(value, str):
            result[key] = close(value, names, closed, drop, here) if isinstance(value, dict | list) else value
            continue
        target = names.resolve(value)
        if isinstance(target, str):
            result[key] = target
            continue
        if target is None or "type" not in target:
            closed.lost[here] = value
        for name, made in (target or {}).items():
            if name not in node:
                result[name] = made
                below = leaves(made, f"{path}.{name}") if isinstance(made, dict) else [(f"{path}.{name}", made)]
                closed.logical.update((p, here) for p, _ in below)
    return result
