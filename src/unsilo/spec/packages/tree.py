"""A snapshot as a tree: elements below their parents, slices beside the element that they slice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from unsilo.kernel import Json

__all__ = ["Node", "grow"]


class Node:
    """One element. `steps` of children are names as in paths; `slices` are in the order of their appearance."""

    __slots__ = ("children", "element", "kinds", "slices", "unfolded")

    def __init__(self, element: Json) -> None:
        self.element = element
        self.children: dict[str, Node] = {}
        self.slices: dict[str, Node] = {}
        self.kinds: list[Json] = []
        """The types of a choice before a profile narrowed them, [] where none did."""
        self.unfolded = False
        """Whether children were looked up in the type already."""

    def copy(self) -> Node:
        """Return a copy that can be changed; the elements' inner values are never changed, only replaced."""
        made = Node(dict(self.element))
        made.children = {name: child.copy() for name, child in self.children.items()}
        made.slices = {name: each.copy() for name, each in self.slices.items()}
        made.kinds, made.unfolded = self.kinds, self.unfolded
        return made

    def walk(self, path: str, known: str) -> Iterator[Json]:
        """Yield the elements in the order of a snapshot, with paths and ids as they are under `path` and id `known`."""
        element = dict(self.element)
        element["id"], element["path"] = known, path
        yield element
        for name, child in self.children.items():
            yield from child.walk(f"{path}.{name}", f"{known}.{name}")
        for name, each in self.slices.items():
            yield from each.walk(path, f"{known}:{name}")


def parts(identity: str) -> list[tuple[str, str]]:
    """Split an element id into (name, slice) steps, the root left out: `a.b:x.c` is [("b", "x"), ("c", "")]."""
    steps = [step.partition(":") for step in identity.split(".")[1:]]
    return [(name, piece) for name, _, piece in steps]


def identities(elements: list[Json]) -> Iterator[str]:
    """Yield each element's id; where it lacks or does not fit, made from path, slice name and what came before."""
    last: dict[str, str] = {}
    for element in elements:
        path = str(element["path"])
        said = str(element.get("id") or "")
        if ".".join(step.partition(":")[0] for step in said.split(".")) != path:
            above = path.rpartition(".")[0]
            while above and above not in last:
                above = above.rpartition(".")[0]
            said = f"{last[above]}{path[len(above) :]}" if above else path
            if element.get("sliceName"):
                said += f":{element['sliceName']}"
        for below in [known for known in last if known.startswith(f"{path}.")]:
            del last[below]
        last[path] = said
        yield said


def grow(elements: list[Json]) -> Node:
    """Make the tree of a snapshot; each element says what it is based on. Elements without a parent are left out."""
    root = Node(based(elements[0]))
    for element, identity in zip(elements[1:], list(identities(elements))[1:], strict=True):
        node: Node | None = root
        steps = parts(identity)
        for name, piece in steps[:-1]:
            node = node.children.get(name) if node else None
            if node and piece:
                node = node.slices.get(piece)
        if node is None or not steps:
            continue
        name, piece = steps[-1]
        if not piece:
            node.children[name] = Node(based(element))
        elif name in node.children:
            node.children[name].slices[piece] = Node(based(element))
    return root


def based(element: Json) -> Json:
    """Return an element with its `base`, which slim snapshots leave out where it says the same."""
    base: dict[str, Any] = {name: element[name] for name in ("path", "min", "max") if name in element}
    return {"base": base} | element
