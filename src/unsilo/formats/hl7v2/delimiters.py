"""The delimiters of one message and what its escape sequences mean (HL7 v2.8.2 chapter 2, sections 2.5.4 and 2.7)."""

import re
from collections.abc import Callable
from functools import lru_cache

import msgspec

from unsilo.formats.hl7v2.charset import decode_escape_hex, decode_iso2022

__all__ = ["DEFAULT_DELIMITERS", "NONE", "Delimiters", "unescape"]

NONE = "\udfff"
"""Stands for a delimiter that MSH-2 leaves out: strict decoding never yields it, so nothing splits at it."""

_FEW = 1000
"""Escape characters in one value from which on it is worth a look whether they are all of the plain kind."""

_MOST_BLANKS = 200
"""`\\.sp999999\\` must not turn ten bytes into a million."""


class Delimiters(msgspec.Struct, frozen=True):
    """MSH-1 and the characters of MSH-2, with the Python codec that `\\X..\\` escapes are read with."""

    field_sep: str = "|"
    component_sep: str = "^"
    repetition_sep: str = "~"
    escape_char: str = "\\"
    subcomponent_sep: str = "&"
    truncation_char: str = "#"
    charset: str = "ascii"

    def escape(self, text: str) -> str:
        """Return plain text as it may stand in a field: delimiters and line ends become escape sequences."""
        return text.translate(_escapes(self))


DEFAULT_DELIMITERS = Delimiters()


@lru_cache(maxsize=64)
def _escapes(marks: Delimiters) -> dict[int, str | None]:
    esc = marks.escape_char
    table: dict[int, str | None]
    if esc == NONE:  # there is no way to say a delimiter, so it is left out of the text
        table = {ord(mark): " " for mark in (marks.field_sep, marks.component_sep, marks.repetition_sep)}
        table[ord(marks.subcomponent_sep)] = " "
        breaks = " "
    else:
        named = {"F": marks.field_sep, "S": marks.component_sep, "R": marks.repetition_sep, "E": esc}
        named["T"] = marks.subcomponent_sep
        table = {ord(mark): f"{esc}{name}{esc}" for name, mark in named.items()}
        breaks = f"{esc}.br{esc}"
    table.update(dict.fromkeys(range(32)))
    table.update({ord("\n"): breaks, ord("\r"): breaks})
    return table


def unescape(text: str, marks: Delimiters) -> str:
    """Return the value that escaped `text` stands for; a sequence that the standard does not know stays as it is.

    `\\.br\\`, `\\.sp n\\` and `\\.ce\\` become line ends, `\\.sk n\\` spaces, highlighting and other formatting
    nothing; runs of `\\Xdd..\\` are read as bytes of the message's character set; `\\Cxxyy\\` and `\\Mxxyyzz\\`
    switch the character set by ISO 2022 for what follows in the same value.
    """
    if marks.escape_char not in text:
        return text
    if text.count(marks.escape_char) > _FEW:
        plain = _whole_sequences(text, marks)
        if plain is not None:
            return plain
    pattern, replace = _reader(marks)
    out = pattern.sub(replace, text)
    return _switch(out) if "\x1b" in out and "\x1b" not in text else out


def _whole_sequences(text: str, marks: Delimiters) -> str | None:
    """Return the value of a text all of whose escape characters belong to sequences for one character, else None.

    A text of a million lines is read in a moment so, where one sequence after the other would take seconds.
    """
    esc = marks.escape_char
    named = {"F": marks.field_sep, "S": marks.component_sep, "T": marks.subcomponent_sep, "R": marks.repetition_sep}
    pieces = {f"{esc}.br{esc}": "\n", **{f"{esc}{name}{esc}": mark for name, mark in named.items()}}
    if NONE in pieces.values() or sum(map(text.count, pieces)) * 2 != text.count(esc):
        return None
    for piece, value in pieces.items():
        text = text.replace(piece, value)
    return None if esc in text else text


@lru_cache(maxsize=64)
def _reader(marks: Delimiters) -> tuple[re.Pattern[str], Callable[[re.Match[str]], str]]:
    e = re.escape(marks.escape_char)
    pattern = re.compile(
        rf"{e}(?:(?P<plain>[FSTREPHN])|(?P<format>\.[A-Za-z]{{2}}) *(?P<count>[+-]?[0-9]{{0,9}})"
        rf"|(?P<single>C[0-9A-Fa-f]{{4}})|(?P<multi>M[0-9A-Fa-f]{{4}}(?:[0-9A-Fa-f]{{2}})?)){e}"
        rf"|(?P<hex>(?:{e}X(?:[0-9A-Fa-f]{{2}})+{e})+)"
    )
    plain = {
        "F": marks.field_sep, "S": marks.component_sep, "T": marks.subcomponent_sep, "R": marks.repetition_sep,
        "E": marks.escape_char, "P": marks.truncation_char, "H": "", "N": "",
    }  # fmt: skip
    between = f"{marks.escape_char}X"

    def replace(match: re.Match[str]) -> str:
        kind = match.lastgroup
        if kind == "plain":
            mark = plain[match["plain"]]
            return match[0] if mark == NONE else mark
        if kind == "hex":
            digits = match["hex"].replace(between, "").replace(marks.escape_char, "")
            return decode_escape_hex(bytes.fromhex(digits), marks.charset)
        if kind == "count" or kind == "format":
            return _formatting(match)
        return "\x1b" + bytes.fromhex(match[0][2:-1]).decode("latin-1")

    return pattern, replace


def _formatting(match: re.Match[str]) -> str:
    command = match["format"][1:].lower()
    digits = match["count"].lstrip("+-")
    count = min(int(digits) if digits else 1, _MOST_BLANKS)
    if command in ("br", "ce"):
        return "\n"
    if command == "sp":
        return "\n" * count
    if command == "sk":
        return " " * count
    if command in ("fi", "nf", "in", "ti"):
        return ""
    return match[0]


def _switch(text: str) -> str:
    """Read what `\\C..\\` and `\\M..\\` left as ISO 2022 escape sequences; undecodable text stays without them."""
    return decode_iso2022(text)
