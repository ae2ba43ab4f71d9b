"""What `convert` reads: files, those of folders, members of zip archives; each with the name of its output."""

import zipfile
import zlib
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath

import msgspec

__all__ = ["Input", "UnreadableError", "inputs", "listed"]

_ARCHIVE = (b"PK\x03\x04", b"PK\x05\x06")
"""Begin of a zip archive, and of an empty one (APPNOTE.TXT 4.3.7, 4.3.16)."""


class UnreadableError(Exception):
    """An input cannot be read; the text says why."""


class Input(msgspec.Struct, frozen=True):
    """One input: a file, or a member of the archive `path` by its number there.

    `name` is its path below the folder of outputs, `fault` says why it is not read at all.
    """

    path: Path
    name: str
    member: int = -1
    fault: str = ""

    def size(self) -> int:
        """Return its bytes, 0 when that cannot be told."""
        try:
            return (
                self.path.stat().st_size if self.member < 0 else _archive(self.path).infolist()[self.member].file_size
            )
        except (OSError, IndexError, zipfile.BadZipFile):
            return 0  # who reads it says what is wrong

    def read(self, limit: int = 0) -> bytes:
        """Return the content, at most one byte more than `limit` where there is one.

        An archive's own word on the size of a member is not relied on. UnreadableError when it cannot be read.
        """
        if self.fault:
            raise UnreadableError(self.fault)
        try:
            if self.member < 0:
                if not limit or self.path.stat().st_size <= limit:
                    return self.path.read_bytes()
                with self.path.open("rb") as file:
                    return file.read(limit + 1)
            archive = _archive(self.path)
            with archive.open(archive.infolist()[self.member]) as file:
                return file.read(limit + 1) if limit else file.read()
        except OSError as fault:
            raise UnreadableError(f"cannot be read: {fault.strerror or fault}") from None
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError, IndexError) as fault:
            # zipfile raises RuntimeError for an encrypted member and NotImplementedError for one packed in a way it
            # does not know.
            raise UnreadableError(f"cannot be unpacked: {fault}") from None


@lru_cache(maxsize=4)
def _archive(path: Path) -> zipfile.ZipFile:
    """Open an archive once a process: its table of members is read when it is opened."""
    return zipfile.ZipFile(path)


def inputs(paths: Iterable[Path], *, broken: bool = False) -> Iterator[tuple[Path, Path]]:
    """Yield (file, its path below the given folder) for files and, recursively and in order, for folders.

    With `broken` a link in a folder that leads nowhere is a file too, for whoever says of each what cannot be read.
    """
    for path in paths:
        if path.is_dir():
            for file in sorted(path.rglob("*")):
                here = file.is_file() or (broken and file.is_symlink() and not file.exists())
                if here and not any(part.startswith(".") for part in file.relative_to(path).parts):
                    yield file, file.relative_to(path)
        else:
            yield path, Path(path.name)


def listed(paths: Iterable[Path]) -> list[Input]:
    """Return every input once, in order, no two with one name.

    An archive that is given is like a folder: its members keep their paths. One that stands in a folder gives its
    members below its own name. Of two inputs whose outputs would be one file the second is a fault, never written
    over the first.
    """
    found: list[Input] = []
    named: dict[str, Input] = {}
    seen: set[Path] = set()
    for path in paths:
        for file, below in inputs([path], broken=True):
            if file.absolute() in seen:
                continue
            seen.add(file.absolute())
            for each in _each(file, below.as_posix(), file == path):
                first = named.setdefault(each.name, each)
                if first is not each:
                    text = f"not converted: its output would be that of {first.path}; give the folder above both"
                    found.append(msgspec.structs.replace(each, fault=text))
                else:
                    found.append(each)
    return found


def _each(file: Path, below: str, given: bool) -> list[Input]:
    """Return a file, or what an archive holds."""
    if not _is_archive(file, given):
        return [Input(file, below)]
    try:
        members = _archive(file).infolist()
    except zipfile.BadZipFile:
        return [Input(file, below, fault="the archive cannot be read: it is cut short, or no zip archive")]
    except (OSError, ValueError, NotImplementedError) as fault:  # the last for a later version of the format
        return [Input(file, below, fault=f"the archive cannot be read: {str(fault)[:200]}")]
    made = []
    for number, member in enumerate(members):
        parts = PurePosixPath(member.filename.replace("\\", "/")).parts
        if member.is_dir() or any(part.startswith(".") and part != ".." for part in parts) or "__MACOSX" in parts:
            continue  # hidden files are passed over as in folders; the last is what a Mac puts beside the files
        name = "/".join(parts if given else (below, *parts))
        if ".." in parts or not parts or parts[0].startswith("/") or ":" in parts[0]:
            text = "its name in the archive leads out of the folder"
            made.append(Input(file, f"{below}: {member.filename}", number, text))
        elif name.lower().endswith(".zip"):
            made.append(Input(file, name, number, "an archive in an archive is not opened: unpack it first"))
        else:
            made.append(Input(file, name, number))
    return made


def _is_archive(file: Path, given: bool) -> bool:
    """Tell an archive by its name; one that is given by name may be called otherwise."""
    if file.suffix.lower() == ".zip":
        return True
    if not given:
        return False
    try:
        with file.open("rb") as opened:
            return opened.read(4) in _ARCHIVE
    except OSError:
        return False
