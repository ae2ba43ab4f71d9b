"""A million random links and unlinks: persons keep their ids, and the store says what a model of the walk says.

python -m bench.link_steps --steps 1000000
"""

import argparse
import tempfile
import time
from pathlib import Path

from tests.integration.storage.link_steps import Walk
from unsilo.storage import open_store


def main() -> None:
    """Walk, compare at every halt, and check the store against itself at the end."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1_000_000)
    parser.add_argument("--patients", type=int, default=300)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "store") as store:
        began, used = time.perf_counter(), time.process_time()
        walk = Walk(store, asked.patients, 1)
        walk.walk(asked.steps)
        same = walk.replay() == walk.home and store.verify(contents=False) == []
        seconds, cpu = time.perf_counter() - began, time.process_time() - used
        print(
            f"{asked.steps:,} steps, {walk.moves:,} moves, {len(walk.members):,} persons ever: "
            f"{'ids stayed, the history says the same' if same else 'NOT THE SAME'}; {seconds:.0f} s, {cpu:.0f} s of "
            f"processor"
        )
        if not same:
            raise SystemExit(1)


if __name__ == "__main__":
    main()
