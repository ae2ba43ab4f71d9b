"""The files of a FHIR package, read in memory: nothing is unpacked to disk, nothing is larger than its bound."""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Final

import msgspec

__all__ = ["Bounds", "PackageError", "files"]

_HEADERS: Final = frozenset((tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME,
                   tarfile.GNUTYPE_LONGLINK))  # fmt: skip
_LONGEST_HEADER: Final = 64 * 1024


class PackageError(Exception):
    """A package cannot be used; the message says what is wrong and where."""


class Bounds(msgspec.Struct, frozen=True):
    """The largest package that is read: bytes of the archive, of all files unpacked, of one file, number of files."""

    archive: int = 256 * 1024 * 1024
    unpacked: int = 1024 * 1024 * 1024
    one: int = 64 * 1024 * 1024
    files: int = 100_000


class _Member(tarfile.TarInfo):
    """A tar header; one that announces a name of megabytes is refused before the name is read."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Member:
        found = super().frombuf(buf, encoding, errors)
        if found.type in _HEADERS and found.size > _LONGEST_HEADER:
            raise PackageError("the archive has a header that is too long")
        return found


class _Counted(io.RawIOBase):
    """Unpacked bytes, counted: a bomb ends at the bound."""

    def __init__(self, inner: gzip.GzipFile, most: int) -> None:
        super().__init__()
        self._inner = inner
        self._left = most

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        content = self._inner.read(min(size, 1 << 20) if size >= 0 else 1 << 20)
        self._left -= len(content)
        if self._left < 0:
            raise PackageError("the archive unpacks to more than the bound")
        return content


def _safe(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name or ":" in name:
        raise PackageError(f"the archive has a file outside of it: {name[:100]!r}")
    return path


def _archived(path: Path, bounds: Bounds) -> Iterator[tuple[str, bytes]]:
    if path.stat().st_size > bounds.archive:
        raise PackageError(f"the archive is larger than {bounds.archive} bytes")
    with path.open("rb") as file, gzip.GzipFile(fileobj=file) as inner:
        stream: Any = _Counted(inner, bounds.unpacked)
        with tarfile.open(fileobj=stream, mode="r|", tarinfo=_Member) as archive:
            for count, member in enumerate(archive):
                if count >= bounds.files:
                    raise PackageError(f"the archive has more than {bounds.files} files")
                name = _safe(member.name)
                if member.isdir():
                    continue
                if not member.isreg() or member.issparse():
                    raise PackageError(f"the archive has something that is no file: {member.name[:100]!r}")
                if member.size > bounds.one:
                    raise PackageError(f"{member.name[:100]} is larger than {bounds.one} bytes")
                content = archive.extractfile(member)
                if content is not None and len(name.parts) == 2 and name.parts[0] == "package":
                    yield name.parts[1], content.read()


def _unpacked(path: Path, bounds: Bounds) -> Iterator[tuple[str, bytes]]:
    folder = path / "package" if (path / "package").is_dir() else path
    left = bounds.unpacked
    for count, file in enumerate(sorted(folder.glob("*.json"))):
        if file.is_symlink() or not file.is_file():
            raise PackageError(f"{file.name} is no file")
        size = file.stat().st_size
        left -= size
        if count >= bounds.files or size > bounds.one or left < 0:
            raise PackageError(f"the folder is larger than a package may be, at {file.name}")
        yield file.name, file.read_bytes()


def files(path: Path, bounds: Bounds) -> Iterator[tuple[str, bytes]]:
    """Yield (name, content) of the JSON files directly in a package's `package` folder; PackageError when it is none.

    `path` is a gzipped tar or a folder. Refused are names that lead out, links, devices, and what is beyond `bounds`.
    """
    try:
        for name, content in _unpacked(path, bounds) if path.is_dir() else _archived(path, bounds):
            if name.endswith(".json") and not name.startswith("."):
                yield name, content
    except PackageError as error:
        raise PackageError(f"{path.name}: {error}") from None
    except (tarfile.TarError, OSError, EOFError, zlib.error, ValueError, OverflowError) as error:
        raise PackageError(f"{path.name}: not a readable .tgz ({str(error)[:100] or type(error).__name__})") from None
