"""SIGKILL at random under an MLLP load of mixed messages: nothing acknowledged is lost, nothing has two effects.

Each round starts the node on the same store, sends over four connections, and kills it after a random time. What was
not acknowledged is sent again in the next round, as a real sender does. In the end every acknowledged message must be
in the journal exactly once, processed, with one version a resource it wrote, and the store must be sound.
"""

import argparse
import asyncio
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from threading import Timer

import msgspec

from bench._load import mixture, send_over
from bench._node import NodeProcess, message_states


class Outcome(msgspec.Struct):
    """What a run of kills found."""

    kills: int = 0
    acknowledged: int = 0
    lost: int = 0
    doubled: int = 0
    unprocessed: int = 0
    issues: list[str] = []
    ready: list[float] = []

    @property
    def good(self) -> bool:
        """True when nothing was lost, doubled or left, and every start was ready within five seconds."""
        return not (self.lost or self.doubled or self.unprocessed or self.issues) and max(self.ready) <= 5


def _feeding(
    again: "deque[tuple[str, bytes]]", fresh: Iterator[tuple[str, bytes]], taken: dict[str, bytes]
) -> Iterator[tuple[str, bytes]]:
    """Yield what must be sent again, then what is new; note everything that was handed out."""
    while True:
        control, message = again.popleft() if again else next(fresh)
        taken[control] = message
        yield control, message


def examine(data: Path, acknowledged: dict[str, bytes], outcome: Outcome) -> None:
    """Compare the journal with what was acknowledged, and look for second effects and damage."""
    with sqlite3.connect(f"file:{data / 'unsilo.db'}?mode=ro", uri=True) as db:
        rows: dict[str, list[str]] = {}
        for control, state in db.execute("SELECT control_id, state FROM message"):
            rows.setdefault(control, []).append(state)
        twice = db.execute("SELECT count(*) FROM (SELECT 1 FROM effect GROUP BY mid, rid HAVING count(*) > 1)")
        outcome.doubled += int(twice.fetchone()[0])
        outcome.doubled += sum(len(states) > 1 for states in rows.values())
    outcome.acknowledged = len(acknowledged)
    outcome.lost += sum(control not in rows for control in acknowledged)
    outcome.unprocessed += sum(any(s != "done" for s in states) for states in rows.values())
    from unsilo.storage import verify

    outcome.issues += [issue.text for issue in verify(data) if issue.severity in ("error", "fatal")]


def run(kills: int, seed: int, folder: Path, *, longest: float = 0.8) -> Outcome:
    """Kill `kills` times and examine what is left."""
    draw = random.Random(seed)
    node = NodeProcess(folder)
    outcome = Outcome()
    fresh = mixture(10_000_000, seed=seed)
    again: deque[tuple[str, bytes]] = deque()
    acknowledged: dict[str, bytes] = {}
    for _ in range(kills):
        outcome.ready.append(node.start())
        taken: dict[str, bytes] = {}
        killer = Timer(draw.uniform(0.02, longest), node.kill)
        killer.start()
        sent = asyncio.run(send_over(node.port, _feeding(again, fresh, taken), connections=4, seconds=10))
        killer.join()
        acknowledged |= sent.acknowledged
        again.extend((c, m) for c, m in taken.items() if c not in sent.acknowledged)
        outcome.kills += 1
    outcome.ready.append(node.start())
    rest = asyncio.run(send_over(node.port, iter(list(again))))
    acknowledged |= rest.acknowledged
    node.idle(900)
    node.stop()
    examine(node.data, acknowledged, outcome)
    return outcome


def main() -> int:
    """Run; the exit status is 1 when anything was lost, doubled, left or slow."""
    parser = argparse.ArgumentParser(prog="python -m bench.kill")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=20260101)
    args = parser.parse_args()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        outcome = run(args.kills, args.seed, Path(folder))
        states = message_states(Path(folder) / "data")
    ready = sorted(outcome.ready)
    print(
        f"{outcome.kills} kills in {time.perf_counter() - began:.0f} s, {outcome.acknowledged} acknowledged, {states}"
    )
    print(f"acknowledged lost {outcome.lost}, doubled {outcome.doubled}, left unprocessed {outcome.unprocessed}")
    print(f"ready again: median {statistics.median(ready):.2f} s, slowest {ready[-1]:.2f} s (target 5 s)")
    for issue in outcome.issues[:20]:
        print(f"verify: {issue}")
    return 0 if outcome.good else 1


if __name__ == "__main__":
    sys.exit(main())
