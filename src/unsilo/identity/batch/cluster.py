"""A file of persons into clusters of one person each, and the pairs that a person should look at."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec

from unsilo.identity.batch.block import PASSES, pairs
from unsilo.identity.batch.frequency import Frequencies
from unsilo.identity.batch.person import Person
from unsilo.identity.batch.score import Scorer, probability

__all__ = ["Matching", "ReviewPair", "match"]

_LOOKED_AT = 100  # pairs across two clusters that are weighed before they become one


class ReviewPair(NamedTuple):
    """Two record ids (left sorts first) that may be one person's, and the probability that the weights give."""

    left: str
    right: str
    probability: float


class Matching(msgspec.Struct, frozen=True):
    """The outcome: `persons[n]` is the person id of the n-th row given, the record id of its cluster that sorts first.

    `compared` counts pairs that were scored; `review` is sorted, the most probable first.
    """

    persons: list[str]
    review: list[ReviewPair]
    compared: int


def order(record_id: str) -> tuple[int, str]:
    """Sort record ids as people count: `9` before `10`, then by text."""
    return len(record_id), record_id


def match(
    rows: Iterable[tuple[str, Person]],
    *,
    link_at: float = 0.99,
    review_at: float = 0.2,
    told: Callable[[str, int, int], None] | None = None,
) -> Matching:
    """Cluster (record id, person) rows; the ids must differ. Their order changes only that of the answers.

    Rows that say exactly the same are compared once. `told` hears (pass, number, passes) as the work goes on.
    """
    ids: list[str] = []
    groups: dict[Person, list[int]] = {}
    for position, (record_id, person) in enumerate(rows):
        ids.append(record_id)
        groups.setdefault(person, []).append(position)
    persons = sorted(groups, key=_content)
    members = [sorted(groups[person], key=lambda at: order(ids[at])) for person in persons]
    groups.clear()
    scorer = Scorer(
        Frequencies.of(person for person, rows_of in zip(persons, members, strict=True) for _ in rows_of[:2]),
        link_at=link_at, review_at=review_at,
    )  # fmt: skip
    work = _Work(scorer, persons, [ids[rows_of[0]] for rows_of in members])
    work.compare(told)
    work.merge()
    answers = [""] * len(ids)
    review = work.reviewed()
    for at, rows_of in enumerate(members):
        verdict = "link"
        if len(rows_of) > 1:
            score, levels = scorer.score(persons[at], persons[at])
            verdict = scorer.outcome(score, scorer.cautions(levels, persons[at], persons[at]))
            if verdict == "review":
                review += [ReviewPair(ids[rows_of[0]], ids[other], probability(score)) for other in rows_of[1:]]
        for position in rows_of:
            alone = verdict != "link" and position != rows_of[0]
            answers[position] = ids[position] if alone else work.person(at)
    review.sort(key=lambda pair: (-pair.probability, order(pair.left), order(pair.right)))
    return Matching(answers, review, work.compared)


def _content(person: Person) -> tuple[str | bool | tuple[str, ...], ...]:
    return msgspec.structs.astuple(person)


class _Work:
    """The clusters of one run, by positions of distinct persons."""

    def __init__(self, scorer: Scorer, persons: list[Person], names: list[str]) -> None:
        self.scorer, self.persons, self.names = scorer, persons, names
        self.compared = 0
        self.links: list[tuple[float, int, int]] = []
        self.doubts: list[tuple[float, int, int]] = []
        self.apart: dict[int, set[int]] = {}
        self.cluster = list(range(len(persons)))
        self.inside: dict[int, list[int]] = {}

    def compare(self, told: Callable[[str, int, int], None] | None) -> None:
        """Score every pair that shares a key once."""
        seen: set[int] = set()
        scorer, persons, count = self.scorer, self.persons, len(self.persons)
        for number, (name, keys) in enumerate(PASSES, 1):
            if told is not None:
                told(name, number, len(PASSES))
            for one, other in pairs(persons, keys):
                code = one * count + other
                if code in seen:
                    continue
                seen.add(code)
                score, levels = scorer.score(persons[one], persons[other])
                if score < scorer.review:
                    continue
                cautions = scorer.cautions(levels, persons[one], persons[other])
                outcome = scorer.outcome(score, cautions)
                if outcome == "link":
                    self.links.append((score, one, other))
                elif outcome == "review":
                    self.doubts.append((score, one, other))
                if cautions and scorer.apart(levels, cautions, persons[one], persons[other]):
                    self.apart.setdefault(one, set()).add(other)
                    self.apart.setdefault(other, set()).add(one)
        self.compared = len(seen)

    def merge(self) -> None:
        """Join clusters along links, the strongest first, when their members on the whole fit each other.

        Two members that a caution about persons (not about what is missing) keeps apart keep their clusters apart;
        otherwise the mean score over the pairs across must be as even odds at least: one weak edge chains nothing.
        """
        self.links.sort(key=lambda edge: (-edge[0], edge[1], edge[2]))
        for score, one, other in self.links:
            a, b = self.cluster[one], self.cluster[other]
            if a == b:
                continue
            ours, theirs = self.inside.get(a, [a]), self.inside.get(b, [b])
            if len(ours) + len(theirs) > 2 and not self._fit(ours, theirs):
                self.doubts.append((score, one, other))
                continue
            if len(ours) < len(theirs):
                a, b, ours, theirs = b, a, theirs, ours
            self.inside[a] = ours + theirs
            self.inside.pop(b, None)
            for at in theirs:
                self.cluster[at] = a

    def _fit(self, ours: list[int], theirs: list[int]) -> bool:
        smaller, larger = (ours, set(theirs)) if len(ours) < len(theirs) else (theirs, set(ours))
        if any(not larger.isdisjoint(self.apart.get(at, ())) for at in smaller):
            return False
        # Sorted, so that the pairs looked at do not depend on how the clusters grew.
        across = [(one, other) for one in sorted(ours)[:10] for other in sorted(theirs)[:10]][:_LOOKED_AT]
        total = 0.0
        for one, other in across:
            a, b = self.persons[one], self.persons[other]
            score, levels = self.scorer.score(a, b)
            if self.scorer.apart(levels, self.scorer.cautions(levels, a, b), a, b):
                return False
            total += score
        return total >= 0

    def person(self, at: int) -> str:
        """Return the person id of a position: the first record id of its cluster."""
        cluster = self.cluster[at]
        return self._named(cluster)

    def _named(self, cluster: int) -> str:
        return min((self.names[at] for at in self.inside.get(cluster, [cluster])), key=order)

    def reviewed(self) -> list[ReviewPair]:
        """Return the doubts that still lie between two clusters, the strongest of each two clusters only."""
        best: dict[tuple[int, int], tuple[float, int, int]] = {}
        for score, one, other in sorted(self.doubts, key=lambda doubt: (-doubt[0], doubt[1], doubt[2])):
            a, b = self.cluster[one], self.cluster[other]
            if a != b:
                best.setdefault((min(a, b), max(a, b)), (score, one, other))
        found = []
        for score, one, other in best.values():
            left, right = sorted((self.names[one], self.names[other]), key=order)
            found.append(ReviewPair(left, right, probability(score)))
        return found
