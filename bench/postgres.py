"""The same population and the same searches, with the store in files and in a PostgreSQL database.

python -m bench.postgres --patients 5000                  # in process: a cluster of its own (Debian's), and SQLite
python -m bench.postgres --http                           # two nodes over HTTP in turns, with the ratio of each line
python -m bench.postgres --database postgresql://...      # that database instead of a cluster of its own
"""

import argparse
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from bench._http import Figures, get, post
from bench._http import load as load_http
from bench._servers import Unsilo
from bench.fhir_server import Requests, asks, fill
from bench.fhir_server import creates as bodies_to_create
from bench.population import EACH, people, staff
from tests.integration.postgres.cluster import cluster
from unsilo.fhir.index import index
from unsilo.kernel import json
from unsilo.policy import Predicate
from unsilo.search import Bounds, Vocabulary, parse, plan
from unsilo.storage import Store, Tx, open_store, terms
from unsilo.storage.plan import Plan

SEES_ALL = Predicate()
VOCABULARY = Vocabulary(bounds=Bounds())
DURABLE = ("shared_buffers=256MB", "max_wal_size=2GB")


def prepared(patients: int) -> Iterator[list[tuple[Any, ...]]]:
    """The population with its keys, a patient's resources at a time."""
    groups: Iterator[list[dict[str, Any]]] = people(patients)
    for group in [list(staff(patients)), *groups]:
        yield [
            (r["resourceType"], r["id"], json.encode(r), index(r), terms(r) if r["resourceType"] == "Patient" else [])
            for r in group
        ]


def load(store: Store, groups: list[list[tuple[Any, ...]]]) -> float:
    """Store each group in a job of its own, as transactions come; return resources a second, durable."""

    def job(group: list[tuple[Any, ...]]) -> Callable[[Tx], None]:
        def act(tx: Tx) -> None:
            tx.prefetch([(kind, id_) for kind, id_, *_ in group])
            for kind, id_, body, keys, find in group:
                tx.put(kind, id_, body, index=keys, find=find, lineage=[], at=tx.at)
                if kind == "Patient":
                    tx.link(id_, None, "own", "", "bench", tx.at)

        return act

    began = time.perf_counter()
    waiting = []
    for group in groups:
        waiting.append(store.submit(job(group)))
        if len(waiting) >= 64:
            waiting.pop(0).result()
    for future in waiting:
        future.result()
    return sum(map(len, groups)) / (time.perf_counter() - began)


def planned(address: str) -> Plan:
    """The plan of a search given as `Type?query`."""
    kind, _, query = address.partition("?")
    found, issues = parse(kind, parse_qsl(query), VOCABULARY)
    if found is None:
        raise SystemExit(f"{address}: {issues}")
    return plan(found, SEES_ALL, VOCABULARY)


def searches(store: Store, patients: int, seconds: float) -> dict[str, tuple[float, float, float]]:
    """For each kind of question: how many a second, the median and the 99th percentile in milliseconds."""
    told: dict[str, tuple[float, float, float]] = {}
    view = store.view()
    for name, make in asks("", patients).items():
        draw = random.Random(name)
        addresses = [make(draw).split(" ")[-1].lstrip("/") for _ in range(300)]
        ways: list[Callable[[], Any]] = []
        for address in addresses:
            if "?" in address:
                ways.append(partial(view.search, planned(address)))
            elif address.count("/") == 1:
                kind, _, id_ = address.partition("/")
                ways.append(partial(view.read, SEES_ALL, kind, id_))
        took: list[float] = []
        end = time.perf_counter() + seconds
        while ways and time.perf_counter() < end:
            for way in ways:
                began = time.perf_counter()
                way()
                took.append(time.perf_counter() - began)
                if began > end:
                    break
        if took:
            took.sort()
            told[name] = (1 / statistics.mean(took), took[len(took) // 2] * 1e3, took[int(len(took) * 0.99)] * 1e3)
    return told


def creates(store: Store, count: int) -> float:
    """Single creations that wait for each other in turns of sixteen; return how many a second, durable."""
    draw = random.Random(7)
    group = next(iter(people(1, seed=9)))
    one = next(r for r in group if r["resourceType"] == "Observation")
    began = time.perf_counter()
    waiting = []
    for n in range(count):
        body = {**one, "id": f"made-{draw.randrange(1 << 60)}-{n}"}
        keys, content = index(body), json.encode(body)

        def act(tx: Tx, id_: str = body["id"], keys: Any = keys, content: bytes = content) -> None:
            tx.put("Observation", id_, content, index=keys, lineage=[], at=tx.at)

        waiting.append(store.submit(act))
        if len(waiting) >= 16:
            waiting.pop(0).result()
    for future in waiting:
        future.result()
    return count / (time.perf_counter() - began)


def served(folder: Path, address: str, patients: int, seconds: float, rounds: int) -> None:
    """Load two nodes, one on each store, ask both in turns over HTTP; print rate, median, CPU and ratios of each line.

    CPU is of node and database together, for each request or resource.
    """
    nodes = {"sqlite": Unsilo(folder / "sqlite"), "postgres": Unsilo(folder / "postgres", address)}
    told: dict[str, dict[str, list[Figures]]] = {}
    spent: dict[tuple[str, str], float] = {}
    computed: dict[str, Computed] = {}
    loaded: dict[str, list[tuple[float, float]]] = {"transactions of PUT": [], "transactions of POST, urn": []}
    try:
        for name, node in nodes.items():
            node.start()
            began = computed[name] = Computed(node, address if name == "postgres" else "")
            before = began.seconds()
            count, figures = fill(node, folder, patients, EACH, 16)
            each = (began.seconds() - before) / count.resources
            loaded["transactions of PUT"].append((count.resources / figures.seconds, each))
        for name, node in nodes.items():
            load_http(node.port, Requests(folder, node.base, EACH, make=True).write(people(40, seed=98)))
            requests = Requests(folder, node.base, EACH, make=True).write(people(100, seed=99))
            before = computed[name].seconds()
            rate = requests.resources / load_http(node.port, requests).seconds
            each = (computed[name].seconds() - before) / requests.resources
            loaded["transactions of POST, urn"].append((rate, each))
        for turn in range(rounds):
            for line in (*asks("", patients), "create"):  # the machine changes: both nodes are asked the same at once
                for name, node in list(nodes.items())[:: 1 if turn % 2 else -1]:
                    before = computed[name].seconds()
                    figures = asked_of(node, line, patients, seconds)
                    spent[line, name] = spent.get((line, name), 0.0) + computed[name].seconds() - before
                    told.setdefault(line, {}).setdefault(name, []).append(figures)
    finally:
        for node in nodes.values():
            node.stop()
    for line, both in loaded.items():
        shown = [
            f"{name} {rate:>7,.0f}/s cpu {each * 1e3:5.2f} ms" for name, (rate, each) in zip(nodes, both, strict=True)
        ]
        print(
            f"{line:<26}", "  |  ".join([*shown, f"{both[1][0] / both[0][0]:.2f}, cpu {both[0][1] / both[1][1]:.2f}"])
        )
    for line, by_store in told.items():
        rates = [statistics.median(f.rate for f in by_store[name]) for name in nodes]
        halves = [statistics.median(f.at(0.5) for f in by_store[name]) for name in nodes]
        cpus = [spent[line, name] / sum(len(f.times) for f in by_store[name]) * 1e3 for name in nodes]
        shown = [
            f"{name} {rate:>7,.0f}/s p50 {p50:>6.2f} cpu {cpu:5.2f} ms"
            for name, rate, p50, cpu in zip(nodes, rates, halves, cpus, strict=True)
        ]
        ratios = f"{rates[1] / rates[0]:.2f}, cpu {cpus[0] / cpus[1]:.2f}"
        print(f"{line:<26}", "  |  ".join([*shown, ratios]), flush=True)


class Computed:
    """The processor time that a node and, for one on PostgreSQL, the processes of its database have taken."""

    def __init__(self, node: Unsilo, address: str) -> None:
        self.node, self.postmaster = node, 0
        if address:
            import psycopg

            with psycopg.connect(address) as connection:
                row = connection.execute("SELECT pg_backend_pid()").fetchone()
                self.postmaster = int(_stat(row[0] if row else 0)[1])

    def seconds(self) -> float:
        """Seconds up to now; of the database also those of processes that have ended."""
        if not self.postmaster:
            return self.node.cpu()
        children = Path(f"/proc/{self.postmaster}/task/{self.postmaster}/children").read_text().split()
        ticks = sum(map(int, _stat(self.postmaster)[11:15]))
        for pid in children:
            try:
                ticks += sum(map(int, _stat(int(pid))[11:13]))
            except OSError:  # it has just ended: it counts as ended from now on
                continue
        return self.node.cpu() + ticks / os.sysconf("SC_CLK_TCK")


def _stat(pid: int) -> list[str]:
    """Return the fields of a process's `stat` from its state on; the second is its parent."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def asked_of(node: Unsilo, line: str, patients: int, seconds: float) -> Figures:
    """Ask one kind of question, or create, for so many seconds over sixteen connections."""
    if line == "create":
        requests: Iterator[bytes] = (post(f"{node.base}/Observation", body) for body in bodies_to_create())
    else:
        draw, make = random.Random(line), asks(node.base, patients)[line]
        requests = cycle([get(make(draw)) for _ in range(1000)])
    figures = load_http(node.port, requests, connections=16, seconds=seconds)
    if not figures.good():
        raise SystemExit(f"{line}: {dict(figures.statuses)}")
    return figures


def main() -> None:
    """Measure both stores and print what they did."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=5000)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--database", default="")
    parser.add_argument("--only", default="")
    parser.add_argument("--http", action="store_true")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each node with --http")
    asked = parser.parse_args()
    if asked.http:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            address = asked.database or stack.enter_context(cluster(*DURABLE))
            served(folder, address, asked.patients, asked.seconds, asked.rounds)
        return
    groups = list(prepared(asked.patients))
    print(f"{sum(map(len, groups))} resources")
    told: dict[str, dict[str, Any]] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        address = asked.database
        if not address and asked.only != "sqlite":
            address = stack.enter_context(cluster(*DURABLE))
        for name, database in (("sqlite", ""), ("postgres", address)):
            if asked.only and asked.only != name:
                continue
            with open_store(folder / name, database=database) as store:
                speed = load(store, groups)
                if database:
                    import psycopg

                    with psycopg.connect(database, autocommit=True) as connection:
                        connection.execute("VACUUM ANALYZE")
                size = store.disk_bytes()[0]
                raw = sum(len(one[2]) for group in groups for one in group)
                print(f"{name}: load {speed:,.0f}/s, {size / 1e6:.0f} MB for {raw / 1e6:.0f} MB of JSON", flush=True)
                made = creates(store, 3000)
                print(f"{name}: create {made:,.0f}/s", flush=True)
                told[name] = dict(searches(store, asked.patients, asked.seconds).items())
    for question in next(iter(told.values())):
        parts = [
            f"{name} {v[question][0]:>8,.0f}/s p50 {v[question][1]:>7.3f} p99 {v[question][2]:>7.3f} ms"
            for name, v in told.items()
        ]
        print(f"{question:<24}", "  |  ".join(parts))


if __name__ == "__main__":
    main()
