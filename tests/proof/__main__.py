"""Runs the proofs at length: non-interference over every policy, histories with many kills (`make proof`)."""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "oracle"))

from tests.proof import asking, histories
from tests.proof.twins import POLICIES, twins


def interference(requests: int, seed: int) -> int:
    """Ask the requests, the policies by turns, over new nodes every five hundred; return how many answers differ."""
    wrong = done = 0
    names = list(POLICIES)
    began = time.perf_counter()
    while done < requests:
        part = min(500, requests - done)
        policy = names[done // 500 % len(names)]
        with tempfile.TemporaryDirectory() as folder, twins(Path(folder), policy, seed + done) as pair:
            found = asking.run(pair, part, seed + done + 1)
        done += part
        wrong += len(found)
        for each in found:
            print(f"  {policy} {seed + done - part}: {each[:1000]}")
        print(f"{done} requests, {wrong} answers that differ ({time.perf_counter() - began:.0f} s)", flush=True)
    return wrong


def main() -> int:
    """Run from the command line; the exit status is 1 when something does not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.proof")
    parser.add_argument("--requests", type=int, default=5000)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)
    wrong = interference(asked.requests, asked.seed)
    with tempfile.TemporaryDirectory() as folder:
        found = histories.run(asked.kills, asked.seed, Path(folder))
    print(f"{found.kills} kills, {sum(found.done.values())} requests, {len(found.kept)} acknowledged writes,"
          f" {len(found.wrong)} violations")  # fmt: skip
    for each in found.wrong[:20]:
        print(f"  {each}")
    return 1 if wrong or found.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
