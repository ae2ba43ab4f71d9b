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
from unsilo.flow.bulk.beside import Hand, Made, Make, Span, joined, write_at
from unsilo.flow.bulk.job import File, Job, Jobs
from unsilo.flow.bulk.request import Request, types_of
from unsilo.flow.fhir.search import prepare, search
from unsilo.flow.fhir.shown import with_meta
from unsilo.kernel import json
from unsilo.policy import And, Compartment, Predicate, masked
from unsilo.search import Vocabulary
from unsilo.storage import Stored
from unsilo.storage.plan import Page, Plan

__all__ = ["Reads", "export", "issues_of_filters", "lines_of", "members_of"]

_CHUNK = 2000
_LARGEST = 32 * 1024 * 1024
"""Bytes after which the next file begins."""
_BLOCKS = 3
"""Pieces of a file that wait to be written while the next one is made."""
_ORDERED = 2
"""Orders that a process beside this one has at hand."""
_ALL = 1_000_000_000
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
        patients: Sequence[str] | None = None, of_patients: bool = False, states: Sequence[int] = (0,), upto: int = 0,
    ) -> list[tuple[int, int, int, bytes]]:  # fmt: skip
        """Return row number, version, time and body of the next rows of a type."""

    def walk_end(self, predicate: Predicate, type_: str, after: int, count: int) -> int:
        """Return the row number of the live row of a type that is the `count`-th after another; 0 for none."""

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


def _finish(file: int) -> None:
    """Make a file certain and close it."""
    try:
        os.fsync(file)
    finally:
        os.close(file)


class _Writing:
    """The files of one job while it is written, here and by processes beside (`hands`)."""

    def __init__(self, jobs: Jobs[Job], job: Job, disk: _Disk, hands: Sequence[Hand] = ()) -> None:
        self.jobs, self.job, self.disk, self.hands = jobs, job, disk, hands
        self.file: File | None = None
        self.certain = time.monotonic()
        self._open = -1
        self._left: deque[tuple[int, list[int]]] = deque()
        """Files that are full, and how many orders each of `hands` must have answered before they are whole."""
        for file in job.files:  # what was written after the last certain moment is written again
            with jobs.path(job, file.name).open("ab") as handle:
                handle.truncate(file.size)

    def lines(self, kind: str, content: list[bytes], *, deleted: bool = False) -> None:
        """Append lines to the file of a type."""
        if content:
            block = joined(content)
            file, place = self._room(kind, len(content), len(block), deleted=deleted)
            self.disk.do(write_at, file, place, block)

    def made(self, made: Made) -> None:
        """Append what was made of a span."""
        if not made.count:
            return
        file, place = self._room(made.span.kind, made.count, made.size)
        if made.hand is None:
            self.disk.do(write_at, file, place, made.block)
        elif self.file is not None:
            made.hand.write(self.jobs.path(self.job, self.file.name), place)

    def _room(self, kind: str, count: int, size: int, *, deleted: bool = False) -> tuple[int, int]:
        """Return the open file and the place in it where so many lines and bytes of a type go."""
        what = "deleted" if deleted else "output"
        file = self.file
        if file is None or (file.type, file.kind) != (kind, what) or file.size > _LARGEST:
            self.leave()
            known = [f for f in self.job.files if (f.type, f.kind) == (kind, what)]
            if known and known[-1].size <= _LARGEST:
                file = known[-1]
            else:
                name = f"{self.job.id}.{kind}.{'deleted.' if deleted else ''}{len(known) + 1}.ndjson"
                file = File(kind, name, "deleted" if deleted else "output")
                self.job.files.append(file)
            self.file = file
            self._open = os.open(self.jobs.path(self.job, file.name), os.O_WRONLY | os.O_CREAT, 0o666)
        place = file.size
        file.size += size
        file.count += count
        self.job.written += count
        return self._open, place

    def leave(self) -> None:
        """Leave the file that is written; it is made certain and closed when all that goes into it was written."""
        if self._open >= 0:
            self._left.append((self._open, [hand.asked for hand in self.hands]))
            self._open, self.file = -1, None
        while self._left and all(h.answered >= n for h, n in zip(self.hands, self._left[0][1], strict=True)):
            self.disk.do(_finish, self._left.popleft()[0])

    def settle(self) -> None:
        """Wait until all is written, and what was left certain."""
        for hand in self.hands:
            while hand.answered < hand.asked:
                hand.hear(wait=True)
        while self._left:
            self.disk.do(_finish, self._left.popleft()[0])
        self.disk.settle()

    def keep(self, place: tuple[int, int], *, now: bool = False) -> None:
        """Remember that everything up to a place is written, now and then so that it is certain."""
        self.job.place = place
        if now or time.monotonic() - self.certain > _CERTAIN_EVERY:
            self.settle()
            if self._open >= 0:
                os.fsync(self._open)
            self.jobs.keep(self.job)
            self.certain = time.monotonic()

    def end(self) -> None:
        """Leave no file open, whatever was written of it."""
        for file in (self._open, *(file for file, _ in self._left)):
            if file >= 0:
                os.close(file)


Line = Callable[[bytes, int, int], bytes]
"""What makes the line of a resource of its body, version and time."""


def _shown(elements: Sequence[tuple[str, str]], kind: str, predicate: Predicate) -> Line:
    """Return what makes the line of a resource: without what the predicate masks, and only the elements asked for."""
    names = tuple(name for type_, name in elements if type_ in ("", kind))
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


def lines_of(reads: Reads, predicate: Predicate) -> Make:
    """Return what makes the lines of a span of all that the predicate lets be seen."""

    def make(span: Span) -> list[bytes]:
        line = _shown(span.elements, span.kind, predicate)
        found = reads.walk_bodies(
            predicate, span.kind, after=span.after, upto=span.upto, until=span.until, limit=_ALL,
        )  # fmt: skip
        return [line(body, version, updated) for _, version, updated, body in found]

    return make


def export(
    jobs: Jobs[Job], job: Job, reads: Reads, predicate: Predicate, vocabulary: Vocabulary, stop: threading.Event,
    hands: Sequence[Hand] = (),
) -> bool:  # fmt: skip
    """Write what is left of a job, under the predicate of who asked; return False, early, when `stop` is set.

    `hands` are processes that make a share of the pieces, with the same predicate. OSError when a file cannot be
    written.
    """
    disk = _Disk()
    writing = _Writing(jobs, job, disk, hands)
    try:
        whole = _export(writing, reads, predicate, vocabulary, stop)
        writing.settle()
    finally:
        disk.end()
        writing.end()
    return whole


def _side_by_side(
    writing: _Writing, reads: Reads, predicate: Predicate, number: int, kind: str, after: int, stop: threading.Event
) -> int:
    """Write all whole pieces of a type, each made here or beside, in order; return the last row that is written."""
    make, elements = lines_of(reads, predicate), tuple(writing.job.request.elements)
    start, upto = after, reads.walk_end(predicate, kind, after, _CHUNK)
    under_way: deque[Made] = deque()
    while upto or under_way:
        upto = 0 if stop.is_set() else upto
        for hand in writing.hands:
            hand.hear()
            while upto and hand.asked - hand.answered < _ORDERED:
                under_way.append(hand.make(Span(kind, start, upto, writing.job.time, elements)))
                start, upto = upto, reads.walk_end(predicate, kind, upto, _CHUNK)
        own = sum(made.hand is None for made in under_way)
        if upto and own < _BLOCKS:
            span = Span(kind, start, upto, writing.job.time, elements)
            under_way.append(Made(span, None, make(span)))
            start, upto = upto, reads.walk_end(predicate, kind, upto, _CHUNK)
        elif under_way and under_way[0].hand is not None and not under_way[0].hand.is_made(under_way[0]):
            under_way[0].hand.hear(wait=True)
        while under_way and (under_way[0].hand is None or under_way[0].hand.is_made(under_way[0])):
            made = under_way.popleft()
            writing.made(made)
            after = made.span.upto
            writing.keep((number, after))
    return after


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
    all_of_it = request.level == "system" and patients is None and not request.since
    first, after = job.place
    for number in range(first, len(types)):
        kind = types[number]
        line = _shown(request.elements, kind, predicate)
        if kind in filtered and not (number == first and after):
            for rows in _filtered(reads, job, predicate, kind, vocabulary, patients):
                writing.lines(kind, [line(row.body, row.version, row.updated) for row in rows])
        elif writing.hands and all_of_it:
            after = _side_by_side(writing, reads, predicate, number, kind, after, stop)
        while kind not in filtered:
            if stop.is_set():
                writing.keep((number, after), now=True)
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
    writing.leave()
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
