"""Load the table files of a format and lay patch and overlay over them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from functools import lru_cache
from hashlib import sha256
from importlib import resources
from typing import Any

import msgspec

from unsilo.kernel import Issue, Result, Where
from unsilo.mapping.overlay import Overlay, read_overlay
from unsilo.mapping.rows import KINDS, CodeRow, EventRow, MapRow, MessageRow, ResourceRow, TableSet

__all__ = ["Layers", "layered", "read_tables", "standard"]

Rows = dict[str, list[Any]]
_OWN_STRUCTURES = "structures/own.csv"
"""A structure that stands there replaces that of other tables."""


class Layers(msgspec.Struct, frozen=True):
    """The standard rows of a format with patches applied, by kind, and the digest of the files."""

    format: str
    rows: Rows
    digest: str


@lru_cache(maxsize=8)
def standard(fmt: str) -> Layers:
    """Return the rows that come with unsilo for `v2` or `ccda`; ValueError names the file and line of a wrong row."""
    root = resources.files("unsilo.mapping") / "tables" / fmt
    return read_tables(fmt, dict(_files(root)))


def _files(root: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    if not root.is_dir():
        return
    for item in sorted(root.iterdir(), key=lambda i: i.name):
        if item.is_dir():
            yield from _files(item, f"{prefix}{item.name}/")
        elif item.name.endswith(".csv"):
            yield prefix + item.name, item.read_text("utf-8")


def read_tables(fmt: str, files: dict[str, str]) -> Layers:
    """Read table files (path within the format's folder -> text) and apply `patch.csv`."""
    rows: Rows = {kind: [] for kind in KINDS}
    seen: dict[str, str] = {}
    patches: list[dict[str, str]] = []
    own = _structures_of(files.get(_OWN_STRUCTURES, ""))
    for name, text in sorted(files.items()):
        kind = name.split("/")[0].removesuffix(".csv")
        if kind == "patch":
            patches += [line for _, line in _lines(name, text)]
            continue
        shape = KINDS.get(kind)
        if shape is None:
            continue
        for number, line in _lines(name, text):
            row = _convert(line, shape, f"{name}:{number}")
            key = getattr(row, "id", "")
            if key and key in seen:
                raise ValueError(f"{name}:{number}: id {key} stands in {seen[key]} already")
            seen[key] = f"{name}:{number}"
            if kind != "structures" or name == _OWN_STRUCTURES or row.structure not in own:
                rows[kind].append(row)
    for line in patches:
        _patch(rows, line)
    digest = sha256(msgspec.json.encode(sorted(files.items()))).hexdigest()
    return Layers(fmt, rows, digest)


def _structures_of(text: str) -> frozenset[str]:
    """The structures that a table holds."""
    return frozenset(line.partition(",")[0] for line in text.splitlines()[1:])


def _lines(name: str, text: str) -> Iterator[tuple[int, dict[str, str]]]:
    reader = csv.reader(io.StringIO(text))
    head = next(reader, [])
    for cells in reader:
        if not cells or not any(cells) or cells[0].startswith("#"):
            continue
        if len(cells) > len(head):
            raise ValueError(f"{name}:{reader.line_num}: {len(cells)} cells under {len(head)} columns")
        yield reader.line_num, {k: v for k, v in zip(head, cells, strict=False) if v}


@lru_cache(maxsize=16)
def _columns(shape: type) -> frozenset[str]:
    """The columns of a kind of row."""
    return frozenset(field.encode_name for field in msgspec.structs.fields(shape))


def _convert(line: dict[str, str], shape: type, where: str) -> Any:
    try:
        unknown = line.keys() - _columns(shape)
        if unknown:
            raise ValueError(f"{where}: unknown column {', '.join(sorted(unknown))}")
        return msgspec.convert(line, shape)
    except msgspec.ValidationError as error:
        raise ValueError(f"{where}: {error}") from None


def _patch(rows: Rows, line: dict[str, str]) -> None:
    line = dict(line)
    op = line.pop("op", "")
    found = _find(rows, line.get("id", ""))
    if op == "add":
        before = line.pop("before", "")
        _insert(rows, line, before)
    elif found is None:
        raise ValueError(f"patch.csv: {op} of unknown row {line.get('id', '')}")
    elif op == "drop":
        del rows[found[0]][found[1]]
    elif op == "replace":
        rows[found[0]][found[1]] = _replaced(rows[found[0]][found[1]], line)
    else:
        raise ValueError(f"patch.csv: op {op!r} is not replace, add or drop")


def _replaced(row: Any, columns: dict[str, str]) -> Any:
    old = msgspec.to_builtins(row)
    return _convert({**old, **columns}, type(row), row.id)


def _find(rows: Rows, key: str) -> tuple[str, int] | None:
    for kind in ("maps", "messages", "vocabularies", "resources", "systems"):
        for index, row in enumerate(rows[kind]):
            if row.id == key:
                return kind, index
    return None


def _drop(rows: Rows, key: str) -> bool:
    """Take out a row, or with `pid.19.*` every row whose id begins so; False when there is none."""
    if key.endswith("*") and len(key) > 1:
        begin, there = key[:-1], False
        for kind in ("maps", "messages", "vocabularies", "resources", "systems"):
            kept = [row for row in rows[kind] if not row.id.startswith(begin)]
            there = there or len(kept) < len(rows[kind])
            rows[kind] = kept
        return there
    found = _find(rows, key)
    if found:
        del rows[found[0]][found[1]]
    return found is not None


def _insert(rows: Rows, line: dict[str, str], before: str = "") -> None:
    kind = next((k for column, k in _TELLS if column in line), "maps")
    row = _convert(line, KINDS[kind], line.get("id", ""))
    found = _find(rows, before) if before else None
    if before and (found is None or found[0] != kind):
        raise ValueError(f"row {before} to stand before is not known")
    if found:
        rows[kind].insert(found[1], row)
    else:
        rows[kind].append(row)


_TELLS = (("code", "vocabularies"), ("at", "messages"), ("rule", "resources"), ("uri", "systems"), ("target", "maps"))
"""The column that tells what kind of row an `add` is, the first that is there."""


def layered(layers: Layers, overlay: bytes, systems: dict[str, str]) -> Result[TableSet]:
    """Lay a site's overlay over standard rows. An Issue names every row, column or map that is not known."""
    issues: list[Issue] = []
    rows = {kind: list(found) for kind, found in layers.rows.items()}
    read = read_overlay(overlay)
    issues += read.issues
    own = read.value or Overlay()
    for key in own.drop:
        if not _drop(rows, key):
            issues.append(_refused(key, "drop names an unknown row", own.line(f"drop:{key}")))
    for key, columns in own.replace.items():
        found = _find(rows, key)
        if not found:
            issues.append(_refused(key, "replace names an unknown row", own.line(f"row:{key}")))
            continue
        try:
            rows[found[0]][found[1]] = _replaced(rows[found[0]][found[1]], columns)
        except ValueError as error:
            issues.append(_refused(key, str(error), own.line(f"row:{key}")))
    for number, line in enumerate(own.add):
        cells = dict(line)
        before = cells.pop("before", "")
        try:
            if _find(rows, cells.get("id", "")):
                raise ValueError("the id is taken already")
            _insert(rows, cells, before)
        except ValueError as error:
            issues.append(_refused(line.get("id", "add"), str(error), own.line(f"add:{number}")))
    named = {row.name: row.uri for row in rows["systems"]} | own.systems | systems
    return Result(_table_set(layers.format, rows, named, layers.digest, overlay), issues)


def _table_set(fmt: str, rows: Rows, systems: dict[str, str], digest: str, overlay: bytes) -> TableSet:
    tables = TableSet(fmt, systems=systems)
    row: Any
    for row in rows["maps"]:
        assert isinstance(row, MapRow)  # noqa: S101 - narrows for the type checker
        tables.maps.setdefault(row.map, []).append(row)
    tables.messages = [row for row in rows["messages"] if isinstance(row, MessageRow)]
    for row in rows["vocabularies"]:
        assert isinstance(row, CodeRow)  # noqa: S101
        tables.vocabularies.setdefault(row.vocab, []).append(row)
    for row in rows["resources"]:
        assert isinstance(row, ResourceRow)  # noqa: S101
        tables.resources.setdefault(row.resource, []).append(row)
    for row in rows["structures"]:
        tables.structures.setdefault(row.structure, []).append(row)
    tables.events = {row.event: row.structure for row in rows["events"] if isinstance(row, EventRow)}
    parts = [fmt.encode(), digest.encode(), overlay, msgspec.json.encode(sorted(systems.items()))]
    tables.digest = sha256(b"\x1f".join(parts)).hexdigest()
    return tables


def _refused(key: str, text: str, line: int = 0) -> Issue:
    hint = "the overlay's row ids are those of docs/reference/mapping-tables.md and the tables"
    place = f"overlay, line {line}, {key}" if line else f"overlay {key}"
    return Issue("error", "business-rule", f"{key}: {text}", Where(place), hint, "mapping.overlay")
