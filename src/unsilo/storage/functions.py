"""The functions that reading connections offer to statements: what no narrow table answers for one row."""

import sqlite3
from collections.abc import Callable
from typing import Any

from unsilo.storage.keys import fold_key, read_image
from unsilo.storage.packing import unpack_keys

__all__ = ["prepare"]

_COMPARE: dict[str, Callable[[int, int, int, int], bool]] = {
    "eq": lambda lo, hi, a, b: a <= lo and hi <= b,
    "ne": lambda lo, hi, a, b: not (a <= lo and hi <= b),
    "gt": lambda _lo, hi, _a, b: hi > b,
    "lt": lambda lo, _hi, a, _b: lo < a,
    "ge": lambda lo, hi, a, b: hi > b or (a <= lo and hi <= b),
    "le": lambda lo, hi, a, b: lo < a or (a <= lo and hi <= b),
    "sa": lambda lo, _hi, _a, b: lo >= b,
    "eb": lambda _lo, hi, a, _b: hi <= a,
}
"""FHIR R4 search.html#prefix on half-open bounds of a row (lo, hi) and of the asked value (a, b)."""


def _folded_key(keys: bytes, type_: str, control_id: str, kind: str, prefix: str) -> bool:
    """Tell whether one of a message's business keys begins so."""
    found = [*unpack_keys(keys), ("type", type_), ("control_id", control_id)]
    return any((not kind or name == kind) and fold_key(value).startswith(prefix) for name, value in found)


def _own_date(idx: bytes, parameter: int | None, comparator: str, lo: int, hi: int) -> bool:
    """Tell whether a resource's own keys hold a date of a parameter that compares so."""
    compare = _COMPARE[comparator]
    return any(key[0] == parameter and compare(key[1], key[2], lo, hi) for key in read_image(idx).dat)


def _own_text(idx: bytes, parameter: int | None, prefix: str) -> bool:
    """Tell whether a resource's own keys hold a text of a parameter that begins so."""
    return any(key[0] == parameter and key[1].startswith(prefix) for key in read_image(idx).str)


def prepare(connection: sqlite3.Connection) -> None:
    """Give a reading connection its functions."""
    functions: list[tuple[str, int, Callable[..., Any]]] = [
        ("folded_key", 5, _folded_key), ("own_date", 5, _own_date), ("own_text", 3, _own_text),
    ]  # fmt: skip
    for name, arguments, function in functions:
        connection.create_function(name, arguments, function, deterministic=True)
