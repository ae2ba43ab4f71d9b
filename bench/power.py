"""Lost power: restart from a copy that holds only what was fsynced at a random moment under an MLLP load.

The node runs under strace, which notes every write, fsync, truncation, creation and removal of the store's files with
its time. For a random moment the files are built anew from what was fsynced by then; of what was not, each write is
kept or lost by the toss of a coin, as a disk may do. Every message whose acknowledgement a sender had by that moment
must be in the copy with its bytes, and the copy must be sound.
"""

import argparse
import asyncio
import random
import re
import sqlite3
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from bench._load import mixture, send_over
from bench._node import NodeProcess
from unsilo.storage import open_store

_LINE = re.compile(r"(\d+)\s+(\d+\.\d+) (.*)")
_CALLS = "pwrite64,fsync,fdatasync,ftruncate,unlink,openat"


class Act(NamedTuple):
    """One call: when it began and ended, what it did, on which path, and its particulars."""

    began: float
    ended: float
    call: str
    path: str
    data: bytes
    at: int


def _unhex(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


def _act(began: float, ended: float, text: str) -> Act | None:
    call, _, rest = text.partition("(")
    if re.search(r"\) += -1 E[A-Z]+", text[-200:]) or ") " not in text:
        return None
    if call in ("unlink", "openat"):
        quoted = re.search(r'"((?:\\x[0-9a-f]{2})*)"', rest)
        if quoted is None or (call == "openat" and "O_CREAT" not in rest):
            return None
        return Act(began, ended, call, _unhex(quoted[1]).decode(), b"", 0)
    named = re.match(r"\d+<((?:\\x[0-9a-f]{2})*)[^>]*>", rest)
    if named is None:
        return None
    path = _unhex(named[1]).decode()
    if call == "pwrite64":
        data = re.search(r'"((?:\\x[0-9a-f]{2})*)", \d+, (\d+)\)', rest)
        return Act(began, ended, call, path, _unhex(data[1]), int(data[2])) if data is not None else None
    if call == "ftruncate":
        size = re.search(r">, (\d+)\)", rest)
        return Act(began, ended, call, path, b"", int(size[1])) if size is not None else None
    return Act(began, ended, call, path, b"", 0)


def acts(trace: Path, data: Path) -> list[Act]:
    """Return the calls on files of the store, in order of their beginning."""
    open_calls: dict[str, tuple[float, str]] = {}
    found: list[Act] = []
    with trace.open(encoding="ascii", errors="replace") as lines:
        for line in lines:
            match = _LINE.match(line)
            if match is None:
                continue
            pid, when, text = match[1], float(match[2]), match[3]
            if text.endswith("<unfinished ...>"):
                open_calls[pid] = (when, text.removesuffix("<unfinished ...>").rstrip())
                continue
            ended = when
            if text.startswith("<..."):
                began, head = open_calls.pop(pid, (when, ""))
                text = head + text.partition("resumed>")[2]
                when = began
            else:
                spent = re.search(r"<(\d+\.\d+)>$", text)
                ended = when + float(spent[1]) if spent is not None else when
            act = _act(when, ended, text)
            if act is not None and (act.path.startswith(str(data)) and "/cache" not in act.path):
                found.append(act)
    return sorted(found, key=lambda act: act.began)


class _File:
    """One file: what is on the disk for certain, and what was written since the last fsync."""

    def __init__(self) -> None:
        self.durable = bytearray()
        self.waiting: list[Act] = []
        self.exists_durably = False
        self.exists = True

    @staticmethod
    def apply(image: bytearray, act: Act) -> None:
        if act.call == "ftruncate":
            if len(image) > act.at:
                del image[act.at :]
            else:
                image.extend(bytes(act.at - len(image)))
            return
        if len(image) < act.at:
            image.extend(bytes(act.at - len(image)))
        image[act.at : act.at + len(act.data)] = act.data

    def synced(self, before: float) -> None:
        """Everything whose write had begun before the fsync began is on the disk."""
        for act in self.waiting:
            if act.began <= before:
                self.apply(self.durable, act)
        self.waiting = [act for act in self.waiting if act.began > before]

    def image(self, draw: random.Random) -> bytes:
        """Return one content that a disk may hold after the power went."""
        image = bytearray(self.durable)
        for act in self.waiting:
            if draw.random() < 0.5:
                self.apply(image, act)
        return bytes(image)


def files_at(every: list[Act], moment: float, draw: random.Random) -> Iterator[tuple[str, bytes]]:
    """Yield (path, content) of what may be on the disk at a moment."""
    files: dict[str, _File] = {}
    for act in every:
        if act.began > moment:
            break
        if act.call in ("fsync", "fdatasync"):
            if act.ended > moment:
                continue
            if act.path in files:
                files[act.path].synced(act.began)
                files[act.path].exists_durably |= act.path.endswith("-journal")
            for path, file in files.items():
                if str(Path(path).parent) == act.path:
                    file.exists_durably = file.exists
        elif act.call == "unlink":
            if act.path in files:
                files[act.path].exists = False
        elif act.call == "openat":
            file = files.setdefault(act.path, _File())
            if not file.exists:
                files[act.path] = _File()
        else:
            files.setdefault(act.path, _File()).waiting.append(act)
    for path, file in files.items():
        here = file.exists if file.exists == file.exists_durably else draw.random() < 0.5
        if here and not path.endswith("-shm"):
            yield path, file.image(draw)


class Outcome(msgspec.Struct):
    """What the restarts found."""

    cuts: int = 0
    checked: int = 0
    lost: int = 0
    issues: list[str] = []


def run(cuts: int, messages: int, seed: int, folder: Path) -> Outcome:
    """Load a traced node once, then restart from `cuts` copies."""
    draw = random.Random(seed)
    trace = folder / "trace"
    wrap = ["strace", "-f", "-y", "-xx", "-ttt", "-T", "-s", "200000", "-o", str(trace), "-e", f"trace={_CALLS}"]
    node = NodeProcess(folder / "node", wrap=wrap)
    node.start(60)
    times: dict[str, float] = {}
    sent = asyncio.run(send_over(node.port, mixture(messages, seed=seed, patients=40), noted=times))
    node.idle(120)
    end = time.time()
    node.stop()
    every = acts(trace, node.data.resolve())
    outcome = Outcome()
    first = min(times.values())
    for number in range(cuts):
        # Half of the moments lie in the burst of acknowledgements, half anywhere until everything was committed.
        moment = draw.uniform(first, max(times.values()) if number % 2 else end)
        copy = folder / f"cut{number}"
        for path, content in files_at(every, moment, draw):
            target = copy / Path(path).relative_to(node.data.resolve())
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        expected = {control: sent.acknowledged[control] for control, at in times.items() if at <= moment}
        outcome.cuts += 1
        outcome.checked += len(expected)
        _examine(copy, expected, outcome)
    return outcome


def _examine(copy: Path, expected: dict[str, bytes], outcome: Outcome) -> None:
    try:
        with open_store(copy) as store:
            for control, message in expected.items():
                rows = store.search_messages(kind="control_id", value=control)
                exact = [row for row in rows if row.control_id == control]
                if len(exact) != 1 or store.content(exact[0].id) != message:
                    outcome.lost += 1
            outcome.issues += [i.text for i in store.verify() if i.severity in ("error", "fatal")]
    except (sqlite3.Error, OSError, ValueError) as fault:
        outcome.lost += len(expected)
        outcome.issues.append(f"{copy.name}: {type(fault).__name__}: {fault}")


def main() -> int:
    """Run; the exit status is 1 when an acknowledged message was not in a copy, or a copy was damaged."""
    parser = argparse.ArgumentParser(prog="python -m bench.power")
    parser.add_argument("--cuts", type=int, default=40)
    parser.add_argument("--messages", type=int, default=400)
    parser.add_argument("--seed", type=int, default=20260101)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcome = run(args.cuts, args.messages, args.seed, Path(folder))
    print(f"{outcome.cuts} moments without power, {outcome.checked} acknowledged messages looked for in the copies")
    print(f"acknowledged lost {outcome.lost}, unsound copies {len(outcome.issues)}")
    for issue in outcome.issues[:20]:
        print(f"verify: {issue}")
    return 1 if outcome.lost or outcome.issues else 0


if __name__ == "__main__":
    sys.exit(main())
