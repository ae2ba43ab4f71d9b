"""Files to FHIR Bundles without a store: each input one Bundle, bad ones told and left behind, many at once."""

import gc
import multiprocessing
import os
import re
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, ProcessPoolExecutor, wait
from pathlib import Path

import msgspec

from unsilo.config import FORMATS, Feed
from unsilo.fhir import bundle, codec, merge, syntax
from unsilo.flow.process import State, decode, map_to_fhir
from unsilo.formats import hl7v2
from unsilo.kernel import Envelope, Issue, Json, clock, seal

__all__ = ["Conversion", "Summary", "convert_bytes", "convert_files", "detect", "inputs"]

_MEDIA = {"hl7v2": "x-application/hl7-v2+er7", "ccda": "application/hl7-cda+xml"}
_PROLOGUE = 16_384
"""Bytes in which the document element of XML begins."""
_COMMENT = re.compile(rb"<!--.*?-->", re.DOTALL)
_ROOT = re.compile(rb"<[A-Za-z_][^<>]*>?")
_FHIR = re.compile(rb"""xmlns(?::[\w.-]+)?\s*=\s*["']http://hl7\.org/fhir["']""")
_FEW = 8
"""Up to so many files the work is done without starting processes."""
_MOST_FILES, _CHUNK_BYTES, _AHEAD = 32, 1_000_000, 4
"""A piece of work holds so many files and bytes at most; so many pieces are out for each process."""

Chunk = list[tuple[Path, Path]]


class Conversion(msgspec.Struct):
    """What one input became; `bundle` is its JSON, None when nothing of it could be understood."""

    source: str
    format: str
    bundle: bytes | None
    resources: int
    issues: list[Issue]
    unconsumed: int
    target: str = ""

    @property
    def good(self) -> bool:
        """True when there is a Bundle and no Issue is an error."""
        return self.bundle is not None and not any(issue.severity in ("error", "fatal") for issue in self.issues)


class Summary(msgspec.Struct):
    """What a run did; `failed` holds the inputs without a Bundle, each with its first grave Issue."""

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
        if done.bundle is None:
            grave = [issue.text for issue in done.issues if issue.severity in ("error", "fatal")]
            self.failed.append((done.source, grave[0] if grave else "nothing in it could be understood"))
            return
        self.converted += 1
        self.with_errors += not done.good


def detect(content: bytes) -> str:
    """Return the format that the first bytes show: `hl7v2`, `ccda`, `fhir`, or an empty string."""
    head = content[:512].lstrip(b"\xef\xbb\xbf \t\r\n\x0b")
    if head[:3] in (b"MSH", b"FHS", b"BHS"):
        return "hl7v2"
    if head[:1] == b"<":
        return "fhir" if _is_fhir(content[:_PROLOGUE]) else "ccda"
    return "fhir" if head[:1] == b"{" else ""


def _is_fhir(begin: bytes) -> bool:
    """Tell whether the document element of XML is in FHIR's namespace (FHIR R4 xml.html)."""
    tag = _ROOT.search(_COMMENT.sub(b"", begin))
    return tag is not None and _FHIR.search(tag[0]) is not None


def inputs(paths: Iterable[Path]) -> Iterator[tuple[Path, Path]]:
    """Yield (file, its path below the given folder) for files and, recursively and in order, for folders."""
    for path in paths:
        if path.is_dir():
            for file in sorted(path.rglob("*")):
                if file.is_file() and not any(part.startswith(".") for part in file.relative_to(path).parts):
                    yield file, file.relative_to(path)
        else:
            yield path, Path(path.name)


def convert_bytes(source: str, content: bytes, feed: Feed, at: int = 0) -> Conversion:
    """Convert one input; `feed.format` empty lets the content say what it is. Never raises on any content."""
    fmt = feed.format or detect(content)
    if fmt not in FORMATS:
        text = f"{fmt!r} is not a format that is built" if fmt else "neither HL7 v2, nor XML, nor JSON"
        return Conversion(source, fmt, None, 0, [Issue("error", "not-supported", text, rule="convert.format")], 0)
    feed = msgspec.structs.replace(feed, format=fmt)
    if len(content) > feed.limit_bytes:
        text = f"longer than {feed.limit_bytes} bytes"
        return Conversion(source, fmt, None, 0, [Issue("error", "too-long", text, rule="convert.limit")], 0)
    issues: list[Issue] = []
    resources: dict[tuple[str, str], Json] = {}
    unconsumed = 0
    for part in _parts(fmt, content, issues):
        envelope = seal(feed.name, fmt, part, at or clock.now())
        unconsumed += _map(envelope, feed, resources, issues)
    if not resources:
        return Conversion(source, fmt, None, 0, issues, unconsumed)
    found = bundle.collection(list(resources.values()))
    return Conversion(source, fmt, codec.encode(found), len(resources), issues, unconsumed)


def _parts(fmt: str, content: bytes, issues: list[Issue]) -> list[bytes]:
    if fmt != "hl7v2":
        return [content]
    split = hl7v2.split_batch(content)
    issues += split.issues
    return [child.content for child in split.value.children] if split.value is not None else []


def _map(envelope: Envelope, feed: Feed, resources: dict[tuple[str, str], Json], issues: list[Issue]) -> int:
    """Add the resources of one message, later versions over earlier ones; return how many fields nothing consumed."""
    decoded = decode(State(envelope, feed))
    issues += decoded.issues
    if decoded.value is None:
        return 0
    state = map_to_fhir(decoded.value)
    issues += state.issues
    mapped = state.value.mapped if state.value is not None else None
    if mapped is None:
        return 0
    if not mapped.entries:
        text = "Nothing in it became a resource; the Bundle holds it as it came."
        issues.append(Issue("warning", "incomplete", text, rule="convert.nothing"))
    for entry in mapped.entries:
        key = (entry.resource["resourceType"], entry.resource["id"])
        old = resources.get(key)
        resources[key] = entry.resource if old is None else merge.merge(old, entry.resource, entry.cleared).resource
    media = _MEDIA.get(envelope.format) or syntax.media_type(envelope.content)
    resources["Binary", envelope.id] = {
        "resourceType": "Binary", "id": envelope.id, "contentType": media,
        "data": b64encode(envelope.content).decode("ascii"),
    }  # fmt: skip
    return len(mapped.unconsumed)


def _file(file: Path, name: str, feed: Feed, at: int) -> Conversion:
    try:
        content = file.read_bytes()
    except OSError as fault:
        text = f"cannot be read: {fault.strerror}"
        return Conversion(name, feed.format, None, 0, [Issue("error", "not-found", text, rule="convert.read")], 0)
    try:
        return convert_bytes(name, content, feed, at)
    except Exception as fault:  # noqa: BLE001 - one file must not stop the others; the fault is told with its place
        text = f"the program failed on this file ({type(fault).__name__})"
        return Conversion(name, feed.format, None, 0, [Issue("fatal", "exception", text, rule="convert.fault")], 0)


def _chunk(files: Chunk, feed: Feed, at: int) -> list[Conversion]:
    return [_file(file, str(name), feed, at) for file, name in files]


def _chunks(files: list[tuple[Path, Path]], workers: int) -> deque[Chunk]:
    """Part files into pieces of work: small files together, so that handing them over costs little."""
    most = max(1, min(_MOST_FILES, len(files) // (workers * _AHEAD)))
    made: deque[Chunk] = deque()
    held = _CHUNK_BYTES
    for file in files:
        try:
            size = file[0].stat().st_size
        except OSError:
            size = 0  # who reads it says what is wrong
        if held + size > _CHUNK_BYTES or len(made[-1]) >= most:
            made.append([])
            held = 0
        made[-1].append(file)
        held += size
    return made


def _all(files: list[tuple[Path, Path]], feed: Feed, workers: int, at: int) -> Iterator[Conversion]:
    """Convert in order of completion, in this process for few files, else in `workers` processes.

    Not more pieces of work are out than keep the processes busy, so that memory does not grow with the number of files.
    What was out when a process ended goes again file by file, and the one on which it ends again is told.
    """
    if len(files) <= _FEW or workers <= 1:
        for file, name in files:
            yield _file(file, str(name), feed, at)
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
                        out[pool.submit(_chunk, queue[0], feed, at)] = queue[0]
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
        again = [[file] for chunk in lost for file in chunk]
        if not alone:
            suspects.extend(again)
            continue
        for [(_, name)] in again:
            issue = Issue("fatal", "exception", "the process ended on this file", rule="convert.fault")
            yield Conversion(str(name), feed.format, None, 0, [issue], 0)


def _calm() -> None:
    """Let a process look for cycles seldom: what one message leaves holds hardly any."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 50)


def convert_files(
    paths: Iterable[Path], out: Path | None, feed: Feed, *, jsonl: bool = False, workers: int = 0,
    told: Callable[[Conversion], None] | None = None, at: int = 0,
) -> Summary:  # fmt: skip
    """Convert files and folders; a bad one does not stop the others.

    Below the folder `out` the folders of the input are kept and each Bundle is named after its whole file,
    `adt.hl7` -> `adt.hl7.json`. With `jsonl`, `out` is one file with a Bundle a line, in order of completion. `told`
    hears of each conversion (its `target` is the file written). `at` is the time of receipt that each Provenance says
    (microseconds; 0: now): with it the same input gives the same bytes. OSError when `out` cannot be written.
    """
    files = list(inputs(paths))
    summary = Summary()
    folders: set[Path] = set()
    workers = workers or max(1, os.cpu_count() or 1)
    lines = None
    if out is not None and jsonl:
        out.parent.mkdir(parents=True, exist_ok=True)
        lines = out.open("wb")
    try:
        for done in _all(files, feed, workers, at):
            if done.bundle is not None and lines is not None:
                lines.write(done.bundle + b"\n")
                done.target = str(out)
            elif done.bundle is not None and out is not None:
                target = out / (done.source + ".json")
                if target.parent not in folders:
                    target.parent.mkdir(parents=True, exist_ok=True)
                    folders.add(target.parent)
                target.write_bytes(done.bundle + b"\n")
                done.target = str(target)
            summary.add(done)
            if told is not None:
                told(done)
    finally:
        if lines is not None:
            lines.close()
    return summary
