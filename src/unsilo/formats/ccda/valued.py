"""Every value of a document with its locator, for the list of what a mapping did not use."""

from collections.abc import Iterator
from typing import Final

from unsilo.formats.ccda.document import Document
from unsilo.formats.ccda.names import label

__all__ = ["STRUCTURAL", "valued"]

STRUCTURAL: Final = frozenset(
    ("classCode", "moodCode", "typeCode", "determinerCode", "contextConductionInd", "contextControlCode", "xsi:type")
)
"""Attributes that declare what kind of node this is; they hold no content of their own (CDA R2)."""

_INFRASTRUCTURE: Final = frozenset(("templateId", "typeId", "realmCode"))


def valued(document: Document) -> Iterator[tuple[str, str]]:
    """Yield (locator, value) of every attribute and every element with text of its own, in document order.

    The text of mixed content is the element's own pieces, trimmed and joined by spaces; its children come after it.
    Left out: structural attributes, namespaces and schema places, and the infrastructure elements `templateId`,
    `typeId` and `realmCode`.
    """
    for node, path in document.paths().items():
        if label(str(node.tag)) in _INFRASTRUCTURE:
            continue
        for key, value in node.items():
            name = label(str(key))
            if name not in STRUCTURAL and not name.startswith("xsi:") and value.strip():
                yield f"{path}/@{name}", str(value)
        own = (node.text or "").strip()
        if len(node):
            tails = [t.strip() for child in node if (t := child.tail)]
            own = " ".join(p for p in (own, *tails) if p)
        if own:
            yield f"{path}/text()", own
