"""A parsing expression grammar read from a table: text to a tree of named nodes, or the place where it fails."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

__all__ = ["Grammar", "Node", "ParseError"]

_TOKEN = re.compile(r'\s*("[^"]*"|/(?:[^/\\]|\\.)*/(?=[\s)?*+]|$)|[A-Za-z_]+|[()?*+|])')
_DEEPEST = 60


class Node(NamedTuple):
    """A part of the text that a rule matched, with the named parts in it."""

    rule: str
    text: str
    parts: list[Node]
    at: int

    def all(self, rule: str) -> list[Node]:
        """Return the parts of a rule."""
        return [part for part in self.parts if part.rule == rule]

    def one(self, rule: str) -> Node | None:
        """Return the first part of a rule."""
        return next((part for part in self.parts if part.rule == rule), None)


class ParseError(ValueError):
    """The text does not follow the grammar; `at` is how far it does."""

    def __init__(self, at: int, text: str) -> None:
        super().__init__(text)
        self.at = at


Found = tuple[int, list[Node]] | None
Step = Callable[["_Run", int], Found]


class _Run:
    """One text that is parsed: what was found where, so that nothing is tried twice."""

    def __init__(self, text: str) -> None:
        self.text, self.far, self.depth = text, 0, 0
        self.known: dict[tuple[str, int], Found] = {}


class Grammar:
    """The rules of a table, compiled."""

    def __init__(self, table: str) -> None:
        self._rules: dict[str, Step] = {}
        for line in table.splitlines():
            name, sign, body = line.partition("=")
            if sign and not line.startswith("#"):
                tokens = _tokens(body)
                step, rest = self._choice(tokens)
                if rest:
                    raise ValueError(f"the rule {name.strip()} is not understood at {rest[0]}")
                self._rules[name.strip()] = step

    def parse(self, text: str, start: str = "start") -> Node:
        """Return the tree of a text. ParseError with the place where it does not follow the grammar."""
        run = _Run(text)
        found = self._rule(start)(run, 0)
        if found is None:
            raise ParseError(run.far, "it is not understood")
        return found[1][0]

    def _rule(self, name: str) -> Step:
        named = name[0].islower()

        def run(state: _Run, at: int) -> Found:
            key = (name, at)
            if key in state.known:
                return state.known[key]
            state.depth += 1
            if state.depth > _DEEPEST * 8:
                raise ParseError(at, "it nests too deep")
            found = self._rules[name](state, at)
            state.depth -= 1
            if found is not None and named:
                found = (found[0], [Node(name, state.text[at : found[0]], found[1], at)])
            state.known[key] = found
            return found

        return run

    def _choice(self, tokens: list[str]) -> tuple[Step, list[str]]:
        ways: list[Step] = []
        while True:
            step, tokens = self._sequence(tokens)
            ways.append(step)
            if not tokens or tokens[0] != "|":
                break
            tokens = tokens[1:]
        if len(ways) == 1:
            return ways[0], tokens

        def run(state: _Run, at: int) -> Found:
            for way in ways:
                found = way(state, at)
                if found is not None:
                    return found
            return None

        return run, tokens

    def _sequence(self, tokens: list[str]) -> tuple[Step, list[str]]:
        steps: list[Step] = []
        while tokens and tokens[0] not in ("|", ")"):
            step, tokens = self._atom(tokens)
            if tokens and tokens[0] in ("?", "*", "+"):
                step, tokens = _repeated(step, tokens[0]), tokens[1:]
            steps.append(step)

        def run(state: _Run, at: int) -> Found:
            nodes: list[Node] = []
            for each in steps:
                found = each(state, at)
                if found is None:
                    return None
                at = found[0]
                nodes += found[1]
            return at, nodes

        return (steps[0] if len(steps) == 1 else run), tokens

    def _atom(self, tokens: list[str]) -> tuple[Step, list[str]]:
        token, rest = tokens[0], tokens[1:]
        if token == "(":  # noqa: S105 - a sign of the grammar
            step, rest = self._choice(rest)
            return step, rest[1:]
        if token[0] == '"':
            return _pattern(re.escape(token[1:-1])), rest
        if token[0] == "/":
            return _pattern(token[1:-1].replace("\\/", "/")), rest
        return self._rule(token), rest


def _tokens(body: str) -> list[str]:
    found, at = [], 0
    body = body.rstrip()
    while at < len(body):
        token = _TOKEN.match(body, at)
        if token is None:
            raise ValueError(f"the grammar is not understood at {body[at:]}")
        found.append(token[1])
        at = token.end()
    return found


def _pattern(source: str) -> Step:
    match = re.compile(source, re.IGNORECASE).match

    def run(state: _Run, at: int) -> Found:
        found = match(state.text, at)
        if found is None:
            state.far = max(state.far, at)
            return None
        return found.end(), []

    return run


def _repeated(step: Step, sign: str) -> Step:
    def run(state: _Run, at: int) -> Found:
        nodes: list[Node] = []
        count = 0
        while True:
            found = step(state, at)
            if found is None or (found[0] == at and count):
                break
            at, count = found[0], count + 1
            nodes += found[1]
            if sign == "?":
                break
        return None if sign == "+" and not count else (at, nodes)

    return run
