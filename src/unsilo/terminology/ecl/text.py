"""Search terms of expression constraints: words that begin so, wildcards, or the text itself (ECL 2.2, 6.8)."""

from __future__ import annotations

import re
from collections.abc import Callable

from unsilo.terminology.ecl.peg import Node
from unsilo.terminology.words import fold, words

__all__ = ["matcher", "quoted"]

_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


def quoted(node: Node) -> str:
    """Return the text between the quotes."""
    return _ESCAPE.sub(r"\1", node.text[1:-1])


def _wild(pattern: str) -> Callable[[str], bool]:
    """Match `*` (any run of signs) without going back over what was matched: pieces are looked for in their order."""
    pieces = fold_signs(pattern).split("*")

    def run(text: str) -> bool:
        text = fold_signs(text)
        first, *middle, last = pieces if len(pieces) > 1 else (pieces[0], "")
        if len(pieces) == 1:
            return text == first
        if not text.startswith(first) or not text.endswith(last) or len(text) < len(first) + len(last):
            return False
        at = len(first)
        for piece in middle:
            at = text.find(piece, at)
            if at < 0:
                return False
            at += len(piece)
        return at <= len(text) - len(last)

    return run


def fold_signs(text: str) -> str:
    """Return a text without case, its signs kept."""
    return text.casefold()


def matcher(node: Node, *, words: bool = True) -> Callable[[str], bool]:
    """Return the test that a `string` stands for; a plain one asks for words (`words`) or for the text itself."""
    kind = node.one("kind")
    way = kind.text.rstrip(": \t\r\n").lower() if kind is not None else "match" if words else "exact"
    text = quoted(node.parts[-1])
    if way == "wild":
        return _wild(text)
    if way == "exact":
        return lambda value: value == text
    asked = _words(text)
    return lambda value: _begins(asked, value)


_words = words


def _begins(asked: list[str], value: str) -> bool:
    have = fold(value).split()
    return bool(asked) and all(any(word.startswith(each) for word in have) for each in asked)
