"""Starts a node as an operator would, in a process of its own, and looks into its store from outside."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

__all__ = ["NodeProcess", "free_port", "message_states"]

_PROGRAM = (
    "import sys; from pathlib import Path; from unsilo.config import load; from unsilo.app import run\n"
    "found = load(Path(sys.argv[1]), {})\n"
    "assert found.value is not None, found.issues\n"
    "sys.exit(run(found.value))"
)

_QUEUED = "SELECT 1 FROM message WHERE state IN ('queued', 'held', 'dead') AND state = 'queued' LIMIT 1"
"""Answered by an index of what is open."""


def free_port() -> int:
    """Return a TCP port that is free now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def message_states(data: Path) -> dict[str, int]:
    """Count the journal's messages by state, from outside the node."""
    with sqlite3.connect(f"file:{data / 'unsilo.db'}?mode=ro", uri=True, timeout=30) as db:
        return dict(db.execute("SELECT state, count(*) FROM message GROUP BY state").fetchall())


class NodeProcess:
    """One node: `start` returns how long it took to be ready, `kill` is SIGKILL to it and its workers' input."""

    def __init__(self, folder: Path, *, workers: int = 0, wrap: list[str] | None = None) -> None:
        self.folder, self.data = folder, folder / "data"
        self.port, self.http = free_port(), free_port()
        self.wrap = wrap or []
        self.process: subprocess.Popen[str] | None = None
        self.settings = folder / "unsilo.toml"
        folder.mkdir(parents=True, exist_ok=True)
        self.settings.write_text(
            f'data = "data"\nport = {self.http}\nworkers = {workers}\nlog_level = "error"\n'
            f'[feeds.his]\nformat = "hl7v2"\ntransport = "mllp"\nport = {self.port}\n'
            'authorities = { KH = "urn:oid:1.2.3.4" }\n'
        )

    def start(self, seconds: float = 30) -> float:
        """Start and wait for the line that says it is ready."""
        began = time.perf_counter()
        log = (self.folder / "log").open("ab")
        self.process = subprocess.Popen(
            [*self.wrap, sys.executable, "-c", _PROGRAM, str(self.settings)], stdout=subprocess.PIPE, stderr=log,
            text=True, start_new_session=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        log.close()
        out: Any = self.process.stdout
        while time.perf_counter() - began < seconds:
            line = out.readline()
            if "is ready" in line:
                return time.perf_counter() - began
            if not line:
                break
        raise RuntimeError(f"the node did not start: {(self.folder / 'log').read_text()[-2000:]}")

    @property
    def pid(self) -> int:
        """The node's process id."""
        return self.process.pid if self.process is not None else 0

    def kill(self) -> None:
        """SIGKILL the node and everything it started, as a crash of the machine's process table would."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            if self.process.stdout is not None:
                self.process.stdout.close()
            self.process = None

    def stop(self, seconds: float = 15) -> int:
        """SIGTERM and wait; return the exit status."""
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return -9
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.process = None
        return status

    def idle(self, seconds: float = 60) -> bool:
        """Wait until nothing is queued, looking as cheaply as can be; False when that takes too long."""
        until = time.perf_counter() + seconds
        with closing(sqlite3.connect(f"file:{self.data / 'unsilo.db'}?mode=ro", uri=True, timeout=30)) as db:
            while time.perf_counter() < until:
                if db.execute(_QUEUED).fetchone() is None:
                    return True
                time.sleep(0.05)
        return False
