"""An overlay written as CSV, as `patch.csv` of the tables is: `op` and the columns of the rows."""

from __future__ import annotations

import csv
import io
from typing import Any

from unsilo.mapping.overlay.content import Overlay, OverlayError, overlay_of

__all__ = ["read_csv"]

_OPS = ("drop", "replace", "add", "system")


def read_csv(text: str) -> Overlay:
    """Read CSV with a header line; `op` is drop, replace, add, or system (with `name` and `uri`). A cell that is empty
    says nothing; a row whose `op` begins with `#` is a comment. OverlayError with the line of the fault.
    """
    raw: dict[str, Any] = {"drop": [], "replace": {}, "add": [], "systems": {}}
    lines: dict[str, int] = {}
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    head: list[str] = []
    begin = 1
    try:
        for cells in reader:
            line, begin = begin, reader.line_num + 1
            if not any(cell.strip() for cell in cells) or cells[0].lstrip().startswith("#"):
                continue
            if not head:
                head = [cell.strip() for cell in cells]
                if len(set(head)) < len(head):
                    raise OverlayError("a column stands twice", line)
                continue
            if len(cells) > len(head):
                raise OverlayError(f"{len(cells)} cells under {len(head)} columns", line)
            row = {name: cell for name, cell in zip(head, cells, strict=False) if cell}
            _take(row.pop("op", "").strip(), row, line, raw, lines)
    except csv.Error as error:
        raise OverlayError(str(error), reader.line_num) from None
    return overlay_of(raw, lines)


def _take(op: str, row: dict[str, str], line: int, raw: dict[str, Any], lines: dict[str, int]) -> None:
    if op not in _OPS:
        raise OverlayError(f"op {op!r} is not one of {', '.join(_OPS)}", line)
    if op == "add":
        lines[f"add:{len(raw['add'])}"] = line
        raw["add"].append(row)
        return
    key = row.pop("name" if op == "system" else "id", "")
    if not key:
        raise OverlayError(f"{op} needs {'a name' if op == 'system' else 'an id'}", line)
    if op == "system":
        raw["systems"][key] = row.get("uri", "")
        lines[f"systems:{key}"] = line
    elif op == "drop":
        raw["drop"].append(key)
        lines[f"drop:{key}"] = line
    elif key in raw["replace"]:
        raise OverlayError(f"{key} is replaced twice", line)
    else:
        raw["replace"][key] = row
        lines[f"row:{key}"] = line
