"""Read a site's overlay: TOML with rows to drop, replace and add, and coding systems."""

from __future__ import annotations

import tomllib
from typing import Any

import msgspec

from unsilo.kernel import Issue, Result, Where

__all__ = ["Overlay", "read_overlay"]


class Overlay(msgspec.Struct, forbid_unknown_fields=True):
    """The content of an overlay, with every cell as text."""

    drop: list[str] = []
    replace: dict[str, dict[str, str]] = {}
    add: list[dict[str, str]] = []
    systems: dict[str, str] = {}


def read_overlay(text: bytes) -> Result[Overlay]:
    """Read TOML; never raises: an unreadable overlay is an Issue and no value. Cells may be numbers and booleans."""
    if not text.strip():
        return Result(Overlay())
    try:
        raw = tomllib.loads(text.decode("utf-8"))
        return Result(msgspec.convert(_texts(raw), Overlay))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError, RecursionError) as error:
        issue = Issue(
            "error", "structure", f"the overlay cannot be read: {error}", Where("overlay"), "", "mapping.overlay"
        )
        return Result(None, [issue])


def _texts(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _texts(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_texts(item) for item in value]
    return str(value).lower() if isinstance(value, bool) else str(value)
