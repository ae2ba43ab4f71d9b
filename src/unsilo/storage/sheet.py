"""Many resources made ready for the store at once, their keys as flat columns: the writer only puts in its numbers."""

from collections import defaultdict
from itertools import chain
from typing import Any, Final, NamedTuple

import msgspec

from unsilo.spec.r4 import type_number
from unsilo.storage.keys import TABLES, Ready, decode_keys, encode_keys
from unsilo.storage.packing import scrub

__all__ = ["COLUMNS", "Columns", "Maker", "Name", "Sheet"]

Name = tuple[str, str]
"""(type, id)"""


class Columns(NamedTuple):
    """How rows of a narrow table stand in a flat list, one row after the other.

    `systems` are places of code systems, `targets` of resources that are referred to, `own` that of the row's own.
    """

    width: int
    own: int
    systems: tuple[int, ...] = ()
    targets: tuple[int, ...] = ()


COLUMNS: Final[dict[str, Columns]] = {
    "tok": Columns(4, 3, systems=(2,)), "str": Columns(4, 3), "dat": Columns(4, 3), "num": Columns(4, 3),
    "qty": Columns(5, 4), "uri": Columns(3, 2), "ref": Columns(3, 2, targets=(1,)),
    "cmp": Columns(9, 8, systems=(2, 4)), "pat": Columns(6, 3, targets=(0,)), "pos": Columns(4, 3),
    "find": Columns(2, 1),
}  # fmt: skip


class Sheet(msgspec.Struct, array_like=True, gc=False):
    """Resources in order, no two of one name; `count` of them, whose names stand first in `names`.

    `bodies` are as the store keeps them: JSON, or packed with a dictionary that is in the store (`bodies.pack_all`).
    Each resource has a run of `sys` (places in `systems` from 1, the first of a run is 0 for none) and one of `tgt`
    (places in `names`), which end where `sys_ends` and `tgt_ends` say. In `tables` (flat, `COLUMNS`) a code system is a
    place of `sys`, a resource that is referred to a place of `tgt`, the own one its place in the order; in `images`,
    the keys that each row keeps of itself, they are places of the resource's own run.
    """

    count: int
    names: list[Name]
    bodies: list[bytes]
    digests: list[bytes]
    ranks: list[int]
    images: list[bytes]
    systems: list[str]
    sys: list[int]
    sys_ends: list[int]
    tgt: list[int]
    tgt_ends: list[int]
    tables: list[list[Any]]
    patients: list[int]
    """Places in `names` of the Patients whose records these are."""
    txt: list[tuple[int, str, int]]
    cod: list[tuple[int, str]]

    def mentioned(self, place: int) -> list[Name]:
        """Return what a resource refers to, or stands in the record of."""
        return [self.names[n] for n in self.tgt[self.tgt_ends[place - 1] if place else 0 : self.tgt_ends[place]]]

    def ready(self, place: int) -> Ready:
        """Return the keys of one resource as `keys.ready` made them, but for the texts."""
        first = (self.sys_ends[place - 1] if place else 0) + 1
        systems = [self.systems[n - 1] for n in self.sys[first : self.sys_ends[place]]]
        return Ready(decode_keys(self.images[place]), systems, self.mentioned(place))


class Maker:
    """Makes a sheet of resources that come one after the other, so that few objects are held.

    `names` are those of the resources that it holds.
    """

    def __init__(self) -> None:
        self.names: dict[Name, int] = {}
        self._bodies: list[bytes] = []
        self._digests: list[bytes] = []
        self._ranks: list[int] = []
        self._images: list[bytes] = []
        self._systems: dict[str, int] = {}
        self._sys: list[int] = []
        self._sys_ends: list[int] = []
        self._targets: list[Name] = []
        self._tgt_ends: list[int] = []
        self._rows: dict[str, defaultdict[Any, list[Any]]] = {name: defaultdict(list) for name in TABLES}
        self._patients: dict[Name, None] = {}
        self._txt: dict[tuple[int, str, int], None] = {}
        self._cod: dict[tuple[int, str], None] = {}

    def add(self, kind: str, id_: str, body: bytes, digest: bytes, rank: int, made: Ready) -> None:
        """Add a resource whose name is not in `names`."""
        n = self.names[kind, id_] = len(self.names)
        if made.keys.pat:
            number = type_number(kind)
            made.keys.pat = [(pat, number, day, code, category) for pat, _, day, code, category in made.keys.pat]
        image = encode_keys(made.keys)
        if image is None:  # half a surrogate pair in a key
            made = msgspec.convert(scrub(made), Ready)
            image = encode_keys(made.keys) or b""
        self._bodies.append(body)
        self._digests.append(digest)
        self._ranks.append(rank)
        self._images.append(image)
        s, t, known = len(self._sys), len(self._targets), self._systems
        self._sys.append(0)
        self._sys += [known.setdefault(uri, len(known) + 1) for uri in made.systems]
        self._targets += made.targets
        self._sys_ends.append(len(self._sys))
        self._tgt_ends.append(len(self._targets))
        txt, cod = self._txt, self._cod
        for text in made.txt:
            txt[text] = None
        for code in made.cod:
            cod[code] = None
        self._spread(made, n, s, t)

    def _spread(self, made: Ready, n: int, s: int, t: int) -> None:
        """Add the rows of a resource to the flat lists, one list for each parameter."""
        keys, rows = made.keys, self._rows
        into = rows["tok"]
        for sp, code, system in keys.tok:
            into[sp].extend((sp, code, s + system, n))
        into = rows["ref"]
        for sp, target in keys.ref:
            into[sp].extend((sp, t + target, n))
        into = rows["dat"]
        for sp, low, high in keys.dat:
            into[sp].extend((sp, low, high, n))
        into = rows["uri"]
        for sp, text in keys.uri:
            into[sp].extend((sp, text, n))
        if keys.pat:
            flat = rows["pat"][0]
            for pat, kind, day, code, category in keys.pat:
                flat += (t + pat, kind, day, n, code, category)
                self._patients[made.targets[pat]] = None
        if keys.qty:
            into = rows["qty"]
            for sp, unit, lo, hi in keys.qty:
                into[sp].extend((sp, unit, lo, hi, n))
        if keys.cmp:
            into = rows["cmp"]
            for sp, code, i, code2, j, lo, hi, text in keys.cmp:
                into[sp].extend((sp, code, s + i, code2, s + j, lo, hi, text, n))
        if keys.str:
            into = rows["str"]
            for sp, text, raw in keys.str:
                into[sp].extend((sp, text, raw, n))
        if keys.num:
            into = rows["num"]
            for sp, lo, hi in keys.num:
                into[sp].extend((sp, lo, hi, n))
        if keys.pos:
            into = rows["pos"]
            for sp, lo, hi in keys.pos:
                into[sp].extend((sp, lo, hi, n))
        for term in keys.find:
            rows["find"][0] += (term, n)

    def sheet(self) -> Sheet:
        """Return the sheet; rows of one parameter stand together, so that they go to pages that are at hand."""
        names = dict(self.names)
        tgt = [names.setdefault(name, len(names)) for name in self._targets]
        return Sheet(
            len(self.names), list(names), self._bodies, self._digests, self._ranks, self._images, list(self._systems),
            self._sys, self._sys_ends, tgt, self._tgt_ends,
            [list(chain.from_iterable(some[sp] for sp in sorted(some))) for some in self._rows.values()],
            sorted(names[name] for name in self._patients), list(self._txt), list(self._cod),
        )  # fmt: skip
