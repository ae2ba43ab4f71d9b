"""Weights that are learned from a file, compared with those that decide, and switched when somebody says so."""

from pathlib import Path

import msgspec

from unsilo import identity
from unsilo.flow.explain import model_of
from unsilo.flow.match import read_rows
from unsilo.identity.batch import candidate_codes
from unsilo.identity.fit import fit
from unsilo.kernel import Issue, Result, clock
from unsilo.storage import Store

__all__ = ["Difference", "compared", "switch_model", "train_file"]

_PAIRS = 20_000  # pairs of the file that are decided by both


class Difference(msgspec.Struct, frozen=True):
    """`weights` are (field, level, bits now, bits new) of those that moved by a tenth of a bit; then both on pairs."""

    weights: list[tuple[str, str, float, float]]
    pairs: int
    linked_now: int
    linked_new: int
    changed: int


def _persons(file: Path) -> Result[list[identity.Person]]:
    read = read_rows(file.read_bytes())
    if read.value is None:
        return Result(None, read.issues)
    return Result(sorted({person for _, person in read.value}, key=msgspec.structs.astuple), read.issues)


def train_file(file: Path, version: str) -> Result[identity.Model]:
    """Learn a model from a CSV file without labels: expectation and maximisation over pairs that share a key.

    People of one household, twins and namesakes are classes of their own, so that living together is not learned as
    being one person.
    """
    read = _persons(file)
    if read.value is None:
        return Result(None, read.issues)
    persons = read.value
    if not version.strip() or len(version) > 100:
        return Result(None, [Issue("error", "required", "the new weights need a short name", rule="train.version")])
    frequencies = identity.Frequencies.of(persons)
    codes = candidate_codes(persons)
    shares, table = fit(identity.Scorer(frequencies), persons, codes)
    weights = tuple((field, level, weight.m, weight.u) for (field, level), weight in table.items())
    said = f"{len(persons)} rows, {len(codes)} pairs, without labels"
    return Result(identity.Model(version, said, frequencies, shares, weights), read.issues)


def compared(store: Store, model: identity.Model, file: Path) -> Difference:
    """Return how a model decides other than the one that decides in the store now, over pairs of a file."""
    now, new = model_of(store), model
    persons = _persons(file).value or []
    codes = candidate_codes(persons)
    codes = codes[:: max(1, len(codes) // _PAIRS)]
    scorers = [now.scorer(), new.scorer()]
    links = []
    for scorer in scorers:
        mine = []
        for code in codes:
            a, b = persons[code // len(persons)], persons[code % len(persons)]
            score, levels = scorer.score(a, b)
            mine.append(scorer.outcome(score, scorer.cautions(levels, a, b)) == "link")
        links.append(mine)
    before, after = now.table(), new.table()
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
