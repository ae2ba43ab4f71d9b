"""Writes one export: type by type in the order of rows, in pieces, so that memory stays flat and a restart goes on."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, Protocol
from urllib.parse import parse_qsl

from unsilo.fhir.subset import subset
from unsilo.flow.bulk.job import File, Job, Jobs
from unsilo.flow.bulk.request import Request, types_of
from unsilo.flow.fhir.search import prepare, search
from unsilo.flow.fhir.shown import with_meta
from unsilo.kernel import json
from unsilo.policy import And, Compartment, Predicate, masked
from unsilo.search import Vocabulary
from unsilo.storage import Stored
from unsilo.storage.plan import Page, Plan

__all__ = ["Reads", "export", "issues_of_filters", "members_of"]

_CHUNK = 2000
_LARGEST = 32 * 1024 * 1024
"""Bytes after which the next file begins."""
_BLOCKS = 3
"""Pieces of a file that wait to be written while the next one is made."""
_CERTAIN_EVERY = 5.0
"""Seconds after which what is written is made certain."""


class Reads(Protocol):
    """What an export needs of the store."""

    def walk(
        self, predicate: Predicate, type_: str, *, after: int = 0, since: int = 0, until: int = 0, limit: int = 2000,
        patients: Sequence[str] | None = None, of_patients: bool = False, states: Sequence[int] = (0,),
    ) -> list[Stored]:  # fmt: skip
        """Return the next rows of a type."""

    def walk_bodies(
        self, predicate: Predicate, type_: str, *, after: int = 0, since: int = 0, until: int = 0, limit: int = 2000,
        patients: Sequence[str] | None = None, of_patients: bool = False, states: Sequence[int] = (0,),
    ) -> list[tuple[int, int, int, bytes]]:  # fmt: skip
        """Return row number, version, time and body of the next rows of a type."""

    def search(self, plan: Plan) -> Page:
        """Run a search."""

    def read(self, predicate: Predicate, type_: str, id_: str) -> Stored | None:
        """Return a current version."""


def members_of(reads: Reads, predicate: Predicate, group: str) -> list[str] | None:
    """Return the Patients of a Group that are members now; None when there is no such Group to be seen."""
    row = reads.read(predicate, "Group", group)
    if row is None or row.state != 0:
        return None
    found = []
    for member in json.decode(row.body).get("member", ()):
        entity = member.get("entity", {}) if isinstance(member, dict) and not member.get("inactive") else {}
        named = entity.get("reference", "") if isinstance(entity, dict) else ""
        if isinstance(named, str) and named.startswith("Patient/"):
            found.append(named.partition("/")[2].partition("/")[0])
    return list(dict.fromkeys(found))


def issues_of_filters(request: Request, predicate: Predicate, vocabulary: Vocabulary) -> list[Any]:
    """Return what is wrong with the searches of `_typeFilter`."""
    found = []
    for kind, query in request.filters:
        _, issues = prepare(predicate, kind, parse_qsl(query, keep_blank_values=True), vocabulary, b"-")
        found += [issue for issue in issues if issue.severity == "error"]
    return found


class _Disk:
    """Writes what it is given in a thread of its own and in order, while the next lines are made.

    A fault is raised by the call after it, at the latest by `settle`.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "export")
        self._waiting: deque[Future[Any]] = deque()

    def do(self, act: Callable[..., Any], *values: Any) -> None:
        """Have something done after what was asked before; waits while much is waiting."""
        self.settle(_BLOCKS)
        self._waiting.append(self._thread.submit(act, *values))

    def settle(self, left: int = 0) -> None:
        """Wait until all is done but for the last `left`."""
        while len(self._waiting) > left:
            self._waiting.popleft().result()

    def end(self) -> None:
        """Stop; what was not begun is not done."""
        self._thread.shutdown(cancel_futures=True)


def _finish(handle: Any) -> None:
    """Make a file certain and close it."""
    handle.flush()
    os.fsync(handle.fileno())
    handle.close()


class _Writing:
    """The files of one job while it is written."""

    def __init__(self, jobs: Jobs[Job], job: Job, disk: _Disk) -> None:
        self.jobs, self.job, self.disk = jobs, job, disk
        self.handle: Any = None
        self.file: File | None = None
        self.certain = time.monotonic()
        for file in job.files:  # what was written after the last certain moment is written again
            with jobs.path(job, file.name).open("ab") as handle:
                handle.truncate(file.size)

    def lines(self, kind: str, content: list[bytes], *, deleted: bool = False) -> None:
        """Append lines to the file of a type."""
        if not content:
            return
        what = "deleted" if deleted else "output"
        file = self.file
        if file is None or (file.type, file.kind) != (kind, what) or file.size > _LARGEST:
            self.close()
            known = [f for f in self.job.files if (f.type, f.kind) == (kind, what)]
            if known and known[-1].size <= _LARGEST:
                file = known[-1]
            else:
                name = f"{self.job.id}.{kind}.{'deleted.' if deleted else ''}{len(known) + 1}.ndjson"
                file = File(kind, name, "deleted" if deleted else "output")
                self.job.files.append(file)
            self.file = file
            self.handle = self.jobs.path(self.job, file.name).open("ab")
        content.append(b"")
        block = b"\n".join(content)
        self.disk.do(self.handle.write, block)
        file.size += len(block)
        file.count += len(content) - 1
        self.job.written += len(content) - 1

    def close(self) -> None:
        """Have the open file made certain; `disk.settle` waits for it."""
        if self.handle is not None:
            self.disk.do(_finish, self.handle)
            self.handle = self.file = None

    def keep(self, place: tuple[int, int], *, now: bool = False) -> None:
        """Remember that everything up to a place is written, now and then so that it is certain."""
        self.job.place = place
        if now or time.monotonic() - self.certain > _CERTAIN_EVERY:
            self.disk.settle()
            if self.handle is not None:
                self.handle.flush()
                os.fsync(self.handle.fileno())
            self.jobs.keep(self.job)
            self.certain = time.monotonic()


Line = Callable[[bytes, int, int], bytes]
"""What makes the line of a resource of its body, version and time."""


def _shown(request: Request, kind: str, predicate: Predicate) -> Line:
    """Return what makes the line of a resource: without what the predicate masks, and only the elements asked for."""
    names = tuple(name for type_, name in request.elements if type_ in ("", kind))
    hidden = predicate.elements.get(kind)
    if not names and not hidden:
        return partial(with_meta, kind)

    def line(body: bytes, version: int, updated: int) -> bytes:
        resource = json.decode(with_meta(kind, body, version, updated))
        if hidden:
            resource = masked(resource, hidden)
        return json.encode(subset(resource, names) if names else resource)

    return line


def _filtered(
    reads: Reads, job: Job, predicate: Predicate, kind: str, vocabulary: Vocabulary, patients: Sequence[str] | None
) -> Iterator[list[Stored]]:
    """Yield what the searches of a type find, each resource once."""
    if patients is not None:
        own = Compartment(patients=frozenset(patients), persons=frozenset())
        predicate = Predicate(predicate.tenant, And((predicate.allow, own)), predicate.elements)
    seen: set[int] = set()
    for type_, query in job.request.filters:
        mark = ""
        while type_ == kind:
            pairs = [(k, v) for k, v in parse_qsl(query, keep_blank_values=True) if k != "_count"]
            pairs += [("_count", "500"), *([("_page", mark)] if mark else [])]
            asked, _ = prepare(predicate, kind, pairs, vocabulary, b"-")
            if asked is None:
                return
            found = search(reads, asked, b"-")
            rows = [r for r in found.rows if r.rid not in seen and job.request.since <= r.updated <= job.time]
            seen.update(row.rid for row in rows)
            yield rows
            mark = found.next
            if not mark:
                break


def export(
    jobs: Jobs[Job], job: Job, reads: Reads, predicate: Predicate, vocabulary: Vocabulary, stop: threading.Event
) -> bool:
    """Write what is left of a job, under the predicate of who asked; return False, early, when `stop` is set.

    OSError when a file cannot be written.
    """
    disk = _Disk()
    try:
        whole = _export(_Writing(jobs, job, disk), reads, predicate, vocabulary, stop)
        disk.settle()
    finally:
        disk.end()
    return whole


def _export(
    writing: _Writing, reads: Reads, predicate: Predicate, vocabulary: Vocabulary, stop: threading.Event
) -> bool:  # fmt: skip
    job = writing.job
    request = job.request
    types = request.types or types_of(request.level)
    patients: list[str] | None = list(request.patients) or None
    if request.level == "group":
        members = members_of(reads, predicate, request.group) or []
        patients = [id_ for id_ in members if not request.patients or id_ in request.patients]
    filtered = {kind for kind, _ in request.filters}
    first, after = job.place
    for number in range(first, len(types)):
        kind = types[number]
        line = _shown(request, kind, predicate)
        if kind in filtered and not (number == first and after):
            for rows in _filtered(reads, job, predicate, kind, vocabulary, patients):
                writing.lines(kind, [line(row.body, row.version, row.updated) for row in rows])
        while kind not in filtered:
            if stop.is_set():
                writing.keep((number, after), now=True)
                writing.close()
                return False
            found = reads.walk_bodies(
                predicate, kind, after=after, since=request.since, until=job.time, limit=_CHUNK, patients=patients,
                of_patients=request.level != "system",
            )  # fmt: skip
            writing.lines(kind, [line(body, version, updated) for _, version, updated, body in found])
            if len(found) < _CHUNK:
                break
            after = found[-1][0]
            writing.keep((number, after))
        if request.since and request.level == "system":
            _deleted(reads, writing, predicate, kind, job)
        after = 0
        writing.keep((number + 1, 0))
    writing.close()
    return True


def _deleted(reads: Reads, writing: _Writing, predicate: Predicate, kind: str, job: Job) -> None:
    """Write what of a type was deleted since: Bundles of type transaction, one line each (export.html#response)."""
    after = 0
    while True:
        rows = reads.walk(
            predicate, kind, after=after, since=job.request.since, until=job.time, limit=_CHUNK, states=(1,)
        )
        entries = [{"request": {"method": "DELETE", "url": f"{row.type}/{row.id}"}} for row in rows]
        lines = [
            json.encode({"resourceType": "Bundle", "type": "transaction", "entry": entries[n : n + 100]})
            for n in range(0, len(entries), 100)
        ]
        writing.lines(kind, lines, deleted=True)
        if len(rows) < _CHUNK:
            return
        after = rows[-1].rid
