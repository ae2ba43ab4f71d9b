"""A whole file of persons: block, fit the shares, score, cluster, and say which pairs a person should look at."""

from array import array
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import NamedTuple, Protocol, TypeVar

import msgspec

from unsilo.identity.block import budget, pairs, passes
from unsilo.identity.calibrate import Label, calibrated
from unsilo.identity.cluster import DECIDED, Clusters, order
from unsilo.identity.fit import fit
from unsilo.identity.frequency import Frequencies
from unsilo.identity.person import Person
from unsilo.identity.score import Scorer, Shares, odds, probability

__all__ = ["ERROR", "LEAST", "Matching", "ReviewPair", "Spread", "candidate_codes", "match", "serial", "threshold"]

ERROR = 0.001
"""Share of the links of a file that may be expected wrong, unless somebody says another."""
LEAST = 0.7
"""No pair of a lower probability is ever linked by an expected error."""
ENOUGH = 0.9
"""Down to this probability rows are linked where otherwise more than `WAITING` of them would wait for people."""
WAITING = 0.03
T = TypeVar("T")
_ASKED = 10  # rows that say exactly the same, and too little, of which somebody is asked
_MANY = 500_000  # pairs of which the shares are counted


class Spread(Protocol):
    """Runs `work(0)` to `work(parts - 1)` and returns what they return in this order; may do so in processes."""

    parts: int

    def __call__(self, work: Callable[[int], T]) -> list[T]:
        """Run the work."""


class _Serial:
    """One part after the other, here."""

    parts = 1

    def __call__(self, work: Callable[[int], T]) -> list[T]:
        return [work(part) for part in range(self.parts)]


serial = _Serial()


class ReviewPair(NamedTuple):
    """Two record ids (left sorts first) that may be one person's, and the probability that the weights give."""

    left: str
    right: str
    probability: float


class Matching(msgspec.Struct, frozen=True):
    """The outcome: `persons[n]` is the person id of the n-th row given, the record id of its cluster that sorts first.

    `compared` counts pairs that were scored; `review` is sorted, the most probable first; `shares` are what the file
    was thought to hold, `link_at` the probability from which it was linked.
    """

    persons: list[str]
    review: list[ReviewPair]
    compared: int
    shares: Shares = Shares()
    link_at: float = 0.0


class Scored(NamedTuple):
    """Pairs of one part of the work: (bits, one, other) to link and to review, and (one, other) to keep apart."""

    links: list[tuple[float, int, int]]
    doubts: list[tuple[float, int, int]]
    apart: list[tuple[int, int]]
    compared: int


def candidates(persons: Sequence[Person], numbers: Iterable[int], parts: int) -> list[bytes]:
    """Return the codes one * len(persons) + other of pairs that share a key in these passes, by part of `one`."""
    found = [array("q") for _ in range(parts)]
    count = len(persons)
    each = passes(count)
    for name, keys in (each[number] for number in numbers):
        for one, other in pairs(persons, keys, *budget(name, count)):
            found[one % parts].append(one * count + other)
    return [codes.tobytes() for codes in found]


def scored(scorer: Scorer, persons: Sequence[Person], codes: Iterable[int]) -> Scored:
    """Score pairs once each."""
    links: list[tuple[float, int, int]] = []
    doubts: list[tuple[float, int, int]] = []
    apart: list[tuple[int, int]] = []
    count, least, compared = len(persons), scorer.review, 0
    for code in codes:
        one, other = divmod(code, count)
        a, b = persons[one], persons[other]
        score, levels = scorer.score(a, b)
        compared += 1
        if score > -25 and scorer.apart(levels, a, b):
            apart.append((one, other))
        if score < least:
            continue
        cautions = scorer.cautions(levels, a, b)
        (links if scorer.outcome(score, cautions) == "link" else doubts).append((score, one, other))
    return Scored(links, doubts, apart, compared)


def match(
    rows: Iterable[tuple[str, Person]],
    *,
    link_at: float | None = None,
    review_at: float = 0.2,
    error: float = ERROR,
    adapt: bool = True,
    scorer: Scorer | None = None,
    answers: Collection[tuple[str, str, bool]] = (),
    spread: Spread = serial,
    told: Callable[[str, int, int], None] | None = None,
) -> Matching:
    """Cluster (record id, person) rows; the ids must differ. Their order changes only that of the answers.

    Rows that say exactly the same are compared once. Without a `scorer` one is made of the table of weights and of
    what the rows themselves say about names, shares and (`adapt`) slips. Links reach down to the probability `link_at`;
    None sets it so that of all links the share `error` is expected to be wrong, by what the probabilities say.

    `answers` are what people said of two record ids, one person or not: they are kept to, nobody is asked again, and
    enough of them calibrate the weights. Rows that say exactly the same cannot be parted by them. `told` hears (step,
    number, steps) as the work goes on.
    """
    tell = told or (lambda _step, _number, _steps: None)
    ids: list[str] = []
    groups: dict[Person, list[int]] = {}
    for position, (record_id, person) in enumerate(rows):
        ids.append(record_id)
        groups.setdefault(person, []).append(position)
    persons = sorted(groups, key=msgspec.structs.astuple)
    members = [sorted(groups[person], key=lambda at: order(ids[at])) for person in persons]
    groups.clear()
    said = _said(answers, ids, members)
    parts = spread.parts
    tell("keys", 1, 4)
    number = len(passes(len(persons)))
    found = spread(lambda part: candidates(persons, range(part, number, parts), parts))
    codes = [_joined(each[part] for each in found) for part in range(parts)]
    found.clear()
    tell("shares", 2, 4)
    if scorer is None:
        counted = (person for person, rows_of in zip(persons, members, strict=True) for _ in rows_of[:2])
        frequencies = Frequencies.of(counted)
        first = Scorer(frequencies)
        every = 1 + sum(len(part) for part in codes) // _MANY
        shares, table = fit(first, persons, _unique(codes, every), every, [min(2, len(at)) for at in members])
        scorer = Scorer(
            frequencies, shares=shares, link_at=link_at or LEAST, review_at=review_at, table=table if adapt else None
        )
        taught = calibrated(scorer, (Label(persons[a], persons[b], same) for (a, b), same in said.items()))
        if taught is not None:
            shares, table = taught
            scorer = Scorer(frequencies, shares=shares, link_at=link_at or LEAST, review_at=review_at, table=table)
    tell("pairs", 3, 4)
    judge = scorer
    done = spread(lambda part: scored(judge, persons, sorted(set(codes[part]))))
    codes.clear()
    tell("clusters", 4, 4)
    least = odds(link_at) if link_at else threshold([edge for part in done for edge in part.links], error, len(ids))
    return _answer(judge, least, ids, persons, members, _kept(done, said))


def _said(
    answers: Collection[tuple[str, str, bool]], ids: Sequence[str], members: Sequence[list[int]]
) -> dict[tuple[int, int], bool]:
    """Return what people said by positions of the rows that differ, one < other; of two answers the later counts."""
    if not answers:
        return {}
    named = {record_id for left, right, _ in answers for record_id in (left, right)}
    place = {ids[at]: n for n, rows_of in enumerate(members) for at in rows_of if ids[at] in named}
    found = {}
    for left, right, same in answers:
        one, other = sorted((place.get(left, -1), place.get(right, -1)))
        if 0 <= one < other:
            found[one, other] = same
    return found


def _kept(done: list[Scored], said: dict[tuple[int, int], bool]) -> list[Scored]:
    """Return the scored pairs with what people said in place of what the weights say."""
    if not said:
        return done
    left = [
        part._replace(
            links=[link for link in part.links if link[1:] not in said],
            doubts=[doubt for doubt in part.doubts if doubt[1:] not in said],
            apart=[pair for pair in part.apart if pair not in said],
        )
        for part in done
    ]
    links = [(DECIDED, one, other) for (one, other), same in said.items() if same]
    return [*left, Scored(links, [], [pair for pair, same in said.items() if not same], 0)]


def threshold(links: Iterable[tuple[float, int, int]], error: float, rows: int) -> float:
    """Return the score (bits) from which links (bits, one, other) are made.

    From there, at `LEAST` at the least, links are expected to be wrong in the share `error`. Where that would leave
    more than `WAITING` of the rows for people to look at, as in files without birth dates, it goes down until it does
    not, to `ENOUGH` at the least.
    """
    ordered = sorted(links, key=lambda edge: (-edge[0], edge[1], edge[2]))
    expected, least = 0.0, odds(0.99)
    for count, (bits, _, _) in enumerate(ordered, 1):
        expected += 1 - probability(bits)
        if expected > error * count and bits < least:
            break
        least = min(least, bits)
    parents: dict[int, int] = {}
    doubts = [bits for bits, one, other in ordered if _united(parents, one, other) and bits < least]
    many = int(WAITING * rows)
    return least if len(doubts) <= many else max(min(least, odds(ENOUGH)), doubts[-1 - many])


def _united(parents: dict[int, int], one: int, other: int) -> bool:
    """Unite two rows in a forest; say whether they were apart."""
    while (parent := parents.get(one, one)) != one:
        parents[one] = one = parents.get(parent, parent)
    while (parent := parents.get(other, other)) != other:
        parents[other] = other = parents.get(parent, parent)
    parents[max(one, other)] = min(one, other)
    return one != other


def _answer(
    scorer: Scorer, least: float, ids: list[str], persons: Sequence[Person], members: Sequence[list[int]],
    done: list[Scored],
) -> Matching:  # fmt: skip
    names = [ids[rows_of[0]] for rows_of in members]
    clusters = Clusters(scorer, persons, (pair for part in done for pair in part.apart))
    links = [link for part in done for link in part.links]
    doubts = [doubt for part in done for doubt in part.doubts]
    doubts += [link for link in links if link[0] < least]
    doubts += clusters.merge([link for link in links if link[0] >= least])
    review = _reviewed(clusters, doubts, names)
    answers = [""] * len(ids)
    for at, rows_of in enumerate(members):
        verdict = "link"
        if len(rows_of) > 1:
            score, _ = scorer.score(persons[at], persons[at])
            verdict = "link" if score >= least else scorer.outcome(min(score, scorer.link - 1e-9), [])
            if verdict == "review":
                review += [ReviewPair(ids[rows_of[0]], ids[other], probability(score)) for other in rows_of[1:_ASKED]]
        for position in rows_of:
            alone = verdict != "link" and position != rows_of[0]
            answers[position] = ids[position] if alone else _named(clusters, clusters.of(at), names)
    review.sort(key=lambda pair: (-pair.probability, order(pair.left), order(pair.right)))
    return Matching(answers, review, sum(part.compared for part in done), scorer.shares, probability(least))


def candidate_codes(persons: Sequence[Person]) -> list[int]:
    """Return the pairs that share a key, once each, as one * len(persons) + other."""
    return _unique([_joined(candidates(persons, range(len(passes(len(persons)))), 1))], 1)


def _joined(pieces: Iterable[bytes]) -> "array[int]":
    found = array("q")
    for piece in pieces:
        found.frombytes(piece)
    return found


def _unique(codes: "list[array[int]]", every: int) -> list[int]:
    """Return the pairs of all parts once each, one of `every`, in one order."""
    return sorted({code for part in codes for code in part if every == 1 or code * 2654435761 % 1_000_003 % every == 0})


def _named(clusters: Clusters, cluster: int, names: list[str]) -> str:
    return min((names[at] for at in clusters.members(cluster)), key=order)


def _reviewed(clusters: Clusters, doubts: list[tuple[float, int, int]], names: list[str]) -> list[ReviewPair]:
    """Return the doubts that still lie between two clusters, the strongest of each two clusters only."""
    best: dict[tuple[int, int], tuple[float, int, int]] = {}
    for score, one, other in sorted(doubts, key=lambda doubt: (-doubt[0], doubt[1], doubt[2])):
        a, b = clusters.of(one), clusters.of(other)
        if a != b:
            best.setdefault((min(a, b), max(a, b)), (score, one, other))
    found = []
    for score, one, other in best.values():
        left, right = sorted((names[one], names[other]), key=order)
        found.append(ReviewPair(left, right, probability(score)))
    return found
