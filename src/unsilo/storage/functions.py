"""The functions that connections offer to statements: what no narrow table answers for one row."""

import sqlite3

from unsilo.storage.functions_search import prepare_search
from unsilo.storage.keys import fold_key
from unsilo.storage.packing import unpack_keys

__all__ = ["prepare"]


def _folded_key(keys: bytes, type_: str, control_id: str, kind: str, prefix: str) -> bool:
    """Tell whether one of a message's business keys begins so."""
    found = [*unpack_keys(keys), ("type", type_), ("control_id", control_id)]
    return any((not kind or name == kind) and fold_key(value).startswith(prefix) for name, value in found)


def prepare(connection: sqlite3.Connection) -> None:
    """Give a connection its functions."""
    connection.create_function("folded_key", 5, _folded_key, deterministic=True)
    prepare_search(connection)
