"""Marked-up text as words with a way back: XHTML narrative and HL7 v2 formatted text, each place kept."""

import re
from bisect import bisect_right
from html import unescape
from typing import NamedTuple

__all__ = ["HEAD", "Column", "Plain", "plain_of", "plain_of_v2", "plain_of_xhtml"]

_TAG = re.compile(
    r"<!--.*?(?:-->|$)|<(/?)([a-zA-Z][\w:-]{0,30})([^<>]{0,4000})>|(&#?\w{1,10};)|([^<&]+)|[<&]", re.DOTALL
)
_V2 = re.compile(
    r"\\(\.br|\.sp\d{0,3}|\.ce|\.sk\d{0,3}|\.in[+-]?\d{0,3}|\.ti[+-]?\d{0,3}|\.fi|\.nf|[HNFSTRE]|X[0-9A-F]+|Z\w*)\\|([^\\]+)|\\"
)
_BLOCKS = frozenset(
    "p div ul ol li br table thead tbody tfoot caption h1 h2 h3 h4 h5 h6 section footnote dl dt dd pre".split()
)
_HIDDEN = frozenset(("script", "style", "head", "title"))
_V2_SIGNS = {"F": "|", "S": "^", "T": "&", "R": "~", "E": "\\"}
_SPACE = re.compile(r"\s+")
_MOST_CELLS = 200_000
HEAD = "code"
"""What a heading's own cell is headed by: its words are no facts."""


class Column(NamedTuple):
    """One cell of a table: its place in the words, the words of its column's heading, and the number of its row."""

    start: int
    end: int
    head: str
    row: int


class Plain:
    """Words made of a source, and where each of them came from."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._at: list[int] = []
        self._from: list[int] = []
        self._exact: list[bool] = []
        self.size = 0
        self.columns: list[Column] = []
        self._text: str | None = None

    @property
    def text(self) -> str:
        """The words."""
        if self._text is None:
            self._text = "".join(self._parts)
        return self._text

    def add(self, words: str, source: int, *, exact: bool = True) -> None:
        """Add words that stand at a place of the source; not `exact` ones stand for something else there."""
        if words:
            self._parts.append(words)
            self._at.append(self.size)
            self._from.append(source)
            self._exact.append(exact)
            self.size += len(words)
            self._text = None

    def source(self, place: int) -> int:
        """Return the place in the source of a place in the words."""
        if not self._at:
            return 0
        n = bisect_right(self._at, place) - 1
        return self._from[n] + (place - self._at[n] if self._exact[n] else 0)

    def words_at(self, place: int) -> int:
        """Return the place in the words of a place in the source."""
        n = bisect_right(self._from, place) - 1
        if n < 0:
            return 0
        end = self._at[n + 1] if n + 1 < len(self._at) else self.size
        return min(self._at[n] + place - self._from[n] if self._exact[n] else self._at[n], max(end - 1, self._at[n]))

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the span in the source of a span in the words."""
        return self.source(start), self.source(end - 1) + 1 if end > start else self.source(start)

    def tail(self, start: int) -> str:
        """Return the words from a place near the end on."""
        n = bisect_right(self._at, start) - 1
        return "".join(self._parts[max(n, 0) :])[start - self._at[n] :] if n >= 0 else ""

    def last(self) -> str:
        """Return the last character, a line end at the beginning."""
        return self._parts[-1][-1] if self._parts else "\n"


def plain_of(text: str) -> Plain:
    """Return plain text as it is."""
    made = Plain()
    made.add(text, 0)
    return made


def plain_of_v2(text: str) -> Plain:
    r"""Return formatted text (HL7 v2.8.2, 2.7.6): `\.br\` and its like are line ends, highlighting goes."""
    made = Plain()
    for match in _V2.finditer(text):
        command, words = match.groups()
        if words:
            made.add(words, match.start())
        elif command is None:
            made.add("\\", match.start())
        elif command[0] == ".":
            made.add("\n", match.start(), exact=False)
        elif command in _V2_SIGNS:
            made.add(_V2_SIGNS[command], match.start(), exact=False)
    return made


class _Table:
    """What is known of the table that is being read."""

    def __init__(self) -> None:
        self.heads: list[str] = []
        self.place = 0
        self.is_head = False
        self.open = -1


def plain_of_xhtml(text: str) -> Plain:
    """Return the words of a narrative; blocks are lines, cells of a row are parted by tabs and know their column.

    Not a parser of XML: broken markup gives words too, in linear time.
    """
    made = Plain()
    tables: list[_Table] = []
    hidden = 0
    rows = 0
    for match in _TAG.finditer(text):
        closing, name, _, entity, words = match.groups()
        if words is not None or entity is not None or name is None:
            if not hidden and (words or entity or match.group() in "<&"):
                _words(made, match, words, entity)
            continue
        name = name.rpartition(":")[2].lower()
        if name in _HIDDEN:
            hidden = max(0, hidden + (-1 if closing else 1))
        elif name == "table":
            _line(made, match.start())
            if closing:
                del tables[-1:]
            elif len(tables) < 50:
                tables.append(_Table())
        elif name == "tr" and tables:
            _close(made, tables[-1], rows)
            _line(made, match.start())
            tables[-1].place = 0
            rows += not closing
        elif name in ("td", "th") and tables:
            _cell(made, tables[-1], name, bool(closing), rows, match.start())
        elif name in _BLOCKS:
            _line(made, match.start())
    return made


def _words(made: Plain, match: re.Match[str], words: str | None, entity: str | None) -> None:
    if words is not None:
        # Line ends of the markup are white space; the words keep their length so that places stay.
        made.add(words.replace("\n", " ").replace("\r", " ").replace("\t", " "), match.start())
    else:
        made.add(unescape(entity) if entity else match.group(), match.start(), exact=False)


def _line(made: Plain, at: int) -> None:
    if made.last() != "\n":
        made.add("\n", at, exact=False)


def _cell(made: Plain, table: _Table, name: str, closing: bool, row: int, at: int) -> None:
    _close(made, table, row)
    if not closing:
        if made.last() not in "\n\t":
            made.add("\t", at, exact=False)
        table.open, table.is_head = made.size, name == "th"


def _close(made: Plain, table: _Table, row: int) -> None:
    if table.open < 0:
        return
    start, end = table.open, made.size
    words = _SPACE.sub(" ", made.tail(start)).strip() if end - start < 200 and table.is_head else ""
    if table.is_head and table.place == len(table.heads):
        table.heads.append(words)
    if len(made.columns) < _MOST_CELLS and table.is_head:
        made.columns.append(Column(start, end, HEAD, 0))
    elif len(made.columns) < _MOST_CELLS:
        head = table.heads[table.place] if table.place < len(table.heads) else ""
        made.columns.append(Column(start, end, head, row))
    table.place += 1
    table.open = -1
