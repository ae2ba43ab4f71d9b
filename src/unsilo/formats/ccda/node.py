"""One element of a clinical document: its name, attributes, texts, children by name, and where it stands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

__all__ = ["Node"]

_NONE: Final[dict[str, list[Node]]] = {}


class Node:
    """`name` and the names of `attrs` are those of locators (`code`, `sdtc:raceCode`, `xsi:type`).

    `by` gives the children of one name in order; `path` is the locator of the element, "" for one that was not sent.
    `parent` is known while a mapping works (`link`, `unlink`): without it a tree has no circles, and goes when nobody
    holds it any more. `mixed` tells that text stands between or after the children. `source` are the bytes of a party
    (an author, an organisation), white space single, b"" where they are not known, and `begin` is where they start: the
    same party stands in a document many times. `kind` is what a mapping takes a section or
    entry for; it is no part of the document.
    """

    __slots__ = (
        "attrs", "begin", "by", "kids", "kind", "mixed", "name", "parent", "path", "source", "tail", "text",
    )  # fmt: skip

    def __init__(self, name: str, attrs: dict[str, str], path: str) -> None:
        self.name = name
        self.attrs = attrs
        self.path = path
        self.parent: Node | None = None
        self.text: str | None = None
        self.tail: str | None = None
        self.kind = ""
        self.mixed = False
        self.source = b""
        self.begin = 0
        self.kids: list[Node] | tuple[()] = ()
        self.by = _NONE

    def get(self, name: str) -> str | None:
        """Return an attribute, None when it is not there."""
        return self.attrs.get(name)

    def first(self, name: str) -> Node | None:
        """Return the first child of a name."""
        found = self.by.get(name)
        return found[0] if found else None

    def add(self, child: Node) -> None:
        """Put a child at the end."""
        if self.by is _NONE:
            self.by = {child.name: [child]}
            self.kids = [child]
            return
        self.kids.append(child)  # type: ignore[union-attr]
        same = self.by.get(child.name)
        if same is None:
            self.by[child.name] = [child]
        else:
            same.append(child)

    def link(self) -> None:
        """Let every element below know the one around it."""
        stack = [self]
        while stack:
            node = stack.pop()
            for child in node.kids:
                child.parent = node
                if child.kids:
                    stack.append(child)

    def unlink(self) -> None:
        """Forget what stands around each element."""
        stack = [self]
        while stack:
            for child in stack.pop().kids:
                child.parent = None
                if child.kids:
                    stack.append(child)

    def iter(self) -> Iterator[Node]:
        """Yield the element and all below it in document order."""
        stack = [self]
        while stack:
            node = stack.pop()
            yield node
            if node.kids:
                stack.extend(reversed(node.kids))

    def texts(self) -> list[str]:
        """Return all pieces of text below, in document order."""
        found = [self.text] if self.text else []
        stack: list[Node | str] = list(reversed(self.kids))
        while stack:
            node = stack.pop()
            if isinstance(node, str):
                found.append(node)
                continue
            if node.tail:
                stack.append(node.tail)
            if node.text:
                found.append(node.text)
            if node.kids:
                stack.extend(reversed(node.kids))
        return found

    def around(self, name: str) -> Node | None:
        """Return the nearest element of a name around this one."""
        node = self.parent
        while node is not None and node.name != name:
            node = node.parent
        return node
