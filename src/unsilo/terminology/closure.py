"""The transitive closure of a hierarchy, and the cycles that forbid it."""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence

__all__ = ["above_of", "below_of", "find_cycle"]


def above_of(parents: Mapping[int, Sequence[int]], size: int) -> tuple[list[array[int]], list[int]]:
    """Return for each id from 0 to `size` all that is above it, sorted, and the ids that stand on a cycle or below one.

    `parents` gives the direct parents of an id. Parents are worked through before their children.
    """
    empty: array[int] = array("I")
    found = [empty] * (size + 1)
    children: dict[int, list[int]] = {}
    waits = {}
    ready = []
    for child, up in parents.items():
        waits[child] = len(up)
        for parent in up:
            children.setdefault(parent, []).append(child)
    ready = [parent for parent in children if parent not in waits]
    while ready:
        parent = ready.pop()
        for child in children.get(parent, ()):
            waits[child] -= 1
            if not waits[child]:
                del waits[child]
                up = parents[child]
                if len(up) == 1:
                    line = found[up[0]]
                    every = line[:]
                    every.append(up[0])
                    if line and line[-1] > up[0]:
                        every = array("I", sorted(every))
                else:
                    gathered = set(up)
                    for each in up:
                        gathered.update(found[each])
                    every = array("I", sorted(gathered))
                found[child] = every
                ready.append(child)
    return found, sorted(waits)


def below_of(above: Sequence[Sequence[int]]) -> dict[int, array[int]]:
    """Return for each id that has any all that is below it, sorted."""
    found: dict[int, array[int]] = {}
    for number, line in enumerate(above):
        for each in line:
            known = found.get(each)
            if known is None:
                found[each] = array("I", (number,))
            else:
                known.append(number)
    return found


def find_cycle(parents: Mapping[int, Sequence[int]], stuck: Sequence[int]) -> list[int]:
    """Return the ids of one cycle among those that wait for each other."""
    waiting = set(stuck)
    line: list[int] = []
    at, seen = stuck[0], set[int]()
    while at not in seen:
        seen.add(at)
        line.append(at)
        at = next(parent for parent in parents[at] if parent in waiting)
    return line[line.index(at) :]
