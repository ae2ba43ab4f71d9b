"""The content of an overlay as values, however it was written."""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = ["KEYS", "Overlay", "OverlayError", "overlay_of"]

KEYS = ("drop", "replace", "add", "systems")
"""What an overlay may say at its top."""


class OverlayError(ValueError):
    """The text of an overlay cannot be read; `line` counts from 1, 0 where it is not known."""

    def __init__(self, text: str, line: int = 0) -> None:
        super().__init__(text)
        self.line = line


class Overlay(msgspec.Struct, forbid_unknown_fields=True):
    """Every cell is text. `lines` says where things stand: `drop:ID`, `row:ID`, `add:N` (from 0), `systems:NAME`."""

    drop: list[str] = []
    replace: dict[str, dict[str, str]] = {}
    add: list[dict[str, str]] = []
    systems: dict[str, str] = {}
    lines: dict[str, int] = {}

    def line(self, *names: str) -> int:
        """Return the line of the first of the names that is known, else 0."""
        return next((self.lines[name] for name in names if name in self.lines), 0)


def overlay_of(raw: dict[str, Any], lines: dict[str, int]) -> Overlay:
    """Return the overlay that a text holds; OverlayError names what does not belong there."""
    for key in raw:
        if key not in KEYS:
            text = f"{key!r} is not one of {', '.join(KEYS)}"
            raise OverlayError(text, lines.get(f"top:{key}", 0))
    try:
        found = msgspec.convert(_texts(raw), Overlay)
    except msgspec.ValidationError as error:
        raise OverlayError(str(error), _line_of(str(error), lines)) from None
    found.lines = dict(lines)
    for number, row in enumerate(found.add):
        if row.get("id") and f"add:{number}" in lines:
            found.lines.setdefault(f"row:{row['id']}", lines[f"add:{number}"])
    return found


def _line_of(said: str, lines: dict[str, int]) -> int:
    """Return the line of a fault that names its place as `$.add[2]`."""
    at = said.rpartition("`$.")[2]
    number = at.partition("[")[2].partition("]")[0]
    key = at.partition("[")[0].partition("`")[0].partition(".")[0]
    return lines.get(f"{key}:{number}", lines.get(f"top:{key}", 0))


def _texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _texts(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_texts(item) for item in value]
    return str(value).lower() if isinstance(value, bool) else str(value)
