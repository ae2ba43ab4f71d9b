"""Imports whole populations: drafts in worker processes, some hundred resources a commit, going on after a stop.

What is committed is searchable. The place that is reached is written after the commit; a piece that is done again after
a crash changes nothing, because a resource that says what is stored already makes no version.
"""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import Literal

import msgspec

from unsilo.flow.bulk.drafts import Check, Drafted, Drafts, drafts
from unsilo.flow.bulk.lines import Piece, files_in, pieces
from unsilo.flow.fhir.outcome import Caller, RefusedError
from unsilo.flow.fhir.writing import Writing
from unsilo.flow.service import Service
from unsilo.kernel import Issue, Where
from unsilo.storage import Tx

__all__ = ["Mode", "Progress", "import_files"]

Mode = Literal["upsert", "create"]
_AHEAD = 4
"""Pieces that each worker process has at hand."""
_WAIT = 120.0
_decode = msgspec.msgpack.Decoder(Drafts).decode


class Progress(msgspec.Struct):
    """How far an import is: whole files that are done, and in the next one the last line that is committed."""

    done: int = 0
    line: int = 0
    read: int = 0
    stored: int = 0
    same: int = 0
    refused: int = 0


class _Batch(msgspec.Struct):
    stored: int = 0
    same: int = 0
    issues: list[Issue] = []


def _write(service: Service, caller: Caller, name: str, held: list[Drafted], mode: Mode) -> Callable[[Tx], _Batch]:
    """Return the job that writes one piece."""

    def job(tx: Tx) -> _Batch:
        writing = Writing(tx, service, caller)
        tx.prefetch([(each.piece.type, each.piece.id) for each in held])
        done = _Batch(issues=[])
        writing.coming = frozenset(f"{each.piece.type}/{each.piece.id}" for each in held)
        for each in held:
            piece = each.piece
            now, seen = writing.current(piece.type, piece.id)
            if now is not None and not seen:
                done.issues.append(_said(name, each, "conflict", "this id cannot be used"))
                continue
            if mode == "create" and now is not None and now.state == 0 and now.digest != piece.digest:
                done.issues.append(_said(name, each, "duplicate", "there is such a resource already: left as it is"))
                continue
            before = len(writing.changed)
            try:
                writing.put(piece, now, 200)
            except RefusedError as fault:
                done.issues += [_said(name, each, issue.code, issue.text) for issue in fault.answer.issues[:3]]
                continue
            if len(writing.changed) > before:
                done.stored += 1
            else:
                done.same += 1
        if writing.changed:
            writing.end("import", f"{len(writing.changed)} resources of {name}")
        return done

    return job


def _said(name: str, each: Drafted, code: str, text: str) -> Issue:
    where = Where(f"{name}:{each.line} {each.piece.type}/{each.piece.id}")
    return Issue("error", code, text, where, rule="import.write")  # type: ignore[arg-type]


class _Inline:
    """Makes drafts in this process: for few lines no others are started."""

    def submit(self, name: str, piece: Piece, check: Check) -> Future[bytes]:
        """Make the drafts now."""
        future: Future[bytes] = Future()
        future.set_result(drafts(name, piece.lines, check))
        return future

    def close(self) -> None:
        """Nothing is open."""


class _Pool:
    """Makes drafts in worker processes."""

    def __init__(self, workers: int) -> None:
        self._pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"))

    def submit(self, name: str, piece: Piece, check: Check) -> Future[bytes]:
        """Have a worker make the drafts."""
        return self._pool.submit(drafts, name, piece.lines, check)

    def close(self) -> None:
        """End the workers."""
        self._pool.shutdown(cancel_futures=True)


def _queue(
    makers: _Inline | _Pool, files: Sequence[Path], progress: Progress, check: Check, ahead: int
) -> Iterator[tuple[int, Piece | None, Future[bytes] | None, Issue | None]]:
    """Yield (file, piece, drafts) in order, some ahead of the one that is written; (file, None) at a file's end."""
    waiting: deque[tuple[int, Piece | None, Future[bytes] | None, Issue | None]] = deque()
    for number in range(progress.done, len(files)):
        after = progress.line if number == progress.done else 0
        try:
            for piece in pieces(files[number], after):
                waiting.append((number, piece, makers.submit(files[number].name, piece, check), None))
                if len(waiting) > ahead:
                    yield waiting.popleft()
        except OSError as fault:
            text = f"cannot be read: {fault.strerror or fault}"
            issue = Issue("error", "not-found", text, Where(files[number].name), rule="import.file")
            waiting.append((number, None, None, issue))
            continue
        waiting.append((number, None, None, None))
    yield from waiting


def import_files(
    service: Service, caller: Caller, paths: Sequence[Path], *, mode: Mode = "upsert", check: Check = "off",
    workers: int = 0, progress: Progress | None = None, told: Callable[[Progress, list[Issue]], None] | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> Progress:  # fmt: skip
    """Import NDJSON files, Bundles and single resources, and folders of them; return what became of them.

    `progress` is where a former run ended; `told` hears after each commit how far it is, with the Issues of that piece
    (their `where` names file and line). NotDurableError when the store cannot be written.
    """
    files = list(files_in(paths))
    at = progress or Progress()
    workers = workers or max(1, (os.cpu_count() or 2) - 1)
    few = sum(path.stat().st_size for path in files if path.exists()) < 4 * 1024 * 1024
    makers: _Inline | _Pool = _Inline() if few else _Pool(workers)
    try:
        for number, piece, made, fault in _queue(makers, files, at, check, 0 if few else workers * _AHEAD):
            issues: list[Issue] = [fault] if fault is not None else []
            if piece is None or made is None:
                at.done, at.line = number + 1, 0
            else:
                found = _decode(made.result())
                issues = [*piece.issues, *found.issues]
                job = _write(service, caller, files[number].name, found.good, mode)
                batch = service.store.submit(job).result(_WAIT) if found.good else _Batch()
                issues += batch.issues
                at.line = piece.last
                at.read += len(piece.lines) + len(piece.issues)
                at.stored += batch.stored
                at.same += batch.same
            at.refused += len({i.where.path.partition(" ")[0] for i in issues if i.severity in ("error", "fatal")})
            if told is not None:
                told(at, issues)
            if stopped():
                break
    finally:
        makers.close()
    return at
