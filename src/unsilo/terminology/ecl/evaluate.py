"""Expression constraints over a code system: every part becomes a set of concepts."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import monotonic

from unsilo.terminology import ids
from unsilo.terminology.ecl import refine
from unsilo.terminology.ecl.filters import filtered, historical
from unsilo.terminology.ecl.peg import Node, ParseError
from unsilo.terminology.ecl.syntax import operators, parse
from unsilo.terminology.ports import CodeSystem

__all__ = ["Evaluation", "evaluate"]

_SECONDS = 10.0


def evaluate(text: str, system: CodeSystem, *, seconds: float = _SECONDS) -> int:
    """Return the set of concepts that satisfy an expression constraint (ECL 2.2).

    Inactive concepts belong to it where they are named or members; they stand outside of the hierarchy. ParseError
    for a text that is no constraint, asks for what is not supported here, or takes longer than `seconds`.
    """
    return Evaluation(system, seconds).expression(parse(text))


class Evaluation:
    """One evaluation, with the time that it may take."""

    def __init__(self, system: CodeSystem, seconds: float = _SECONDS) -> None:
        self.system = system
        self._end = monotonic() + seconds

    def spend(self, at: int = 0) -> None:
        """Stop when it takes too long."""
        if monotonic() > self._end:
            raise ParseError(at, "it takes too long to work out; ask for less")

    def every(self) -> int:
        """Return the set of all active concepts."""
        return ids.span(1, self.system.size) & ~self.system.inactive()

    def expression(self, node: Node) -> int:
        """Return the set of an `expression`."""
        self.spend(node.at)
        first = node.parts[0]
        found = self.sub(first)
        for tail in node.parts[1:]:
            found = _TAILS[tail.rule](self, found, tail)
        return found

    def sub(self, node: Node) -> int:
        """Return the set of a `sub`: operator, member-of, focus, filters, history."""
        self.spend(node.at)
        found = 0
        whole = False
        for part in node.parts:
            if part.rule == "any":
                found, whole = self.every(), True
            elif part.rule == "concept":
                number = self.system.find(part.parts[0].text)
                found = ids.single(number) if number else 0
            elif part.rule == "expression":
                found = self.expression(part)
        if node.one("memberof") is not None:
            found = self._members(found, whole)
        operator = node.one("operator")
        if operator is not None:
            found = self._reached(found, whole, operator.text.lower())
        for part in node.all("filters"):
            found = filtered(self, found, part)
        history = node.one("history")
        return historical(self, found, history) if history is not None else found

    def _members(self, sets: int, whole: bool) -> int:
        codes = self.system.refsets() if whole else [c for c, _, _ in self.system.heads(ids.members(sets))]
        found = 0
        for code in codes:
            found |= self.system.refset(code) or 0
        return found

    def _reached(self, found: int, whole: bool, operator: str) -> int:
        reach, itself = operators()[operator]
        system = self.system
        if reach == "top":
            return self._without(found, self._union(found, system.below))
        if reach == "bottom":
            return self._without(found, self._union(found, lambda n: ids.pack(system.above(n), system.size)))
        if whole and itself:
            return found
        if whole and reach in ("below", "children"):
            return found & ~system.roots()
        if whole and reach in ("above", "parents"):
            return found & ~system.leaves()
        steps: dict[str, Callable[[int], int]] = {
            "below": system.below,
            "above": lambda n: ids.pack(system.above(n), system.size),
            "children": lambda n: ids.pack(system.children(n), system.size),
            "parents": lambda n: ids.pack(system.parents(n), system.size),
        }
        reached = self._union(found, steps[reach])
        return reached | found if itself else reached

    def _union(self, found: int, step: Callable[[int], int]) -> int:
        reached = 0
        for count, number in enumerate(ids.iterate(found)):
            if not count & 63:
                self.spend()
            reached |= step(number)
        return reached

    @staticmethod
    def _without(found: int, others: int) -> int:
        return found & ~others

    def _targets(self, found: int, names: Iterable[str]) -> int:
        flags = ids.Flags(found)
        return ids.pack(
            (target for name in names for source, target, _ in self.system.relations(name) if flags.has(source)),
            self.system.size,
        )

    def conjunction(self, found: int, node: Node) -> int:
        """Return what all parts have."""
        for part in node.parts:
            found &= self.sub(part)
        return found

    def disjunction(self, found: int, node: Node) -> int:
        """Return what any part has."""
        for part in node.parts:
            found |= self.sub(part)
        return found

    def exclusion(self, found: int, node: Node) -> int:
        """Return what the second part does not have."""
        return found & ~self.sub(node.parts[0])

    def dotted(self, found: int, node: Node) -> int:
        """Return the values of an attribute, step by step."""
        for part in node.parts:
            found = self._targets(found, refine.names_of(self, part))
        return found

    def refined(self, found: int, node: Node) -> int:
        """Return those that satisfy a refinement."""
        return refine.refined(self, found, node.parts[0])


_TAILS: dict[str, Callable[[Evaluation, int, Node], int]] = {
    "refined": Evaluation.refined, "conjunction": Evaluation.conjunction, "disjunction": Evaluation.disjunction,
    "exclusion": Evaluation.exclusion, "dotted": Evaluation.dotted,
}  # fmt: skip
