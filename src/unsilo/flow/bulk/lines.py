"""Files of an import in pieces: NDJSON by lines (also packed), Bundles by entries, single resources; bounded memory."""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, NamedTuple, cast

from unsilo.fhir import codec
from unsilo.fhir.bundle import entries as entries_of
from unsilo.fhir.references import rewrite
from unsilo.kernel import Issue, Json, Limits, Where, json
from unsilo.kernel.limits import DEFAULT

__all__ = ["Line", "Part", "Piece", "files_in", "lines_of", "pieces"]

LONGEST_LINE = DEFAULT.message_bytes
LARGEST_BUNDLE = 64 * 1024 * 1024
LINES = 500
"""Lines of a piece where nothing else is said: a node that serves others writes them in some hundredths of a second."""
_EACH = 2048
"""Bytes of a piece for each of its lines, at most."""
_BYTES = 1024 * 1024
_DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile)
_UNPACK = "this is a {} archive: unpack it first; NDJSON may be packed with gzip"
_NOT_READ = {
    b"PK\x03\x04": _UNPACK.format("zip"),
    b"7z\xbc\xaf": _UNPACK.format("7-Zip"),
    b"\x28\xb5\x2f\xfd": _UNPACK.format("Zstandard"),
    b"BZh": _UNPACK.format("bzip2"),
    b"\xfd7zX": _UNPACK.format("xz"),
    b"<": "this is XML: an import takes FHIR in JSON, as NDJSON, Bundles or resources",
}
"""How files begin that are no JSON, and what is said of them, once instead of for each line."""
_GZIP = b"\x1f\x8b"
_UUID = "urn:uuid:"
_CHANGED = "it was changed while it was read"
_CUT = "the packed file is cut short or damaged ({})"


class Line(NamedTuple):
    """One resource's text and where it stands, from 1: a line of NDJSON, an entry of a Bundle."""

    number: int
    content: bytes


class Part(NamedTuple):
    """Whole lines of an NDJSON file, which whoever makes something of them reads: bytes `start` to `end` of the file
    that has this number among files, after so many lines."""

    path: str
    file: int
    start: int
    end: int
    after: int


class Piece(NamedTuple):
    """Some lines, or the part of a file where they are; `last` is the number of the last line that they and their
    faults reach to."""

    lines: list[Line]
    issues: list[Issue]
    last: int
    part: Part | None = None


def files_in(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield files, and of folders every file below in the order of names."""
    for path in paths:
        if path.is_dir():
            yield from (each for each in sorted(path.rglob("*")) if each.is_file() and each.name[:1] != ".")
        else:
            yield path


def _opened(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")


def _look(path: Path) -> None:
    """Raise OSError, which says what to do, for what cannot hold JSON."""
    if path.exists() and not path.is_file():  # a pipe would wait for a writer that never comes
        raise OSError("this is not a file")
    with path.open("rb") as file:
        begins = file.read(4)
    for mark, text in _NOT_READ.items():
        if begins.startswith(mark):
            raise OSError(text)
    if begins.startswith(_GZIP) and path.suffix != ".gz":
        raise OSError("this is packed with gzip: let its name end with .gz")


def pieces(
    path: Path, after: int = 0, name: str = "", most: int = LINES, *, unread: bool = False
) -> Iterator[Piece]:  # fmt: skip
    """Yield the pieces of a file from the line after `after`, `most` lines each; OSError when it cannot be read.

    `name` is what the file is called in reports. With `unread` lines of NDJSON are only counted (`lines_of`).
    """
    _look(path)
    ending = path.name.removesuffix(".gz").lower()
    if ending.endswith(".json"):
        yield from _whole(path, after, name or path.name, most)
    elif unread and path.suffix != ".gz":
        yield from _parts(path, after, most)
    else:
        yield from _by_line(path, after, name or path.name, most)


def _fault(name: str, number: int, code: str, text: str) -> Issue:
    return Issue("error", code, text, Where(f"{name}:{number}"), rule="import.line")  # type: ignore[arg-type]


def _skip_line(file: IO[bytes]) -> None:
    while (rest := file.readline(_BYTES)) and not rest.endswith(b"\n"):
        pass


def _next(file: IO[bytes], name: str, number: int) -> tuple[bytes, Issue | None]:
    """Return line `number`, which a file is at, or why it is not taken; nothing at the end."""
    try:
        content = file.readline(LONGEST_LINE + 1)
        if len(content) <= LONGEST_LINE:
            return content, None
        if not content.endswith(b"\n"):
            _skip_line(file)
    except _DAMAGED as fault:
        return b"", _fault(name, number, "structure", _CUT.format(fault))
    if not content.strip():
        return content, None
    return content, _fault(name, number, "too-long", f"the line is longer than {LONGEST_LINE} bytes")


def _by_line(path: Path, after: int, name: str, most: int) -> Iterator[Piece]:
    lines: list[Line] = []
    issues: list[Issue] = []
    size = number = 0
    with _opened(path) as file:
        while True:
            content, fault = _next(file, name, number + 1)
            if fault is not None and (not content or number >= after):
                issues.append(fault)
            if not content:
                break
            number += 1
            if number <= after or fault is not None or not content.strip():
                continue
            lines.append(Line(number, content))
            size += len(content)
            if len(lines) >= most or size >= most * _EACH:
                yield Piece(lines, issues, number)
                lines, issues, size = [], [], 0
    if lines or issues:
        yield Piece(lines, issues, number)


def _parts(path: Path, after: int, most: int) -> Iterator[Piece]:
    """Yield where the lines of a file are; of each only its end is looked for."""
    with path.open("rb") as file:
        own = os.fstat(file.fileno()).st_ino
        start = number = 0
        while block := file.read(most * _EACH):
            end = lines = 0
            wanted = after - number if number < after else most
            while lines < wanted and (found := block.find(b"\n", end) + 1):
                end, lines = found, lines + 1
            while not lines and block:  # a line longer than the block, or the last one without its end
                found = block.find(b"\n") + 1
                end += found or len(block)
                lines = 1 if found else 0
                block = b"" if found else file.read(_BYTES)
            lines = lines or 1
            if number >= after:
                yield Piece([], [], number + lines, Part(str(path), own, start, start + end, number))
            start, number = start + end, number + lines
            file.seek(start)


def lines_of(part: Part, name: str) -> tuple[list[Line], list[Issue]]:
    """Read the lines of a part and their faults; one fault when the file is not what it was."""
    try:
        with open(part.path, "rb") as file:
            whole = os.fstat(file.fileno())
            if whole.st_ino != part.file or whole.st_size < part.end:
                raise OSError(_CHANGED)
            file.seek(part.start)
            return _read(file, part, name)
    except OSError as fault:
        text = f"cannot be read: {fault.strerror or fault}"
        return [], [Issue("error", "not-found", text, Where(name), rule="import.file")]


def _read(file: IO[bytes], part: Part, name: str) -> tuple[list[Line], list[Issue]]:
    size = part.end - part.start
    if size <= LONGEST_LINE:  # as nearly always: then no line of it is too long
        content = file.read(size)
        if len(content) < size:
            raise OSError(_CHANGED)
        numbered = enumerate(io.BytesIO(content), part.after + 1)
        return [Line(number, line) for number, line in numbered if not line.isspace()], []
    lines: list[Line] = []
    issues: list[Issue] = []
    number = part.after
    while file.tell() < part.end:
        number += 1
        content, fault = _next(file, name, number)
        if not content:
            raise OSError(_CHANGED)
        if fault is not None:
            issues.append(fault)
        elif content.strip():
            lines.append(Line(number, content))
    return lines, issues


def _named(bundle: Json) -> dict[str, str]:
    """Return what the `urn:` of each entry becomes; one without an id takes that of its `urn:uuid:` for its own, so
    that the same Bundle has the same ids whenever it is read, and what refers to it leads to it."""
    targets: dict[str, str] = {}
    for _, url, resource in entries_of(bundle):
        if not url.startswith("urn:") or not isinstance(resource, dict):
            continue
        if "id" not in resource and url.startswith(_UUID):
            resource["id"] = url.removeprefix(_UUID)
        kind, id_ = resource.get("resourceType"), resource.get("id")
        if isinstance(kind, str) and isinstance(id_, str):
            targets[url] = f"{kind}/{id_}"
    return targets


def _whole(path: Path, after: int, name: str, most: int) -> Iterator[Piece]:
    try:
        with _opened(path) as file:
            content = file.read(LARGEST_BUNDLE + 1)
    except _DAMAGED as fault:
        yield Piece([], [_fault(name, 1, "structure", _CUT.format(fault))], 1)
        return
    if len(content) > LARGEST_BUNDLE:
        text = f"the file is longer than {LARGEST_BUNDLE} bytes: give large populations as NDJSON"
        yield Piece([], [_fault(name, 1, "too-long", text)], 1)
        return
    read = codec.decode(content, Limits(message_bytes=LARGEST_BUNDLE))
    if read.value is None:
        yield Piece([], [_fault(name, 1, "structure", issue.text) for issue in read.issues[:1]], 1)
        return
    resource: Json = read.value
    if resource.get("resourceType") != "Bundle" or resource.get("type") in ("document", "message"):
        if after < 1:
            yield Piece([Line(1, content)], [], 1)
        return
    entries = resource.get("entry")
    held = entries if isinstance(entries, list) else []
    targets = _named(resource)
    for start in range(after, len(held), most):
        part = held[start : start + most]
        lines = [
            Line(start + n + 1, json.encode(rewrite(entry["resource"], targets) if targets else entry["resource"]))
            for n, entry in enumerate(part)
            if isinstance(entry, dict) and isinstance(entry.get("resource"), dict)
        ]
        yield Piece(lines, [], start + len(part))
