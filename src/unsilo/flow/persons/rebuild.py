"""The index of persons as a whole: made anew from the Patients, written out as edges, sampled for clerical review."""

from pathlib import Path

from unsilo import identity
from unsilo.flow.csv_file import write_csv
from unsilo.flow.persons.clerical import draw_pairs, queue_sample
from unsilo.flow.persons.explain import model_of
from unsilo.kernel import clock, json
from unsilo.storage import Store

__all__ = ["export", "rebuild", "sample"]

_AT_ONCE = 200


def rebuild(store: Store) -> int:
    """Remember every linked Patient anew, with the keys of this version; return how many. Links stay."""
    after = count = 0
    while rows := store.match_records(after, _AT_ONCE):
        after = rows[-1][0]
        fresh = []
        for _, id_, _, _ in rows:
            stored = store.read("Patient", id_) if id_ else None
            if stored is not None and stored.state == 0:
                record = identity.record(json.decode(stored.body))
                fresh.append((id_, identity.pack(record), identity.keys(record)))

        def job(tx, fresh=fresh):  # type: ignore[no-untyped-def]
            for each in fresh:
                tx.remember(*each)

        store.submit(job, 1).result(60)
        count += len(fresh)
    return count


def export(store: Store, out: Path) -> int:
    """Write the edges as CSV: patient, person, rule, score, actor, time, reason; return how many."""
    rows: list[tuple[str, ...]] = []
    after = 0
    persons: set[int] = set()
    while found := store.match_records(after, 1000):
        after = found[-1][0]
        persons |= {person for _, _, person, _ in found}
    for person in sorted(persons):
        rows += [
            (f"Patient/{s.patient_id}", str(person), s.rule, f"{s.score:.4f}", s.actor, clock.instant(s.at), s.reason)
            for s in store.sources(person)
        ]
    write_csv(out, ("patient", "person", "rule", "score", "actor", "at", "reason"), iter(rows))
    return len(rows)


def sample(store: Store, out: Path | None, count: int, seed: int, *, queue: bool = False) -> int:
    """Draw pairs for clerical review, write them as CSV, put them into the queue (`queue`); return how many.

    The column `same` is for the answers; `train --labels` and `match --labels` read such a file.
    """
    draws = draw_pairs(store, count, seed)
    if queue:
        queue_sample(store, draws, model_of(store).version)
    if out is not None:
        rows = ((one.left, one.right, f"{one.score:.4f}", one.stratum, f"{one.weight:.1f}", "") for one in draws)
        write_csv(out, ("left", "right", "probability", "stratum", "weight", "same"), rows)
    return len(draws)
