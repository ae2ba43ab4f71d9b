"""Match the person rows of a CSV file: read and check it, ask `identity`, write links and review pairs."""

import csv
import gc
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import msgspec

from unsilo.flow.csv_file import delimiter_of, text_of, write_csv
from unsilo.flow.persons.answers import Answer, read_answers
from unsilo.flow.persons.columns import RECORD_ID, columns_of
from unsilo.flow.persons.spread import Processes, processors
from unsilo.identity import ERROR, LEAST, Matching, Person, match, standardise
from unsilo.kernel import Issue, Result, Where

__all__ = ["ERROR", "LEAST", "Matched", "match_file", "read_rows"]

_MOST_ISSUES = 20
_MANY = 50_000  # rows from which several processes are worth their start
_CHUNK = 20_000


class Matched(msgspec.Struct, frozen=True):
    """What `match_file` did: rows read, persons found, rows that share a person, pairs for review, pairs compared.

    `link_at` is the probability from which rows were linked.
    """

    rows: int
    persons: int
    linked: int
    review: int
    compared: int
    link_at: float
    issues: list[Issue]


class _Faults:
    """Issues of a file with row and column, the first of them kept, all counted."""

    def __init__(self) -> None:
        self.issues: list[Issue] = []
        self.count = 0

    def add(self, text: str, row: int, column: str, rule: str, hint: str = "") -> None:
        self.count += 1
        if self.count <= _MOST_ISSUES:
            path = f"row {row}, column {column}" if column else f"row {row}"
            self.issues.append(Issue("error", "structure", text, Where(path), hint, f"match.{rule}"))

    def all(self) -> list[Issue]:
        more = self.count - len(self.issues)
        if more:
            return [*self.issues, Issue("error", "structure", f"{more} more errors are not shown", rule="match.more")]
        return self.issues


def _id_fault(record_id: str) -> str:
    if not record_id:
        return "the record id is empty"
    if len(record_id) > 200:
        return "the record id is longer than 200 characters"
    if any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 for c in record_id):
        return "the record id has a control character"
    if record_id[0] in "=+@" or (record_id[0] == "-" and not record_id[1:2].isdigit()):
        return "the record id begins like a formula, which a spreadsheet would run"
    return ""


def read_rows(content: bytes) -> Result[list[tuple[str, Person]]]:
    """Read and standardise the rows of a CSV file; the value is None when the file has an error.

    Each error is an Issue with row (1 is the header) and column. Comma, semicolon, tab or bar, as the header has it.
    """
    text, notes = text_of(content, "match")
    faults = _Faults()
    if not text.strip("\0 \t\r\n"):
        faults.add("the file is empty", 1, "", "empty")
        return Result(None, faults.all())
    ids: list[str] = []
    cells_of: list[tuple[str, ...]] = []
    seen: dict[str, int] = {}
    number = 1
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter_of(text), strict=True)
    try:
        header = next(reader)
        columns, called, wrong = columns_of(header)
        notes += called
        if wrong:
            return Result(None, [*notes, *wrong])
        identity = columns.pop(RECORD_ID)
        names, places = tuple(columns), tuple(columns.values())
        for number, cells in enumerate(reader, 2):
            if not any(cells):
                continue
            if len(cells) > len(header) and any(cell.strip() for cell in cells[len(header) :]):
                faults.add(
                    f"the row has {len(cells)} cells, the header {len(header)}", number, str(len(header) + 1), "cells",
                    "a comma inside a cell needs quotes around the cell",
                )  # fmt: skip
                continue
            record_id = cells[identity].strip() if identity < len(cells) else ""
            fault = _id_fault(record_id)
            if fault:
                faults.add(fault, number, "record_id", "id")
            elif record_id in seen:
                faults.add(f"the record id stands in row {seen[record_id]} too", number, "record_id", "duplicate")
            elif not faults.count:
                ids.append(record_id)
                cells_of.append(tuple(cells[at] if at < len(cells) else "" for at in places))
            seen.setdefault(record_id, number)
    except csv.Error as fault:
        faults.add(f"the row cannot be read: {fault}", number + 1, "", "csv", "look for a quote that is not closed")
    if not faults.count and not ids:
        faults.add("the file has a header and no rows", 2, "", "empty")
    if faults.count:
        return Result(None, [*notes, *faults.all()])
    del text
    return Result(list(zip(ids, _persons(names, cells_of), strict=True)), notes)


def _persons(names: Sequence[str], rows: list[tuple[str, ...]]) -> list[Person]:
    """Standardise rows, of many files in several processes."""
    if len(rows) < _MANY:
        return [standardise(dict(zip(names, cells, strict=True))) for cells in rows]
    spread = Processes(min(processors(), 4))
    encode, decoder = msgspec.msgpack.encode, msgspec.msgpack.Decoder(list[Person])
    each = len(rows) // spread.parts + 1

    def work(part: int) -> list[bytes]:
        mine = rows[part * each : (part + 1) * each]
        return [
            encode([standardise(dict(zip(names, cells, strict=True))) for cells in mine[at : at + _CHUNK]])
            for at in range(0, len(mine), _CHUNK)
        ]

    packed = [chunk for part in spread(work) for chunk in part]
    rows.clear()
    return [_shared(person) for chunk in packed for person in decoder.decode(chunk)]


@lru_cache(1 << 16)
def _once(text: str) -> str:
    return text


def _shared(person: Person) -> Person:
    """Return a row whose names and places are kept once for all rows."""
    return msgspec.structs.replace(
        person, first=_once(person.first), family=_once(person.family), city=_once(person.city),
        state=_once(person.state), postal=_once(person.postal), sex=_once(person.sex),
    )  # fmt: skip


def match_file(
    source: Path,
    out: Path,
    review: Path | None = None,
    *,
    link_at: float | None = None,
    review_at: float = 0.2,
    error: float = ERROR,
    labels: Path | None = None,
    told: Callable[[str, int, int], None] | None = None,
) -> Result[Matched]:
    """Match a file and write `record_id,person_id` and, when asked for, `left,right,probability`.

    `labels` is a file of answers (`left,right,same`): they are kept to, and enough of them calibrate the weights.

    The value is None when the file has an error; nothing is written then. OSError when a file cannot be read or
    written.
    """
    with _no_cycles():
        return _match_file(source, out, review, link_at, review_at, error, labels, told)


@contextmanager
def _no_cycles() -> Iterator[None]:
    """Let nothing look for cycles meanwhile: there are none among millions of rows, and looking takes a fifth more."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _match_file(
    source: Path, out: Path, review: Path | None, link_at: float | None, review_at: float, error: float,
    labels: Path | None, told: Callable[[str, int, int], None] | None,
) -> Result[Matched]:  # fmt: skip
    read = read_rows(source.read_bytes())
    rows = read.value
    if rows is None:
        return Result(None, read.issues)
    ids = [record_id for record_id, _ in rows]
    said = read_answers(labels, set(ids)) if labels is not None else Result[list[Answer]]([], [])
    if said.value is None:
        return Result(None, [*read.issues, *said.issues])
    spread = Processes(min(processors(), 4) if len(rows) >= _MANY else 1)
    found: Matching = match(
        rows, link_at=link_at, review_at=review_at, error=error, told=told, spread=spread, answers=said.value
    )
    rows.clear()
    write_csv(out, ("record_id", "person_id"), zip(ids, found.persons, strict=True))
    if review is not None:
        pairs = ((left, right, f"{chance:.4f}") for left, right, chance in found.review)
        write_csv(review, ("left", "right", "probability"), pairs)
    persons = len(set(found.persons))
    matched = Matched(
        len(ids), persons, len(ids) - persons, len(found.review), found.compared, found.link_at, read.issues
    )
    return Result(matched, read.issues)
