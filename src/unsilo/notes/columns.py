"""The tables of a text: what a column's heading says of its cells, and what a cell says of the others of its row."""

from collections.abc import Sequence
from functools import cache

from unsilo.notes.model import Fact, Said
from unsilo.notes.plain import Column
from unsilo.notes.tables import cell_rules, rows
from unsilo.notes.times import time_after

__all__ = ["Columns"]


class Columns:
    """The cells of the tables of a text: what their headings say, and what a cell says of the others of its row."""

    def __init__(self, cells: Sequence[Column], text: str) -> None:
        self._cells, self._text = cells, text
        self._at = 0
        self._says = {cell.head: _head_says(cell.head) for cell in cells}

    def at(self, place: int) -> Column | None:
        """Return the cell at a place; places only grow."""
        while self._at < len(self._cells) and self._cells[self._at].end <= place:
            self._at += 1
        if self._at < len(self._cells) and self._cells[self._at].start <= place:
            return self._cells[self._at]
        return None

    def says(self, column: Column | None) -> str:
        """Return what the heading of a cell says of it."""
        return self._says[column.head] if column is not None else ""

    def govern(self, facts: list[Fact]) -> None:
        """Say of the facts of a row what its cells for status, date and relationship say."""
        ruling = [cell for cell in self._cells if self._says[cell.head] in ("status", "date", "relative")]
        if not ruling:
            return
        rows_: dict[int, list[Column]] = {}
        for cell in ruling:
            rows_.setdefault(cell.row, []).append(cell)
        place = 0
        for fact in facts:
            while place < len(self._cells) and self._cells[place].end <= fact.start:
                place += 1
            if place == len(self._cells) or self._cells[place].start > fact.start:
                continue
            for cell in rows_.get(self._cells[place].row, ()):
                _ruled(fact, self._says[cell.head], self._text[cell.start : cell.end])


def _ruled(fact: Fact, what: str, words: str) -> None:
    if what == "status":
        for word in words.lower().split()[:4]:
            says = _statuses().get(word.strip(".,;()"), "")
            if says == "resolved" and fact.kind == "medication":
                says = "stopped"
            if says and not fact.says(says) and fact.kind in ("problem", "medication", "procedure", "allergy"):
                fact.said.append(Said(says, "column.status"))
                break
    elif what == "date" and fact.when is None:
        fact.when = time_after(f" on {words[:40].strip()}")
    elif what == "relative" and not fact.says("fam") and words.strip():
        fact.said.append(Said("fam", "column.relative", words.strip().lower()[:40]))


@cache
def _statuses() -> dict[str, str]:
    return {row["word"]: row["says"] for row in rows("statuses")}


def _head_says(head: str) -> str:
    rules = cell_rules()
    found = [rules[word] for word in head.lower().replace("/", " ").replace("(", " ").split() if word in rules]
    return next((says for says in found if says), "")
