"""Links between rows into clusters of one person each, so that no weak edge chains two persons together."""

from collections.abc import Iterable, Sequence
from statistics import median

from unsilo.identity.person import Person
from unsilo.identity.score import Scorer

__all__ = ["DECIDED", "Clusters", "order"]

DECIDED = 900.0
"""Bits of a link that a person made: no weight speaks against it."""
_LOOKED_AT = 10  # members of each of two clusters that are weighed before they become one


def order(record_id: str) -> tuple[int, str]:
    """Sort record ids as people count: `9` before `10`, then by text."""
    return len(record_id), record_id


class Clusters:
    """The clusters of positions of `persons`; `apart` are pairs (one < other) that no third row may join."""

    def __init__(self, scorer: Scorer, persons: Sequence[Person], apart: Iterable[tuple[int, int]]) -> None:
        self._scorer, self._persons = scorer, persons
        self._apart: dict[int, set[int]] = {}
        for one, other in apart:
            self._apart.setdefault(one, set()).add(other)
            self._apart.setdefault(other, set()).add(one)
        self._cluster = list(range(len(persons)))
        self._inside: dict[int, list[int]] = {}

    def of(self, at: int) -> int:
        """Return the cluster of a position."""
        return self._cluster[at]

    def members(self, cluster: int) -> list[int]:
        """Return the positions of a cluster."""
        return self._inside.get(cluster, [cluster])

    def merge(self, links: list[tuple[float, int, int]]) -> list[tuple[float, int, int]]:
        """Join along links (bits, one, other), the strongest first, when clusters on the whole fit; return the rest.

        Two members that are two persons keep their clusters apart; otherwise the mean and the median of the scores over
        the pairs across must be as even odds at least.
        """
        refused = []
        for link in sorted(links, key=lambda edge: (-edge[0], edge[1], edge[2])):
            a, b = self._cluster[link[1]], self._cluster[link[2]]
            if a == b:
                continue
            ours, theirs = self.members(a), self.members(b)
            fits = self._decided(ours, theirs) if link[0] >= DECIDED else self._fit(ours, theirs, link)
            if not fits and (len(ours) + len(theirs) > 2 or link[0] >= DECIDED):
                refused.append(link)
                continue
            if len(ours) < len(theirs):
                a, b, ours, theirs = b, a, theirs, ours
            self._inside[a] = ours + theirs
            self._inside.pop(b, None)
            for at in theirs:
                self._cluster[at] = a
        return refused

    def _decided(self, ours: list[int], theirs: list[int]) -> bool:
        """Say whether no two members are to be kept apart."""
        smaller, larger = (ours, set(theirs)) if len(ours) < len(theirs) else (theirs, set(ours))
        return all(larger.isdisjoint(self._apart.get(at, ())) for at in smaller)

    def _fit(self, ours: list[int], theirs: list[int], link: tuple[float, int, int]) -> bool:
        if not self._decided(ours, theirs):
            return False
        nameless = min(len(self._persons[at].first) for at in link[1:]) < 2
        across: list[float] = []
        # Sorted, so that the pairs looked at do not depend on how the clusters grew.
        for one in sorted(ours)[:_LOOKED_AT]:
            for other in sorted(theirs)[:_LOOKED_AT]:
                a, b = self._persons[one], self._persons[other]
                score, levels = self._scorer.score(a, b)
                if self._scorer.apart(levels, a, b, nameless=nameless):
                    return False
                across.append(score)
        return sum(across) >= 0 and median(across) >= 0
