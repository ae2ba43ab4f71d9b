"""The files of a release, wherever they lie: a folder, a zip, a gzipped tar or one file; always read as a stream."""

from __future__ import annotations

import csv
import io
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from unsilo.kernel import Issue, Where
from unsilo.terminology.faults import fault

__all__ = ["Files", "Notes", "is_package"]

csv.field_size_limit(1 << 22)
_LONGEST_LINE = 4 * 1024 * 1024
_MOST_FILES = 200_000
_SHOWN = 5


class Notes:
    """What was met while reading: each kind a few times with file and line, then counted."""

    def __init__(self) -> None:
        self.issues: list[Issue] = []
        self._counts: dict[str, int] = {}

    def say(self, text: str, file: str, line: int = 0) -> None:
        """Note a fault of one row, which is left out."""
        count = self._counts[text] = self._counts.get(text, 0) + 1
        if count <= _SHOWN:
            place = f"{file}, line {line}" if line else file
            self.issues.append(Issue("warning", "structure", text, Where(place), rule="terminology.row"))

    def finish(self) -> list[Issue]:
        """Return what was noted, with the counts of what was noted often."""
        often = [
            Issue("warning", "informational", f"{text}: {count} rows", rule="terminology.row")
            for text, count in self._counts.items()
            if count > _SHOWN
        ]
        return [*self.issues, *often]


class Files:
    """The files of one release by name. TerminologyError for what cannot be read."""

    def __init__(self, path: Path, notes: Notes | None = None) -> None:
        self.path = path
        self.notes = notes or Notes()
        self._zip: zipfile.ZipFile | None = None
        self.names: list[str] = []
        try:
            if path.is_dir():
                self.names = sorted(
                    str(p.relative_to(path)) for p in path.rglob("*") if p.is_file() and not p.is_symlink()
                )
            elif zipfile.is_zipfile(path):
                self._zip = zipfile.ZipFile(path)
                self.names = sorted(i.filename for i in self._zip.infolist() if not i.is_dir())
            elif path.is_file():
                self.names = [path.name]
            else:
                raise fault("not-found", f"there is no {path}", rule="terminology.file")
        except (OSError, zipfile.BadZipFile) as error:
            raise fault("structure", f"{path.name} cannot be read: {error}", rule="terminology.file") from None
        if len(self.names) > _MOST_FILES:
            raise fault("too-costly", f"{path.name} has more than {_MOST_FILES} files", rule="terminology.file")

    def close(self) -> None:
        """Close the archive."""
        if self._zip is not None:
            self._zip.close()

    def find(self, pattern: str) -> list[str]:
        """Return the names whose last part matches a regular expression (any case)."""
        match = re.compile(pattern, re.IGNORECASE).fullmatch
        return [n for n in self.names if match(n.rpartition("/")[2]) and "__MACOSX" not in n]

    def one(self, pattern: str, what: str) -> str:
        """Return the one file that matches. TerminologyError that says what lacks."""
        found = self.find(pattern)
        if not found:
            text = f"{self.path.name} has no {what}"
            raise fault("not-found", text, "give the whole release as it was downloaded", "terminology.file.missing")
        return min(found, key=len)

    def open(self, name: str) -> IO[bytes]:
        """Open a file as a stream of bytes."""
        try:
            if self._zip is not None:
                return self._zip.open(name)
            return (self.path if self.path.is_file() else self.path / name).open("rb")
        except (OSError, zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
            # zipfile raises the last two for a member that is encrypted or packed in a way it does not know.
            raise fault("structure", f"{name} cannot be read: {error}", rule="terminology.file") from None

    def read(self, name: str, most: int) -> bytes:
        """Return a whole file of at most `most` bytes."""
        with self.open(name) as file:
            content = file.read(most + 1)
        if len(content) > most:
            raise fault("too-long", f"{name} is longer than {most} bytes", rule="terminology.file")
        return content

    def lines(self, name: str) -> Iterator[tuple[int, str]]:
        """Yield (number, line) of a text; bytes that are no UTF-8 are read as Windows-1252."""
        with self.open(name) as file:
            number = 0
            try:
                head = file.peek(4)[:4] if hasattr(file, "peek") else b""
                encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else ""
                if encoding:
                    with io.TextIOWrapper(file, encoding, errors="replace") as texts:
                        for number, text in enumerate(texts, 1):
                            yield number, text.rstrip("\r\n")
                    return
                while line := file.readline(_LONGEST_LINE + 1):
                    number += 1
                    if len(line) > _LONGEST_LINE:
                        text = f"{name}, line {number}: a line is longer than {_LONGEST_LINE} bytes"
                        raise fault("too-long", text, rule="terminology.line")
                    yield number, self._text(line, name, number)
            except (OSError, zipfile.BadZipFile, zlib.error, EOFError) as error:
                raise fault("structure", f"{name}, after line {number}: {error}", rule="terminology.file") from None

    def _text(self, line: bytes, name: str, number: int) -> str:
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError:
            self.notes.say("a line is no UTF-8 and was read as Windows-1252", name, number)
            text = line.decode("cp1252", "replace")
        if number == 1:
            text = text.removeprefix("\ufeff")
        return text.rstrip("\r\n").replace("\0", "")

    def columns(self, name: str, needed: Sequence[str], sign: str = "\t") -> Iterator[tuple[int, list[str]]]:
        """Yield (line, the needed columns) of a table with a header, found by their names in any case.

        A column whose name ends in `?` may lack and is then empty. Tab-separated tables are read without quotes.
        """
        rows = self._csv(name, sign) if sign != "\t" else ((n, line.split("\t")) for n, line in self.lines(name))
        header = next(rows, (0, []))[1]
        known = {column.strip().casefold(): at for at, column in enumerate(header)}
        at = []
        for column in needed:
            place = known.get(column.rstrip("?").casefold(), -1)
            if place < 0 and not column.endswith("?"):
                text = f"{name}, line 1: there is no column {column}"
                raise fault("structure", text, f"the columns are {', '.join(header)[:200]}", "terminology.column")
            at.append(place)
        most = max(place for place, column in zip(at, needed, strict=True) if not column.endswith("?")) if at else 0
        for number, row in rows:
            if len(row) <= most:
                if row and any(row):
                    self.notes.say("a row has too few columns and was left out", name, number)
                continue
            yield number, [row[place] if 0 <= place < len(row) else "" for place in at]

    def header(self, name: str, sign: str = ",") -> list[str]:
        """Return the first row of a table."""
        return next(self._csv(name, sign), (0, []))[1]

    def _csv(self, name: str, sign: str) -> Iterator[tuple[int, list[str]]]:
        reader = csv.reader((line + "\n" for _, line in self.lines(name)), delimiter=sign)
        while True:
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                text = f"{name}, line {reader.line_num}: {error}"
                raise fault("structure", text, rule="terminology.csv") from None
            yield reader.line_num, row


def is_package(path: Path) -> bool:
    """Tell a FHIR package: a gzipped tar."""
    return path.is_file() and path.name.endswith((".tgz", ".tar.gz")) and tarfile.is_tarfile(path)
