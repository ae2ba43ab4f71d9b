"""Imports whole populations: drafts in worker processes, written in pieces of some hundred, going on after a stop.

What is committed is searchable. The place that is reached is written after the commit; a piece that is done again after
a crash changes nothing, because a resource that says what is stored already makes no version.
"""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Literal

import msgspec

from unsilo.flow.bulk.drafts import Check, Drafts, Order, begin, drafted, drafted_of, drafts
from unsilo.flow.bulk.lines import LINES, Piece, files_in, pieces
from unsilo.flow.drafted import Drafted
from unsilo.flow.fhir.outcome import Caller, RefusedError
from unsilo.flow.fhir.writing import Writing
from unsilo.flow.judge import Judge
from unsilo.flow.process import Draft
from unsilo.flow.service import Service
from unsilo.kernel import Issue, Where
from unsilo.policy import Predicate
from unsilo.storage import Tx
from unsilo.storage.packing import unsqueeze
from unsilo.storage.sheet import Sheet

__all__ = ["Batch", "Makers", "Mode", "Progress", "import_files"]

Mode = Literal["upsert", "create"]
_AHEAD = 4
"""Pieces that each worker process has at hand."""
_WRITING = 2
"""Pieces that are with the writer while the next one is taken up."""
_AFTER_OTHERS = -1
"""Priority of a piece: what somebody waits for goes first."""
_LOADED, _MOST_LOADED = 60_000, 120_000
"""Resources of a commit where nobody waits for the store, and in a large one: each commit changes most pages of the
large indexes."""
_NEXT = 60_000
"""Resources that are made while such a commit lasts."""
_LOADED_LINES = 1000
"""Lines of a piece there: less to be passed on for each."""
_MANY = 4 * 1024 * 1024
"""Bytes from which worker processes pay."""
_WAIT = 600.0
_decode = msgspec.msgpack.Decoder(Drafts).decode
_sheet = msgspec.msgpack.Decoder(Drafted).decode


class Progress(msgspec.Struct):
    """How far an import is: whole files that are done, and in the next one the last line that is committed."""

    done: int = 0
    line: int = 0
    read: int = 0
    stored: int = 0
    same: int = 0
    refused: int = 0


class Batch(msgspec.Struct):
    """What became of one piece."""

    stored: int = 0
    same: int = 0
    issues: list[Issue] = []


class _Put:
    """The job that writes the resources of one sheet; a list of lines says where each is from.

    The sheet stays packed until it is written, and is so again should the job be run anew: many may wait.
    """

    def __init__(
        self, service: Service, caller: Caller, name: str, held: bytes, lines: list[int], mode: Mode
    ) -> None:  # fmt: skip
        self.service, self.caller, self.name, self.mode = service, caller, name, mode
        self.held, self.lines = held, lines

    def __call__(self, tx: Tx) -> Batch:
        """Write what is not stored, and what says something else than what is."""
        writing, held = Writing(tx, self.service, self.caller), _sheet(unsqueeze(self.held))
        done = Batch(held.sheet.count) if writing.put_sheet(held) else self._one_by_one(tx, writing, held)
        if writing.changed:
            writing.end("import", f"{len(writing.changed)} resources of {self.name}")
        return done

    def _one_by_one(self, tx: Tx, writing: Writing, held: Drafted) -> Batch:
        sheet = held.sheet
        keys = sheet.names[: sheet.count]
        if self._is_sure(sheet):
            tx.number(keys)
        tx.note_texts(sheet)
        done = Batch(issues=[])
        writing.coming = frozenset(f"{kind}/{id_}" for kind, id_ in keys)
        for line, piece in zip(self.lines, held.drafts(), strict=True):
            self._one(writing, piece, line, done)
        return done

    def _is_sure(self, sheet: Sheet) -> bool:
        """Tell whether none of it can be refused once the writing begins: then what refers to it needs no stub."""
        return (
            self.mode == "upsert"
            and self.service.settings.fhir.referential_integrity != "reject"
            and self.caller.predicate == Predicate()
            and not any(kind == "SearchParameter" for kind, _ in sheet.names[: sheet.count])
        )

    def _one(self, writing: Writing, piece: Draft, line: int, done: Batch) -> None:
        now, seen = writing.current(piece.type, piece.id)
        if now is not None and not seen:
            done.issues.append(self._said(line, piece, "conflict", "this id cannot be used"))
            return
        if self.mode == "create" and now is not None and now.state == 0 and now.digest != piece.digest:
            done.issues.append(self._said(line, piece, "duplicate", "there is such a resource already: left as it is"))
            return
        before = len(writing.changed)
        try:
            writing.put(piece, now, 200)
        except RefusedError as fault:
            done.issues += [self._said(line, piece, issue.code, issue.text) for issue in fault.answer.issues[:3]]
            return
        if len(writing.changed) > before:
            done.stored += 1
        else:
            done.same += 1

    def _said(self, line: int, piece: Draft, code: str, text: str) -> Issue:
        where = Where(f"{self.name}:{line} {piece.type}/{piece.id}")
        return Issue("error", code, text, where, rule="import.write")  # type: ignore[arg-type]


class Makers:
    """Makes drafts in worker processes, which are started when there is enough for them to do; in here until then."""

    def __init__(self, judge: Judge, workers: int = 0) -> None:
        # Making a resource ready and writing it cost about the same: with a worker for each core none of them waits.
        self.workers = workers or os.cpu_count() or 2
        self._judge = judge
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Makers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ahead(self, size: int) -> int:
        """Start the workers for `size` bytes; return how many pieces may be under way."""
        if self._pool is None and size >= _MANY:
            spawn = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self.workers, spawn, begin, (self._judge.settings,))
        return 0 if self._pool is None else self.workers * _AHEAD

    def submit(self, order: Order, piece: Piece) -> Future[bytes]:
        """Have the drafts of a piece made."""
        if self._pool is not None:
            if piece.part is not None:
                return self._pool.submit(drafted_of, order, piece.part)
            numbers, contents = zip(*piece.lines, strict=True) if piece.lines else ((), ())
            return self._pool.submit(drafted, order, numbers, contents, piece.issues)
        future: Future[bytes] = Future()
        future.set_result(drafts(order, piece.lines, self._judge, piece.issues))
        return future

    def close(self) -> None:
        """End the workers."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None


_Made = tuple[int, Piece | None, Future[bytes] | None, Issue | None]
"""(file, piece, its drafts, fault of the file); without a piece it is the end of the file."""


def _queue(
    makers: Makers, files: Sequence[Path], names: Sequence[str], progress: Progress, order: Order, ahead: int,
    most: int, dictionary: Callable[[], tuple[int, bytes] | None],
) -> Iterator[_Made]:  # fmt: skip
    """Yield what is made of the files in order, some pieces ahead of the one that is written.

    `dictionary` gives what worker processes pack resources with.
    """
    waiting: deque[_Made] = deque()
    for number in range(progress.done, len(files)):
        after = progress.line if number == progress.done else 0
        named = order._replace(name=names[number])
        try:
            for piece in pieces(files[number], after, names[number], most, unread=ahead > 0):
                if ahead:
                    named = named._replace(dictionary=dictionary())
                waiting.append((number, piece, makers.submit(named, piece), None))
                if len(waiting) > ahead:
                    yield waiting.popleft()
        except OSError as fault:
            text = f"cannot be read: {fault.strerror or fault}"
            issue = Issue("error", "not-found", text, Where(names[number]), rule="import.file")
            waiting.append((number, None, None, issue))
            continue
        waiting.append((number, None, None, None))
    yield from waiting


def _count(
    at: Progress, number: int, piece: Piece | None, read: int, batches: list[Batch], issues: list[Issue]
) -> None:  # fmt: skip
    """Note what became of a piece, of which so many lines were read, or that a file is at its end."""
    if piece is None:
        at.done, at.line = number + 1, 0
    else:
        at.line = piece.last
    at.read += read
    at.stored += sum(batch.stored for batch in batches)
    at.same += sum(batch.same for batch in batches)
    at.refused += len({i.where.path.partition(" ")[0] for i in issues if i.severity in ("error", "fatal")})


def import_files(
    service: Service, caller: Caller, paths: Sequence[Path], *, mode: Mode = "upsert", check: Check = "off",
    only: str = "", way: Check = "off", names: Sequence[str] = (), workers: int = 0, makers: Makers | None = None,
    progress: Progress | None = None, told: Callable[[Progress, list[Issue]], None] | None = None,
    stopped: Callable[[], bool] = lambda: False, alone: bool = False,
) -> Progress:  # fmt: skip
    """Import NDJSON files, Bundles and single resources, and folders of them; return what became of them.

    `only` is the one type that is taken, `way` how the node's settings want this caller's writes checked, `names` what
    the files are called in reports. `progress` is where a former run ended; `told` hears after each commit how far it
    is, with the Issues of that piece (their `where` names file and line). `alone` says that nothing else uses the
    store: then tens of thousands of resources share a commit. NotDurableError when the store cannot be written.
    """
    files = list(files_in(paths))
    at = progress or Progress()
    own = makers or Makers(service.judge, workers)
    order = Order("", check, only, way)
    ahead = own.ahead(sum(path.stat().st_size for path in files if path.is_file()))
    most, writing = LINES, _WRITING if ahead else 0
    loading: AbstractContextManager[Callable[[], None]] = nullcontext(lambda: None)
    if alone and ahead:  # while one commit lasts, half of the next is made: neither side waits for the other
        most, writing = _LOADED_LINES, (_MOST_LOADED + _NEXT) // _LOADED_LINES + ahead
        loading = service.store.loading(_LOADED, _MOST_LOADED)
    under_way: deque[tuple[int, Piece | None, int, list[Issue], list[Future[Batch]]]] = deque()

    def settle(left: int) -> None:
        """Wait until no more than `left` pieces are being written, and tell in order of each that is."""
        while under_way and (len(under_way) > left or all(job.done() for job in under_way[0][-1])):
            number, piece, read, issues, jobs = under_way.popleft()
            batches = [job.result(_WAIT) for job in jobs]
            for batch in batches:
                issues += batch.issues
            _count(at, number, piece, read, batches, issues)
            if told is not None:
                told(at, issues)

    try:
        dictionary = partial(service.store.dictionary, "body")
        called = list(names) or [path.name.replace(" ", "%20") for path in files]
        with loading as end:
            for number, piece, made, fault in _queue(own, files, called, at, order, ahead, most, dictionary):
                issues: list[Issue] = [fault] if fault is not None else []
                jobs, read = [], 0
                if piece is not None and made is not None:
                    found = _decode(made.result())
                    issues, read = found.issues, found.read
                    for held, lines in zip(found.sheets, found.lines, strict=True):
                        write = _Put(service, caller, called[number], held, lines, mode)
                        jobs.append(service.store.submit(write, _AFTER_OTHERS))
                under_way.append((number, piece, read, issues, jobs))
                settle(writing)
                if stopped():
                    break
            end()
            settle(0)
    finally:
        if makers is None:
            own.close()
    return at
