"""How commands speak: tables and progress for people, one JSON value for programs, Issues with place and hint."""

import errno
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from unsilo.kernel import Issue, Result, Where

if TYPE_CHECKING:
    from rich.progress import Progress

T = TypeVar("T")

__all__ = [
    "FAILED",
    "NOT_NOW",
    "OK",
    "WRONG",
    "fail",
    "given",
    "human",
    "issues",
    "nothing_in",
    "progress",
    "say",
    "say_json",
    "several",
    "spoken",
    "table",
]

_OF_OUTPUT = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EPIPE, errno.EBADF)
"""Faults of the operating system that, without the name of a file, are those of standard output."""

OK, FAILED, WRONG, NOT_NOW = 0, 1, 2, 3
"""Exit statuses: all done; some of the work failed; wrong command line or settings; not possible now."""


def say(text: str = "") -> None:
    """Print a line on standard output."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def several(count: int, what: str) -> str:
    """Say how many there are of something, as `1 entry` and `2 entries`."""
    if count == 1:
        return f"1 {what}"
    return f"{count} {what[:-1]}ies" if what.endswith("y") else f"{count} {what}s"


def say_json(value: Any) -> None:
    """Print one JSON value on standard output; a lone surrogate becomes a question mark."""
    import msgspec

    try:
        content = msgspec.json.format(msgspec.json.encode(value))
    except UnicodeEncodeError:
        import json

        content = json.dumps(msgspec.to_builtins(value), indent=2).encode()
    sys.stdout.write(content.decode() + "\n")
    sys.stdout.flush()


def issues(found: Iterable[Issue]) -> None:
    """Print Issues on standard error: place, severity, text, hint."""
    for issue in found:
        place = f"{issue.where.path}: " if issue.where.path else ""
        hint = f" ({issue.hint})" if issue.hint else ""
        sys.stderr.write(f"{issue.severity}: {place}{issue.text}{hint}\n")


def placed(source: str, found: Iterable[Issue]) -> list[Issue]:
    """Return Issues whose place begins with the file that they are of."""
    import msgspec

    return [
        msgspec.structs.replace(issue, where=Where(f"{source} {issue.where.path}".strip(), issue.where.span))
        for issue in found
    ]


def nothing_in(inputs: Sequence[Path], found: Sequence[object]) -> None:
    """Say on standard error that the folders a command was given hold nothing: a slip of the path, or an idle feed."""
    if not found:
        sys.stderr.write(f"unsilo: there is nothing to read in {', '.join(map(str, inputs))}\n")


def given(done: Result[T]) -> T:
    """Return what was made of the input, after its Issues; exits with 2 when nothing could be."""
    issues(done.issues)
    if done.value is None:
        raise SystemExit(WRONG)
    return done.value


def fail(status: int, text: str, hint: str = "") -> NoReturn:
    """Say why nothing was done, and end with an exit status."""
    sys.stderr.write(f"unsilo: {text}{f' ({hint})' if hint else ''}\n")
    raise SystemExit(status)


@contextmanager
def spoken() -> Iterator[None]:
    """Run a command; what the operating system refuses, such as a full disk under standard output, is said in a line.

    So is why a store cannot be opened. Faults of the program keep their traceback.
    """
    if sys.stdout is None:  # closed by who started the command
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - as long as the process
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:  # before the command took over; afterwards it says so itself
        raise SystemExit(130) from None
    except OSError as fault:
        why = fault.strerror or str(fault)
        if fault.errno in _OF_OUTPUT and not fault.filename:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left of it has nowhere to go
            if fault.errno == errno.EPIPE:  # whoever read has seen enough
                raise SystemExit(FAILED) from None
            fail(NOT_NOW, f"standard output cannot be written: {why}")
        fail(NOT_NOW, f"{fault.filename}: {why}" if fault.filename else why)
    except Exception as fault:
        from unsilo.storage import NotOpenedError

        if not isinstance(fault, NotOpenedError):
            raise
        fail(NOT_NOW, str(fault))


def _is_number(cell: str) -> bool:
    return cell.replace(",", "").replace(".", "").isdigit()


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a plain table; columns whose cells are all numbers stand to the right. Nothing is cut off."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(name), *(len(row[n]) for row in cells)) if cells else len(name) for n, name in enumerate(columns)]
    right = [all(_is_number(row[n]) for row in cells) for n in range(len(columns))]
    for row in [list(columns), *cells]:
        parts = [
            cell.rjust(width) if at_right and cells else cell.ljust(width)
            for cell, width, at_right in zip(row, widths, right, strict=True)
        ]
        say("  ".join(parts).rstrip())


@contextmanager
def progress(total: int | None, what: str, *, quiet: bool = False) -> "Iterator[Progress | None]":
    """Show progress on standard error while the body runs, when a person is watching; gives None otherwise."""
    if quiet or not sys.stderr.isatty() or os.environ.get("TERM") == "dumb":
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        shown.add_task(what, total=total)
        yield shown


def human(size: float) -> str:
    """Return a number of bytes as people write it."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
