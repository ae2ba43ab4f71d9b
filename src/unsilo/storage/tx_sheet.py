"""The part of a transaction that takes many new resources at once, made ready as a sheet."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from unsilo.storage.bodies import PACKED, pack_all, raw
from unsilo.storage.keys import TABLES, placed_images
from unsilo.storage.packing import clean
from unsilo.storage.rows import Stored
from unsilo.storage.sheet import COLUMNS, Name, Sheet
from unsilo.storage.tx import LIVE, STUB, ResourceTx

__all__ = ["Made", "SheetTx"]


class Made(NamedTuple):
    """A first version of a resource: its JSON, packed or not, its digest, event time, rank and lineage (b"" none)."""

    body: bytes
    digest: bytes
    clock: int
    rank: int
    lineage: bytes


class SheetTx(ResourceTx):
    """Writes whole sheets."""

    def is_new(self, sheet: Sheet) -> bool:
        """Tell whether nothing has ever been stored under the names of a sheet; what is only referred to counts not."""
        own = sheet.names[: sheet.count]
        self.prefetch(own)
        for name in own:
            known = self._job.current.get(name) or self._group.current.get(name)
            if known is not None and known.state != STUB:
                return False
        return True

    def put_sheet(self, sheet: Sheet, *, at: int) -> None:
        """Make every resource of a sheet that `is_new` the first version of its name, as `put` would one by one."""
        made = zip(sheet.bodies, sheet.digests, sheet.ranks, strict=True)
        self._put_all(sheet, [Made(body, digest, at, rank, b"") for body, digest, rank in made], 0, at)

    def put_made(self, sheet: Sheet, made: Sequence[Made], *, mid: int, at: int) -> None:
        """Do the same with resources of a message; the sheet has only their names and keys."""
        self._put_all(sheet, made, mid, at)

    def _put_all(self, sheet: Sheet, made: Sequence[Made], mid: int, at: int) -> None:
        job, names, t, own = self._job, self._names, self._counters.t, sheet.names[: sheet.count]
        rids, unwritten = self._numbers_of(own)
        rids += map(self._rid, sheet.names[sheet.count :])
        numbers = [0, *map(names.system, sheet.systems)]
        systems = [numbers[n] for n in sheet.sys]
        targets = [rids[n] for n in sheet.tgt]
        types = {kind: names.type(kind) for kind in dict.fromkeys(kind for kind, _ in own)}
        images = placed_images(sheet.images, systems, sheet.sys_ends, targets, sheet.tgt_ends)
        kept = pack_all(images, self._counters.packers.get("idx"))
        for rid, name, (body, digest, clock, rank, lineage), idx in zip(rids, own, made, kept, strict=False):
            kind, id_ = name
            bare = body[:1] == PACKED  # who wants it has it unpacked (`ResourceTx._look`), which hardly anybody does
            row = rid, types[kind], id_, 1, 1, t, at, LIVE, clock, rank, mid, digest, body if bare else raw(body), idx
            job.res[rid] = row
            if bare and rid in unwritten:
                job.fresh[rid] = row
            job.current[name] = Stored(
                rid, kind, id_, 1, LIVE, at, clock, rank, mid, digest, b"" if bare else body, False, 1, idx, bare
            )  # fmt: skip
            job.rids[name] = rid
            if lineage:
                job.rows["lineage"].append((rid, 1, lineage))
        if mid:
            job.rows["effect"] += [(mid, rid, 1) for rid in rids[: sheet.count]]
        for table, values in zip(TABLES, sheet.tables, strict=True):
            if values:
                self._place(table, list(values), rids, systems, targets)
        self.note_texts(sheet)
        job.live.update(types[kind] for kind, _ in own)
        job.written += sheet.count

    def _numbers_of(self, own: list[Name]) -> tuple[list[int], set[int]]:
        """Return the row numbers of what `is_new`, and those of them that no row has had."""
        rids: list[int] = []
        unwritten: set[int] = set()
        for name in own:
            stub = self._peek(*name)
            rid = stub.rid if stub is not None else self._new_rid(name)
            if stub is None:
                unwritten.add(rid)
            rids.append(rid)
        return rids, unwritten

    def _place(self, table: str, values: list[Any], rids: list[int], systems: list[int], targets: list[int]) -> None:
        """Put the numbers in place of places; the sheet itself stays as it is, should the job run again."""
        columns = COLUMNS[table]
        width = columns.width
        values[columns.own :: width] = [rids[n] for n in values[columns.own :: width]]
        for column in columns.systems:
            values[column::width] = [systems[n] for n in values[column::width]]
        for column in columns.targets:
            values[column::width] = [targets[n] for n in values[column::width]]
        self._job.flat[table] += values

    def note_texts(self, sheet: Sheet) -> None:
        """Keep the texts of a sheet's tokens and codes, those that are not there yet."""
        for sp, text, code in sheet.txt:
            if self._is_new((sp, code)):
                self._job.rows["txt"].append((sp, clean(text), code))
        for code, text in sheet.cod:
            if self._is_new((0, code)):
                self._job.rows["code"].append((code, clean(text)))
