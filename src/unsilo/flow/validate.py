"""Files to OperationOutcomes: each file checked on its own, many at once, in the order in which they were given."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import msgspec

from unsilo.fhir import codec, xml
from unsilo.flow.doubt import each_in
from unsilo.kernel import Issue, Json, Where, json
from unsilo.spec.packages import Package, read_package
from unsilo.validation import Options, Validator
from unsilo.validation.documents import check_bytes, outcome, pieces
from unsilo.validation.library import validator

__all__ = ["Checked", "check_files"]

_FEW = 16
"""Up to so many files the work is done without starting processes."""
_LARGEST = 512 * 1024 * 1024


class Checked(msgspec.Struct):
    """What was found in one file: `outcome` is an OperationOutcome as JSON."""

    source: str
    good: bool
    outcome: bytes


def _read(file: Path) -> tuple[bytes, list[Issue]]:
    try:
        if file.stat().st_size > _LARGEST:
            return b"", [Issue("fatal", "too-long", f"longer than {_LARGEST} bytes", rule="validate.limit")]
        return file.read_bytes(), []
    except OSError as fault:
        text = f"cannot be read: {fault.strerror or fault}"
        return b"", [Issue("fatal", "not-found", text, rule="validate.read")]


def _resources(name: str, content: bytes) -> Iterator[tuple[str, Where, Json]]:
    """Yield (FHIRPath, place, resource) of each resource of a file, of a Bundle each entry's."""
    for start, piece in pieces(name, content):
        read = (xml if piece.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<" else codec).decode(piece).value
        kind = read.get("resourceType") if read is not None else None
        if read is None or not isinstance(kind, str):
            continue
        where = Where(kind, (start, start + len(piece)) if start else None)
        entries = read.get("entry") if kind == "Bundle" else None
        yield kind, where, read
        for n, entry in enumerate(entries if isinstance(entries, list) else []):
            if isinstance(entry, dict) and isinstance(held := entry.get("resource"), dict):
                yield f"Bundle.entry[{n}].resource", where, held


def _doubtful(name: str, content: bytes, now: int) -> list[Issue]:
    """Return what in a file can hardly be true; what stands together in it is taken for what came together."""
    rows = list(_resources(name, content))
    found = []
    for number, issue in each_in([resource for _, _, resource in rows], now):
        path, where, _ = rows[number]
        element = issue.where.path.partition(".")[2]
        found.append(msgspec.structs.replace(issue, where=Where(f"{path}.{element}", where.span)))
    return found


def _check(file: Path, val: Validator, options: Options, now: int = 0) -> Checked:
    content, issues = _read(file)
    if not issues:
        try:
            issues = check_bytes(file.name, content, val, options)
            issues += _doubtful(file.name, content, now) if now else []
        except Exception as fault:  # noqa: BLE001 - one file must not stop the others; the fault is told
            text = f"the program failed on this file ({type(fault).__name__})"
            issues = [Issue("fatal", "exception", text, rule="validate.fault")]
    good = not any(issue.severity in ("error", "fatal") for issue in issues)
    return Checked(str(file), good, json.encode(outcome(issues, content)))


_here: dict[str, Validator] = {}


def _begin(packages: list[str]) -> None:
    """Make the validator of a worker process."""
    _here["validator"] = validator(*(read_package(Path(each)) for each in packages))


def _worked(file: Path, options: Options, now: int) -> Checked:
    return _check(file, _here["validator"], options, now)


def check_files(
    files: Sequence[Path], profiles: Sequence[str] = (), packages: Sequence[Package] = (), *, workers: int = 0,
    paths: Sequence[Path] = (), now: int = 0,
) -> Iterator[Checked]:  # fmt: skip
    """Check files one after the other against FHIR R4, the profiles they claim and those given.

    `packages` are already read (their faults are the caller's to tell), `paths` are their files for worker processes.
    With `now` (microseconds) what can hardly be true is told too.
    """
    options = Options(profiles=tuple(profiles))
    workers = workers or max(1, os.cpu_count() or 1)
    if len(files) <= _FEW or workers == 1:
        val = validator(*packages)
        for file in files:
            yield _check(file, val, options, now)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _begin, ([str(path) for path in paths],)) as pool:
        yield from pool.map(partial(_worked, options=options, now=now), files, chunksize=4)
