"""Runs the demo: the real server in this process, fed over its own sockets from a thread, then a summary."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from unsilo.client import Client, ClientError
from unsilo.config import Settings
from unsilo.config.check import check
from unsilo.demo.script import Sending, town
from unsilo.demo.settings import demo_settings
from unsilo.flow import access
from unsilo.flow.send import Sender
from unsilo.flow.service import Service
from unsilo.flow.status import Status, status

__all__ = ["USERS", "run_demo", "summary"]

USERS = {
    "clara": ("Clara Benson", "clinician"), "stefan": ("Stefan Rowe", "steward"),
    "edda": ("Edda Lund", "engineer"), "adam": ("Adam Price", "admin"),
}  # fmt: skip
"""Name -> how it is shown, and the role: one of each."""

_WAIT = 120.0
_POLL = 0.05


class _TroubleError(Exception):
    """The demo could not be fed."""


def summary(found: Status) -> list[str]:
    """Return the lines of the summary; the numbers are those of `unsilo status --json`."""
    return [
        f"messages in:        {found.messages_in}",
        f"persons:            {found.persons}",
        f"resources:          {sum(found.resources.values())}",
        f"merged duplicates:  {found.merged}",
        f"conflicts:          {found.conflicts}",
        f"dead letters:       {found.dead_letters}",
    ]


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _busy(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _until(true: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + _WAIT
    while not true():
        if time.monotonic() > end:
            raise _TroubleError(f"{what} took longer than {_WAIT:.0f} seconds")
        time.sleep(_POLL)


class _Feeder:
    """Sends the town's messages by MLLP, into the watched folder, and by HTTP."""

    def __init__(self, service: Service, mllp: int) -> None:
        self.service = service
        self.settings = service.settings
        self.inbox = Path(self.settings.feeds["citylab"].folder)
        self.client = Client(f"http://127.0.0.1:{self.settings.port}", "")
        self.senders = {name: Sender("127.0.0.1", mllp) for name in ("north", "brigid")}
        self.refused = 0

    def _ready(self) -> bool:
        try:
            self.client.capabilities()
        except ClientError:
            return False
        return True

    def wait(self) -> None:
        """Wait for the server."""
        _until(self._ready, "starting")

    def feed(self, sendings: list[Sending]) -> None:
        """Send everything, phase by phase, and wait until it is processed."""
        for phase in sorted({sending.phase for sending in sendings}):
            now = [sending for sending in sendings if sending.phase == phase]
            feeds = {sending.feed for sending in now if sending.via == "mllp"}
            lines = [[s for s in now if s.feed == feed] for feed in sorted(feeds)]
            lines.append([s for s in now if s.feed not in feeds])
            # Each hospital keeps its own order; between them there is none, as in life.
            with ThreadPoolExecutor(len(lines)) as senders:
                list(senders.map(self._send_all, lines))
            _until(self._done, "processing")

    def _send_all(self, sendings: list[Sending]) -> None:
        for sending in sendings:
            self._send(sending)

    def _send(self, sending: Sending) -> None:
        if sending.via == "mllp":
            answer = self.senders[sending.feed].send(sending.content)
            self.refused += not answer.accepted
            if not answer.code:
                raise _TroubleError("; ".join(issue.text for issue in answer.issues))
        elif sending.via == "folder":
            part = self.inbox / f"{sending.name}.part"
            part.write_bytes(sending.content)
            part.rename(self.inbox / sending.name)
        else:
            self.client.ingest(sending.feed, sending.content)

    def _done(self) -> bool:
        folders = (self.inbox, self.inbox / "working")
        waiting = any(path.is_file() for folder in folders if folder.is_dir() for path in folder.iterdir())
        return not waiting and self.service.dispatcher.idle and not self.service.store.queued(0, 1)

    def close(self) -> None:
        """Close every connection."""
        self.client.close()
        for sender in self.senders.values():
            sender.close()


def _links(service: Service) -> list[str]:
    """Make the users that are not there yet, and a one-time sign-in link for each."""
    lines = []
    for name, (display, role) in USERS.items():
        if service.store.users.get(name) is None:
            access.add_user(service, name, display, [role])
        user = service.store.users.get(name)
        if user is not None:
            address = f"http://127.0.0.1:{service.settings.port}/sign-in/{access.new_link(service, user)}"
            lines.append(f"  {role:<10} {display:<13} {address}")
    return lines


def _tell(service: Service, seconds: float, *, once: bool) -> None:
    found = status(service.store, service.settings, service=service)
    _say("")
    for line in summary(found):
        _say(line)
    _say(f"(fed and processed in {seconds:.1f} s)")
    if not once:
        _say("\nSign in, each link works once:")
        for line in _links(service):
            _say(line)
        _say("\nStop with Ctrl-C.")


def _prepare(data: Path) -> None:
    """Build the terminologies that come with the product in a process of its own, so that codes of them are known."""
    command = [sys.executable, "-m", "unsilo", "terminology", "prepare", "--data", str(data)]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)  # noqa: S603 - own


def _write_settings(settings: Settings, file: Path) -> None:
    """Leave the settings beside the data, so that `unsilo serve --config` runs the same node again."""
    lines = [f'data = "."\nport = {settings.port}\n']
    for listener in settings.mllp:
        lines.append(f"[[mllp]]\nport = {listener.port}\n")
        lines += [
            f'[[mllp.routes]]\nfeed = "{route.feed}"\nsending_facility = "{route.sending_facility}"\n'
            for route in listener.routes
        ]
    for name, feed in settings.feeds.items():
        values = {k: v for k, v in msgspec.to_builtins(feed).items() if k != "name"}
        if "folder" in values:
            values["folder"] = "inbox"
        tables = {key: values.pop(key) for key in ("authorities", "systems", "lists") if key in values}
        lines.append(f"[feeds.{name}]\n" + "".join(f"{k} = {_toml(v)}\n" for k, v in values.items()))
        for key, table in tables.items():
            lines.append(f"[feeds.{name}.{key}]\n" + "".join(f'"{k}" = {_toml(v)}\n' for k, v in table.items()))
    file.write_text("\n".join(lines), "utf-8")


def _toml(value: object) -> str:
    return msgspec.json.encode(value).decode()  # JSON texts and numbers are TOML too


def run_demo(data: Path, port: int, mllp: int, *, once: bool) -> str:
    """Run the demo until it is stopped (`once`: until the summary is printed); return what went wrong, or nothing.

    What is in `data` already stays: the town's messages are then resends without a second effect.
    """
    from unsilo.app import run

    for number in (port, mllp):
        if _busy(number):
            return f"port {number} is in use: choose others with --port and --mllp"
    data = data.resolve()
    (data / "inbox").mkdir(parents=True, exist_ok=True)
    settings = msgspec.structs.replace(demo_settings(data, port, mllp, notes=True), log_level="warning")
    problems = check(settings)
    if problems:
        return f"the demo's settings are wrong: {problems}"
    _write_settings(settings, data / "unsilo.toml")
    service = Service(settings)
    trouble: list[str] = []

    def work() -> None:
        feeder = _Feeder(service, mllp)
        began = time.perf_counter()
        try:
            sendings = town()
            feeder.wait()
            _say(f"Feeding {len(sendings)} messages and files of two hospitals, a laboratory and a clinic ...")
            feeder.feed(sendings)
            _tell(service, time.perf_counter() - began, once=once)
        except (_TroubleError, ClientError, OSError, RuntimeError) as fault:
            trouble.append(str(fault) or type(fault).__name__)
        finally:
            feeder.close()
            if once or trouble:
                os.kill(os.getpid(), signal.SIGINT)
        if not once and not trouble:
            _prepare(data)

    feeding = threading.Thread(target=work, name="demo", daemon=True)
    feeding.start()
    failed = run(settings, service)
    feeding.join(2.0 if not failed else 0.1)
    if trouble:
        return trouble[0]
    return "the server could not start" if failed else ""
