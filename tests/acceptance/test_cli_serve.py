"""`unsilo serve` is ready soon, small when idle, says its addresses, and stops when it is asked to."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest

from unsilo.client import Client, ClientError

pytestmark = pytest.mark.slow
UNSILO = [sys.executable, "-m", "unsilo"]


def free_port() -> int:
    """A port that nobody has at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def memory(pid: int) -> int:
    """Resident bytes of a process."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) * 1024


def test_serve_starts_idles_and_stops(tmp_path: Path) -> None:
    """Says when it is ready, stays under 120 MB a process, answers, ends on SIGTERM; a second node is refused."""
    port, mllp = free_port(), free_port()
    arguments = ["serve", "--data", str(tmp_path / "d"), "--port", str(port), "--mllp", str(mllp)]
    with subprocess.Popen([*UNSILO, *arguments], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line == f"unsilo is ready: http://127.0.0.1:{port} mllp://127.0.0.1:{mllp}\n"
            with Client(f"http://127.0.0.1:{port}") as node:
                assert node.capabilities()["fhirVersion"] == "4.0.1"
                with pytest.raises(ClientError, match="no feed"):
                    node.ingest("nowhere", b"x")
            with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                figures = answer.read().decode()
            assert 'unsilo_http_requests_total{route="/ingest/{feed}",method="POST",status="404"} 1' in figures
            assert 'unsilo_http_requests_total{route="/fhir/metadata",method="GET",status="200"} 1' in figures
            children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True)
            for pid in [process.pid, *map(int, children.stdout.split())]:
                assert memory(pid) < 120_000_000
            second = subprocess.run([*UNSILO, *arguments], capture_output=True, text=True, timeout=30)
            assert second.returncode == 3
            assert str(process.pid) in second.stderr
            process.send_signal(signal.SIGTERM)
            assert process.wait(15) == 0
        finally:
            process.kill()


ADT = b"MSH|^~\\&|A|NORTH|U|HUB|20260101080000||ADT^A04|C1|P|2.5.1\rPID|1||7^^^NGH^MR||Rivera^Ana||19800517|F\r"


def run(*arguments: str, status: int = 0) -> str:
    """Run the command and return what it printed."""
    done = subprocess.run([*UNSILO, *arguments], capture_output=True, text=True, timeout=60)
    assert done.returncode == status, (arguments, done.stdout, done.stderr)
    return done.stdout


def _count_for_a_while(node: Client) -> None:
    """Ask for some seconds: a node hears within one of what another process did to its tokens."""
    for _ in range(100):
        node.count("Patient")
        time.sleep(0.05)


def test_commands_work_beside_a_running_node(tmp_path: Path) -> None:
    """Accounts, tokens, ingest, replay, status and backup need no stop; a token holds and ends at once."""
    data, port = str(tmp_path / "d"), free_port()
    url = f"http://127.0.0.1:{port}"
    (tmp_path / "a.hl7").write_bytes(ADT)
    sending = ["ingest", str(tmp_path / "a.hl7"), "--feed", "default", "--url", url]
    with subprocess.Popen(
        [*UNSILO, "serve", "--data", data, "--port", str(port)], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert "ready" in process.stdout.readline()
            assert "1 done" in run(*sending)
            assert "1 resent" in run(*sending)
            again = ["replay", "--state", "done", "--reason", "the map is new", "--url", url]
            assert "1 message replayed: 1 done" in run(*again)
            run("replay", "none", "--reason", "x", "--url", url, status=2)
            assert run("replay", "--state", "done", "--reason", "x", "--data", data, status=3) == ""
            secret = run("token", "add", "reader", "--scope", "read", "--data", data).strip()
            with Client(url, secret) as node:
                assert node.count("Patient", family="rivera") == 1
                run("token", "revoke", "reader", "--data", data)
                with pytest.raises(ClientError, match="revoked"):
                    _count_for_a_while(node)
            run(*sending, "--token", secret, status=3)
            assert "/sign-in/" in run("user", "add", "ann", "--role", "admin", "--data", data)
            assert "1 message in, 1 person," in run("status", "--data", data)
            run("backup", str(tmp_path / "copy"), "--data", data)
            process.send_signal(signal.SIGTERM)
            assert process.wait(15) == 0
        finally:
            process.kill()
    run("verify", "--data", data)
    run("restore", str(tmp_path / "copy"), "--data", str(tmp_path / "back"))


def test_a_port_in_use_ends_with_3(tmp_path: Path) -> None:
    """A node that cannot have its port says so and ends."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [*UNSILO, "serve", "--data", str(tmp_path), "--port", str(port)], capture_output=True, text=True, timeout=30
        )
    assert done.returncode == 3
    assert "in use" in done.stderr
