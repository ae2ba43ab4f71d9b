"""Tokens to a syntax tree, by precedence (FHIRPath N1, 6.8 and appendix A)."""

from decimal import Decimal
from typing import Final, NoReturn

from unsilo.fhir.path import temporal
from unsilo.fhir.path.errors import PathError
from unsilo.fhir.path.lexer import Token, tokens
from unsilo.fhir.path.quantity import CALENDAR, Quantity
from unsilo.fhir.path.tree import (
    Call,
    Chain,
    Empty,
    Fold,
    Index,
    Literal,
    Member,
    Name,
    Node,
    Special,
    Step,
    Unary,
)

__all__ = ["DEEPEST", "parse"]

DEEPEST: Final = 60
"""Parentheses, brackets, arguments and signs that may stand in one another."""

_LEVELS: Final = (
    ("implies",),
    ("xor", "or"),
    ("and",),
    ("in", "contains"),
    ("=", "~", "!=", "!~"),
    ("<=", "<", ">", ">="),
    ("|",),
    ("is", "as"),
    ("+", "-", "&"),
    ("*", "/", "div", "mod"),
)
_WORDS: Final = frozenset(("implies", "xor", "or", "and", "in", "contains", "is", "as", "div", "mod"))
_FREE_WORDS: Final = frozenset(("as", "contains", "in", "is"))


class _Parser:
    def __init__(self, expression: str) -> None:
        self.expression = expression
        self.tokens = tokens(expression)
        self.place = 0
        self.depth = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.place]

    def fail(self, text: str, at: int) -> NoReturn:
        raise PathError("syntax", text, at, self.expression)

    def unexpected(self, wanted: str) -> NoReturn:
        token = self.token
        what = "the end" if token.kind == "end" else f"{token.text!r}"
        self.fail(f"expected {wanted}, found {what}", token.at)

    def take(self, sign: str) -> bool:
        token = self.token
        if token.kind == "sign" and token.text == sign:
            self.place += 1
            return True
        return False

    def expect(self, sign: str) -> None:
        if not self.take(sign):
            self.unexpected(f"{sign!r}")

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > DEEPEST:
            raise PathError("costly", f"more than {DEEPEST} levels in one another", self.token.at, self.expression)

    def whole(self) -> Node:
        node = self.binary()
        if self.token.kind != "end":
            self.unexpected("an operator or the end")
        return node

    def operator(self, level: int) -> str:
        token = self.token
        of_this_kind = token.kind == "sign" or (token.kind == "name" and token.text in _WORDS)
        return token.text if of_this_kind and token.text in _LEVELS[level] else ""

    def binary(self, level: int = 0) -> Node:
        if level == len(_LEVELS):
            return self.unary()
        first = self.binary(level + 1)
        rest: list[tuple[str, int, Node]] = []
        while sign := self.operator(level):
            at = self.token.at
            self.place += 1
            operand = self.type_name() if sign in ("is", "as") else self.binary(level + 1)
            rest.append((sign, at, operand))
        return Fold(first, tuple(rest), first.at) if rest else first

    def unary(self) -> Node:
        token = self.token
        if token.kind == "sign" and token.text in "+-":
            self.deeper()
            self.place += 1
            operand = self.unary()
            self.depth -= 1
            return Unary(token.text, operand, token.at)
        return self.postfix()

    def type_name(self) -> Name:
        parts: list[str] = []
        at = self.token.at
        while True:
            token = self.token
            if token.kind not in ("name", "quoted"):
                self.unexpected("the name of a type")
            parts.append(token.text)
            self.place += 1
            if not self.take("."):
                break
        return Name(".".join(parts[:-1]), parts[-1], at)

    def postfix(self) -> Node:
        at = self.token.at
        base, first = self.term()
        steps: list[Step] = [first] if first else []
        while True:
            token = self.token
            if self.take("."):
                steps.append(self.invocation(after_point=True))
            elif self.take("["):
                self.deeper()
                steps.append(Index(self.binary(), token.at))
                self.depth -= 1
                self.expect("]")
            else:
                break
        if not steps and base is not None:
            return base
        return Chain(base, tuple(steps), at)

    def term(self) -> tuple[Node | None, Step | None]:
        token = self.token
        kind = token.kind
        if kind in ("name", "quoted"):
            if kind == "name" and token.text in ("true", "false"):
                self.place += 1
                return Literal(token.text == "true", token.at), None
            return None, self.invocation()
        if kind == "sign" and token.text in "({":
            return self.bracketed(token), None
        if kind not in ("number", "string", "date", "time", "variable", "dollar"):
            self.unexpected("a term")
        self.place += 1
        if kind == "number":
            return self.number(token), None
        if kind == "string":
            return Literal(token.text, token.at), None
        if kind in ("date", "time"):
            moment = temporal.literal(token.text)
            if moment is None:
                self.fail("there is no such date or time", token.at)
            return Literal(moment, token.at), None
        return Special(("%" if kind == "variable" else "$") + token.text, token.at), None

    def bracketed(self, token: Token) -> Node:
        self.place += 1
        if token.text == "{":
            self.expect("}")
            return Empty(token.at)
        self.deeper()
        node = self.binary()
        self.depth -= 1
        self.expect(")")
        # A Fold in parentheses must not run together with the one around it, nor a Chain with the steps after it.
        return Chain(node, (), token.at)

    def number(self, token: Token) -> Literal:
        unit = self.token
        if unit.kind == "string":
            self.place += 1
            return Literal(Quantity(Decimal(token.text), unit.text), token.at)
        if unit.kind == "name" and unit.text in CALENDAR:
            self.place += 1
            return Literal(Quantity(Decimal(token.text), CALENDAR[unit.text], calendar=True), token.at)
        if len(token.text) > 64:
            raise PathError("costly", "a number has more than 64 digits", token.at, self.expression)
        if "." in token.text:
            return Literal(Decimal(token.text), token.at)
        whole = int(token.text)
        return Literal(whole if whole < 2**31 else Decimal(whole), token.at)

    def invocation(self, *, after_point: bool = False) -> Step:
        token = self.token
        if token.kind == "dollar":
            self.fail(f"${token.text} cannot follow a point", token.at)
        if token.kind not in ("name", "quoted"):
            self.unexpected("a name")
        if token.kind == "name" and not after_point and token.text in _WORDS - _FREE_WORDS:
            self.unexpected("a name (an operator's word stands in backticks)")  # `text.div` cannot be anything else
        self.place += 1
        if self.token.kind != "sign" or self.token.text != "(":
            return Member(token.text, token.at)
        self.place += 1
        self.deeper()
        arguments: list[Node] = []
        descending: list[bool] = []
        while not self.take(")"):
            if arguments:
                self.expect(",")
            node, turned = self.argument(token.text == "sort")
            arguments.append(node)
            descending.append(turned)
        self.depth -= 1
        return Call(token.text, tuple(arguments), token.at, tuple(descending))

    def argument(self, sorts: bool) -> tuple[Node, bool]:
        """Read an argument; a key of `sort` may begin with `-` or end with `asc` or `desc`."""
        if not sorts:
            return self.binary(), False
        turned = self.take("-")
        node = self.binary()
        token = self.token
        if token.kind == "name" and token.text in ("asc", "desc"):
            self.place += 1
            turned = token.text == "desc"
        return node, turned


def parse(expression: str) -> Node:
    """Parse an expression. PathError: syntax with the place, costly when it is too long or too deep."""
    parser = _Parser(expression)
    if parser.token.kind == "end":
        parser.fail("the expression is empty", 0)
    return parser.whole()
