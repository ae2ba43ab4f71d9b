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
    """Tell whether the node answers a search within ten seconds; what cannot be recorded just now is refused."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        with contextlib.suppress(OSError, urllib.error.URLError):
            place = f"http://127.0.0.1:{node.http}/fhir/Patient?_count=1"
            with urllib.request.urlopen(place, timeout=10) as answer:
                if answer.status == 200 and b"searchset" in answer.read():
                    return True
        time.sleep(0.2)
    return False


def _refuses(node: NodeProcess) -> bool:
    """Tell whether the node says that it cannot record a read now: 503, never an answer that nobody can account for."""
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{node.http}/fhir/Patient?_count=1", timeout=10).close()
    except urllib.error.HTTPError as fault:
        return fault.code == 503
    except OSError:
        return False
    return True


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
            if not _reads(node):
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


def full_disk(outcome: Outcome, folder: Path) -> None:
    """Fill a small file system under a running node, then make room again."""
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
        filler = place / "filler"
        filler.write_bytes(bytes(154 * 1024 * 1024))
        node.start()
        sender = _Sender(node)
        refused = 0
        for _ in range(60):
            refused = sender.send(60)
            if refused:
                break
        if not refused:
            outcome.stuck.append("the disk never filled")
        read = _reads(node)
        if not read and not _refuses(node):
            outcome.unread.append("full disk")
        filler.unlink()
        if not sender.recover():
            outcome.stuck.append("full disk")
        if not _reads(node):
            outcome.unread.append("after the full disk")
        sender.send(20)
        node.idle(60)
        node.kill()
        node.start()
        node.idle(60)
        node.stop()
        _examine(node.data, sender.acknowledged, outcome)
        reads = "reads went on" if read else "reads were refused, since they could not be recorded"
        outcome.full_disk = f"{refused} refused while full, {len(sender.acknowledged)} acknowledged in all; {reads}"
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
