"""MLLP over 16 connections on this machine, load generator included: acknowledged and committed messages a second.

Every acknowledgement is sent after the message was fsynced. Mixed messages (ADT, ORU of eight results, ORM, SIU, VXU)
for 400 patients. First the rate at which they are acknowledged, then the rate through to searchable resources.
"""

import argparse
import asyncio
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from pathlib import Path

from bench._load import mixture, send_over
from bench._node import NodeProcess, message_states

TARGETS = {"acknowledged/s": 1000, "committed/s": 500, "p99 ack ms": 50}


def main() -> int:
    """Measure; the exit status is 1 when a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m bench.mllp")
    parser.add_argument("--messages", type=int, default=6000)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--folder", type=Path, default=None, help="where the store is made; a temporary folder")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        node = NodeProcess(Path(folder))
        ready = node.start()
        try:
            asyncio.run(send_over(node.port, mixture(200, seed=9, prefix="W"), connections=args.connections))
            node.idle()
            before = _cpu(node.pid)
            own = time.process_time()
            began = time.perf_counter()
            messages = mixture(args.messages)
            sent = asyncio.run(send_over(node.port, messages, connections=args.connections))
            node.idle(300)
            whole = time.perf_counter() - began
            own = (time.process_time() - own) * 1000 / args.messages
            states = message_states(node.data)
            done = states.get("done", 0) - 200
            with sqlite3.connect(f"file:{node.data / 'unsilo.db'}?mode=ro", uri=True) as db:
                resources = db.execute("SELECT count(*) FROM res WHERE state = 0").fetchone()[0]
            resident = _resident(node.pid)
            spent = [(after - start) * 1000 / done for start, after in zip(before, _cpu(node.pid), strict=True)]
        finally:
            node.stop()
    times = sorted(sent.times)
    figures = {
        "acknowledged/s": len(sent.acknowledged) / sent.seconds,
        "committed/s": done / whole,
        "p99 ack ms": times[int(len(times) * 0.99)] * 1000,
    }
    print(f"{args.connections} connections, {len(sent.acknowledged)} acknowledged, {sent.refused} refused")
    print(f"journal {states}, {resources} resources")
    print(f"acknowledged, durable   {figures['acknowledged/s']:8.0f} /s   (target {TARGETS['acknowledged/s']})")
    print(f"committed, searchable   {figures['committed/s']:8.0f} /s   (target {TARGETS['committed/s']})")
    print(
        f"acknowledgement         p50 {statistics.median(times) * 1000:.1f} ms, p99 {figures['p99 ack ms']:.1f} ms "
        f"(target {TARGETS['p99 ack ms']}), max {times[-1] * 1000:.1f} ms"
    )
    print(f"CPU of a message        node {spent[0]:.2f} ms, worker {spent[1]:.2f} ms, load generator {own:.2f} ms")
    print(f"ready after {ready:.2f} s; resident {resident}")
    good = (
        figures["acknowledged/s"] >= TARGETS["acknowledged/s"]
        and figures["committed/s"] >= TARGETS["committed/s"]
        and figures["p99 ack ms"] <= TARGETS["p99 ack ms"]
    )
    return 0 if good else 1


def _cpu(pid: int) -> list[float]:
    """Return the CPU seconds of the node and of its workers together."""
    found = [0.0, 0.0]
    tick = os.sysconf("SC_CLK_TCK")
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        mine = stat.parent.name == str(pid)
        if mine or fields[1] == str(pid):
            found[0 if mine else 1] += (int(fields[11]) + int(fields[12])) / tick
    return found


def _resident(pid: int) -> str:
    """Return the resident memory of the node and its workers."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            text = status.read_text()
        except OSError:
            continue
        fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        if fields["Pid"].strip() == str(pid) or fields["PPid"].strip() == str(pid):
            found.append(f"{int(fields.get('VmRSS', '0 kB').split()[0]) // 1024} MB")
    return " + ".join(found)


if __name__ == "__main__":
    sys.exit(main())
