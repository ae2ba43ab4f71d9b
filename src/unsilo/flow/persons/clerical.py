"""Pairs drawn for people to look at, and what their answers say of the matching: rates with intervals, by group."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from random import Random

import msgspec

from unsilo import identity
from unsilo.flow.persons.explain import model_of
from unsilo.identity.census import origin
from unsilo.kernel import clock
from unsilo.storage import Store, Tx
from unsilo.storage.tx_people import Sampled

__all__ = ["Agreement", "Draw", "Estimate", "agreement", "draw_pairs", "estimate", "groups_of", "queue_sample"]

_BANDS = (0.01, 0.2, 0.5, 0.9, 0.99, 1.01)
"""Upper ends of the bands of probability that are drawn from apart; what is below the first is not drawn."""
_ANCHORS = 20_000
_AT_ONCE = 1000
_MOST_IN_BLOCK = 50
_DRAWS = 2000
_AGES = ((18, "under 18"), (65, "18 to 64"), (200, "65 and over"))
Record = tuple[str, int, identity.Record]


class Draw(msgspec.Struct, frozen=True):
    """One pair drawn: `stratum` is `link` (with one person now) or `new`, `weight` the pairs that it stands for."""

    left: str
    right: str
    stratum: str
    score: float
    weight: float


class Estimate(msgspec.Struct, frozen=True):
    """A rate with the ends of its 95 % interval, from `answered` pairs with `wrong` ones among them; -1 from none."""

    answered: int
    wrong: int
    rate: float
    low: float
    high: float


class Agreement(msgspec.Struct, frozen=True):
    """Of `pairs` where two people gave an opinion, `same` agreed; `taken_back` of all `decided` were taken back."""

    pairs: int
    same: int
    decided: int
    taken_back: int


def _band(score: float) -> int:
    return next(at for at, end in enumerate(_BANDS) if score < end)


def _records(store: Store) -> list[Record]:
    found: list[Record] = []
    after = 0
    while rows := store.match_records(after, _AT_ONCE):
        after = rows[-1][0]
        found += [(id_, person, identity.unpack(packed)) for _, id_, person, packed in rows if id_]
    return found


def draw_pairs(store: Store, count: int, seed: int) -> list[Draw]:
    """Draw pairs evenly over what is linked and what is not, and over bands of probability; the same for one seed.

    Each stands for as many pairs of the store as its band has for each drawn. Pairs below a probability of .01 that
    are not linked are not drawn: nobody could look at enough of them.
    """
    chance = Random(seed)  # noqa: S311 - a seed that everybody can repeat
    scorer = model_of(store).scorer()
    records = _records(store)
    blocks: dict[int, list[int]] = defaultdict(list)
    persons: dict[int, list[int]] = defaultdict(list)
    for at, (_, person, record) in enumerate(records):
        persons[person].append(at)
        for key in identity.keys(record):
            blocks[key].append(at)
    anchors = chance.sample(range(len(records)), min(_ANCHORS, len(records)))
    every = len(records) / max(1, len(anchors))
    strata: dict[tuple[str, int], list[tuple[int, int, float]]] = defaultdict(list)
    seen: set[tuple[int, int]] = set()
    for one in anchors:
        near = {other for key in identity.keys(records[one][2]) for other in blocks[key][:_MOST_IN_BLOCK]}
        near.update(persons[records[one][1]][:_MOST_IN_BLOCK])
        for other in sorted(near - {one}):
            pair = min(one, other), max(one, other)
            if pair in seen:
                continue
            seen.add(pair)
            verdict = identity.weigh(scorer, records[one][2], records[other][2])
            score = verdict.probability if verdict is not None else 0.0
            linked = records[one][1] == records[other][1]
            if linked or score >= _BANDS[0]:
                strata["link" if linked else "new", _band(score)].append((*pair, score))
    each = max(1, count // max(1, len(strata)))
    found = []
    for (stratum, _), pairs in sorted(strata.items()):
        kept = chance.sample(pairs, min(each, len(pairs)))
        weight = every * len(pairs) / len(kept)
        found += [Draw(records[a][0], records[b][0], stratum, round(score, 6), weight) for a, b, score in kept]
    return found[:count]


def queue_sample(store: Store, draws: Sequence[Draw], version: str) -> None:
    """Put drawn pairs into the review queue, where people answer as of any pair, and keep what each stands for."""

    def job(tx: Tx) -> None:
        at = clock.now()
        tx.drawn([(one.left, one.right, one.stratum, one.score, one.weight) for one in draws], at)
        for one in draws:
            words = "linked" if one.stratum == "link" else "not linked"
            if tx.review_state(one.left, one.right)[0]:
                continue  # it is in the queue already, or was decided about
            reason = f"Drawn by chance to see how well records are matched; the two are {words} now."
            tx.ask(one.left, one.right, "sample", reason, one.score, version, 0, at)
            said = tx.decided(one.left).get(one.right)
            if said is not None:  # a hand linked or parted them on a person's page
                tx.answer(one.left, one.right, said, "", at)

    store.submit(job, 1).result(60)


def estimate(samples: Iterable[Sampled], stratum: str) -> Estimate:
    """Estimate the share of a stratum that is wrong: links that people parted, or pairs not linked that they joined.

    Bands are weighed by the pairs that they stand for; the interval is of a Jeffreys prior in each band.
    """
    wrong_state = "apart" if stratum == "link" else "same"
    bands: dict[int, tuple[int, int, float]] = {}
    for one in samples:
        if one.stratum == stratum and one.state in ("same", "apart"):
            n, wrong, weight = bands.get(_band(one.score), (0, 0, 0.0))
            bands[_band(one.score)] = n + 1, wrong + (one.state == wrong_state), weight + one.weight
    bands = dict(sorted(bands.items()))
    whole = sum(weight for _, _, weight in bands.values())
    answered, wrong = sum(n for n, _, _ in bands.values()), sum(k for _, k, _ in bands.values())
    if not whole:
        return Estimate(0, 0, -1.0, 0.0, 1.0)
    rate = sum(weight * k / n for n, k, weight in bands.values()) / whole
    chance = Random(1)  # noqa: S311 - the same interval each time
    totals = sorted(
        sum(weight * chance.betavariate(k + 0.5, n - k + 0.5) for n, k, weight in bands.values()) / whole
        for _ in range(_DRAWS)
    )
    low, high = totals[_DRAWS // 40], totals[-_DRAWS // 40]
    return Estimate(answered, wrong, rate, low if wrong else 0.0, high if wrong < answered else 1.0)


def groups_of(record: identity.Record, year: int) -> list[tuple[str, str]]:
    """Return (kind, group) of a record: sex, age in a year, where its family name is usual, and completeness."""
    born = int(record.birth_date[:4]) if record.birth_date else 0
    family = record.names[0].family if record.names else ""
    view = record.views[0] if record.views else identity.Person()
    filled = sum(map(bool, (view.birth, view.ssn4, view.phone, view.street, view.first, view.family)))
    complete = "nearly all is there" if filled >= 5 else "much is missing" if filled <= 3 else "some is missing"
    return [
        ("sex", record.sex or "not recorded"),
        ("age", next((name for end, name in _AGES if year - born < end), "not recorded") if born else "not recorded"),
        ("family name", origin(family)), ("completeness", complete),
    ]  # fmt: skip


def agreement(opinions: Iterable[tuple[int, int, str, str]]) -> Agreement:
    """Return how often two people agreed: a leaning, and what somebody else decided after it."""
    leaning: dict[tuple[int, int], tuple[str, str]] = {}
    counts: Counter[str] = Counter()
    for low, high, kind, actor in opinions:
        pair = low, high
        if kind.startswith("second-"):
            first = leaning.get(pair)
            if first is not None and first[1] != actor:
                counts["pairs"] += 1
                counts["same"] += first[0] == kind.removeprefix("second-")
            leaning[pair] = kind.removeprefix("second-"), actor
        elif kind in ("same", "apart"):
            counts["decided"] += 1
            first = leaning.pop(pair, None)
            if first is not None and first[1] != actor:
                counts["pairs"] += 1
                counts["same"] += first[0] == kind
        elif kind == "open":
            counts["taken_back"] += 1
    return Agreement(counts["pairs"], counts["same"], counts["decided"], counts["taken_back"])
