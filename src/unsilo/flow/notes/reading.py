"""Reads notes in the background, after they are stored: by a process of its own, by setting of each feed."""

import contextlib
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from select import select
from typing import BinaryIO, cast

import msgspec

from unsilo.config import Settings
from unsilo.flow.notes.texts import may_carry, text_types
from unsilo.flow.notes.words import version_of
from unsilo.flow.notes.worker import Asked, Told, put_word
from unsilo.flow.terminology.library import Shelves
from unsilo.flow.work.worker import word
from unsilo.kernel import clock
from unsilo.policy import EVERYTHING, Predicate
from unsilo.storage import NotDurableError, Store, Stored, Tx
from unsilo.storage.notes import NoteProgress, NoteRow, forget_note, keep_progress, put_note

__all__ = ["NoteReading", "Reader"]

_log = logging.getLogger("unsilo.notes")
_AT_ONCE = 100
_LOOK = 2.0
"""Seconds between two looks for what is new."""
_LATEST = 60.0
"""Seconds that one resource may take; then its process is ended, and the resource counts as read, without facts."""
_IDLE = 120.0
"""Seconds after which a process with nothing to read is ended, and its memory given back."""
_SLACK = 10_000_000
"""Microseconds: what was written while a look ran may carry an earlier time, and is looked at again."""
_REMEMBERED = 200_000
_ALL = Predicate(0, EVERYTHING)


class Reader:
    """The process that reads; started when it is first needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._child: subprocess.Popen[bytes] | None = None
        self._used = 0.0

    def read(self, asked: Asked) -> Told | None:
        """Return what was read; None when the process did not answer, which ends it."""
        if self._child is not None and self._child.poll() is not None:
            self.end()
        if self._child is None:
            command = [sys.executable, "-m", "unsilo.flow.notes.worker", str(self._folder)]
            self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603
        self._used = time.monotonic()
        try:
            put_word(cast(BinaryIO, self._child.stdin), asked)
            out = cast(BinaryIO, self._child.stdout)
            ready, _, _ = select([out], [], [], _LATEST)
            said = word(out) if ready else None
        except OSError:
            said = None
        if said is None:
            self.end()
            return None
        return msgspec.msgpack.decode(said, type=Told)

    def rest(self) -> None:
        """End the process when it has had nothing to do for long."""
        if self._child is not None and time.monotonic() - self._used > _IDLE:
            self.end()

    def end(self) -> None:
        """End the process."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            for pipe in (self._child.stdin, self._child.stdout):
                if pipe is not None:
                    # What was not taken by a process that is gone is lost with it.
                    with contextlib.suppress(OSError):
                        pipe.close()
            self._child = None


class NoteReading:
    """One thread, which runs only when the notes of a feed are to be read; a restart goes on where it was.

    A resource is read again when it has a new version, or when rules, tables or terminologies have changed.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store, self._settings = store, settings
        self._feeds = {feed.name for feed in settings.feeds.values() if feed.notes}
        self._shelves = Shelves(settings.data / "terminology")
        self._reader = Reader(settings.data)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._top = -1
        self._by_mid: dict[int, bool] = {}
        self._seen: dict[str, int] = {}

    @property
    def runs(self) -> bool:
        """Tell whether notes of any feed are read."""
        return bool(self._feeds) or self._settings.notes.interface

    def start(self) -> None:
        """Start the thread, if there is anything to do."""
        if self.runs:
            self._thread = threading.Thread(target=self._work, name="unsilo-notes", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stop after the resource at hand."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(10)
        self._reader.end()

    def _work(self) -> None:
        while not self._stopping.is_set():
            try:
                self.run()
            except NotDurableError:
                self._again()
            except Exception:  # noqa: BLE001 - it must be seen, and must not end the thread
                if not self._stopping.is_set():
                    _log.exception("the reading of notes stumbled")
                self._again()
            self._reader.rest()
            self._stopping.wait(_LOOK)

    def _again(self) -> None:
        """Look at everything since the progress that is kept once more: what was read may not have been written."""
        self._top = -1
        self._seen.clear()

    def run(self) -> int:
        """Read what is new or must be read again; return how many resources were read."""
        top, dictionary = self._store.top_transaction(), version_of(self._shelves)
        progress = self._store.note_progress()
        if top == self._top and progress.dictionary == dictionary:
            return 0
        if progress.dictionary != dictionary:
            progress = NoteProgress(dictionary)
            self._seen.clear()
        count = 0
        for kind in text_types():
            began = clock.now()
            count += self._type(kind, progress.since.get(kind, 0), dictionary)
            if self._stopping.is_set():
                return count
            progress.since[kind] = max(progress.since.get(kind, 0), began - _SLACK)
        self._store.submit(lambda tx: keep_progress(tx, progress), -1).result()
        self._top = top
        return count

    def _type(self, kind: str, since: int, dictionary: str) -> int:
        view, count = self._store.view(shared=True), 0
        for state in (0, 1):
            after = 0
            while found := view.walk(_ALL, kind, after=after, since=since, limit=_AT_ONCE, states=(state,)):
                after = found[-1].rid
                changes: list[NoteRow | str] = []
                for row in found:
                    change, was_read = self._one(row, dictionary)
                    changes += [change] if change is not None else []
                    count += was_read
                    if self._stopping.is_set():
                        break
                if changes:
                    self._store.submit(partial(_write, changes), -1).result()
                if self._stopping.is_set():
                    return count
        return count

    def _wanted(self, row: Stored) -> bool:
        """Tell whether notes of the feed that brought a version are read."""
        known = self._by_mid.get(row.mid)
        if known is None:
            message = self._store.message(row.mid) if row.mid else None
            known = message.feed in self._feeds if message is not None else self._settings.notes.interface
            if len(self._by_mid) > 100_000:
                self._by_mid.clear()
            self._by_mid[row.mid] = known
        return known

    def _one(self, row: Stored, dictionary: str) -> tuple[NoteRow | str | None, bool]:
        """Return what is to be kept of a version, or whose reading is to be forgotten, and whether it was read."""
        ref = f"{row.type}/{row.id}"
        version = row.version if row.state == 0 else -row.version
        if self._seen.get(ref) == version:
            return None, False
        if len(self._seen) > _REMEMBERED:
            self._seen.clear()
        self._seen[ref] = version
        had = self._store.note(ref)
        if row.state == 1 or not self._wanted(row):
            return (ref if had is not None else None), False
        if had is not None and had.version == row.version and had.dictionary == dictionary:
            return None, False
        if had is None and not may_carry(row.type, row.body):
            return None, False
        told = self._reader.read(Asked(ref, row.version, bytes(row.body)))
        if self._stopping.is_set():
            return None, False
        if told is None or told.fault:
            _log.warning("a note could not be read", extra={"resource": ref, "fault": told.fault if told else "late"})
        facts = told.facts if told is not None else []
        keep = facts or had is not None or told is None or told.fault
        return (NoteRow(ref, row.version, dictionary, clock.now(), facts) if keep else None), True


def _write(changes: Sequence[NoteRow | str], tx: Tx) -> None:
    for change in changes:
        if isinstance(change, str):
            forget_note(tx, change)
        else:
            put_note(tx, change)
