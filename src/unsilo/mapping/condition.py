"""The condition grammar of the mapping tables: text to a tree of predicates over references."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

__all__ = ["All", "Any_", "Not", "Test", "Tree", "parse_condition"]


class Test(NamedTuple):
    """One predicate over `ref` (empty: the row's own source).

    `op` is VALUED, NUMERIC, COMPARED (a number behind < <= > or >=), EQUALS, IN, STARTS, CONTAINS, KNOWN (a code that
    the vocabulary named by `values` translates), COUNT or LENGTH; `values` are texts to compare with (or one reference
    when `by_ref`), `compare` and `number` belong to COUNT and LENGTH.
    """

    ref: str
    op: str
    values: tuple[str, ...] = ()
    by_ref: bool = False
    compare: str = ""
    number: int = 0


class All(NamedTuple):
    """Every part holds."""

    parts: tuple[Tree, ...]


class Any_(NamedTuple):  # noqa: N801 - `Any` is a word of typing
    """At least one part holds."""

    parts: tuple[Tree, ...]


class Not(NamedTuple):
    """The part does not hold."""

    part: Tree


Tree = Test | All | Any_ | Not

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"[^"]*"|'[^']*')|(?P<brace>\{[^{}]*\})|(?P<punct>>=|<=|!=|<>|[()=<>,])"""
    r"""|(?P<word>[A-Za-z$][\w$]*(?:[.\-][0-9]+)*(?:\.[A-Za-z]+)?|[0-9]+))"""
)
_NOISE = {"IF", "IS", "THE", "DOES", "AREA", "ARE", "TO", "THAN"}
_PREDICATES = {
    "NOT",
    "VALUED",
    "VALUE",
    "EMPTY",
    "NUMERIC",
    "COMPARED",
    "EQUALS",
    "EQUAL",
    "IN",
    "COUNT",
    "LENGTH",
    "STARTS",
    "CONTAINS",
    "KNOWN",
    "EXIST",
}
_MARKS = {"=", "<", ">", "<=", ">=", "!=", "<>"}


@lru_cache(maxsize=4096)
def parse_condition(text: str) -> Tree | None:
    """Parse a condition; None for an empty one. ValueError says where the text stops making sense."""
    if not text.strip():
        return None
    parser = _Parser(text)
    tree = parser.either()
    if parser.at < len(parser.tokens):
        raise ValueError(f"condition {text!r}: {parser.tokens[parser.at][1]!r} is unexpected")
    return tree


def _tokens(text: str) -> list[tuple[str, str]]:
    found = []
    at = 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if not match:
            raise ValueError(f"condition {text!r}: cannot read {text[at : at + 12]!r}")
        at = match.end()
        kind = match.lastgroup or ""
        value = match[kind]
        if kind == "word" and value.upper() in _NOISE:
            continue
        if kind == "word" and value.upper().endswith("LST.COUNT"):
            value = "COUNT"
        found.append((kind, value))
    return found


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = _tokens(text)
        self.at = 0

    def peek(self, ahead: int = 0) -> str:
        at = self.at + ahead
        if at >= len(self.tokens):
            return ""
        kind, value = self.tokens[at]
        return value.upper() if kind == "word" else value

    def kind(self) -> str:
        return self.tokens[self.at][0] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        if self.at >= len(self.tokens):
            raise ValueError(f"condition {self.text!r} ends too early")
        self.at += 1
        return self.tokens[self.at - 1][1]

    def either(self) -> Tree:
        parts = [self.both()]
        while self.peek() == "OR":
            self.take()
            parts.append(self.both())
        return parts[0] if len(parts) == 1 else Any_(tuple(parts))

    def both(self) -> Tree:
        parts: list[Tree | str] = [self.atom()]
        while self.peek() == "AND":
            self.take()
            parts.append(self.atom())
        trees: list[Tree] = []
        shared: Test | Not | None = None
        for part in reversed(parts):
            if isinstance(part, str):
                trees.append(_with(shared, part))
            else:
                trees.append(part)
                base = part.part if isinstance(part, Not) else part
                if isinstance(base, Test) and base.op in ("VALUED", "NUMERIC", "COMPARED"):
                    shared = part  # type: ignore[assignment]
        trees.reverse()
        return trees[0] if len(trees) == 1 else All(tuple(trees))

    def atom(self) -> Tree | str:
        if self.peek() == "(":
            self.take()
            inner = self.either()
            if self.take() != ")":
                raise ValueError(f"condition {self.text!r}: ) is missing")
            return inner
        if self.peek() == "NOT" and self.peek(1) not in _PREDICATES and self.peek(1) not in _MARKS:
            self.take()
            inner_atom = self.atom()
            return Not(_with(None, inner_atom) if isinstance(inner_atom, str) else inner_atom)
        ref = ""
        if self.kind() in ("word", "brace") and self.peek() not in _PREDICATES and self.peek() not in ("AND", "OR"):
            ref = self.take()
            if ref.startswith("{"):
                ref = ref[1:-1].strip()
        if self.peek() in _PREDICATES or self.peek() in _MARKS or self.kind() == "text":
            return self.predicate(ref)
        if not ref:
            raise ValueError(f"condition {self.text!r}: {self.peek() or 'its end'!r} is no test")
        return ref

    def predicate(self, ref: str) -> Tree:
        negative = False
        while self.peek() == "NOT":
            self.take()
            negative = not negative
        word = self.peek()
        test: Tree
        if self.kind() == "text":
            test = Test(ref, "EQUALS", (_unquoted(self.take()),))
        elif word in ("VALUED", "VALUE", "EXIST", "NUMERIC", "COMPARED"):
            self.take()
            test = Test(ref, word if word in ("NUMERIC", "COMPARED") else "VALUED")
        elif word == "EMPTY":
            self.take()
            test = Not(Test(ref, "VALUED"))
        elif word == "IN":
            self.take()
            test = Test(ref, "IN", tuple(self.texts()))
        elif word in ("COUNT", "LENGTH"):
            self.take()
            compare = self.comparison()
            test = Test(ref, word, compare=compare, number=int(self.take()))
        elif word in ("EQUALS", "EQUAL", "=", "!=", "<>"):
            self.take()
            if word in ("!=", "<>"):
                negative = not negative
            while self.peek() == "NOT":
                self.take()
                negative = not negative
            test = self.equality(ref)
        elif word in ("STARTS", "CONTAINS", "KNOWN"):
            self.take()
            if self.peek() in ("WITH", "IN"):
                self.take()
            test = Test(ref, word, (_unquoted(self.take()),))
        else:
            raise ValueError(f"condition {self.text!r}: {word!r} is no test")
        return Not(test) if negative else test

    def equality(self, ref: str) -> Test:
        kind = self.kind()
        value = self.take()
        if kind == "text":
            return Test(ref, "EQUALS", (_unquoted(value),))
        if kind == "brace":
            return Test(ref, "EQUALS", (value[1:-1].strip(),), by_ref=True)
        if "-" in value or "." in value:
            return Test(ref, "EQUALS", (value,), by_ref=True)
        return Test(ref, "EQUALS", (value,))

    def texts(self) -> list[str]:
        if self.take() != "(":
            raise ValueError(f"condition {self.text!r}: IN needs a list in brackets")
        found = [_unquoted(self.take())]
        while self.peek() == ",":
            self.take()
            found.append(_unquoted(self.take()))
        if self.take() != ")":
            raise ValueError(f"condition {self.text!r}: ) is missing")
        return found

    def comparison(self) -> str:
        word = self.peek()
        if word in _MARKS:
            return self.take()
        if word in ("EQUALS", "EQUAL"):
            self.take()
            return "="
        if word in ("GREATER", "LESS"):
            self.take()
            mark = ">" if word == "GREATER" else "<"
            if self.peek() == "OR":
                self.take()
                self.take()
                mark += "="
            return mark
        raise ValueError(f"condition {self.text!r}: {word!r} does not compare")


def _with(shared: Test | Not | None, ref: str) -> Tree:
    if isinstance(shared, Not) and isinstance(shared.part, Test):
        return Not(shared.part._replace(ref=ref))
    if isinstance(shared, Test):
        return shared._replace(ref=ref)
    return Test(ref, "VALUED")


def _unquoted(text: str) -> str:
    return text[1:-1] if text[:1] in "\"'" and len(text) > 1 else text
