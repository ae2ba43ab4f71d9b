"""Values as PostgreSQL takes them: columns of rows as arrays, texts without what it cannot hold, bounded numbers."""

from collections.abc import Sequence
from typing import Any

from unsilo.storage.packing import clean

__all__ = ["array", "fitting"]

_LARGEST = (1 << 63) - 1


def _quoted(text: str) -> str:
    if "\x00" in text or not text.isascii():
        text = clean(text).replace("\x00", "\ufffd")
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def array(kind: str, column: Sequence[Any]) -> Any:
    """Return a column as an array of a type of PostgreSQL: its text, or a list of bytes."""
    if kind == "bytea":
        return list(column)
    if kind == "text":
        return "{" + ",".join(map(_quoted, column)) + "}"
    return "{" + ",".join(map(repr if kind == "double precision" else str, column)) + "}"


def _kind(values: list[Any]) -> str:
    return "text" if values and isinstance(values[0], str) else "bigint"


def _fit(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value).replace("\x00", "\ufffd")
    if isinstance(value, list):
        return value if value and isinstance(value[0], bytes) else array(_kind(value), value)
    return min(max(value, -_LARGEST), _LARGEST) if isinstance(value, int) else value


def fitting(values: Sequence[Any]) -> Sequence[Any]:
    """Return values as they can be bound; the same where they can already."""
    for value in values:
        kind = type(value)
        if (
            kind is list
            or (kind is str and (not value.isascii() or "\x00" in value))
            or (kind is int and not -_LARGEST <= value <= _LARGEST)
        ):
            return [*map(_fit, values)]
    return values
