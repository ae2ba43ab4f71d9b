"""References inside resources: find them and point them elsewhere (FHIR R4 references.html, bundle.html#references)."""

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["rewrite", "split", "walk"]

_LINKS = frozenset({"url", "uri", "valueUri", "valueUrl", "valueOid", "valueUuid"})
"""Elements of type uri, url, oid or uuid: a bundle's resolution replaces them when they equal a full URL."""


def walk(resource: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield (path, reference) for every `Reference.reference`, also of contained resources and extensions."""
    if isinstance(resource, dict):
        for key, value in resource.items():
            here = f"{path}.{key}" if path else key
            if key == "reference" and isinstance(value, str):
                yield here, value
            elif isinstance(value, dict | list):
                yield from walk(value, here)
    elif isinstance(resource, list):
        for index, value in enumerate(resource):
            yield from walk(value, f"{path}[{index}]")


def split(reference: str) -> tuple[str, str] | None:
    """Return (type, id) of a relative or absolute RESTful reference, without a version; None for urn:, # and others."""
    if reference.startswith(("urn:", "#")):
        return None
    parts = reference.split("?", 1)[0].split("#", 1)[0].split("/")
    if len(parts) >= 4 and parts[-2] == "_history":
        parts = parts[:-2]
    if len(parts) < 2 or not parts[-1] or not parts[-2].isalpha() or not parts[-2][:1].isupper():
        return None
    return parts[-2], parts[-1]


def rewrite(resource: Any, targets: Mapping[str, str]) -> Any:
    """Return the resource with each reference that is a key of `targets` replaced; unchanged parts are shared.

    Elements of type uri and url are replaced too when they equal a key (as in narrative-free Bundle resolution).
    """
    if isinstance(resource, dict):
        changed: dict[str, Any] = {}
        for key, value in resource.items():
            if isinstance(value, str):
                if (key == "reference" or key in _LINKS) and value in targets:
                    changed[key] = targets[value]
            elif isinstance(value, dict | list):
                new = rewrite(value, targets)
                if new is not value:
                    changed[key] = new
        return {**resource, **changed} if changed else resource
    if isinstance(resource, list):
        items = [rewrite(v, targets) if isinstance(v, dict | list) else v for v in resource]
        return items if any(a is not b for a, b in zip(items, resource, strict=True)) else resource
    return resource
