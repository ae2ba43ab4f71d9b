"""Measures the FHIR server over HTTP: loads a made-up population by transactions, then reads, searches and writes.

python -m bench.fhir_server                          # 5,000 patients, 110,000 resources; sekmet-fhir beside it
python -m bench.fhir_server --patients 50000         # 1,100,000 resources
python -m bench.fhir_server --database postgresql:///bench --peer none

The load generator runs on the same cores as the server. `--connections` keep-alive connections send one request each
at a time; p50 and p99 of slow searches are taken with two connections, so that they say how long a search takes and
not how long the queue is. `cpu` is what the server computed for each request, whatever else the machine did, and what
the load generator computed beside it.
"""

import argparse
import importlib.util
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from bench._http import Figures, get, load, post
from bench._servers import Sekmet, Server, Unsilo
from bench._vocabulary import LABS, LOINC, MRN, SNOMED, UCUM
from bench.population import EACH, bundle, families, people, staff
from unsilo.kernel import fresh_id
from unsilo.kernel.json import encode

_FEW = 2
_TARGETS = {
    "read": "8,000/s, p99 5 ms", "identifier": "3,000/s", "token": "3,000/s", "patient+code": "3,000/s",
    "patient+date sorted": "p50 3 ms", "chain": "p50 10 ms", "_has": "p50 10 ms", "date only": "p50 10 ms",
    "string prefix": "p50 10 ms", "quantity range": "p50 10 ms", "_revinclude": "p50 10 ms", "create": "1,500/s",
}  # fmt: skip
_BY_RATE = ("read", "identifier", "token", "patient+code", "create")
"""Lines that are about throughput; the others are about the time of one search."""


class Requests:
    """Transactions made before they are sent, kept in a file, so that making them is not measured."""

    def __init__(self, folder: Path, base: str, size: int, *, make: bool = False) -> None:
        self.path, self.base, self.least, self.make = folder / f"requests-{fresh_id()}", base, size, make
        self.lengths: list[int] = []
        self.resources = self.size = 0
        self.digest = sha256()

    def write(self, groups: Iterable[list[dict[str, Any]]]) -> "Requests":
        """Write transactions of whole groups, at least `size` resources each."""
        waiting: list[dict[str, Any]] = []
        with self.path.open("wb") as file:
            for group in groups:
                for one in group:
                    line = encode(one)
                    self.size += len(line)
                    self.digest.update(line)
                self.resources += len(group)
                waiting += group
                if len(waiting) >= self.least:
                    self.lengths.append(file.write(post(self.base, encode(bundle(waiting, post=self.make)))))
                    waiting = []
            if waiting:
                self.lengths.append(file.write(post(self.base, encode(bundle(waiting, post=self.make)))))
        return self

    def __iter__(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            for length in self.lengths:
                yield file.read(length)


def fill(server: Server, folder: Path, patients: int, size: int, connections: int) -> tuple[Requests, Figures]:
    """Load the population; the shared organisations and practitioners first."""
    shared = list(staff(patients))
    first = Requests(folder, server.base, 200).write(shared[at : at + 200] for at in range(0, len(shared), 200))
    rest = Requests(folder, server.base, size).write(people(patients))
    for requests, lines in ((first, 1), (rest, connections)):
        figures = load(server.port, requests, connections=lines)
        if not figures.good():
            worst = max(figures.bodies)
            raise RuntimeError(f"loading was refused: {figures.statuses}: {figures.bodies[worst][:500]!r}")
        requests.path.unlink()
    rest.size += first.size
    return rest, figures


def asks(base: str, patients: int) -> dict[str, Callable[[random.Random], str]]:
    """Name what is measured; each function draws the path of one request."""
    names = families()
    labs = [lab[0] for lab in LABS]

    def day(draw: random.Random) -> str:
        return f"{draw.randrange(2021, 2026)}-{draw.randrange(1, 13):02d}-{draw.randrange(1, 29):02d}"

    return {
        "read": lambda d: f"{base}/Patient/p{d.randrange(patients)}",
        "identifier": lambda d: f"{base}/Patient?identifier={MRN}|MRN{d.randrange(patients):07d}",
        "token": lambda d: f"{base}/Encounter?identifier={MRN}.2|Ve{d.randrange(patients)}-1",
        "patient+code": lambda d: (
            f"{base}/Observation?patient=Patient/p{d.randrange(patients)}&code={LOINC}|{d.choice(labs)}"
        ),
        "patient+date sorted": lambda d: f"{base}/Observation?patient=Patient/p{d.randrange(patients)}&_sort=-date",
        "chain": lambda d: (
            f"{base}/Observation?patient.family={d.choice(names[:400])}&code={LOINC}|{d.choice(labs)}&_count=20"
        ),
        "_has": lambda d: f"{base}/Patient?_has:Observation:patient:code={LOINC}|{d.choice(labs)}&_count=20",
        "date only": lambda d: f"{base}/Observation?date={day(d)}&_count=20",
        "string prefix": lambda d: f"{base}/Patient?family={d.choice(names[:400])[:3]}&_count=20",
        "quantity range": lambda d: (
            f"{base}/Observation?code-value-quantity={LOINC}|{d.choice(labs)}$gt{d.randrange(1, 150)}|{UCUM}|mg/dL"
            "&_count=20"
        ),
        "code and quantity": lambda d: (
            f"{base}/Observation?code={LOINC}|2345-7&value-quantity=gt{d.randrange(100, 160)}|{UCUM}|mg/dL&_count=20"
        ),
        "_revinclude": lambda d: f"{base}/Patient?_id=p{d.randrange(patients)}&_revinclude=Observation:patient",
        "_include": lambda d: (
            f"{base}/Condition?code={SNOMED}|38341003&onset-date=ge{day(d)}&_include=Condition:subject&_count=20"
        ),
    }  # fmt: skip


def creates() -> Iterator[bytes]:
    """Yield observations to be created one by one."""
    number = 0
    while True:
        number += 1
        yield encode(
            {"resourceType": "Observation", "status": "final", "subject": {"reference": f"Patient/p{number % 1000}"},
             "code": {"coding": [{"system": LOINC, "code": LABS[number % len(LABS)][0]}]},
             "effectiveDateTime": f"2026-07-{1 + number % 28:02d}T10:00:00Z",
             "identifier": [{"system": "urn:bench", "value": f"C{number}"}],
             "valueQuantity": {"value": number % 300, "unit": "mg/dL", "system": UCUM, "code": "mg/dL"}}
        )  # fmt: skip


def _found(body: bytes) -> int:
    """Count the entries of a searchset."""
    try:
        return len(msgspec.json.decode(body).get("entry", []))
    except (msgspec.DecodeError, AttributeError):
        return -1


def measure(server: Server, patients: int, seconds: float, connections: int) -> dict[str, dict[str, Any]]:
    """Run each line for a while; a line that is not answered well says so."""
    found: dict[str, dict[str, Any]] = {}
    for name, draw_one in asks(server.base, patients).items():
        draw = random.Random(name)
        paths = [get(draw_one(draw).replace("|", "%7C").replace("$", "%24")) for _ in range(4000)]
        load(server.port, islice(paths, 40), connections=_FEW, seconds=seconds)  # plans and caches
        lines = connections if name in _BY_RATE else _FEW
        before = server.cpu()
        figures = load(server.port, (paths[n % len(paths)] for n in range(10**9)), connections=lines, seconds=seconds)
        found[name] = {"figures": figures, "entries": _found(figures.bodies.get(200, b"{}")),
                       "cpu": (server.cpu() - before) / len(figures.times)}  # fmt: skip
    bodies = [post(f"{server.base}/Observation", body) for body in islice(creates(), 20_000)]
    before = server.cpu()
    figures = load(server.port, iter(bodies), connections=connections, seconds=seconds)
    found["create"] = {"figures": figures, "entries": 0, "cpu": (server.cpu() - before) / len(figures.times)}
    return found


def program_of(asked: str) -> str:
    """Return the path of sekmet's command, "" when it is not to be had."""
    if asked == "none":
        return ""
    if asked:
        return asked
    if importlib.util.find_spec("sekmet") is None:
        return ""
    return str(Path(sys.executable).with_name("sekmet"))


def run(server: Server, folder: Path, asked: argparse.Namespace, patients: int) -> dict[str, Any]:
    """Start, load, start again on the full store, measure and stop one server."""
    told: dict[str, Any] = {"start": server.start()}
    told["idle"] = server.memory()
    try:
        before = server.cpu()
        count, loading = fill(server, folder, patients, asked.entries, asked.loaders)
        told |= {"count": count, "loading": loading, "cpu": (server.cpu() - before) / count.resources}
        server.stop()
        told["size"] = server.size()
        told["again"] = server.start()
        time.sleep(2)
        told["idle full"] = server.memory()
        told["lines"] = measure(server, patients, asked.seconds, asked.connections)
        told["memory"] = server.memory()
        told["post"] = posted(server, folder, asked)
    finally:
        server.stop()
    return told


def posted(server: Server, folder: Path, asked: argparse.Namespace) -> tuple[int, Figures]:
    """Transactions as they come from elsewhere: POST entries that refer to each other by `urn:uuid`.

    As many go before uncounted, and the processes that they start come to rest: a node starts them once.
    """
    first = Requests(folder, server.base, asked.entries, make=True).write(people(200, seed=98))
    load(server.port, first, connections=asked.loaders)
    before = -1.0
    while (now := server.cpu()) - before > 0.02:
        before = now
        time.sleep(0.5)
    requests = Requests(folder, server.base, asked.entries, make=True).write(people(200, seed=99))
    return requests.resources, load(server.port, requests, connections=asked.loaders)


def show(server: Server, told: dict[str, Any]) -> None:
    """Print what was measured."""
    count, loading = told["count"], told["loading"]
    print(f"\n{server.name}: {count.resources:,} resources, {count.size:,} bytes of JSON, "
          f"sha256 {count.digest.hexdigest()[:16]}")  # fmt: skip
    print(f"  {'load, transactions of PUT':26} {count.resources / loading.seconds:9,.0f} resources/s  "
          f"cpu {told['cpu'] * 1000:.2f} ms each")  # fmt: skip
    number, figures = told["post"]
    state = "" if figures.good() else f"  REFUSED {dict(figures.statuses)}"
    print(f"  {'transactions of POST, urn':26} {number / figures.seconds:9,.0f} resources/s, what drafts them "
          f"running{state}")  # fmt: skip
    for name, line in told["lines"].items():
        figures = line["figures"]
        state = "" if figures.good() else f"  REFUSED {dict(figures.statuses)}"
        print(f"  {name:20} {figures.rate:8,.0f}/s  p50 {figures.at(0.5):7.2f} ms  p99 {figures.at(0.99):7.2f} ms  "
              f"cpu {line['cpu'] * 1000:6.2f} ms and {figures.own / len(figures.times) * 1000:.3f} of the load  "
              f"{line['entries']:4} entries  "
              f"target {_TARGETS.get(name, '-')}{state}")  # fmt: skip
    if told["size"] > count.size / 2:  # otherwise the resources are in a database elsewhere
        print(
            f"  store {told['size'] / count.size:.2f} times the JSON ({told['size'] / count.resources:,.0f} bytes each)"
        )
    print(f"  ready in {told['start']:.2f} s empty, {told['again']:.2f} s full; memory {told['idle'] >> 20} MB empty, "
          f"{told['idle full'] >> 20} MB full and idle, {told['memory'] >> 20} MB after the load")  # fmt: skip


def main() -> int:
    """Measure our server and the peer, ours in full, the peer on as many patients as asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patients", type=int, default=5000)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each line")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--loaders", type=int, default=16, help="connections that load")
    parser.add_argument("--entries", type=int, default=EACH, help="least resources of a transaction")
    parser.add_argument("--database", default="", help="postgresql://... instead of the embedded store")
    parser.add_argument("--peer", default="", help="path of sekmet's command, or none")
    parser.add_argument("--peer-patients", type=int, default=1000, help="what the peer is loaded with")
    parser.add_argument("--directory", type=Path)
    asked = parser.parse_args()
    where = Path(tempfile.mkdtemp(dir=asked.directory))
    failed = False
    try:
        servers: list[tuple[Server, int]] = [(Unsilo(where / "unsilo", asked.database), asked.patients)]
        if program := program_of(asked.peer):
            servers.append((Sekmet(where / "sekmet", program), min(asked.patients, asked.peer_patients)))
        else:
            print("sekmet-fhir is not here: our server alone")
        for server, patients in servers:
            told = run(server, where, asked, patients)
            show(server, told)
            own = server.name == "unsilo"
            failed = failed or (own and not all(line["figures"].good() for line in told["lines"].values()))
    finally:
        shutil.rmtree(where, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
