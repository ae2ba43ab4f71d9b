"""Weights that are learned from a file or the store, compared with those that decide, and switched on demand."""

from collections.abc import Iterable
from pathlib import Path

import msgspec

from unsilo import identity
from unsilo.flow.persons.answers import Answer, read_answers
from unsilo.flow.persons.explain import model_of
from unsilo.flow.persons.match import read_rows
from unsilo.identity.batch import candidate_codes
from unsilo.identity.calibrate import Label, calibrated
from unsilo.identity.fit import fit
from unsilo.kernel import Issue, Result, clock
from unsilo.storage import Store

__all__ = ["Difference", "Source", "compared", "source_of_file", "source_of_store", "switch_model", "train"]

_PAIRS = 20_000  # pairs of the source that are decided by both
_AT_ONCE = 1000
_LINK_AT = 0.85
"""Probability from which a trained model links live: of made-up links of .85 to .9 more than nine of ten are right,
half of those who arrive being unknown. The reasoned model knows no population and keeps its .9."""


class Source(msgspec.Struct, frozen=True):
    """What is learned from: rows by id, and what people said of pairs of them."""

    rows: dict[str, identity.Person]
    answers: list[Answer]

    def persons(self) -> list[identity.Person]:
        """Return the rows that differ, in an order that follows from their contents."""
        return sorted(set(self.rows.values()), key=msgspec.structs.astuple)

    def labels(self) -> Iterable[Label]:
        """Return the answers with their rows."""
        return (Label(self.rows[left], self.rows[right], same) for left, right, same in self.answers)


class Difference(msgspec.Struct, frozen=True):
    """`weights` are (field, level, bits now, bits new) of those that moved by a tenth of a bit; then both on pairs."""

    weights: list[tuple[str, str, float, float]]
    pairs: int
    linked_now: int
    linked_new: int
    changed: int


def source_of_file(file: Path, labels: Path | None = None) -> Result[Source]:
    """Read a CSV file as `match` reads it, and a file of answers beside it. OSError."""
    read = read_rows(file.read_bytes())
    if read.value is None:
        return Result(None, read.issues)
    rows = dict(read.value)
    if labels is None:
        return Result(Source(rows, []), read.issues)
    said = read_answers(labels, rows)
    return Result(None if said.value is None else Source(rows, said.value), [*read.issues, *said.issues])


def source_of_store(store: Store) -> Result[Source]:
    """Return the records of a store, each by the first way to read it, and what stewards decided of pairs of them."""
    rows: dict[str, identity.Person] = {}
    after = 0
    while found := store.match_records(after, _AT_ONCE):
        after = found[-1][0]
        for _, id_, _, packed in found:
            views = identity.unpack(packed).views
            if id_ and views:
                rows[id_] = views[0]
    answers = [
        (row.left, row.right, state == "same")
        for state in ("same", "apart")
        for row in store.reviews(state, limit=_PAIRS)
        if row.left in rows and row.right in rows and row.left != row.right
    ]
    if not rows:
        return Result(None, [Issue("error", "not-found", "the store has no Patients yet", rule="train.empty")])
    return Result(Source(rows, answers), [])


def train(source: Source, version: str) -> Result[identity.Model]:
    """Learn a model without labels: expectation and maximisation over pairs that share a key; then by answers, if any.

    People of one household, twins and namesakes are classes of their own, so that living together is not learned as
    being one person.
    """
    if not version.strip() or len(version) > 100:
        return Result(None, [Issue("error", "required", "the new weights need a short name", rule="train.version")])
    persons = source.persons()
    frequencies = identity.Frequencies.of(source.rows.values())
    codes = candidate_codes(persons)
    shares, table = fit(identity.Scorer(frequencies), persons, codes)
    said = f"{len(source.rows)} rows, {len(codes)} pairs, without labels"
    taught = calibrated(identity.Scorer(frequencies, shares=shares, table=table), source.labels())
    issues = []
    if taught is not None:
        shares, table = taught
        said = f"{len(source.rows)} rows, {len(codes)} pairs, {len(source.answers)} answers of people"
    elif source.answers:
        text = f"{len(source.answers)} answers are too few of one kind to say anything of the weights"
        issues.append(Issue("warning", "value", text, rule="train.answers"))
    weights = tuple((field, level, weight.m, weight.u) for (field, level), weight in table.items())
    return Result(identity.Model(version, said, frequencies, shares, weights, link_at=_LINK_AT), issues)


def compared(store: Store, model: identity.Model, source: Source) -> Difference:
    """Return how a model decides other than the one that decides in the store now, over pairs of a source."""
    now = model_of(store)
    persons = source.persons()
    codes = candidate_codes(persons)
    codes = codes[:: max(1, len(codes) // _PAIRS)]
    links = []
    for scorer in (now.scorer(), model.scorer()):
        mine = []
        for code in codes:
            a, b = persons[code // len(persons)], persons[code % len(persons)]
            score, levels = scorer.score(a, b)
            mine.append(scorer.outcome(score, scorer.cautions(levels, a, b)) == "link")
        links.append(mine)
    before, after = now.table(), model.table()
    moved = [
        (field, level, before[field, level].bits, weight.bits)
        for (field, level), weight in after.items()
        if abs(weight.bits - before[field, level].bits) >= 0.1
    ]
    changed = sum(one != other for one, other in zip(*links, strict=True))
    return Difference(moved, len(codes), sum(links[0]), sum(links[1]), changed)


def switch_model(store: Store, model: identity.Model, actor: str) -> None:
    """Let a model decide in a store from now on; edges that were made keep the version that made them."""
    packed = identity.pack_model(model)
    store.submit(lambda tx: tx.switch_model(model.version, packed, actor, clock.now())).result(60)
