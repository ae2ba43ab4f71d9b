"""Every value of a document with its locator, for the list of what a mapping did not use."""

from collections.abc import Iterator
from typing import Final

from unsilo.formats.ccda.document import Document
from unsilo.formats.ccda.node import Node

__all__ = ["STRUCTURAL", "own_text", "valued"]

STRUCTURAL: Final = frozenset(
    ("classCode", "moodCode", "typeCode", "determinerCode", "contextConductionInd", "contextControlCode", "xsi:type")
)
"""Attributes that declare what kind of node this is; they hold no content of their own (CDA R2)."""

INFRASTRUCTURE: Final = frozenset(("templateId", "typeId", "realmCode"))
"""Elements that declare by which rules a node was written."""


def own_text(node: Node) -> str:
    """Return an element's own pieces of text, trimmed and joined by spaces."""
    if not node.mixed:
        return node.text.strip() if node.text else ""
    own = (node.text or "").strip()
    tails = [t.strip() for child in node.kids if (t := child.tail)]
    return " ".join(p for p in (own, *tails) if p) if tails else own


def valued(document: Document) -> Iterator[tuple[str, str]]:
    """Yield (locator, value) of every attribute and every element with text of its own, in document order.

    The text of mixed content is the element's own pieces; its children come after it. Left out: structural attributes,
    schema places, and the infrastructure elements `templateId`, `typeId` and `realmCode`.
    """
    for top in document.tops:
        for node in top.iter():
            if node.name in INFRASTRUCTURE or not node.path:
                continue
            for name, value in node.attrs.items():
                if name not in STRUCTURAL and value.strip() and not name.startswith("xsi:"):
                    yield f"{node.path}/@{name}", value
            own = own_text(node)
            if own:
                yield f"{node.path}/text()", own
