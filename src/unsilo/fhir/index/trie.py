"""The parameters of a type as one tree of steps, so that what they have in common is walked once."""

import csv
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

from unsilo.fhir.index.composites import Part, layout
from unsilo.fhir.index.paths import Branch, Step, branches, inner, presence
from unsilo.spec.parameters import SearchParameter

__all__ = ["Composite", "Conversion", "Node", "conversions", "grow", "table", "with_text"]


class Conversion(NamedTuple):
    """How a parameter kind reads a datatype: `function` gives tuples of `width` keys for `table` (see `with_text`)."""

    table: str
    function: str
    width: int
    offset: int


def with_text(table: str, width: int) -> str:
    """Tell whether the last of a function's keys is the text of the first, for `cod`: "always", "some", or ""."""
    if table == "tok" and width == 3:
        return "always"
    return "some" if table == "qty" else ""


class Composite(NamedTuple):
    """A composite at one element: its parts' layout and ways, and the parameters that have exactly these."""

    parts: tuple[Part, ...]
    ways: tuple[tuple[tuple[Branch, Conversion], ...], ...]


class Node:
    """A place in the JSON: what is read here, and where it goes on."""

    def __init__(self) -> None:
        self.edges: dict[Step, Node] = {}
        self.leaves: dict[tuple[Conversion, ...], list[int]] = {}
        self.references: list[int] = []
        self.composites: dict[Composite, list[int]] = {}
        self.collected: list[tuple[str, Conversion]] = []
        self.present: dict[tuple[str, ...], list[int]] = {}

    def at(self, steps: Iterable[Step]) -> "Node":
        """Return the node at the end of the steps, grown where it is missing."""
        node = self
        for step in steps:
            node = node.edges.setdefault(step, Node())
        return node


def table(name: str) -> list[dict[str, str]]:
    """Read a table of this package."""
    return list(csv.DictReader(files(__package__).joinpath(name).read_text("utf-8").splitlines()))


@cache
def conversions() -> dict[tuple[str, str], tuple[Conversion, ...]]:
    """Map (parameter kind, datatype) to how it is read."""
    found: dict[tuple[str, str], tuple[Conversion, ...]] = {}
    for row in table("conversions.csv"):
        made = Conversion(row["table"], row["function"], int(row["width"]), int(row["offset"]))
        key = (row["kind"], row["type"])
        found[key] = (*found.get(key, ()), made)
    return found


_REFERENCE: Final = ("reference", "Reference")
_TARGETS: Final = Conversion("ref", "targets", 1, 0)


def _ways(kind: str, expression: str, resource_type: str, start: str) -> tuple[tuple[Branch, Conversion], ...]:
    """Return how one part of a composite is read below the element `start`; () when it cannot be."""
    ends = [end for branch in branches(expression, resource_type, start) or () for end in inner(branch)]
    return tuple(
        (end, _TARGETS if (kind, end.type) == _REFERENCE else conversions()[kind, end.type][0])
        for end in ends
        if (kind, end.type) in conversions() or (kind, end.type) == _REFERENCE
    )


def _composite(one: SearchParameter, kind: str, root: Node) -> bool:
    """Add a composite at each element where it stands; False when a part cannot be read."""
    kinds = tuple(part.kind for part in one.components)
    expressions = [part.expression for part in one.components]
    # R4 itself has the two expressions of DocumentReference's `relationship` the wrong way round.
    orders = [expressions, expressions[::-1]] if len(expressions) == 2 else [expressions]
    added = False
    for focus in branches(one.expression, kind) or ():
        for order in orders:
            ways = tuple(_ways(k, e, kind, focus.type) for k, e in zip(kinds, order, strict=True))
            parts = layout(kinds)
            if parts and all(ways):
                root.at(focus.steps).composites.setdefault(Composite(parts, ways), []).append(one.number)
                added = True
                break
    return added


def grow(parameters: Iterable[SearchParameter], kind: str) -> tuple[Node, list[SearchParameter]]:
    """Return the tree of a type's parameters, and those whose expression is of no form that is walked here."""
    root, left = Node(), []
    for one in parameters:
        if one.kind == "composite":
            if not _composite(one, kind, root):
                left.append(one)
            continue
        names = presence(one.expression, kind)
        if names is not None:
            root.present.setdefault(names, []).append(one.number)
            continue
        added = False
        for branch in branches(one.expression, kind) or ():
            for end in inner(branch):
                if (one.kind, end.type) == _REFERENCE:
                    root.at(end.steps).references.append(one.number)
                elif (how := conversions().get((one.kind, end.type))) is not None:
                    root.at(end.steps).leaves.setdefault(how, []).append(one.number)
                else:
                    continue
                added = True
        if not added:
            left.append(one)
    return root, left
