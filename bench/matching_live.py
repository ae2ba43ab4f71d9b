"""Decisions about single arrivals against an index of persons in a store: how often right, and how long they take.

python -m bench.matching_live                                       # 50,000 persons, files
python -m bench.matching_live --persons 1000000 --asked 20000 --postgres
python -m bench.matching_live --persons 1000000 --folder DIR        # made there, and found there the next time
python -m bench.matching_live --persons 1000000 --folder DIR --times --database ADDRESS   # only how long it takes

`UNSILO_BENCH_PERSONS` sets how many when nothing else says so. Beside it a tenth and a hundredth of the persons are
asked, so that growth is seen: in turns, each arrival twice, times are of the second time, when no page comes from a
disk. Times are those of the decision inside the writer's transaction: candidates from the store, and whose the record
is.
"""

import argparse
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from functools import partial
from math import sqrt
from pathlib import Path
from statistics import median
from typing import NamedTuple

from bench._index import Arrival, arrivals_of, copy, fill
from tests.integration.postgres.cluster import cluster
from unsilo import identity
from unsilo.flow.persons.place import decide_new
from unsilo.flow.persons.training import source_of_store, switch_model, train
from unsilo.storage import Store, Tx, open_store

PERSONS, SEED, ASKED = 50_000, 103, 4000
DURABLE = ("shared_buffers=1GB", "max_wal_size=4GB")
_OUTCOMES = ("right", "wrong", "review", "new")
_TURNS, _IN_TURN = 3, 2000
"""More than fit into a connection's cache of pages, so that the second time is not quicker for that."""
_AT_ONCE = 50  # decisions of one job: its begin and commit are the message's and not the decision's


def interval(count: int, of: int) -> str:
    """Return a share with Wilson's interval of 95 %."""
    z, share = 1.96, count / max(1, of)
    middle = (share + z * z / (2 * of)) / (1 + z * z / of)
    width = z * sqrt(share * (1 - share) / of + z * z / (4 * of * of)) / (1 + z * z / of)
    return f"{share:.4f} ({max(0.0, middle - width):.4f} to {min(1.0, middle + width):.4f})"


def late(times: list[float]) -> str:
    """Return the median and the 99th percentile of seconds as milliseconds."""
    times = sorted(times)
    return f"p50 {times[len(times) // 2] * 1e3:.2f} ms, p99 {times[int(len(times) * 0.99)] * 1e3:.2f} ms"


def learn(store: Store) -> None:
    """Let the store decide by weights learned from its own records, as `unsilo identity train --switch` does."""
    if store.match_model() is None:
        source = source_of_store(store).value
        model = train(source, "bench").value if source is not None else None
        if model is not None:
            switch_model(store, model, "bench")


def scorer_of(store: Store) -> identity.Scorer:
    """Return the scorer of the model that decides."""
    found = store.match_model()
    return (identity.default() if found is None else identity.unpack_model(found[1])).scorer()


class Asked(NamedTuple):
    """The persons decided, which wait for review, and the seconds of each decision: passed, and computed here."""

    persons: list[int | None]
    waits: list[bool]
    walls: list[float]
    used: list[float]


def ask(store: Store, arrivals: list[Arrival], scorer: identity.Scorer) -> Asked:
    """Decide whose the arrivals are."""
    persons, waits, walls, used = asked = Asked([], [], [], [])

    def job(tx: Tx, part: list[Arrival]) -> None:
        for arrival in part:
            record = identity.unpack(arrival.record)
            keys, claims = identity.keys(record), identity.claims(record)
            began, cpu = time.perf_counter(), time.thread_time()
            tx.lock(*claims)
            decision = decide_new(tx, record, keys, scorer)
            used.append(time.thread_time() - cpu)
            walls.append(time.perf_counter() - began)
            persons.append(decision.person)
            waits.append(bool(decision.review))

    for at in range(0, len(arrivals), _AT_ONCE):
        part = arrivals[at : at + _AT_ONCE]
        store.submit(partial(job, part=part)).result(600)
    return asked


def measure(name: str, store: Store, arrivals: list[Arrival], asked: int) -> None:
    """Decide up to `asked` arrivals of either kind and print how often that was right."""
    scorer = scorer_of(store)
    ask(store, arrivals[-500:], scorer)  # what is read first is read from a disk
    for kind, known in (("known", True), ("new", False)):
        some = [each for each in arrivals if each.known == known][:asked]
        if not some:
            continue
        persons, waits, walls, used = ask(store, some, scorer)
        took = f"{late(walls)}; processor of the node {late(used)}"
        counts = dict.fromkeys(_OUTCOMES, 0)
        for arrival, person, wait in zip(some, persons, waits, strict=True):
            if person is None:
                counts["review" if wait else "new"] += 1
            else:
                counts["right" if person == arrival.truth else "wrong"] += 1
        shares = ", ".join(f"{what} {interval(n, len(some))}" for what, n in counts.items())
        print(f"{name}: {len(some)} {kind} arrive: {shares}; {took}", flush=True)


def in_turns(stores: dict[str, tuple[Store, list[Arrival]]]) -> None:
    """Print how long decisions take in each store, asked in turns, and how many times as long as in the first."""
    scorers = {name: scorer_of(store) for name, (store, _) in stores.items()}
    found: dict[str, list[Asked]] = {name: [] for name in stores}
    for turn in range(_TURNS):
        for known in (True, False):
            for name, (store, arrivals) in stores.items():
                some = [each for each in arrivals if each.known == known]
                part = [some[n % len(some)] for n in range(turn * _IN_TURN, (turn + 1) * _IN_TURN)]
                ask(store, part, scorers[name])
                found[name].append(ask(store, part, scorers[name]))
    middles: dict[str, list[float]] = {}
    for kind, start, step in (("known and new", 0, 1), ("known", 0, 2), ("new", 1, 2)):
        for name, asked in found.items():
            walls = [each for turn in asked[start::step] for each in turn.walls]
            used = [each for turn in asked[start::step] for each in turn.used]
            print(f"in turns, {name}, {kind}: {late(walls)}; processor of the node {late(used)}", flush=True)
            middles.setdefault(name, []).append(median(walls))
    first = next(iter(stores))
    for name, middle in list(middles.items())[1:]:
        times = ", ".join(f"{ours / least:.2f}" for ours, least in zip(middle, middles[first], strict=True))
        print(f"median of {name} against {first}: {times}", flush=True)


def main() -> None:
    """Fill, learn, ask, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--persons", type=int, default=int(os.environ.get("UNSILO_BENCH_PERSONS", PERSONS)))
    parser.add_argument("--asked", type=int, default=ASKED)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--skip", type=int, default=0, help="arrivals that were looked at before, and are left out")
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--postgres", action="store_true", help="also in a cluster of its own")
    parser.add_argument("--alone", action="store_true", help="without the smaller indexes beside it")
    parser.add_argument("--times", action="store_true", help="only how long decisions take, in turns")
    parser.add_argument("--database", default="", help="address of a database that `--postgres` filled before")
    asked = parser.parse_args()
    stores: dict[str, tuple[Store, list[Arrival]]] = {}
    with ExitStack() as stack:
        folder = asked.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        sizes = [asked.persons] if asked.alone else [asked.persons // 100, asked.persons // 10, asked.persons]
        for persons in sizes:
            place = folder / f"{persons}-{asked.seed}"
            if not (place / "arrivals").exists():
                began, cpu = time.perf_counter(), time.process_time()
                fill(place, persons, asked.seed, min(asked.asked, persons // 8))
                print(
                    f"filled in {time.perf_counter() - began:.0f} s, {time.process_time() - cpu:.0f} s of processor",
                    file=sys.stderr,
                )
            arrivals = arrivals_of(place)[asked.skip if persons == asked.persons else 0 :]
            store = stack.enter_context(open_store(place))
            began = time.process_time()
            learn(store)
            records = store.counts()
            trained = time.process_time() - began
            said = f"{records.persons} persons with {records.persons + records.merged} records"
            print(f"{said}, {store.disk_bytes()[0] / 1e6:.0f} MB; learned in {trained:.0f} s of processor", flush=True)
            stores[f"files, {persons} persons"] = store, arrivals
        if asked.postgres or asked.database:
            address = asked.database or stack.enter_context(cluster(*DURABLE))
            if not asked.database:
                copy(place, address)
            store = stack.enter_context(open_store(folder / "node", database=address))
            stores[f"PostgreSQL, {asked.persons} persons"] = store, arrivals
        for name, (store, arrivals) in stores.items():
            if not asked.times:
                measure(name, store, arrivals, asked.asked)
        in_turns(stores)


if __name__ == "__main__":
    main()
