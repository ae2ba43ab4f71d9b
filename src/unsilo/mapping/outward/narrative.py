"""The narrative of a section: one table whose rows and first cells have ids that the entries refer to."""

from __future__ import annotations

from typing import Any

from unsilo.kernel import Json
from unsilo.mapping.outward.element import Element
from unsilo.mapping.outward.record import Record, read
from unsilo.mapping.outward.sources import SOURCES
from unsilo.mapping.outward.tables import Section
from unsilo.mapping.outward.values import say

__all__ = ["Narrative"]

_BLANK = "-"
"""What a cell shows that has nothing to say, so that nothing is blank without a reason."""


class Narrative:
    """The rows of a section's table as its entries are made."""

    def __init__(self, section: Section, record: Record) -> None:
        self.section, self.record = section, record
        self.rows: list[tuple[str, list[str]]] = []

    def row(self, node: Json) -> str:
        """Add the row of a resource; return its id, `ID-1` is that of its first cell."""
        name = f"{self.section.name}-{len(self.rows) + 1}"
        self.rows.append((name, [self._cell(node, source) for _, source in self.section.columns]))
        return name

    def _cell(self, node: Json, source: str) -> str:
        if source.startswith("$"):
            function, names = SOURCES[source]
            values = function(self.record, node, node)
            self.record.note(node, names)
        else:
            values = [value[1] if isinstance(value, tuple) else value for value in read(node, source)]
        return "; ".join(text for text in map(say, values) if text)

    def write(self, parent: Element) -> None:
        """Write the section's text."""
        text = parent.add("text")
        if not self.rows:
            text.add("paragraph", text="No information is available.")
            return
        table = text.add("table", {"border": "1"})
        head = table.add("thead").add("tr")
        for title, _ in self.section.columns:
            head.add("th", text=title)
        body = table.add("tbody")
        for name, cells in self.rows:
            row = body.add("tr", {"ID": name})
            for number, cell in enumerate(cells, 1):
                _lines(row.add("td", {"ID": f"{name}-{number}"}), cell or _BLANK)


def _lines(cell: Element, text: str) -> None:
    """Lines of a text; a line break is an element of its own."""
    first, *rest = text.split("\n")
    cell.text = first
    for line in rest:
        if line.strip():
            cell.add("br")
            cell.add("content", text=line)


def shown(value: Any) -> str:
    """A value as the narrative has it."""
    return say(value) or _BLANK
