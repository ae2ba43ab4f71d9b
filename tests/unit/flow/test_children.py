"""What a node starts beside itself ends when the node lets go of it, and not before."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

MODULES = ("unsilo.flow.work.worker", "unsilo.flow.fhir.drafter", "unsilo.flow.notes.worker")


def _ignores(pid: int, number: int) -> bool:
    """Tell whether a process ignores a signal (proc(5), SigIgn)."""
    lines = Path(f"/proc/{pid}/status").read_text("utf-8").splitlines()
    mask = next(line.split()[1] for line in lines if line.startswith("SigIgn:"))
    return bool(int(mask, 16) >> (number - 1) & 1)


@pytest.mark.parametrize("module", MODULES)
def test_a_stop_of_the_whole_group_leaves_the_work_to_be_finished(module: str, tmp_path: Path) -> None:
    """Ctrl-C in a terminal and a service manager's SIGTERM reach children too; these end with their pipe."""
    if not Path("/proc/self/status").exists():
        pytest.skip("there is no /proc")
    command = [sys.executable, "-m", module, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        try:
            until = time.monotonic() + 60
            while not (_ignores(child.pid, signal.SIGINT) and _ignores(child.pid, signal.SIGTERM)):
                assert child.poll() is None
                assert time.monotonic() < until, "it never came to ignore the signals"
                time.sleep(0.02)
            os.kill(child.pid, signal.SIGTERM)
            os.kill(child.pid, signal.SIGINT)
            assert child.stdin is not None
            child.stdin.close()
            assert child.wait(60) not in (-signal.SIGTERM, -signal.SIGINT)
        finally:
            child.kill()
