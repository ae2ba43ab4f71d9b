"""Measures the store: resources/s committed, receipts/s and their latency alone and under load, searches, facts.

python bench/storage.py                 # a minute
python bench/storage.py --million       # also accession searches among a million messages
"""

import argparse
import json
import random
import resource
import shutil
import sqlite3
import sys
import tempfile
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from unsilo.fhir.index import IndexRows, index
from unsilo.kernel import Lineage, Row, clock, content_id, seal
from unsilo.storage import Incoming, Store, Tx, open_store, pack_lineage

BODY = json.dumps({"resourceType": "Observation", "status": "final", "note": [{"text": "x" * 480}]}).encode()
ORU = b"MSH|^~\\&|LAB|HOSP|APP|HOSP|20260101120000||ORU^R01|%d|P|2.5.1\r" + b"".join(
    b"OBX|%d|NM|%d-4^Glucose^LN||%d|mg/dL|70-99|H|||F\r" % (n, 2300 + n, 80 + n) for n in range(28)
)
DAY = 86_400_000_000


def quantile(values: list[float], share: float) -> float:
    """Return the value under which `share` of all lie."""
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


def keys(patient: str, number: int) -> IndexRows:
    """The keys of a laboratory result without its value."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(number % 1_000_000_000))
    category = "http://terminology.hl7.org/CodeSystem/observation-category"
    return index(
        {
            "resourceType": "Observation",
            "status": "final",
            "identifier": [{"system": "urn:lab", "value": f"F{number}"}],
            "category": [{"coding": [{"system": category, "code": "laboratory"}]}],
            "code": {"coding": [{"system": "http://loinc.org", "code": f"{number % 300}-4"}]},
            "effectiveDateTime": stamp,
            "subject": {"reference": patient},
            "performer": [{"reference": f"Practitioner/d{number % 40}"}],
            "encounter": {"reference": f"Encounter/e{number // 30}"},
        }
    )


def rows(number: int) -> list[Lineage]:
    """Thirty lineage rows."""
    found = [Row(f"component[{n}].valueQuantity.value", f"oru.obx.5.{n}", (n, 5, 0, 1, 0)) for n in range(30)]
    return [Lineage(content_id("m", str(number)), "d" * 16, found)]


def message_job(number: int, size: int) -> Any:
    """One message's commit: `size` observations of one patient, as flow does it."""
    patient = f"Patient/p{number % 500}"
    base = number * size
    work = [(f"o{base + n}", keys(patient, base + n), pack_lineage(rows(base + n))) for n in range(size)]

    def job(tx: Tx) -> None:
        at = clock.now()
        tx.prefetch([("Observation", id_) for id_, _, _ in work])
        for id_, keys, lineage in work:
            tx.put("Observation", id_, BODY, index=keys, lineage=lineage, clock=at, rank=2, digest=b"d" * 16,
                   mid=number + 1, previous=tx.current("Observation", id_), at=at)  # fmt: skip
        tx.finish(number + 1, "done", [], b"", "d", size)

    return job


def incoming(number: int, feed: str = "lab") -> Incoming:
    """One ORU with its business keys."""
    envelope = seal(feed, "hl7v2", ORU % number, clock.now())
    keys = [
        ("patient_id", f"MRN{number % 5000}"),
        ("name", "Doe John"),
        ("order", f"ORD{number}"),
        ("accession", f"ACC-{number:08d}"),
        ("visit", f"V{number % 9999}"),
        ("sender", "LAB"),
    ]
    return Incoming(envelope, keys, "ORU^R01", str(number), 0, f"p{number % 5000}")


def commits(store: Store, messages: int, size: int) -> dict[str, float]:
    """Resources/s when jobs of one message each are committed in groups."""
    jobs = [message_job(number, size) for number in range(messages)]
    started = time.perf_counter()
    futures = [store.submit(job) for job in jobs]
    for future in futures:
        future.result()
    spent = time.perf_counter() - started
    return {"resources_per_second": round(messages * size / spent), "index_rows_each": 10}


def receipts(store: Store, senders: int, each: int, base: int) -> dict[str, float]:
    """Receipts/s when each of `senders` waits for its acknowledgement before it sends the next."""
    spent: list[float] = []
    ready = [[incoming(base + sender * each + n) for n in range(each)] for sender in range(senders)]

    def send(mine: list[Incoming]) -> None:
        for one in mine:
            begun = time.perf_counter()
            store.receive(one).result()
            spent.append(time.perf_counter() - begun)

    threads = [threading.Thread(target=send, args=(mine,)) for mine in ready]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    total = time.perf_counter() - started
    return {
        "receipts_per_second": round(len(spent) / total),
        "p50_ms": round(quantile(spent, 0.5) * 1000, 2),
        "p99_ms": round(quantile(spent, 0.99) * 1000, 2),
    }


def burst(store: Store, count: int, base: int) -> dict[str, float]:
    """Receipts/s when they do not wait for each other (sixteen busy connections)."""
    ready = [incoming(base + n) for n in range(count)]
    started = time.perf_counter()
    futures: list[Future[Any]] = [store.receive(one) for one in ready]
    for future in futures:
        future.result()
    return {"receipts_per_second": round(count / (time.perf_counter() - started))}


def loaded(store: Store, base: int) -> dict[str, float]:
    """Acknowledgement latency while processing commits keep the writer busy."""
    stop = threading.Event()
    done = [0]

    def load() -> None:
        number = 5_000_000
        while not stop.is_set():
            futures = [store.submit(message_job(number + n, 30)) for n in range(8)]
            number += 8
            for future in futures:
                future.result()
            done[0] += 240

    thread = threading.Thread(target=load)
    thread.start()
    started = time.perf_counter()
    figures = receipts(store, 16, 150, base)
    stop.set()
    thread.join()
    return figures | {"resources_per_second_beside": round(done[0] / (time.perf_counter() - started))}


def facts(store: Store) -> dict[str, float]:
    """Fetching everything of a person with 5,000 facts."""

    def person(tx: Tx) -> int:
        at = clock.now()
        tx.put("Patient", "big", b"{}", index=IndexRows(), find=["big"], lineage=[], at=at)
        return tx.link("big", None, "none", "bench", "bench", at)

    number = store.submit(person).result()
    for start in range(0, 5000, 50):

        def job(tx: Tx, start: int = start) -> None:
            for n in range(start, start + 50):
                tx.put("Observation", f"big{n}", BODY, index=keys("Patient/big", n), lineage=[], at=1)

        store.submit(job)
    store.submit(lambda _tx: None).result()
    spent = []
    for _ in range(30):
        begun = time.perf_counter()
        assert len(store.facts(number)) == 5000
        spent.append(time.perf_counter() - begun)
    begun = time.perf_counter()
    store.find_people("big")
    found = time.perf_counter() - begun
    return {
        "facts": 5000,
        "p50_ms": round(quantile(spent, 0.5) * 1000, 1),
        "p95_ms": round(quantile(spent, 0.95) * 1000, 1),
        "find_person_ms": round(found * 1000, 2),
    }


def million(directory: Path, count: int) -> dict[str, float]:
    """Searches among a million messages that are written straight into the tables."""
    store = open_store(directory)
    for feed in ("lab", "adt"):
        store.receive(incoming(0, feed)).result()
    store.close()
    connection = sqlite3.connect(directory / "unsilo.db", isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    kinds = {name: number for number, name in connection.execute("SELECT id, name FROM key_kind")}
    draw = random.Random(7)
    keys = []
    started = time.perf_counter()
    connection.execute("BEGIN")
    for low in range(10, count, 50_000):
        messages = []
        for n in range(low, min(low + 50_000, count)):
            listed = [
                ("accession", f"acc-{n:08d}"),
                ("order", f"ord{n}"),
                ("patient_id", f"mrn{n % 50_000}"),
                ("name", f"{draw.choice(NAMES)} {draw.choice(NAMES)}"),
                ("control_id", str(n)),
                ("type", "oru^r01"),
            ]
            keys += [(kinds[kind], value, n) for kind, value in listed]
            received = 1_700_000_000_000_000 + n * 1000
            place = (f"m{n}", 1 + n % 2, "hl7v2", 20260101 + n % 28, n, received, 2000, n.to_bytes(32, "big"))
            messages.append((n, *place, "ORU^R01", str(n), 0, f"p{n % 50_000}", "", "", 0, b"", b"", "done"))
        connection.executemany(
            "INSERT INTO message (mid, id, feed, format, day, slot, received, size, sha256, type, control_id,"
            " event_time, order_key, parent, ack, reused, keys, issues, state)"
            " VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            messages,
        )
    keys.sort()
    connection.executemany("INSERT INTO message_key (kind, value, mid) VALUES (?, ?, ?)", keys)
    connection.execute("COMMIT")
    connection.close()
    built = time.perf_counter() - started
    store = open_store(directory)
    figures: dict[str, float] = {"messages": count, "built_s": round(built, 1)}
    asks: dict[str, Any] = {
        "accession": lambda: store.search_messages(kind="accession", value=f"ACC-{draw.randrange(10, count):08d}"),
        "accession_any_key": lambda: store.search_messages(f"ACC-{draw.randrange(10, count):08d}"),
        "accession_prefix": lambda: store.search_messages(f"ACC-00{draw.randrange(99):02d}", kind="accession"),
        "name_prefix": lambda: store.search_messages(draw.choice(NAMES)[:3]),
        "type_all": lambda: store.search_messages(kind="type", value="ORU^R01"),
        "newest_of_feed": lambda: store.search_messages(feed="lab"),
        "feeds": lambda: store.feeds(),
    }
    for name, ask in asks.items():
        spent = []
        for _ in range(200):
            begun = time.perf_counter()
            assert ask() or name in ("accession_prefix", "name_prefix", "type_all")
            spent.append(time.perf_counter() - begun)
        figures[f"{name}_p50_ms"] = round(quantile(spent, 0.5) * 1000, 2)
        figures[f"{name}_p99_ms"] = round(quantile(spent, 0.99) * 1000, 2)
    store.close()
    return figures


NAMES = "adams baker clark davis evans frank ghosh hills irwin jones kumar lopez mensah".split()


def main() -> None:
    """Run the measurements and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--million", action="store_true", help="search among a million messages too")
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--directory", type=Path, default=None)
    asked = parser.parse_args()
    where = Path(tempfile.mkdtemp(dir=asked.directory))
    figures: dict[str, Any] = {}
    try:
        begun = time.perf_counter()
        store = open_store(where / "a")
        figures["open_ms"] = round((time.perf_counter() - begun) * 1000, 1)
        figures["idle_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        figures["receive_16_waiting"] = receipts(store, 16, 250, 0)
        figures["receive_burst"] = burst(store, 6000, 1_000_000)
        figures["commit_1_each"] = commits(store, 4000, 1)
        figures["commit_30_each"] = commits(store, 700, 30)
        figures["receive_under_load"] = loaded(store, 2_000_000)
        figures["facts"] = facts(store)
        store.close()
        if asked.million:
            figures["million"] = million(where / "b", asked.messages)
    finally:
        shutil.rmtree(where, ignore_errors=True)
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
