"""Every value of a document that no lineage row cites."""

from __future__ import annotations

from typing import Any

from unsilo.formats.ccda import INFRASTRUCTURE, STRUCTURAL, Document, Node, own_text
from unsilo.kernel import Locator
from unsilo.mapping.model import Entry

__all__ = ["unconsumed"]


def unconsumed(document: Document, entries: list[Entry]) -> list[tuple[Locator, str, str]]:
    """Return (locator, path, value) of each value that is not cited, in document order.

    A row that cites an element, or the text of one, cites all the text in it; attributes are cited one by one, but
    inside a narrative that is cited they are only layout.
    """
    cited: set[Any] = set()
    for entry in entries:
        cited.update([row[2] for row in entry.rows])
    rest: list[tuple[Locator, str, str]] = []
    stack: list[tuple[Node, bool]] = [(top, False) for top in reversed(document.tops)]
    while stack:
        node, whole = stack.pop()
        path = node.path
        if node.name in INFRASTRUCTURE and path:
            stack.extend([(child, whole) for child in reversed(node.kids)])
            continue
        inner = node.text or node.kids
        text = f"{path}/text()" if inner else path
        whole = whole or path in cited or text in cited
        if whole and node.name == "text" and text in cited:
            continue
        for name, value in node.attrs.items():
            if name in STRUCTURAL or not value or f"{path}/@{name}" in cited:
                continue
            if value.strip() and not name.startswith("xsi:"):
                place = f"{path}/@{name}"
                rest.append((place, place, value))
        if inner and not whole:
            own = own_text(node)
            if own:
                rest.append((text, text, own))
        if node.kids:
            stack.extend([(child, whole) for child in reversed(node.kids)])
    return rest
