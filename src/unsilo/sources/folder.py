"""The folder source: files at rest are taken, and moved to `done` or `failed` when they are processed."""

import logging
import os
import stat
import threading
from concurrent.futures import Future
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec

from unsilo.config import Feed
from unsilo.flow.receive import Ending, Reading
from unsilo.kernel import Issue
from unsilo.storage import Receipt

__all__ = ["FolderWatch", "Node"]

_log = logging.getLogger("unsilo.folder")
_UNFINISHED = (".tmp", ".part", ".filepart", ".crdownload", ".swp")
_SECONDS = 1.0


class Node(Protocol):
    """What this source asks of the node."""

    def read(self, feed: Feed, content: bytes, headers: dict[str, str], found: tuple[Issue, ...]) -> Reading:
        """Read what receipt needs."""

    def keep(self, reading: Reading) -> "Future[list[Receipt]]":
        """Make the piece durable."""

    def ending(self, receipt: Receipt) -> "Future[Ending]":
        """Wait for the end of the processing."""


class _Taken(NamedTuple):
    file: Path
    kept: "Future[list[Receipt]]"


class FolderWatch:
    """Watches one folder from a thread of its own.

    A file is taken when two looks in a row find the same size and time, by renaming it into `working` (which only one
    taker can do); what lies in `working` at the start was not finished by a former run and is taken again.
    """

    def __init__(self, node: Node, feed: Feed, seconds: float = _SECONDS) -> None:
        self.node, self.feed, self.seconds = node, feed, seconds
        self.folder = Path(feed.folder)
        self.working, self.done, self.failed = (self.folder / name for name in ("working", "done", "failed"))
        self._sizes: dict[str, tuple[int, int]] = {}
        self._kept: list[_Taken] = []
        self._processing: list[tuple[Path, list[Future[Ending]]]] = []
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Make the folders, take what a former run left, and watch. OSError when the folders cannot be made."""
        for folder in (self.working, self.done, self.failed):
            folder.mkdir(parents=True, exist_ok=True)
        for left in sorted(self.working.iterdir()):
            self._take(left)
        self._thread = threading.Thread(target=self._run, name=f"folder-{self.feed.name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop watching; what was taken and not finished stays in `working`."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(5)

    def _run(self) -> None:
        while not self._stop.wait(self.seconds):
            try:
                self.look()
            except OSError as fault:
                _log.error("folder not readable", extra={"feed": self.feed.name, "reason": type(fault).__name__})

    def look(self) -> None:
        """Look once: take what has come to rest, put away what is finished."""
        sizes: dict[str, tuple[int, int]] = {}
        with os.scandir(self.folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
        for entry in found:
            name = entry.name
            if name.startswith(".") or name.endswith(_UNFINISHED) or not fnmatchcase(name, self.feed.pattern):
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            if not stat.S_ISREG(status.st_mode):
                continue
            sizes[name] = (status.st_size, status.st_mtime_ns)
            if self._sizes.get(name) == sizes[name]:
                target = _free(self.working / name)
                with suppress(FileNotFoundError):
                    (self.folder / name).rename(target)
                    self._take(target)
        self._sizes = sizes
        self._advance()

    def _take(self, file: Path) -> None:
        limit = self.feed.limit_bytes
        if file.stat().st_size > limit:
            text = f"longer than the {limit} bytes of its feed"
            self._put_away(file, "rejected", [Issue("error", "too-long", text, rule="folder.limit")])
            return
        content = file.read_bytes()
        if not content.strip():
            self._put_away(file, "rejected", [Issue("error", "required", "the file is empty", rule="folder.empty")])
            return
        reading = self.node.read(self.feed, content, {"transport": "folder", "file": file.name}, ())
        self._kept.append(_Taken(file, self.node.keep(reading)))

    def _advance(self) -> None:
        """Go on with each file as far as its message has come."""
        kept, self._kept = self._kept, []
        for taken in kept:
            if not taken.kept.done():
                self._kept.append(taken)
            elif taken.kept.exception() is not None:
                _log.error("not stored", extra={"feed": self.feed.name})
                self._take(taken.file)
            else:
                receipts = taken.kept.result()
                if receipts[0].state == "dead":
                    self._put_away(taken.file, "dead", receipts[0].issues, receipts[0].id)
                else:
                    endings = [self.node.ending(receipt) for receipt in (receipts[1:] or receipts)]
                    self._processing.append((taken.file, endings))
        processing, self._processing = self._processing, []
        for file, endings in processing:
            if not all(ending.done() for ending in endings):
                self._processing.append((file, endings))
                continue
            results = [ending.result() for ending in endings if not ending.cancelled()]
            if not results:
                continue
            bad = next((result for result in results if result.state not in ("done", "test")), None)
            issues = [issue for result in results for issue in result.issues]
            self._put_away(file, bad.state if bad is not None else "done", issues)

    def _put_away(self, file: Path, state: str, issues: list[Issue], id_: str = "") -> None:
        good = state == "done"
        target = _free((self.done if good else self.failed) / file.name)
        if issues:
            report = {"state": state, "message": id_, "issues": issues}
            beside = target.with_name(target.name + ".issues.json")
            beside.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
        file.rename(target)


def _free(target: Path) -> Path:
    """Return `target`, or the same name with the first free number when it is taken."""
    number, free = 0, target
    while free.exists():
        number += 1
        free = target.with_name(f"{target.stem}-{number}{target.suffix}")
    return free
