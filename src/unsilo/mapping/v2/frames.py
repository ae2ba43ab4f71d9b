"""Where each segment of a message belongs: tolerant placement in the groups of its structure."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import msgspec

from unsilo.formats.hl7v2 import Message, Segment
from unsilo.mapping.model import Draft
from unsilo.mapping.rows import StructureRow

__all__ = ["Frame", "Here", "Placed", "Structure"]


class Frame(msgspec.Struct, eq=False):
    """One instance of a repeating group (or the message): its segments by name and the variables made in it.

    `memo` holds texts and numbers that are the same for all that stands in the groups inside, by who asks.
    """

    parent: Frame | None
    path: str
    segments: dict[str, Segment] = {}
    vars: dict[str, Draft] = {}
    memo: dict[Any, Any] = {}

    def find(self, name: str) -> Draft | None:
        """The resource of a variable, here or in a group around."""
        frame: Frame | None = self
        while frame is not None:
            found = frame.vars.get(name)
            if found is not None:
                return found
            frame = frame.parent
        return None


class Here:
    """What a condition sees: a segment in its group."""

    __slots__ = ("frame", "node")

    def __init__(self, frame: Frame, node: Segment) -> None:
        self.frame, self.node = frame, node


class Placed(NamedTuple):
    """A segment with its place in the structure ("" when that does not know it) and its group instance."""

    segment: Segment
    path: str
    frame: Frame
    misplaced: bool


_MOST_ROUTES = 256
_LONGEST_ROUTE = 128
"""How many ways through a structure are kept, of messages up to how many segments."""

_placed = partial(tuple.__new__, Placed)
"""Make a `Placed` without the keyword handling of its constructor: there is one for each segment."""


class _Leaf(NamedTuple):
    name: str
    path: str
    groups: tuple[str, ...]
    """All groups around, outermost first."""
    frames: tuple[str, ...]
    """The repeating ones of them."""
    repeats: bool


class _Move(NamedTuple):
    state: int
    path: str
    keep: int
    opens: tuple[str, ...]
    misplaced: bool
    anew: _Move | None = None
    """Where it goes when the group at hand has such a segment already."""


class Structure:
    """A message structure as a machine: where does the next segment go? Its answers are remembered."""

    def __init__(self, rows: list[StructureRow]) -> None:
        groups = {row.path for row in rows if any(o.path.startswith(row.path + ".") for o in rows)}
        repeating = {row.path for row in rows if row.path in groups and row.repeat in "*+"}
        self.optional = {row.path for row in rows if row.repeat in "*?"}
        self.repeating = repeating
        self.leaves: list[_Leaf] = []
        for row in rows:
            if row.path in groups:
                continue
            parts = row.path.split(".")
            around = tuple(".".join(parts[:n]) for n in range(1, len(parts)))
            self.leaves.append(
                _Leaf(parts[-1], row.path, around, tuple(g for g in around if g in repeating), row.repeat in "*+")
            )
        self.names = {leaf.name for leaf in self.leaves}
        self.starts = {group: self._starts(group) for group in groups}
        self.moves: dict[tuple[int, str], _Move | None] = {}
        self.routes: dict[tuple[str, ...], list[_Move | None]] = {}

    def _starts(self, group: str) -> frozenset[str]:
        """The segments that can begin a group: those of its members up to the first required one."""
        found: set[str] = set()
        members: list[str] = []
        for leaf in self.leaves:
            if leaf.path.startswith(group + "."):
                member = ".".join(leaf.path.split(".")[: group.count(".") + 2])
                if member not in members:
                    members.append(member)
        for member in members:
            inner = any(leaf.path.startswith(member + ".") for leaf in self.leaves)
            found |= self._starts(member) if inner else {member.rpartition(".")[2]}
            if member not in self.optional:
                break
        return frozenset(found)

    def place(self, message: Message) -> list[Placed]:
        """Place every segment of a message; a segment that fits nowhere stays in the group at hand."""
        stack = [Frame(None, "")]
        placed = []
        segments = message.segments
        names = tuple([segment.name for segment in segments])
        route = self.routes.get(names)
        for segment, move in zip(segments, self._route(names) if route is None else route, strict=True):
            if move is None:
                frame = stack[-1]
                placed.append(_placed((segment, "", frame, False)))
                frame.segments.setdefault(segment.name, segment)
                continue
            _, path, keep, opens, misplaced, _ = move
            if misplaced and not opens:
                frame = stack[min(keep, len(stack) - 1)]
            elif opens or keep + 1 != len(stack):
                del stack[keep + 1 :]
                for group in opens:
                    stack.append(Frame(stack[-1], group))
                frame = stack[-1]
            else:
                frame = stack[-1]
            frame.segments.setdefault(segment.name, segment)
            placed.append(_placed((segment, path, frame, misplaced)))
        return placed

    def _route(self, names: tuple[str, ...]) -> list[_Move | None]:
        """Where segments of these names go, one after the other."""
        state = -1
        route = []
        moves = self.moves
        stack: list[set[str]] = [set()]
        for name in names:
            key = (state, name)
            move = moves[key] if key in moves else self._remember(key)
            if move is not None and move.anew is not None and name in stack[min(move.keep, len(stack) - 1)]:
                move = move.anew
            route.append(move)
            if move is None:
                stack[-1].add(name)
            elif move.misplaced and not move.opens:
                stack[min(move.keep, len(stack) - 1)].add(name)
            else:
                state = move.state
                del stack[move.keep + 1 :]
                stack += [set() for _ in move.opens]
                stack[-1].add(name)
        if len(self.routes) < _MOST_ROUTES and len(names) <= _LONGEST_ROUTE:
            self.routes[names] = route
        return route

    def _remember(self, key: tuple[int, str]) -> _Move | None:
        move = self._move(*key) if key[1] in self.names else None
        if len(self.moves) < 10_000:
            self.moves[key] = move
        return move

    def _move(self, state: int, name: str) -> _Move | None:
        here = self.leaves[state] if state >= 0 else None
        choices = [(n, leaf) for n, leaf in enumerate(self.leaves) if leaf.name == name]
        around: list[str] = ["", *(here.groups if here else ())]
        skipping: tuple[int, _Leaf] | None = None
        within: tuple[int, _Leaf, str] | None = None
        for group in reversed(around):
            inside = [(n, leaf) for n, leaf in choices if not group or leaf.path.startswith(group + ".")]
            if not inside:
                continue
            ahead = [(n, leaf) for n, leaf in inside if n > state or (n == state and leaf.repeats)]
            fits = next((one for one in ahead if self._opens(here, one[1])), None)
            if fits is not None:
                return self._go(here, *fits, restart="", misplaced=False)
            if group in self.repeating and name in self.starts[group]:
                return self._go(here, *inside[0], restart=group, misplaced=False)
            inner = [
                (n, leaf, g)
                for n, leaf in inside
                for g in leaf.frames
                if g != group and g.startswith(group) and name in self.starts[g]
            ]
            if inner and group:
                within = within or inner[-1]
            skipping = skipping or (ahead[0] if ahead else None)
        if within is not None:
            n, leaf, g = within
            return self._go(here, n, leaf, restart=g, misplaced=True)
        return self._misplaced(here, state, choices, skipping) if choices else None

    def _opens(self, here: _Leaf | None, leaf: _Leaf) -> bool:
        """True when a segment can begin every group that it would open."""
        groups = here.groups if here else ()
        return all(group in groups or leaf.name in self.starts[group] for group in leaf.groups)

    def _misplaced(
        self, here: _Leaf | None, state: int, choices: list[tuple[int, _Leaf]], skipping: tuple[int, _Leaf] | None
    ) -> _Move:
        """Where a segment goes that has no place of its own from here on.

        A place of the group at hand that is past takes it, and again when it may repeat; a second one that may not
        begins the group anew, as its first segments were left out. Else the segments between are left out.
        """
        before = [(n, leaf) for n, leaf in choices if n <= state]
        near = [(n, leaf) for n, leaf in before if here is not None and leaf.groups and leaf.groups[-1] in here.groups]
        if near:
            n, leaf = near[-1]
            again = self._go(here, n, leaf, restart="", misplaced=True)
            if leaf.repeats or not leaf.frames:
                return again
            return again._replace(anew=self._go(here, n, leaf, restart=leaf.frames[-1], misplaced=True))
        if skipping is not None:
            return self._go(here, *skipping, restart="", misplaced=False)
        n, leaf = before[-1] if before else choices[-1] if state >= 0 else choices[0]
        return self._go(here, n, leaf, restart="", misplaced=True)

    def _go(self, here: _Leaf | None, n: int, leaf: _Leaf, restart: str, misplaced: bool) -> _Move:
        now = here.frames if here else ()
        keep = 0
        while keep < min(len(now), len(leaf.frames)) and now[keep] == leaf.frames[keep] and now[keep] != restart:
            keep += 1
        return _Move(n, leaf.path, keep, leaf.frames[keep:], misplaced)
