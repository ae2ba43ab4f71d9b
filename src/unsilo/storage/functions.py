"""The functions that connections offer to statements: what no narrow table answers for one row."""

import sqlite3

from unsilo.storage.functions_search import DATES, prepare_search
from unsilo.storage.keys import fold_key, read_image
from unsilo.storage.packing import unpack_keys

__all__ = ["prepare"]


def _folded_key(keys: bytes, type_: str, control_id: str, kind: str, prefix: str) -> bool:
    """Tell whether one of a message's business keys begins so."""
    found = [*unpack_keys(keys), ("type", type_), ("control_id", control_id)]
    return any((not kind or name == kind) and fold_key(value).startswith(prefix) for name, value in found)


def _own_date(idx: bytes, parameter: int | None, comparator: str, lo: int, hi: int) -> bool:
    """Tell whether a resource's own keys hold a date of a parameter that compares so."""
    return any(key[0] == parameter and DATES[comparator](key[1], key[2], lo, hi) for key in read_image(idx).dat)


def _own_text(idx: bytes, parameter: int | None, prefix: str) -> bool:
    """Tell whether a resource's own keys hold a text of a parameter that begins so."""
    return any(key[0] == parameter and key[1].startswith(prefix) for key in read_image(idx).str)


def prepare(connection: sqlite3.Connection) -> None:
    """Give a connection its functions."""
    connection.create_function("folded_key", 5, _folded_key, deterministic=True)
    connection.create_function("own_date", 5, _own_date, deterministic=True)
    connection.create_function("own_text", 3, _own_text, deterministic=True)
    prepare_search(connection)
