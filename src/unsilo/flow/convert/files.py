"""Many inputs to a folder of Bundles: in several processes, bad ones told, none written over another."""

import errno
import gc
import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, ProcessPoolExecutor, wait
from pathlib import Path

import msgspec

from unsilo.config import Feed
from unsilo.flow.convert.bundle import Conversion, convert_bytes
from unsilo.flow.convert.inputs import Input, UnreadableError, listed
from unsilo.flow.convert.lines import convert_lines
from unsilo.kernel import Issue

__all__ = ["Summary", "convert_files"]

_FEW = 8
"""Up to so many files the work is done without starting processes."""
_MOST_FILES, _CHUNK_BYTES, _AHEAD = 32, 1_000_000, 4
"""A piece of work holds so many files and bytes at most; so many pieces are out for each process."""
_ITS_OWN = (errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.EINVAL, errno.EILSEQ)
"""Faults in writing that lie in one output's name; others would meet every output."""

Chunk = list[Input]


class Summary(msgspec.Struct):
    """What a run did; `failed` holds the inputs without a Bundle, or with bad lines, each with why."""

    files: int = 0
    converted: int = 0
    resources: int = 0
    with_errors: int = 0
    unconsumed: int = 0
    failed: list[tuple[str, str]] = []

    @property
    def exit_status(self) -> int:
        """0 when every input gave a Bundle, 1 when one did not."""
        return 1 if self.failed else 0

    def add(self, done: Conversion) -> None:
        """Count one conversion."""
        self.files += 1
        self.resources += done.resources
        self.unconsumed += done.unconsumed
        if done.fault:
            self.failed.append((done.source, done.fault))
        if done.bundle is not None:
            self.converted += 1
            self.with_errors += not done.good


class _Work(msgspec.Struct, frozen=True):
    """How inputs are read: the feed, the time of receipt, whether each line is a message."""

    feed: Feed
    at: int
    lines: bool

    def one(self, each: Input) -> Conversion:
        """Convert one input; whatever goes wrong with it is an Issue."""
        try:
            content = each.read(0 if self.lines else self.feed.limit_bytes)
        except UnreadableError as fault:
            return self.none(each, Issue("error", "not-found", str(fault), rule="convert.read"))
        try:
            return (convert_lines if self.lines else convert_bytes)(each.name, content, self.feed, self.at)
        except Exception as fault:  # noqa: BLE001 - one file must not stop the others; the fault is told with its place
            text = f"the program failed on this file ({type(fault).__name__})"
            return self.none(each, Issue("fatal", "exception", text, rule="convert.fault"))

    def none(self, each: Input, issue: Issue) -> Conversion:
        """Return that nothing became of an input, and why."""
        return Conversion(each.name, self.feed.format, None, 0, [issue], 0)

    def chunk(self, inputs: Chunk) -> list[Conversion]:
        """Convert a piece of work."""
        return [self.one(each) for each in inputs]


def _chunks(files: Sequence[Input], workers: int) -> deque[Chunk]:
    """Part inputs into pieces of work: small ones together, so that handing them over costs little."""
    most = max(1, min(_MOST_FILES, len(files) // (workers * _AHEAD)))
    made: deque[Chunk] = deque()
    held = _CHUNK_BYTES
    for each in files:
        size = each.size()
        if held + size > _CHUNK_BYTES or len(made[-1]) >= most:
            made.append([])
            held = 0
        made[-1].append(each)
        held += size
    return made


def _all(files: Sequence[Input], work: _Work, workers: int) -> Iterator[Conversion]:
    """Convert in order of completion, in this process for few files, else in `workers` processes.

    Not more pieces of work are out than keep the processes busy, so that memory does not grow with the number of files.
    What was out when a process ended goes again file by file, and the one on which it ends again is told.
    """
    if len(files) <= _FEW or workers <= 1:
        yield from map(work.one, files)
        return
    waiting, suspects = _chunks(files, workers), deque[Chunk]()
    while waiting or suspects:
        alone = bool(suspects)
        lost: list[Chunk] = []
        with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _calm) as pool:
            out: dict[Future[list[Conversion]], Chunk] = {}
            queue, room = (suspects, 1) if alone else (waiting, workers * _AHEAD)
            while out or (queue and not lost):
                while queue and not lost and len(out) < room:
                    try:
                        out[pool.submit(work.chunk, queue[0])] = queue[0]
                    except BrokenExecutor:
                        lost.append([])  # a process ended with nothing to do
                        break
                    queue.popleft()
                for future in wait(out, return_when=FIRST_COMPLETED).done:
                    chunk = out.pop(future)
                    try:
                        yield from future.result()
                    except BrokenExecutor:
                        lost.append(chunk)
        again = [[each] for chunk in lost for each in chunk]
        if not alone:
            suspects.extend(again)
            continue
        for [each] in again:
            issue = Issue("fatal", "exception", "the process ended on this file", rule="convert.fault")
            yield work.none(each, issue)


def _calm() -> None:
    """Let a process look for cycles seldom: what one message leaves holds hardly any."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)


def convert_files(
    paths: Iterable[Path], out: Path | None, feed: Feed, *, lines: bool = False, workers: int = 0,
    told: Callable[[Conversion, int], None] | None = None, at: int = 0,
) -> Summary:  # fmt: skip
    """Convert files, folders and zip archives; a bad one does not stop the others.

    Below the folder `out` the folders of the input are kept and each Bundle is named after its whole file,
    `adt.hl7` -> `adt.hl7.json`. With `lines`, each line of an input is a message of its own. `told` hears of each
    conversion (its `target` is the file written), and of how many there will be. `at` is the time of receipt that each
    Provenance says (microseconds; 0: now): with it the same input gives the same bytes. OSError when `out` cannot be
    written.
    """
    summary = Summary()
    folders: set[Path] = set()
    files = listed(paths)
    for done in _all(files, _Work(feed, at, lines), workers or max(1, os.cpu_count() or 1)):
        if done.bundle is not None and out is not None:
            _write(done, out, folders)
        summary.add(done)
        if told is not None:
            told(done, len(files))
    return summary


def _write(done: Conversion, out: Path, folders: set[Path]) -> None:
    """Write a Bundle; a name that no file can have is an Issue of its input."""
    target = out / f"{done.source}.json"
    try:
        if target.parent not in folders:
            target.parent.mkdir(parents=True, exist_ok=True)
            folders.add(target.parent)
        target.write_bytes((done.bundle or b"") + b"\n")
    except OSError as fault:
        if fault.errno not in _ITS_OWN or not folders:
            raise
        text = f"its output {target} cannot be written: {fault.strerror}"
        done.bundle, done.resources = None, 0
        done.issues.append(Issue("error", "exception", text, rule="convert.write"))
        return
    done.target = str(target)
