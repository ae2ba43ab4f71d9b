"""What commands ask of the paths they are given before anything is read or written; else they exit with 2."""

from collections.abc import Sequence
from pathlib import Path

from unsilo.cli.output import WRONG, fail

__all__ = ["needs_files", "needs_paths", "needs_place"]


def needs_files(*files: Path | None) -> None:
    """Each file is there; those that were not named do not matter."""
    for file in files:
        if file is not None and not file.is_file():
            fail(WRONG, f"{file} is a folder, not a file" if file.is_dir() else f"there is no file {file}")


def needs_paths(paths: Sequence[Path], *, one: bool = False) -> None:
    """Each file or folder is there; with `one`, at least one is, and what is missing is told among the others."""
    missing = [path for path in paths if not path.exists()]
    if missing and not (one and len(missing) < len(paths)):
        fail(WRONG, f"there is no file or folder {missing[0]}")


def needs_place(*places: Path | None, beside: Sequence[Path | None] = ()) -> None:
    """Each can be written as a file: its folder is there, and it is none that is read (`beside`) or written already."""
    taken = {path.resolve() for path in beside if path is not None}
    written: set[Path] = set()
    for place in places:
        if place is None:
            continue
        if place.is_dir() or not place.absolute().parent.is_dir():
            fail(WRONG, f"{place} cannot be a file", "its folder must be there")
        if place.resolve() in taken:
            fail(WRONG, f"{place} is a file that is read", "name another to write to")
        if place.resolve() in written:
            fail(WRONG, f"{place} would be written twice", "name two files")
        written.add(place.resolve())
