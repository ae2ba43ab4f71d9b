"""Files of an import in pieces: NDJSON by lines (also packed), Bundles by entries, single resources; bounded memory."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, NamedTuple, cast

from unsilo.fhir import codec
from unsilo.kernel import Issue, Json, Where, json

__all__ = ["Line", "Piece", "files_in", "pieces"]

LONGEST_LINE = 64 * 1024 * 1024
_LINES = 500
_BYTES = 1024 * 1024


class Line(NamedTuple):
    """One resource's text and where it stands, from 1: a line of NDJSON, an entry of a Bundle."""

    number: int
    content: bytes


class Piece(NamedTuple):
    """Some lines; `last` is the number of the last line that they and their faults reach to."""

    lines: list[Line]
    issues: list[Issue]
    last: int


def files_in(paths: Iterable[Path]) -> Iterator[Path]:
    """Yield files, and of folders every file below in the order of names."""
    for path in paths:
        if path.is_dir():
            yield from (each for each in sorted(path.rglob("*")) if each.is_file() and each.name[:1] != ".")
        else:
            yield path


def _opened(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb")


def pieces(path: Path, after: int = 0) -> Iterator[Piece]:
    """Yield the pieces of a file from the line after `after`; OSError when it cannot be read."""
    name = path.name.removesuffix(".gz").lower()
    yield from _whole(path, after) if name.endswith(".json") else _by_line(path, after)


def _fault(path: Path, number: int, code: str, text: str) -> Issue:
    return Issue("error", code, text, Where(f"{path.name}:{number}"), rule="import.line")  # type: ignore[arg-type]


def _by_line(path: Path, after: int) -> Iterator[Piece]:
    lines: list[Line] = []
    issues: list[Issue] = []
    size = number = 0
    with _opened(path) as file:
        while True:
            try:
                content = file.readline(LONGEST_LINE + 1)
            except (EOFError, zlib.error, gzip.BadGzipFile) as fault:
                number += 1
                issues.append(_fault(path, number, "structure", f"the packed file is cut short or damaged ({fault})"))
                break
            if not content:
                break
            number += 1
            if len(content) > LONGEST_LINE:
                issues.append(_fault(path, number, "too-long", f"the line is longer than {LONGEST_LINE} bytes"))
                while content and not content.endswith(b"\n"):
                    content = file.readline(LONGEST_LINE)
                continue
            if number <= after or not content.strip():
                continue
            lines.append(Line(number, content))
            size += len(content)
            if len(lines) >= _LINES or size >= _BYTES:
                yield Piece(lines, issues, number)
                lines, issues, size = [], [], 0
    if lines or issues:
        yield Piece(lines, issues, number)


def _whole(path: Path, after: int) -> Iterator[Piece]:
    with _opened(path) as file:
        content = file.read(LONGEST_LINE * 8 + 1)
    if len(content) > LONGEST_LINE * 8:
        text = f"the file is longer than {LONGEST_LINE * 8} bytes: give large populations as NDJSON"
        yield Piece([], [_fault(path, 1, "too-long", text)], 1)
        return
    read = codec.decode(content)
    if read.value is None:
        yield Piece([], [_fault(path, 1, "structure", issue.text) for issue in read.issues[:1]], 1)
        return
    resource: Json = read.value
    if resource.get("resourceType") != "Bundle" or resource.get("type") in ("document", "message"):
        if after < 1:
            yield Piece([Line(1, content)], [], 1)
        return
    entries = resource.get("entry")
    held = entries if isinstance(entries, list) else []
    for start in range(after, len(held), _LINES):
        part = held[start : start + _LINES]
        lines = [
            Line(start + n + 1, json.encode(entry["resource"]))
            for n, entry in enumerate(part)
            if isinstance(entry, dict) and isinstance(entry.get("resource"), dict)
        ]
        yield Piece(lines, [], start + len(part))
