"""Statements brought together: sets that are of one thing, each with its grounds, and what stands near them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from unsilo.terminology.same.judge import Verdict, verdict
from unsilo.terminology.same.meaning import Meaning

__all__ = ["Gathered", "Ground", "gather"]

_CROWD = 60
"""Different meanings with one key that are compared with each other; beyond, each with the first ones only."""


Confirm = Callable[[Meaning, Meaning], bool]
"""Tells whether the words of one statement name nothing else than the code of the other."""


class Ground(NamedTuple):
    """Why two statements (places in what was given) are one or near."""

    one: int
    other: int
    verdict: Verdict


class Gathered(NamedTuple):
    """`sets` of places; `grounds` of each set; `related` pairs of sets with the ground."""

    sets: list[list[int]]
    grounds: list[list[Ground]]
    related: list[Ground]
    """Here `one` and `other` are places in `sets`."""


def gather(meanings: Sequence[Meaning], confirm: Confirm | None = None) -> Gathered:
    """Bring together what is the same. Two statements that are known to be only near or different are never in one
    set, also not through a third. The order decides nothing. `confirm` has the last word on a synonym."""
    first: dict[int, int] = {}
    twins: list[list[int]] = []
    distinct: list[Meaning] = []
    for place, meaning in enumerate(meanings):
        at = first.setdefault(id(meaning), len(twins))  # a reader gives one object for what is said alike
        if at == len(twins):
            twins.append([])
            distinct.append(meaning)
        twins[at].append(place)
    seen: dict[tuple[int, int], Verdict | None] = {}

    def judged(a: int, b: int) -> Verdict | None:
        pair = (a, b) if a < b else (b, a)
        if pair not in seen:
            seen[pair] = verdict(distinct[pair[0]], distinct[pair[1]])
        return seen[pair]

    edges = []
    for a, b in _pairs(distinct):
        said = judged(a, b)
        if said is not None and said.outcome == "same" and _holds(distinct[a], distinct[b], said, confirm):
            edges.append((said.strength, _name(distinct[a]), _name(distinct[b]), a, b, said))
    members: dict[int, list[int]] = {n: [n] for n in range(len(distinct))}
    home = list(range(len(distinct)))
    grounds: dict[int, list[Ground]] = {n: [] for n in range(len(distinct))}
    for *_, a, b, said in sorted(edges, key=lambda edge: edge[:3]):
        one, other = home[a], home[b]
        if one == other or any(_apart(judged(x, y)) for x in members[one] for y in members[other]):
            continue
        members[one] += members.pop(other)
        grounds[one] += [*grounds.pop(other), Ground(twins[a][0], twins[b][0], said)]
        for member in members[one]:
            home[member] = one
    order = sorted(members, key=lambda root: min(twins[m][0] for m in members[root]))
    place_of = {root: place for place, root in enumerate(order)}
    related = _related(seen, home, place_of)
    sets = [sorted(place for member in members[root] for place in twins[member]) for root in order]
    return Gathered(sets, [grounds[root] for root in order], related)


def _holds(one: Meaning, other: Meaning, said: Verdict, confirm: Confirm | None) -> bool:
    return said.rule != "same.synonym" or confirm is None or confirm(one, other)


def _apart(said: Verdict | None) -> bool:
    return said is not None and said.outcome != "same"


def _name(meaning: Meaning) -> tuple[str, ...]:
    return tuple(sense.token for sense in meaning.senses)


def _keys(meaning: Meaning) -> Iterable[str]:
    for sense in meaning.senses:
        yield sense.token
        for token, _, _ in sense.equal:
            yield token
        for reading in sense.readings:
            yield reading.key
        for near in sense.near:
            yield near.key


def _pairs(distinct: Sequence[Meaning]) -> list[tuple[int, int]]:
    """Return the pairs that share anything at all: only they can be the same or near."""
    by_key: dict[str, list[int]] = {}
    for place, meaning in enumerate(distinct):
        for key in set(_keys(meaning)):
            by_key.setdefault(key, []).append(place)
    found: set[tuple[int, int]] = set()
    for places in by_key.values():
        for n, a in enumerate(places):
            for b in places[n + 1 :] if n < _CROWD else ():
                found.add((a, b))
    found.update(_narrower(distinct))
    for place, meaning in enumerate(distinct):
        for sense in meaning.senses:
            if sense.above:
                found.update((min(place, n), max(place, n))
                             for token in sense.above & by_key.keys() for n in by_key[token] if n != place)  # fmt: skip
    return sorted(found)


def _narrower(distinct: Sequence[Meaning]) -> Iterable[tuple[int, int]]:
    """Yield the pairs where all words of one name may stand in the other: it has the rarest of them."""
    named = [
        (place, reading.key[2:].split())
        for place, meaning in enumerate(distinct)
        for sense in meaning.senses
        for reading in sense.readings
        if reading.key.startswith("n:")
    ]
    having: dict[str, set[int]] = {}
    for place, words in named:
        for word in words:
            having.setdefault(word, set()).add(place)
    for place, words in named:
        for other in sorted(having[min(words, key=lambda word: len(having[word]))])[:_CROWD]:
            if other != place:
                yield min(place, other), max(place, other)


def _related(seen: dict[tuple[int, int], Verdict | None], home: list[int], place_of: dict[int, int]) -> list[Ground]:
    found: dict[tuple[int, int], Ground] = {}
    for (a, b), said in sorted(seen.items()):
        if said is None or said.outcome != "related" or home[a] == home[b]:
            continue
        pair = tuple(sorted((place_of[home[a]], place_of[home[b]])))
        found.setdefault((pair[0], pair[1]), Ground(pair[0], pair[1], said))
    return list(found.values())
