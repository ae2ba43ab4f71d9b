"""The rows that a group of jobs wants written, gathered in memory and flushed with few statements before the commit."""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from unsilo.storage.bodies import Dictionary, pack_all
from unsilo.storage.keys import TABLES, Image, delta, with_rid
from unsilo.storage.loading import Staging, is_near
from unsilo.storage.packing import keep_lineage
from unsilo.storage.rows import Stored
from unsilo.storage.sheet import COLUMNS
from unsilo.storage.statements import load, run_flat, run_rows
from unsilo.storage.trails import keep as keep_trails
from unsilo.storage.work import Finish

__all__ = ["Pending", "flush"]

_SQL = load("resource")

Change = tuple[bytes, bytes, Image]
"""(the packed keys in the database, those it will have, the latter unpacked)"""


class Pending:
    """What one job, or the group of jobs that succeeded so far, has not written yet.

    `current` is what the group knows of resources: (type, id) -> the version that is current now, or None when
    there is none. `images` holds per rid the keys in the database when the group began and those it will have;
    `fresh` those rows of `res` that came packed, under numbers that no row has had; `flat` the key rows by table of
    resources that had none, one after the other (`sheet.COLUMNS`), and `live` how many of these there are by type;
    `clocks` (clock, rid, version) of versions that were only said again at a later time.
    """

    def __init__(self) -> None:
        self.current: dict[tuple[str, str], Stored | None] = {}
        self.rids: dict[tuple[str, str], int] = {}
        self.texts: set[tuple[int, int]] = set()
        self.res: dict[int, tuple[Any, ...]] = {}
        self.fresh: dict[int, tuple[Any, ...]] = {}
        self.renewed: dict[int, bytes] = {}
        self.clocks: dict[int, tuple[int, int, int]] = {}
        self.images: dict[int, Change] = {}
        self.flat: dict[str, list[Any]] = defaultdict(list)
        self.live: Counter[int] = Counter()
        self.rows: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        self.finished: list[Finish] = []
        self.written = 0

    @property
    def unwritten(self) -> bool:
        """True when there are rows that no statement has written yet."""
        return bool(self.res or self.rows or self.renewed or self.clocks)

    def absorb(self, job: "Pending") -> "Pending":
        """Take over the rows of a job that succeeded; return self."""
        self.current.update(job.current)
        self.rids.update(job.rids)
        self.texts |= job.texts
        self.finished.extend(job.finished)
        self.written += job.written
        return self._add_rows(job)

    def _add_rows(self, later: "Pending") -> "Pending":
        self.res.update(later.res)
        self.fresh.update(later.fresh)
        self.renewed.update(later.renewed)
        self.clocks.update(later.clocks)
        for rid in later.res:
            self.renewed.pop(rid, None)
            self.clocks.pop(rid, None)
        for rid, (before, after, image) in later.images.items():
            self.images[rid] = (self.images[rid][0] if rid in self.images else before, after, image)
        for table, values in later.flat.items():
            self.flat[table].extend(values)
        self.live.update(later.live)
        for name, rows in later.rows.items():
            self.rows[name].extend(rows)
        return self

    def take_rows(self) -> "Pending":
        """Give away the rows, to be written now; what is known of resources stays."""
        taken = Pending()
        taken.res, taken.renewed, taken.images, taken.rows = self.res, self.renewed, self.images, self.rows
        taken.flat, taken.live, taken.clocks, taken.fresh = self.flat, self.live, self.clocks, self.fresh
        self.res, self.renewed, self.images, self.rows = {}, {}, {}, defaultdict(list)
        self.flat, self.live, self.clocks, self.fresh = defaultdict(list), Counter(), {}, {}
        return taken

    def forget(self) -> None:
        """Forget what is known of resources: their rows are written."""
        self.current, self.rids, self.texts = {}, {}, set()

    def give_back(self, taken: "Pending") -> None:
        """Take rows back whose writing was undone; what was gathered since came after them."""
        later = self.take_rows()
        self._add_rows(taken)._add_rows(later)


def _spread(image: Image, rid: int, add: dict[str, list[tuple[Any, ...]]]) -> None:
    """Add the rows of a resource that had none."""
    if image.tok:
        add["tok"] += [(sp, code, system, rid) for sp, code, system in image.tok]
    if image.ref:
        add["ref"] += [(sp, target, rid) for sp, target in image.ref]
    if image.pat:
        add["pat"] += [(pat, kind, day, rid, code, category) for pat, kind, day, code, category in image.pat]
    if image.dat:
        add["dat"] += [(sp, low, high, rid) for sp, low, high in image.dat]
    if image.uri:
        add["uri"] += [(sp, text, rid) for sp, text in image.uri]
    if image.qty:
        add["qty"] += [(sp, unit, low, high, rid) for sp, unit, low, high in image.qty]
    if image.cmp:
        add["cmp"] += [(*key, rid) for key in image.cmp]
    if image.str:
        add["str"] += [(sp, text, raw, rid) for sp, text, raw in image.str]
    if image.num:
        add["num"] += [(sp, low, high, rid) for sp, low, high in image.num]
    if image.pos:
        add["pos"] += [(sp, latitude, longitude, rid) for sp, latitude, longitude in image.pos]
    if image.find:
        add["find"] += [(term, rid) for term in image.find]


def _index(connection: sqlite3.Connection, images: dict[int, Change]) -> None:
    """Write the difference between the keys that resources had and have, each table in the order of its key."""
    add: dict[str, list[tuple[Any, ...]]] = {name: [] for name in TABLES}
    drop: dict[str, list[tuple[Any, ...]]] = {name: [] for name in TABLES}
    for rid, (before, after, image) in images.items():
        if not before:
            _spread(image, rid, add)
            continue
        if before == after:
            continue
        gone, come = delta(before, image)
        for name in TABLES:
            if old := getattr(gone, name):
                drop[name] += with_rid(name, old, rid)
            if new := getattr(come, name):
                add[name] += with_rid(name, new, rid)
    for name in TABLES:
        if drop[name]:
            rows = [row[:4] for row in drop[name]] if name == "pat" else drop[name]
            connection.executemany(_SQL[f"drop_{name}"], rows)
        if add[name]:
            run_rows(connection, _SQL[f"add_{name}"], sorted(add[name]))


def _write(connection: sqlite3.Connection, pending: Pending, packers: Mapping[str, Dictionary]) -> None:
    """Write the rows of resources; what came packed under new numbers, and is still so, goes there as it is."""
    res, fresh = pending.res, pending.fresh
    new = [row for rid, row in fresh.items() if res[rid] is row]
    run_rows(connection, _SQL["write_new"], new)
    rows = [res[rid] for rid in sorted(res) if res[rid] is not fresh.get(rid)] if len(new) < len(res) else []
    packed = pack_all([row[-2] for row in rows], packers.get("body"))
    images = pack_all([row[-1] for row in rows], packers.get("idx"))
    run_rows(
        connection,
        _SQL["write"],
        [(*row[:-2], body, idx) for row, body, idx in zip(rows, packed, images, strict=True)],
    )


def flush(
    connection: sqlite3.Connection, pending: Pending, packers: Mapping[str, Dictionary], staging: Staging | None = None
) -> None:
    """Write all gathered resource rows in the open transaction, each table in key order, bodies and keys packed.

    With `staging` the keys of resources that had none are held back there.
    """
    if staging is not None and pending.images:  # former keys of these may be among what is held
        staging.merge()
        staging = None
    _write(connection, pending, packers)
    if pending.renewed:
        rids = sorted(pending.renewed)
        images = pack_all([pending.renewed[rid] for rid in rids], packers.get("idx"))
        connection.executemany(_SQL["renew"], list(zip(images, rids, strict=True)))
    if pending.clocks:
        connection.executemany(_SQL["clock"], list(pending.clocks.values()))
    for table, values in pending.flat.items():  # before what later jobs of the group have changed of the same resources
        if staging is not None and not is_near(table, values):
            staging.add(table, values)
        else:
            run_flat(connection, _SQL[f"add_{table}"], COLUMNS[table].width, values)
    _index(connection, pending.images)
    live = Counter(pending.live)
    for rid, (before, after, _image) in pending.images.items():
        if rid in pending.res:
            live[pending.res[rid][1]] += bool(after) - bool(before)  # only what is live has keys of its own
    run_rows(connection, _SQL["type_add"], list(live.items()))
    trail = pending.rows.get("audit")
    if trail:
        keep_trails(connection, trail)
    lineages = pending.rows.get("lineage")
    if lineages:
        kept = keep_lineage([row[2] for row in lineages], packers.get("lineage"))
        run_rows(
            connection,
            _SQL["lineage"],
            [(rid, version, blob) for (rid, version, _), blob in zip(lineages, kept, strict=True)],
        )
    for name, rows in pending.rows.items():
        if name not in ("audit", "lineage"):
            run_rows(connection, _SQL[name], rows)
