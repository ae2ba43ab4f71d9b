"""Every value of a document that no lineage row cites."""

from __future__ import annotations

from unsilo.formats.ccda import Document, valued
from unsilo.kernel import Locator
from unsilo.mapping.model import Entry

__all__ = ["unconsumed"]


def unconsumed(document: Document, entries: list[Entry]) -> list[tuple[Locator, str, str]]:
    """Return (locator, path, value) of each value that is not cited, in document order.

    A row that cites an element, or the text of one, cites all the text in it; attributes are cited one by one, but
    inside a narrative that is cited they are only layout.
    """
    cited = {row[2] for entry in entries for row in entry.rows if isinstance(row[2], str)}
    whole = {c.removesuffix("/text()") for c in cited if "/@" not in c}
    narratives = {c.removesuffix("/text()") for c in cited if c.endswith("/text[1]/text()")}
    rest: list[tuple[Locator, str, str]] = []
    for locator, value in valued(document):
        if locator in cited:
            continue
        owner = locator.rpartition("/")[0]
        if locator.endswith("/text()") and _within(owner, whole):
            continue
        if "/@" in locator and _within(owner, narratives):
            continue
        rest.append((locator, locator, value))
    return rest


def _within(path: str, places: set[str]) -> bool:
    """Tell whether a path is one of the places or stands below one."""
    while path:
        if path in places:
            return True
        path = path.rpartition("/")[0]
    return False
