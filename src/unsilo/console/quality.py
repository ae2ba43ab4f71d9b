"""How well records are matched, as people found it: rates with intervals, by group, drift, duplicates, agreement."""

from collections import Counter, defaultdict
from datetime import UTC, datetime
from statistics import median

from starlette.responses import Response

from unsilo import identity
from unsilo.console.gate import Asked
from unsilo.console.render import home_zone, page
from unsilo.flow.persons.clerical import agreement, estimate, groups_of
from unsilo.flow.read.authorities import authority_names
from unsilo.kernel import clock
from unsilo.storage import Store
from unsilo.storage.tx_people import Sampled

__all__ = ["quality_page"]

_LOOKED_AT = 10_000
"""Records that are looked at for duplicates, the first of the store."""
_AT_ONCE = 1000
_MONTHS = 12
_WORDS = {"link": "Links that are wrong", "new": "Pairs that should be linked"}


def _by_group(store: Store, samples: list[Sampled], year: int) -> list[tuple[str, str, int, int, int]]:
    """Return (kind, group, answered, links parted, others joined); a pair counts for each group of its two records."""
    counts: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    answered = [one for one in samples if one.state in ("same", "apart")]
    known = store.match_records_of(sorted({id_ for one in answered for id_ in (one.left, one.right)}))
    records = {id_: identity.unpack(packed) for id_, packed in known.items()}
    for one in answered:
        both = [records[id_] for id_ in (one.left, one.right) if id_ in records]
        for group in {each for record in both for each in groups_of(record, year)}:
            counts[group][0] += 1
            counts[group][1] += one.stratum == "link" and one.state == "apart"
            counts[group][2] += one.stratum == "new" and one.state == "same"
    return [(kind, group, n, parted, joined) for (kind, group), (n, parted, joined) in sorted(counts.items())]


def _duplicates(store: Store) -> tuple[list[tuple[str, int, int]], int]:
    """Return (authority, persons, of them with two numbers or more), the most first, and the records looked at."""
    numbers: dict[tuple[int, str], set[str]] = defaultdict(set)
    after = looked = 0
    while looked < _LOOKED_AT and (rows := store.match_records(after, _AT_ONCE)):
        after, looked = rows[-1][0], looked + len(rows)
        for _, _, person, packed in rows:
            for number in identity.unpack(packed).identifiers:
                if number.kind in ("", "MR"):
                    numbers[person, number.system].add(number.value)
    persons, several = Counter[str](), Counter[str]()
    for (_, system), values in numbers.items():
        persons[system] += 1
        several[system] += len(values) > 1
    return sorted(((s, n, several[s]) for s, n in persons.items()), key=lambda row: (-row[2], row[0])), looked


def _drift(store: Store) -> list[tuple[str, int, float]]:
    """Return (month, pairs put into the queue, their median probability), the newest first."""
    months: dict[str, list[float]] = defaultdict(list)
    for _, score, at in store.review_scores():
        months[datetime.fromtimestamp(at / 1_000_000, UTC).strftime("%b %Y")].append(score)
    found = [(month, len(scores), median(scores)) for month, scores in months.items()]
    return found[-_MONTHS:][::-1]


def quality_page(asked: Asked) -> Response:
    """Show what clerical sampling, the queue and the records say of the matching."""
    store = asked.service.store
    samples = store.samples()
    waiting = sum(one.state not in ("same", "apart") for one in samples)
    year = datetime.fromtimestamp(clock.now() / 1_000_000, UTC).year
    duplicates, looked = _duplicates(store)
    asked.audit("find", what="quality of matching")
    return page(
        "quality.html", asked.view, zone=home_zone(asked.service.settings), title="Quality of matching",
        drawn=len(samples), waiting=waiting, at=max((one.at for one in samples), default=0),
        rates=[(words, estimate(samples, stratum)) for stratum, words in _WORDS.items()],
        groups=_by_group(store, samples, year), drift=_drift(store), duplicates=duplicates, looked=looked,
        agreed=agreement(store.all_opinions()), authorities=authority_names(asked.service.settings.feeds),
    )  # fmt: skip
