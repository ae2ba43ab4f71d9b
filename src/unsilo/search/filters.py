"""The `_filter` expression: and, or, not over the clauses that parameters give (FHIR R4 search_filter.html)."""

import re
from collections.abc import Callable
from typing import NamedTuple

from unsilo.search.ask import Ask
from unsilo.storage import plan as p

__all__ = ["Leaf", "filtered"]

Leaf = Callable[[str, str, Ask], p.Node | None]
"""(name as a parameter would write it, value, request) -> clause, or None with an Issue noted."""

_TOKEN = re.compile(r'\s*(?:(?P<mark>[()])|"(?P<text>(?:[^"\\]|\\.){0,4000})"|(?P<word>[^\s()"]{1,4000}))')
_DEEPEST = 20
_MOST = 100
_PREFIX = ("gt", "lt", "ge", "le", "sa", "eb", "ap")
_MODIFIER = {"co": ":contains", "in": ":in", "ss": ":above", "sb": ":below", "sw": "", "re": ""}
_OPERATORS = ("eq", "ne", "pr", *_PREFIX, *_MODIFIER)


class _Piece(NamedTuple):
    mark: str
    text: str
    quoted: bool


class _WrongError(Exception):
    """A filter expression is not understood."""


def _cut(text: str) -> list[_Piece]:
    found, at = [], 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            raise _WrongError(f"is not understood from character {at + 1}")
        at = match.end()
        if match["mark"]:
            found.append(_Piece(match["mark"], "", False))
        elif match["text"] is not None:
            found.append(_Piece("", re.sub(r"\\(.)", r"\1", match["text"]), True))
        else:
            found.append(_Piece("", match["word"], False))
        if len(found) > _MOST * 5:
            raise _WrongError(f"has more than {_MOST} conditions")
    return found


class _Reader:
    """Reads one expression; `and` binds more tightly than `or`."""

    def __init__(self, text: str, leaf: Leaf, ask: Ask) -> None:
        self._pieces = _cut(text)
        self._at = 0
        self._leaf = leaf
        self._ask = ask

    def _word(self) -> str:
        if self._at < len(self._pieces):
            piece = self._pieces[self._at]
            return piece.mark or ("" if piece.quoted else piece.text)
        return ""

    def _take(self) -> _Piece:
        if self._at >= len(self._pieces):
            raise _WrongError("ends too early")
        self._at += 1
        return self._pieces[self._at - 1]

    def whole(self) -> p.Node | None:
        found = self._either(0)
        if self._at < len(self._pieces):
            raise _WrongError(f"is not understood from its word {self._at + 1}")
        return found

    def _either(self, depth: int) -> p.Node | None:
        parts = [self._both(depth)]
        while self._word() == "or":
            self._at += 1
            parts.append(self._both(depth))
        whole = [part for part in parts if part is not None]
        if len(whole) < len(parts):
            return None
        return whole[0] if len(whole) == 1 else p.Any(tuple(whole))

    def _both(self, depth: int) -> p.Node | None:
        parts = [self._one(depth)]
        while self._word() == "and":
            self._at += 1
            parts.append(self._one(depth))
        whole = [part for part in parts if part is not None]
        if len(whole) < len(parts):
            return None
        return whole[0] if len(whole) == 1 else p.All(tuple(whole))

    def _one(self, depth: int) -> p.Node | None:
        if depth > _DEEPEST:
            raise _WrongError(f"is nested more than {_DEEPEST} deep")
        word = self._word()
        negated = word == "not" and self._at + 1 < len(self._pieces) and self._pieces[self._at + 1].mark == "("
        if negated:
            self._at += 1
        if negated or word == "(":
            self._at += 1
            inner = self._either(depth + 1)
            if self._take().mark != ")":
                raise _WrongError("lacks a closing parenthesis")
            return p.Not(inner) if negated and inner is not None else inner
        return self._condition()

    def _condition(self) -> p.Node | None:
        name, operator = self._take(), self._take().text
        if name.mark or name.quoted or "[" in name.text:
            raise _WrongError("a condition is parameter, operator, value")
        if operator not in _OPERATORS:
            raise _WrongError(f"knows {', '.join(_OPERATORS)} in its word {self._at}")
        value = self._take()
        if value.mark:
            raise _WrongError("a condition is parameter, operator, value")
        if operator == "pr":
            return self._leaf(f"{name.text}:missing", "false" if value.text == "true" else "true", self._ask)
        # A comma and a backslash are text here; a bar parts system and code as it does in a parameter.
        said = value.text.replace("\\", "\\\\").replace(",", "\\,")
        if operator in _PREFIX:
            return self._leaf(name.text, f"{operator}{said}", self._ask)
        found = self._leaf(f"{name.text}{_MODIFIER.get(operator, '')}", said, self._ask)
        return p.Not(found) if operator == "ne" and found is not None else found


def filtered(text: str, leaf: Leaf, ask: Ask) -> p.Node | None:
    """Read an expression; None with an Issue noted.

    `eq` means what the parameter without prefix means, `ne` its opposite; `ew`, `po` and brackets are refused.
    """
    try:
        return _Reader(text, leaf, ask).whole()
    except _WrongError as wrong:
        ask.refuse("_filter", str(wrong), "such as status eq final and date ge 2026-01-01", rule="search.filter")
        return None
