"""`unsilo match` beside Splink 5 on the same made-up rows in the same run, and F1 at the best threshold of each.

`UNSILO_BENCH_SPLINK_PYTHON` is a Python that has Splink; without it only ours is shown. Splink is given our
standardised columns, two threads and a configuration with care (`bench/_splink.py`). `UNSILO_BENCH_ROWS` (100,000) and
`UNSILO_BENCH_SEED` say which population.
"""

import csv
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from unsilo.flow.persons.match import match_file, read_rows
from unsilo.flow.persons.quality import Figures, evaluate_file, linked_pairs, simulate_file, true_pairs

SEED = 811
LINKS = (0.7, 0.9, 0.95, 0.99)
HEADER = "unique_id first formal middle family birth sex ssn ssn4 phone email house street city postal truth".split()


def standardised(source: Path, target: Path) -> None:
    """Write the rows of a labelled file as this product compares them, for the peer."""
    with source.open(encoding="utf-8", newline="") as rows:
        truth = {row["record_id"]: row["truth"] for row in csv.DictReader(rows)}
    with target.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(HEADER)
        for number, (record_id, p) in enumerate(read_rows(source.read_bytes()).value or []):
            formal = p.roots[0] if p.roots else ""
            writer.writerow([
                number, p.first, formal, p.middle, p.family, p.birth, p.sex, p.ssn, p.ssn4, p.phone, p.email, p.house,
                p.street, p.city, p.postal, truth[record_id],
            ])  # fmt: skip


def ours(people: Path, folder: Path) -> None:
    """Print our figures by default and at fixed probabilities."""
    began = perf_counter()
    found = evaluate_file(people, folder / "links.csv", folder / "review.csv").value
    assert found is not None
    one = found.automatic
    print(
        f"unsilo, default (from {found.link_at:.3f}): precision {one.precision:.4f}, recall {one.recall:.4f}, "
        f"F1 {one.f1:.4f}, review {found.review / found.rows:.2%}, {perf_counter() - began:.1f} s",
        flush=True,
    )
    true = true_pairs(people)
    for least in LINKS:
        match_file(people, folder / "links.csv", link_at=least)
        linked = linked_pairs(folder / "links.csv")
        at = Figures(len(true), len(linked), len(linked & true))
        print(f"  from {least}: precision {at.precision:.4f}, recall {at.recall:.4f}, F1 {at.f1:.4f}", flush=True)


def splink(python: str, people: Path, folder: Path) -> None:
    """Print Splink's figures on the same rows."""
    standardised(people, folder / "rows.csv")
    script = Path(__file__).with_name("_splink.py")
    done = subprocess.run([python, str(script), str(folder / "rows.csv")], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.strip().splitlines()[-1])
    print(
        f"Splink, best threshold by the truth ({found['best_at']:.3f}): F1 {found['best_f1']:.4f}; "
        f"{found['seconds']:.1f} s, {found['cpu']:.1f} s of processor, {found['gigabytes']:.2f} GB"
    )
    for least, at in found["at"].items():
        print(f"  from {least}: precision {at['precision']:.4f}, recall {at['recall']:.4f}, F1 {at['f1']:.4f}")


def main() -> int:
    """Measure both."""
    rows, seed = int(os.environ.get("UNSILO_BENCH_ROWS", "100000")), int(os.environ.get("UNSILO_BENCH_SEED", SEED))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        people = folder / "people.csv"
        simulate_file(people, rows, seed)
        print(f"{rows} made-up rows, seed {seed}")
        ours(people, folder)
        python = os.environ.get("UNSILO_BENCH_SPLINK_PYTHON", "")
        if python:
            splink(python, people, folder)
        else:
            print("Splink: UNSILO_BENCH_SPLINK_PYTHON does not name a Python that has it")
    return 0


if __name__ == "__main__":
    sys.exit(main())
