"""The tutorial's own commands, files and Python run as they are printed."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"
BLOCK = re.compile(r"^```(\w+ ?\w*)\n(.*?)^```$", re.M | re.S)
SAVED = re.compile(r"as `([\w.]+)`(?: in `(\w+)`)?")


def free_port() -> int:
    """A port that nobody has at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_tutorial_runs_as_printed(tmp_path: Path) -> None:
    """Each `sh` block ends with 0 (with 1 where it says so), files are as printed, the Python prints the result."""
    text = TUTORIAL.read_text("utf-8")
    web, mllp = free_port(), free_port()
    text = text.replace("2575", str(mllp))
    environment = {**os.environ, "UNSILO_URL": f"http://127.0.0.1:{web}", "UNSILO_PORT": str(web)}
    server: subprocess.Popen[str] | None = None
    printed = []
    try:
        for block in BLOCK.finditer(text):
            kind, body = block[1], block[2]
            if kind in ("hl7", "toml"):
                name, folder = SAVED.findall(text[: block.start()])[-1]
                (tmp_path / folder / name).write_text(body, "utf-8")
            elif kind == "python":
                _wait_until_processed(tmp_path, environment)
                printed.append(_run([sys.executable, "-c", body], tmp_path, environment, 0))
            else:
                for line in body.splitlines():
                    command = [sys.executable, "-m", *line.split()]
                    printed.append(_run(command, tmp_path, environment, 1 if kind == "sh fails" else 0))
                    if server is None:
                        serve = [sys.executable, "-m", *f"unsilo serve --data mine --mllp {mllp}".split()]
                        server = subprocess.Popen(
                            serve, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
                        )
                        assert server.stdout is not None
                        assert "ready" in server.stdout.readline()
    finally:
        if server is not None:
            if server.stdout is not None:
                server.stdout.close()
            server.send_signal(signal.SIGTERM)
            try:
                server.wait(15)
            finally:
                server.kill()
    everything = "\n".join(printed)
    assert "Glucose [Mass/volume] in Serum or Plasma 98 mg/dL" in everything
    assert "PID|1||4711^^^HILLTOP^MR||Rivera^Ana" in everything
    assert "1 of 1 message accepted" in everything
    assert (tmp_path / "bundles" / "first.hl7.json").exists()


def _wait_until_processed(folder: Path, environment: dict[str, str]) -> None:
    """A reader takes longer to turn to the next block than the node to process what was sent; a test does not."""
    deadline = time.monotonic() + 30
    command = [sys.executable, "-m", "unsilo", "status", "--data", "mine", "--json"]
    while json.loads(_run(command, folder, environment, 0))["messages"].get("queued"):
        assert time.monotonic() < deadline, "the messages were not processed in time"
        time.sleep(0.1)


def _run(command: list[str], folder: Path, environment: dict[str, str], status: int) -> str:
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == status, (command, done.stdout, done.stderr)
    return done.stdout
