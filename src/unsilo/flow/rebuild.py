"""The index of persons as a whole: made anew from the Patients, written out as edges, sampled for clerical review."""

from pathlib import Path
from random import Random

from unsilo import identity
from unsilo.flow.csv_file import write_csv
from unsilo.flow.explain import model_of
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


def sample(store: Store, out: Path, count: int, seed: int) -> int:
    """Write pairs for clerical review, evenly from links, pairs in review, and pairs just below it; return how many."""
    draw = Random(seed)  # noqa: S311 - a seed that everybody can repeat
    scorer = model_of(store).scorer()
    records: list[tuple[str, int, identity.Record]] = []
    after = 0
    while found := store.match_records(after, 1000):
        after = found[-1][0]
        records += [(id_, person, identity.unpack(packed)) for _, id_, person, packed in found if id_]
    blocks: dict[int, list[int]] = {}
    for at, (_, _, record) in enumerate(records):
        for key in identity.keys(record):
            blocks.setdefault(key, []).append(at)
    strata: dict[str, set[tuple[int, int, float]]] = {"link": set(), "review": set(), "new": set()}
    usable = [block for block in blocks.values() if 1 < len(block) <= 50]
    for block in draw.sample(usable, min(len(usable), count * 50)):
        one, other = sorted(draw.sample(block, 2))
        verdict = identity.weigh(scorer, records[one][2], records[other][2])
        if verdict is not None:
            same = records[one][1] == records[other][1]
            stratum = "link" if same else verdict.outcome if verdict.outcome == "review" else "new"
            strata[stratum].add((one, other, verdict.probability))
    rows = [
        (records[one][0], records[other][0], f"{chance:.4f}", name)
        for name, pairs in strata.items()
        for one, other, chance in draw.sample(sorted(pairs), min(len(pairs), count // 3 + 1))
    ]
    write_csv(out, ("left", "right", "probability", "stratum"), iter(rows[:count]))
    return len(rows[:count])
