"""What a new version of a code system changes against the former one, and which rows of maps that touches."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import quote

import msgspec

from unsilo.storage.terminology.artefact import Artefact

__all__ = ["Changes", "Touched", "changes", "touched"]

_SHOWN = 20
_ONES = {
    "added": (
        "SELECT code, display FROM new.concept n WHERE NOT EXISTS (SELECT 1 FROM old.concept o WHERE o.code = n.code)"
    ),
    "removed": (
        "SELECT code, display FROM old.concept o WHERE NOT EXISTS (SELECT 1 FROM new.concept n WHERE n.code = o.code)"
    ),
    "retired": (
        "SELECT n.code, n.display FROM new.concept n JOIN old.concept o ON o.code = n.code WHERE o.active > n.active"
    ),
    "revived": (
        "SELECT n.code, n.display FROM new.concept n JOIN old.concept o ON o.code = n.code WHERE o.active < n.active"
    ),
    "reworded": (
        "SELECT n.code, o.display || ' -> ' || n.display FROM new.concept n JOIN old.concept o ON o.code = n.code "
        "WHERE o.display <> n.display"
    ),
}


class Changes(msgspec.Struct):
    """How many concepts changed in which way, with the first of each; `gone` codes should not be used."""

    counts: dict[str, int] = {}
    samples: dict[str, list[tuple[str, str]]] = {}
    gone: list[str] = []


class Touched(msgspec.Struct):
    """A map with rows that lead from or to codes that are gone."""

    url: str
    version: str
    name: str
    rows: int
    codes: list[str] = []


def changes(old: Path, new: Path) -> Changes:
    """Compare two artefacts of one code system."""
    found = Changes()
    connection = sqlite3.connect(":memory:", isolation_level=None, uri=True)
    try:
        for name, path in (("old", old), ("new", new)):
            connection.execute(f"ATTACH ? AS {name}", (f"file:{quote(str(path))}?mode=ro&immutable=1",))
        for name, sql in _ONES.items():
            rows = connection.execute(sql).fetchall()
            found.counts[name] = len(rows)
            found.samples[name] = rows[:_SHOWN]
            if name in ("removed", "retired"):
                found.gone += [code for code, _ in rows]
    finally:
        connection.close()
    return found


def touched(artefacts: Iterable[Artefact], system: str, gone: Sequence[str]) -> list[Touched]:
    """Return the maps of artefacts that have rows from or to codes of a system that are gone."""
    found = []
    codes = set(gone)
    for artefact in artefacts:
        for group in artefact.groups():
            rows = 0
            which: list[str] = []
            for end, column in ((group.source, "source"), (group.target, "target")):
                if end != system or not codes:
                    continue
                sql = f"SELECT {column} FROM map WHERE mapset = ?"  # noqa: S608 - own names
                for (code,) in artefact.rows(sql, (group.key,)):
                    if code in codes:
                        rows += 1
                        if len(which) < _SHOWN and code not in which:
                            which.append(code)
            if rows:
                found.append(Touched(group.url, group.version, group.name, rows, which))
    return found
