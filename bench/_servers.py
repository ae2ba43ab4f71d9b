"""The servers that the FHIR measurements are made with: our node, and PyPI sekmet-fhir as its own command starts it."""

import os
import subprocess
import time
from pathlib import Path

from bench._http import get, one
from bench._node import NodeProcess, free_port

__all__ = ["Sekmet", "Server", "Unsilo"]


class Server:
    """A server under test: its port, the path of its FHIR base, and its process."""

    name = ""
    base = "/fhir"
    port = 0
    pid = 0
    files: Path

    def start(self) -> float:
        """Start it; return the seconds until it answered."""
        raise NotImplementedError

    def stop(self) -> None:
        """End it."""
        raise NotImplementedError

    def size(self) -> int:
        """Bytes of its files that hold what was stored."""
        return sum(path.stat().st_size for path in self.files.rglob("*") if path.is_file())

    def _processes(self) -> list[int]:
        found, todo = [], [self.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            for file in Path(f"/proc/{pid}/task").glob("*/children"):
                todo += [int(child) for child in file.read_text().split()]
        return found

    def memory(self) -> int:
        """Resident bytes of its processes."""
        pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in self._processes()]
        return sum(pages) * os.sysconf("SC_PAGE_SIZE")

    def cpu(self) -> float:
        """Seconds that its processes have computed so far."""
        ticks = 0
        for pid in self._processes():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")


class Unsilo(Server):
    """Our node with its default settings."""

    name = "unsilo"

    def __init__(self, folder: Path, database: str = "") -> None:
        self.node = NodeProcess(folder)
        self.files = self.node.data
        self.port = self.node.http
        if database:
            text = self.node.settings.read_text()
            self.node.settings.write_text(f'database = "{database}"\n{text}')

    def start(self) -> float:
        """Start it; return the seconds until it was ready."""
        seconds = self.node.start(seconds=120)
        self.pid = self.node.pid
        return seconds

    def size(self) -> int:
        """Bytes of database and journal; the reserve for a full disk is as large in an empty store, and no data."""
        paths = [*self.files.glob("unsilo.db*"), *(self.files / "journal").glob("*")]
        return sum(path.stat().st_size for path in paths)

    def stop(self) -> None:
        """End it, the write-ahead log folded in."""
        self.node.stop()


class Sekmet(Server):
    """PyPI sekmet-fhir as its own command starts it, without validation, simulator and log of traffic."""

    name = "sekmet-fhir"

    def __init__(self, folder: Path, program: str) -> None:
        folder.mkdir(parents=True)
        self.files, self.program, self.port = folder / "data", program, free_port()
        self.settings = folder / "settings.yaml"
        self.settings.write_text(
            f"base_url: http://localhost:{self.port}/fhir\nhost: 127.0.0.1\nport: {self.port}\n"
            f"data_dir: {self.files}\nlog_inbound: false\n"
            "validation: {inbound: 'off'}\nsimulator: {enabled: false}\n"
        )
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> float:
        """Start it; return the seconds until it answered."""
        began = time.perf_counter()
        self.process = subprocess.Popen(
            [self.program, "serve", "--config", str(self.settings)], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, cwd=self.settings.parent,
        )  # fmt: skip
        self.pid = self.process.pid
        while time.perf_counter() - began < 60:
            try:
                one(self.port, get("/fhir/metadata"))
            except OSError:
                time.sleep(0.05)
            else:
                return time.perf_counter() - began
        raise RuntimeError("sekmet-fhir did not start")

    def stop(self) -> None:
        """End it."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
