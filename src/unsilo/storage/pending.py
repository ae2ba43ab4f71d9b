"""The rows that a group of jobs wants written, gathered in memory and flushed with few statements before the commit."""

import sqlite3
from collections import Counter, defaultdict
from typing import Any

from unsilo.storage.keys import TABLES, delta
from unsilo.storage.rows import Stored
from unsilo.storage.statements import load, run_rows
from unsilo.storage.work import Finish

__all__ = ["Pending", "flush"]

_SQL = load("resource")


class Pending:
    """What one job, or the group of jobs that succeeded so far, has not written yet.

    `current` is what the group knows of resources: (type, id) -> the version that is current now, or None when
    there is none. `images` holds per rid the keys in the database when the group began and those it will have.
    """

    def __init__(self) -> None:
        self.current: dict[tuple[str, str], Stored | None] = {}
        self.rids: dict[tuple[str, str], int] = {}
        self.res: dict[int, tuple[Any, ...]] = {}
        self.images: dict[int, tuple[bytes, bytes]] = {}
        self.rows: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        self.finished: list[Finish] = []
        self.written = 0

    def absorb(self, job: "Pending") -> None:
        """Take over the rows of a job that succeeded."""
        self.current.update(job.current)
        self.rids.update(job.rids)
        self.res.update(job.res)
        for rid, (before, after) in job.images.items():
            self.images[rid] = (self.images[rid][0] if rid in self.images else before, after)
        for name, rows in job.rows.items():
            self.rows[name].extend(rows)
        self.finished.extend(job.finished)
        self.written += job.written


def _index(connection: sqlite3.Connection, images: dict[int, tuple[bytes, bytes]]) -> None:
    """Write the difference between the keys that resources had and have."""
    add: dict[str, list[tuple[Any, ...]]] = {name: [] for name in TABLES}
    drop: dict[str, list[tuple[Any, ...]]] = {name: [] for name in TABLES}
    for rid, (before, after) in images.items():
        if before == after:
            continue
        gone, come = delta(before, after)
        for name, old, new in zip(TABLES, gone, come, strict=True):
            if name == "find":
                drop[name].extend((term, rid) for term in old)
                add[name].extend((term, rid) for term in new)
            elif name == "pat":
                drop[name].extend((*key[:3], rid) for key in old)
                add[name].extend((*key[:3], rid, *key[3:]) for key in new)
            else:
                drop[name].extend((*key, rid) for key in old)
                add[name].extend((*key, rid) for key in new)
    for name in TABLES:
        if drop[name]:
            connection.executemany(_SQL[f"drop_{name}"], drop[name])
        if add[name]:
            run_rows(connection, _SQL[f"add_{name}"], sorted(add[name]))


def flush(connection: sqlite3.Connection, pending: Pending) -> None:
    """Write all gathered resource rows in the open transaction, each table in key order."""
    if pending.res:
        run_rows(connection, _SQL["write"], [pending.res[rid] for rid in sorted(pending.res)])
    _index(connection, pending.images)
    live: Counter[int] = Counter()
    for rid, (before, after) in pending.images.items():
        live[pending.res[rid][1]] += bool(after) - bool(before)  # only what is live has keys of its own
    run_rows(connection, _SQL["type_add"], list(live.items()))
    for name, rows in pending.rows.items():
        run_rows(connection, _SQL[name], rows)
