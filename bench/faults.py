"""Disk faults: EIO and ENOSPC injected into single writes and fsyncs of an ingest, and a full disk.

strace is attached to a running node and makes the n-th write, fsync or truncation of a store file fail. While the fault
lasts nothing may be acknowledged that is not durable and reads must go on; after it the node must go on by itself, what
was not acknowledged is sent again, and in the end, after a SIGKILL and a restart, everything acknowledged must be there
once. The full disk is a small tmpfs (only where mounting is allowed).
"""

import argparse
import asyncio
import contextlib
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice, product
from pathlib import Path

import msgspec

from bench._load import mixture, send_over
from bench._node import NodeProcess
from bench.kill import Outcome as Examined
from bench.kill import examine

CALLS = ("pwrite64", "fdatasync")
ERRORS = ("EIO", "ENOSPC")


class Outcome(msgspec.Struct):
    """What the cases found; `refused` counts messages that got no acknowledgement because of a fault."""

    cases: int = 0
    injected: int = 0
    refused: int = 0
    stuck: list[str] = []
    unread: list[str] = []
    acknowledged: int = 0
    lost: int = 0
    doubled: int = 0
    unprocessed: int = 0
    issues: list[str] = []
    full_disk: str = "not tried"

    @property
    def good(self) -> bool:
        """True when nothing was lost, everything could be read and the node always went on."""
        return not (self.stuck or self.unread or self.lost or self.doubled or self.unprocessed or self.issues)


def _reads(node: NodeProcess) -> bool:
    """Tell whether the node answers a search; what cannot be recorded is refused (503)."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{node.http}/fhir/Patient?_count=1", timeout=60) as answer:
            return bool(answer.status == 200 and b"searchset" in answer.read())
    except (OSError, urllib.error.URLError):
        return False


def _read_within(node: NodeProcess, seconds: float) -> bool:
    """Tell whether a search is answered in time: a fault that was injected twice in a row may refuse one before."""
    end = time.monotonic() + seconds
    while not _reads(node):
        if time.monotonic() > end:
            return False
        time.sleep(0.2)
    return True


def _reasons(node: NodeProcess) -> str:
    """Return what `/readyz` says against taking messages; empty when it has nothing against it."""
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{node.http}/readyz", timeout=60).close()
    except urllib.error.HTTPError as fault:
        return fault.read().decode()
    return ""


@contextmanager
def _fault(pid: int, call: str, error: str, when: int, path: Path, log: Path) -> Iterator[None]:
    """Let the `when`-th call on a file fail, twice in a row, until the context ends."""
    inject = f"inject={call}:error={error}:when={when}..{when + 1}"
    command = ["strace", "-f", "-p", str(pid), "-e", f"trace={call}", "-e", inject, "-P", str(path), "-o", str(log)]
    strace = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if strace.stderr is not None:
        strace.stderr.readline()  # "attached"
    try:
        yield
    finally:
        strace.terminate()
        strace.wait()
        if strace.stderr is not None:
            strace.stderr.close()


class _Sender:
    """Sends fresh messages and what was not acknowledged; keeps what was."""

    def __init__(self, node: NodeProcess) -> None:
        self.node = node
        self.fresh = mixture(1_000_000, seed=7, patients=60)
        self.again: list[tuple[str, bytes]] = []
        self.acknowledged: dict[str, bytes] = {}

    def send(self, count: int) -> int:
        """Send `count` new messages after the open ones; return how many were not acknowledged."""
        todo = self.again + list(islice(self.fresh, count))
        sent = asyncio.run(send_over(self.node.port, iter(todo), connections=8, seconds=20))
        self.acknowledged |= sent.acknowledged
        self.again = [(control, message) for control, message in todo if control not in sent.acknowledged]
        return len(self.again)

    def recover(self, seconds: float = 15) -> bool:
        """Send the open ones until all are acknowledged."""
        until = time.monotonic() + seconds
        while self.again and time.monotonic() < until:
            self.send(0)
            time.sleep(0.05)
        return not self.again


def inject(outcome: Outcome, folder: Path, positions: list[int]) -> None:
    """Run every combination of call, error, file and position on one store."""
    node = NodeProcess(folder / "node")
    node.start()
    sender = _Sender(node)
    sender.send(40)
    node.idle()
    files = ["unsilo.db-wal", "unsilo.db", f"journal/{time.strftime('%Y-%m-%d', time.gmtime())}.db-wal"]
    log = folder / "trace"
    for call, error, name, when in product(CALLS, ERRORS, files, positions):
        what = f"{call} {error} {name} {when}"
        with _fault(node.pid, call, error, when, (node.data / name).resolve(), log):
            outcome.refused += sender.send(30)
            if not _read_within(node, 10):
                outcome.unread.append(what)
        outcome.cases += 1
        outcome.injected += log.read_text().count("INJECTED")
        if not sender.recover():
            outcome.stuck.append(what)
            sender.again.clear()
    node.kill()
    node.start()
    if not node.idle(180):
        outcome.stuck.append("after the restart")
    node.stop()
    _examine(node.data, sender.acknowledged, outcome)


def _examine(data: Path, acknowledged: dict[str, bytes], outcome: Outcome) -> None:
    found = Examined()
    examine(data, acknowledged, found)
    outcome.acknowledged += found.acknowledged
    outcome.lost += found.lost
    outcome.doubled += found.doubled
    outcome.unprocessed += found.unprocessed
    outcome.issues += found.issues


def _fill(filler: Path, leave: int) -> None:
    """Let a file take all room of its disk but `leave` bytes."""
    with filler.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while (free := shutil.disk_usage(filler.parent).free - leave) > 0:
            file.write(bytes(min(free, 1 << 20)))


def full_disk(outcome: Outcome, folder: Path, reads: int = 300) -> None:
    """Fill a small file system under a running node to the last byte, read, then make room again."""
    place = folder / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=160m", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode:
        outcome.full_disk = "not tried: mounting is not allowed here"
        return
    node = NodeProcess(place / "node")
    try:
        node.start()
        sender = _Sender(node)
        sender.send(60)
        node.idle()
        filler = place / "filler"
        _fill(filler, 4 * 1024 * 1024)
        refused = 0
        for _ in range(60):
            refused = sender.send(60)
            if refused:
                break
        if not refused:
            outcome.stuck.append("the disk never filled")
        _fill(filler, 0)
        read = sum(_reads(node) for _ in range(reads))
        if read < reads:
            outcome.unread.append(f"full disk: {reads - read} of {reads}")
        if "the disk is full" not in (said := _reasons(node)):
            outcome.stuck.append(f"it does not say that the disk is full, but: {said}")
        filler.unlink()
        if not sender.recover(60):
            outcome.stuck.append("full disk")
        sender.send(20)
        node.idle(60)
        if said := _reasons(node):
            outcome.stuck.append(f"with room again it says: {said}")
        node.kill()
        node.start()
        node.idle(60)
        node.stop()
        _examine(node.data, sender.acknowledged, outcome)
        outcome.full_disk = (
            f"{refused} refused while full, {read} of {reads} reads answered, {len(sender.acknowledged)} acknowledged"
        )
    finally:
        node.kill()
        subprocess.run(["umount", "-l", str(place)], capture_output=True, check=False)


def main() -> int:
    """Run; the exit status is 1 when anything was lost or stuck."""
    parser = argparse.ArgumentParser(prog="python -m bench.faults")
    parser.add_argument("--positions", type=int, nargs="*", default=[1, 2, 3, 5, 9])
    args = parser.parse_args()
    outcome = Outcome()
    with tempfile.TemporaryDirectory() as folder:
        if shutil.which("strace") is None:
            print("strace is not installed: no faults were injected (apt-get install strace)")
        else:
            inject(outcome, Path(folder), args.positions)
        full_disk(outcome, Path(folder))
    print(
        f"{outcome.cases} cases, {outcome.injected} calls failed, {outcome.refused} messages not acknowledged at once"
    )
    print(f"full disk: {outcome.full_disk}")
    print(
        f"{outcome.acknowledged} acknowledged: lost {outcome.lost}, doubled {outcome.doubled}, "
        f"unprocessed {outcome.unprocessed}"
    )
    for name, found in (("stuck", outcome.stuck), ("not readable", outcome.unread), ("verify", outcome.issues)):
        for text in found[:20]:
            print(f"{name}: {text}")
    return 0 if outcome.good else 1


if __name__ == "__main__":
    sys.exit(main())
