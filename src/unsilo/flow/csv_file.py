"""CSV files of any hand: encoding and delimiter found, faults told with row and column, written whole or not at all."""

import csv
import io
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TextIO

from unsilo.kernel import Issue, Result, Where

__all__ = ["Rows", "delimiter_of", "read_csv", "text_of", "write_csv"]

_MOST_ISSUES = 20
Rows = list[tuple[int, dict[str, str]]]
"""Rows with their numbers (1 is the header), each cell by its column's name."""


def text_of(content: bytes, rule: str) -> tuple[str, list[Issue]]:
    """Decode a file: UTF-8 with or without mark, UTF-16 with mark, otherwise Windows Latin, which is told."""
    try:
        if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return content.decode("utf-16"), []
        return content.decode("utf-8-sig"), []
    except UnicodeDecodeError as fault:
        row = content.count(b"\n", 0, fault.start) + 1
        text = f"the file is not {fault.encoding.upper()} from byte {fault.start} on and was read as Latin-1"
        issue = Issue(
            "warning",
            "charset",
            text,
            Where(f"row {row}"),
            "save it as UTF-8 when names look wrong",
            f"{rule}.encoding",
        )
        return content.decode("cp1252" if b"\0" not in content[:64] else "latin-1", "replace"), [issue]


def delimiter_of(text: str) -> str:
    """Return the sign that the header has most of: comma, semicolon, tab or bar."""
    head = text[: text.find("\n") if "\n" in text else len(text)]
    return max(",;\t|", key=lambda sign: (head.count(sign), sign == ","))


def _fault(rule: str, row: int, text: str, hint: str = "", column: str = "") -> Issue:
    path = f"row {row}, column {column}" if column else f"row {row}"
    return Issue("error", "structure", text, Where(path), hint, rule)


def read_csv(
    content: bytes, known: Sequence[str], needed: Sequence[str], rule: str, also: Mapping[str, str] | None = None
) -> Result[Rows]:
    """Read the columns `known` of a CSV file; no value when it has an error, each of which names row and column.

    One of `needed` must be in the header; `also` maps other headings to columns. Other columns are passed over,
    missing ones are empty. Comma, semicolon, tab or bar, as the header has it. Rows without any cell are skipped.
    """
    text, notes = text_of(content, rule)
    if not text.strip("\0 \t\r\n"):
        return Result(None, [*notes, _fault(f"{rule}.empty", 1, "the file is empty")])
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter_of(text), strict=True)
    faults: list[Issue] = []
    rows: Rows = []
    number = 1
    try:
        header = [cell.strip().casefold().replace(" ", "_") for cell in next(reader)]
        names = [name if name in known else (also or {}).get(name, "") for name in header]
        names = ["" if name in names[:at] else name for at, name in enumerate(names)]
        if not set(needed).intersection(names):
            hint = f"known: {', '.join(known)}"
            return Result(None, [*notes, _fault(f"{rule}.header", 1, f"the header has no {' or '.join(needed)}", hint)])
        for number, cells in enumerate(reader, 2):
            if not any(cell.strip() for cell in cells):
                continue
            if any(cell.strip() for cell in cells[len(header) :]):
                hint = "a comma inside a cell needs quotes around the cell"
                text = f"the row has {len(cells)} cells, the header {len(header)}"
                faults.append(_fault(f"{rule}.cells", number, text, hint))
            row = dict.fromkeys(known, "")
            row.update((name, cell.strip()) for name, cell in zip(names, cells, strict=False) if name)
            rows.append((number, row))
    except csv.Error as fault:
        hint = "look for a quote that is not closed"
        faults.append(_fault(f"{rule}.csv", number + 1, f"the row cannot be read: {fault}", hint))
    if not faults and not rows:
        faults.append(_fault(f"{rule}.empty", 2, "the file has a header and no rows"))
    if len(faults) > _MOST_ISSUES:
        text = f"{len(faults) - _MOST_ISSUES} more errors are not shown"
        faults[_MOST_ISSUES:] = [Issue("error", "structure", text, rule=f"{rule}.more")]
    return Result(None if faults else rows, [*notes, *faults])


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]] | Iterator[Sequence[str]]) -> None:
    """Write a CSV file whole or not at all. OSError when it cannot be written.

    What is no plain file (a device, a pipe, a link to standard output) is written to, never replaced.
    """
    if path.is_symlink() or (path.exists() and not path.is_file()):
        with path.open("w", encoding="utf-8", newline="") as out:
            _rows(out, header, rows)
        return
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as fault:
        raise OSError(fault.errno, fault.strerror, str(path)) from None  # not the name of what stands in for it
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as out:
            _rows(out, header, rows)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _rows(out: TextIO, header: Sequence[str], rows: Iterable[Sequence[str]] | Iterator[Sequence[str]]) -> None:
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
