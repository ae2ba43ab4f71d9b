"""What a document's sections say, in its own order: lines and tables, without any of its markup."""

from typing import Any, NamedTuple
from xml.parsers import expat

from unsilo.fhir.xml.narrative import embeddable
from unsilo.kernel import Json

__all__ = ["Cell", "Passage", "blocks", "passages"]

_DEEPEST = 20
"""Sections within sections; no document that people read has as many."""
_WIDEST = 50
"""Columns or rows that a cell may span."""
_LINES = frozenset("p div br ul ol li h1 h2 h3 h4 h5 h6 dl dt dd pre caption blockquote hr section tr table".split())
"""Elements that begin and end a line (XHTML 1.0, as FHIR R4 2.4.1 allows them)."""
_UNSEEN = frozenset(("script", "style", "head", "title"))


class Cell(NamedTuple):
    """One cell of a table: its words, whether it is a heading, and how many columns and rows it takes."""

    words: str
    heading: bool
    across: int
    down: int


Block = str | list[list[Cell]]
"""Lines of text, or a table: its rows. A cell without words stays, so that no value moves under another heading."""


class Passage(NamedTuple):
    """One section: its heading, what it says, and how many sections it stands in."""

    title: str
    blocks: list[Block]
    depth: int


def passages(resource: Json) -> list[Passage]:
    """Return the sections of a Composition that say something (R4 Composition.section), each before those within it."""
    return _within(resource.get("section"), 0)


def _within(sections: Any, depth: int) -> list[Passage]:
    found: list[Passage] = []
    for section in sections if isinstance(sections, list) and depth < _DEEPEST else ():
        if not isinstance(section, dict):
            continue
        text = section.get("text")
        div = text.get("div") if isinstance(text, dict) else None
        said = blocks(div) if isinstance(div, str) else []
        inner = _within(section.get("section"), depth + 1)
        if said or inner:
            found += [Passage(_heading(section), said, depth), *inner]
    return found


def _heading(section: Json) -> str:
    code = section.get("code")
    named = code if isinstance(code, dict) else {}
    displays = [c.get("display") for c in named.get("coding") or () if isinstance(c, dict)]
    return next((str(said) for said in (section.get("title"), named.get("text"), *displays) if said), "Section")


class _Reader:
    """Gathers blocks while the parser goes through a narrative; a table within a cell is words of that cell."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self._words: list[str] = []
        self._rows: list[list[Cell]] = []
        self._tables = self._unseen = 0
        self._cell: tuple[bool, int, int] | None = None

    def _taken(self) -> str:
        lines = (" ".join(line.split()) for line in "".join(self._words).split("\n"))
        self._words.clear()
        return "\n".join(line for line in lines if line)

    def _flush(self) -> None:
        words = self._taken()
        if words:
            self.blocks.append(words)

    def _end_cell(self) -> None:
        if self._cell is not None:
            heading, across, down = self._cell
            self._rows[-1].append(Cell(self._taken(), heading, across, down))
            self._cell = None

    def start(self, name: str, attributes: dict[str, str]) -> None:
        name = name.rpartition(" ")[2].lower()
        if name in _UNSEEN or self._unseen:
            self._unseen += 1
            return
        self._tables += name == "table"
        if self._tables == 1 and name == "table":
            self._flush()
        elif self._tables == 1 and name == "tr":
            self._end_cell()
            self._rows.append([])
        elif self._tables == 1 and name in ("td", "th"):
            self._end_cell()
            if not self._rows:
                self._rows.append([])
            self._taken()
            self._cell = (name == "th", _span(attributes.get("colspan")), _span(attributes.get("rowspan")))
        elif name in _LINES:
            self._words.append("\n")

    def end(self, name: str) -> None:
        if self._unseen:
            self._unseen -= 1
            return
        name = name.rpartition(" ")[2].lower()
        if name == "table":
            self._tables -= 1
            if not self._tables:
                self._end_cell()
                rows, self._rows = [row for row in self._rows if row], []
                self.blocks += [rows] if any(cell.words for row in rows for cell in row) else []
        elif self._tables == 1 and name in ("td", "th"):
            self._end_cell()
        elif self._tables == 1 and name == "caption":
            self._flush()
        if name in _LINES:
            self._words.append("\n")

    def words(self, text: str) -> None:
        if not self._unseen:
            # A line end of the source is a space; only elements begin a line.
            self._words.append(text.replace("\n", " "))

    def finish(self) -> list[Block]:
        self._flush()
        return self.blocks


def _span(stated: str | None) -> int:
    return min(max(int(stated[:4]), 1), _WIDEST) if stated and stated.isascii() and stated.isdigit() else 1


def blocks(div: str) -> list[Block]:
    """Return the lines and tables of a narrative (R4 Narrative.div); what is no XHTML is one block of its text."""
    reader = _Reader()
    parser = expat.ParserCreate("utf-8", " ")
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.words
    parser.Parse(embeddable(div).encode("utf-8", "replace"), True)
    return reader.finish()
