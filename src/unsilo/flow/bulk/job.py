"""An export or import as a thing that lasts: its state in a file of its own, so that a restart goes on where it was."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Generic, Literal, TypeVar

import msgspec

from unsilo.flow.bulk.request import Request
from unsilo.kernel import clock, fresh_id

__all__ = ["File", "Job", "Jobs", "Task"]

_NAME = re.compile(r"[A-Za-z0-9\-]{1,64}")
_STATE = "job.json"


class File(msgspec.Struct):
    """One file of an export: what it holds (`kind` output or deleted), how many lines, how many bytes are certain."""

    type: str
    name: str
    kind: Literal["output", "deleted"] = "output"
    count: int = 0
    size: int = 0


class Task(msgspec.Struct, kw_only=True):
    """What exports and imports share: who asked, by what address, when (microseconds), and how it stands."""

    id: str = ""
    actor: str
    url: str
    time: int = 0
    state: Literal["running", "done", "failed", "cancelled"] = "running"
    finished: int = 0
    error: str = ""


class Job(Task, kw_only=True):
    """An export and how far it is. `place` is (number of the type, last row) of what is written and certain."""

    request: Request
    place: tuple[int, int] = (0, 0)
    files: list[File] = []
    written: int = 0


J = TypeVar("J", bound=Task)


class Jobs(Generic[J]):
    """The exports or the imports of a node, each in a folder of its own."""

    def __init__(self, folder: Path, kind: type[J]) -> None:
        self.folder = folder
        self._kind = kind

    def start(self, job: J) -> J:
        """Keep a new one under an id of its own, durable before this returns."""
        job.id, job.time = fresh_id(), clock.now()
        (self.folder / job.id).mkdir(parents=True, mode=0o700)
        self.keep(job)
        return job

    def keep(self, job: J) -> None:
        """Write how far a job is, whole or not at all."""
        place = self.folder / job.id / _STATE
        fresh = place.with_suffix(".new")
        with fresh.open("wb") as file:
            file.write(msgspec.json.encode(job))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(place)

    def get(self, id_: str) -> J | None:
        """Return a job by id."""
        if _NAME.fullmatch(id_) is None:
            return None
        try:
            return msgspec.json.decode((self.folder / id_ / _STATE).read_bytes(), type=self._kind)
        except (OSError, msgspec.DecodeError):
            return None

    def all(self) -> Iterator[J]:
        """Yield every job that is there."""
        for place in sorted(self.folder.glob(f"*/{_STATE}")) if self.folder.is_dir() else ():
            job = self.get(place.parent.name)
            if job is not None:
                yield job

    def path(self, job: J, name: str) -> Path:
        """Return where a file of a job is."""
        return self.folder / job.id / name

    def remove(self, id_: str) -> None:
        """Remove a job and all that it wrote."""
        if _NAME.fullmatch(id_) is not None:
            shutil.rmtree(self.folder / id_, ignore_errors=True)
