"""Every value of a document that no lineage row cites."""

from __future__ import annotations

from typing import Any

from unsilo.formats.ccda import INFRASTRUCTURE, STRUCTURAL, Document, Node, own_text
from unsilo.kernel import Locator
from unsilo.mapping.model import Entry

__all__ = ["unconsumed"]

Rest = list[tuple[Locator, str, str]]


def unconsumed(document: Document, entries: list[Entry]) -> Rest:
    """Return (locator, path, value) of each value that is not cited, in document order.

    A row that cites an element, or the text of one, cites all the text in it; attributes are cited one by one, but
    inside a narrative that is cited they are only layout.
    """
    cited: set[Any] = set()
    for entry in entries:
        cited.update([row[2] for row in entry.rows])
    rest: Rest = []
    for top in document.tops:
        _look([top], False, cited, rest)
    return rest


def _look(nodes: list[Node] | tuple[()], whole: bool, cited: set[Any], rest: Rest) -> None:
    """Add what is not cited of elements and of all in them; `whole` says that the text around them is."""
    for node in nodes:
        path, kids = node.path, node.kids
        if node.name in INFRASTRUCTURE and path:
            if kids:
                _look(kids, whole, cited, rest)
            continue
        said = whole
        if kids or node.text:
            text = f"{path}/text()"
            if text in cited:
                if node.name == "text":
                    continue
                said = True
            elif not said:
                said = path in cited
        elif node.name == "text" and path in cited:
            continue
        for name, value in node.attrs.items():
            if name in STRUCTURAL or not value:
                continue
            place = f"{path}/@{name}"
            if place not in cited and value.strip() and name[:4] != "xsi:":
                rest.append((place, place, value))
        if not said and (node.text or node.mixed) and (own := own_text(node)):
            rest.append((text, text, own))
        if kids:
            _look(kids, said, cited, rest)
