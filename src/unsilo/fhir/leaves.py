"""Every primitive value of a resource with its path, as lineage rows name it (`name[0].family`)."""

import re
from collections.abc import Iterator
from typing import Any

__all__ = ["at", "leaves", "pointer"]

_INDEX = re.compile(r"\[(\d+)\]")


def leaves(resource: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (path, value) of every primitive in document order; a `resourceType` is a type name, not an element."""
    if isinstance(resource, dict):
        for key, value in resource.items():
            if key != "resourceType":
                yield from leaves(value, f"{path}.{key}" if path else key)
    elif isinstance(resource, list):
        for index, value in enumerate(resource):
            yield from leaves(value, f"{path}[{index}]")
    elif resource is not None:
        yield path, resource


def at(resource: Any, path: str) -> Any:
    """Return what stands at a path as `leaves` gives it, or None."""
    node = resource
    for step in path.replace("[", ".[").split("."):
        if step.startswith("["):
            index = int(step[1:-1])
            if not isinstance(node, list) or index >= len(node):
                return None
            node = node[index]
        elif isinstance(node, dict):
            node = node.get(step)
        else:
            return None
    return node


def pointer(path: str) -> str:
    """Return the JSON pointer of a path: `name[0].family` is `/name/0/family` (RFC 6901)."""
    return "/" + _INDEX.sub(r"/\1", path).replace(".", "/") if path else ""
