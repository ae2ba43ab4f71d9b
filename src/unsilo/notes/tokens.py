"""Cuts text into words, numbers and signs with their places, and gives words the form by which terms are compared."""

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from unsilo.notes.tables import word_roles

__all__ = ["LONGEST_WORD", "Token", "form", "is_shout", "tokens"]

LONGEST_WORD = 48
"""Letters of a word that is looked at; nothing in medicine that a dictionary has is longer."""
_TOKEN = re.compile(r"[a-zA-Z](?:/[a-zA-Z]){1,2}(?![^\W_])|[^\W\d_][^\W_]*(?:['’][^\W\d_]+)?|\d+(?:[.,]\d+)*|[^\w\s]|_")


class Token(NamedTuple):
    """One word, number or sign: `start` and `end` in the text; `form` is empty for a sign."""

    start: int
    end: int
    text: str
    form: str


@lru_cache(maxsize=65_536)
def form(word: str) -> str:
    """Return a word without case, accents, plural and the digraphs that British and American spelling differ in."""
    if len(word) > LONGEST_WORD:
        return ""
    plain = word.lower().replace("’", "'")
    if not plain.isascii():
        plain = "".join(c for c in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(c))
    plain = plain.removesuffix("'s")
    stem = word_roles().stems.get(plain)
    if stem is not None:
        return stem
    if len(plain) > 4:
        plain = _singular(plain).replace("ae", "e").replace("oe", "e")
    return plain


def _singular(word: str) -> str:
    if word.endswith(("oses", "yses")) and len(word) > 6:
        return word[:-2] + "is"
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("sses", "ches", "shes", "xes", "zes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def tokens(text: str, start: int = 0, end: int | None = None) -> list[Token]:
    """Return the tokens of `text[start:end]`; linear in its length."""
    found = []
    for match in _TOKEN.finditer(text, start, len(text) if end is None else end):
        piece = match.group()
        first = piece[0]
        found.append(
            Token(
                match.start(), match.end(), piece, form(piece) if first.isalpha() else piece if first.isdigit() else ""
            )
        )
    return found


def is_shout(text: str) -> bool:
    """Tell whether a text is written in capitals throughout, so that capitals say nothing about a word."""
    letters = [c for c in text[:400] if c.isalpha()]
    return len(letters) > 12 and sum(c.isupper() for c in letters) > 0.8 * len(letters)
