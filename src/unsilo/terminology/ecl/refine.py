"""Refinements: attributes, their groups and how often they must stand (ECL 2.2, 6.4 to 6.6)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal, InvalidOperation
from itertools import chain

from unsilo.terminology import ids
from unsilo.terminology.ecl.peg import Node, ParseError
from unsilo.terminology.ecl.run import Run
from unsilo.terminology.ecl.text import matcher

__all__ = ["names_of", "refined"]

_FEW = 400
Key = tuple[int, object]
"""A concept and one of its groups; an attribute outside of groups is a group of its own."""


def names_of(run: Run, node: Node) -> list[str]:
    """Return the attributes that the name of an attribute stands for."""
    known = [p.code for p in run.system.edition.properties if p.code[:1].isdigit()]
    if [part.rule for part in node.parts] == ["any"]:
        return known
    flags = ids.Flags(run.sub(node))
    return [name for name in known if flags.has(run.system.find(name))]


def refined(run: Run, focus: int, node: Node) -> int:
    """Return those of `focus` that satisfy a `refinement`."""
    return _combined(run, focus, node, _part)


def _combined(run: Run, focus: int, node: Node, work: Callable[[Run, int, Node], int]) -> int:
    found = work(run, focus, node.parts[0])
    for tail in node.parts[1:]:
        for part in tail.parts:
            if tail.rule in ("refand", "alland"):
                found &= work(run, focus, part)
            else:
                found |= work(run, focus, part)
    return found


def _part(run: Run, focus: int, node: Node) -> int:
    run.spend(node.at)
    if node.rule == "refinement":
        return refined(run, focus, node)
    if node.rule == "attributes":
        return _combined(run, focus, node, _part)
    if node.rule == "group":
        return _group(run, focus, node)
    return _attribute(run, focus, node)


def _bounds(node: Node) -> tuple[int, int | None]:
    said = node.one("cardinality")
    if said is None:
        return 1, None
    least, most = said.parts
    if most.text != "*" and int(most.text) < int(least.text):
        raise ParseError(said.at, "the cardinality ends before it begins")
    return int(least.text), None if most.text == "*" else int(most.text)


def _counted(focus: int, counts: dict[int, int], bounds: tuple[int, int | None], size: int) -> int:
    least, most = bounds
    if least == 0 and most is None:
        return focus
    fit = ids.pack((n for n, c in counts.items() if c >= max(least, 1) and (most is None or c <= most)), size)
    if least == 0:
        fit |= focus & ~ids.pack(counts, size)
    return focus & fit


def _attribute(run: Run, focus: int, node: Node) -> int:
    bounds = _bounds(node)
    own, *values = [part for part in node.parts if part.rule == "sub"]
    if bounds == (1, None) and values:
        return focus & _having(run, node, own, values[0])
    counts: dict[int, int] = {}
    flags = ids.Flags(focus)
    seen: set[tuple[int, str, object]] = set()
    for source, name, value, _ in _matching(run, node):
        # The same value in several groups is one attribute value (ECL 6.5.2: non-redundant).
        if flags.has(source) and (source, name, value) not in seen:
            seen.add((source, name, value))
            counts[source] = counts.get(source, 0) + 1
    return _counted(focus, counts, bounds, run.system.size)


def _having(run: Run, node: Node, name: Node, value: Node) -> int:
    """Return the set of concepts that have an attribute at least once: nothing needs to be counted."""
    targets = run.sub(value)
    if any(part.rule == "equal" and part.text == "!=" for part in node.parts):
        targets = ids.span(1, run.system.size) & ~targets
    turned = node.one("reverse") is not None
    found = 0
    for each in names_of(run, name):
        run.spend(node.at)
        found |= run.system.related(each, targets, turned=turned)
    return found


def _group(run: Run, focus: int, node: Node) -> int:
    counts: dict[int, int] = {}
    for source, _ in _groups(run, focus, node.parts[-1]):
        counts[source] = counts.get(source, 0) + 1
    return _counted(focus, counts, _bounds(node), run.system.size)


def _groups(run: Run, focus: int, node: Node) -> set[Key]:
    """Return the groups that satisfy the attributes within."""
    run.spend(node.at)
    if node.rule == "attributes":
        found = _groups(run, focus, node.parts[0])
        for tail in node.parts[1:]:
            for part in tail.parts:
                other = _groups(run, focus, part)
                found = found & other if tail.rule == "alland" else found | other
        return found
    if node.one("reverse") is not None:
        raise ParseError(node.at, "a reversed attribute cannot stand in a group")
    flags = ids.Flags(focus)
    counts: dict[Key, int] = {}
    for source, name, value, number in _matching(run, node):
        if flags.has(source):
            key: Key = (source, number or (name, value))
            counts[key] = counts.get(key, 0) + 1
    least, most = _bounds(node)
    fit = {key for key, count in counts.items() if count >= least and (most is None or count <= most)}
    if least == 0:
        fit |= set(_all_groups(run, focus)) - set(counts)
    return fit


def _all_groups(run: Run, focus: int) -> Iterator[Key]:
    names = [p.code for p in run.system.edition.properties if p.code[:1].isdigit()]
    flags = ids.Flags(focus)
    for name in names:
        run.spend()
        rows: Iterable[tuple[int, object, int]] = chain(run.system.relations(name), run.system.values(name))
        for source, value, part in rows:
            if flags.has(source):
                yield source, part or (name, value)


def _matching(run: Run, node: Node) -> Iterator[tuple[int, str, object, int]]:
    """Yield (concept, attribute, value, group) of all that satisfies an `attribute`, reversed where it says so."""
    name_node = node.all("sub")[0]
    names = names_of(run, name_node)
    values = [p for p in node.parts if p.at > name_node.at and p.rule in ("sub", "number", "truth", "string")]
    sign = next(p.text for p in node.parts if p.rule in ("equal", "order"))
    turned = node.one("reverse") is not None
    if values[0].rule == "sub":
        targets = run.sub(values[0])
        if sign == "!=":
            targets = ids.span(1, run.system.size) & ~targets
        if turned:
            flags = ids.Flags(targets)
            for name in names:
                for source, target, part in run.system.relations(name):
                    if flags.has(source):
                        yield target, name, source, part
            return
        few = ids.members(targets) if targets.bit_count() <= _FEW else None
        flags = ids.Flags(targets)
        for name in names:
            run.spend(node.at)
            if few is not None:
                for source, target, part in run.system.relations_to(name, few):
                    yield source, name, target, part
            else:
                for source, target, part in run.system.relations(name):
                    if flags.has(target):
                        yield source, name, target, part
        return
    if turned:
        raise ParseError(node.at, "an attribute with a number or text cannot be reversed")
    fits = _test(values, sign)
    for name in names:
        for source, value, part in run.system.values(name):
            if fits(value):
                yield source, name, value, part


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text.removeprefix("#"))
    except InvalidOperation:
        return None


_ORDERS: dict[str, Callable[[Decimal, Decimal], bool]] = {
    "=": lambda a, b: a == b, "!=": lambda a, b: a != b, "<": lambda a, b: a < b, "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
}  # fmt: skip


def _test(values: list[Node], sign: str) -> Callable[[str], bool]:
    first = values[0]
    if first.rule == "number":
        goal = _number(first.text)
        order = _ORDERS[sign]

        def compares(value: str) -> bool:
            said = _number(value)
            return said is not None and goal is not None and said.is_finite() and order(said, goal)

        return compares
    if first.rule == "truth":
        return lambda value: (
            value.lower() in ("true", "false") and ((value.lower() == first.text.lower()) == (sign == "="))
        )
    tests = [matcher(each, words=False) for each in values]
    return lambda value: any(test(value) for test in tests) == (sign == "=")
