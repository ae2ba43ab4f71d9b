"""One job's hands on the store inside the writer's transaction: resources and their versions."""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from unsilo.fhir.index import IndexRows
from unsilo.kernel import Lineage
from unsilo.storage.bodies import Dictionary, pack, raw
from unsilo.storage.counters import STUB, Counters
from unsilo.storage.faults import StaleVersionError
from unsilo.storage.keys import EMPTY, Image, Ready, finished, pack_image, read_image, ready
from unsilo.storage.names import Names
from unsilo.storage.packing import clean, pack_lineage, unpack_body, unpack_lineage
from unsilo.storage.pending import Pending, flush
from unsilo.storage.rows import Stored
from unsilo.storage.statements import load

__all__ = ["DELETED", "LIVE", "STUB", "ResourceTx", "stored", "whole"]

LIVE, DELETED = 0, 1

_UNREAD = Stored(0, "", "", 0, 0, 0, 0, 0, 0, b"", b"")
"""Stands for what nobody has looked for yet."""

_SQL = load("resource")


_make: Callable[..., Stored] = Stored


def stored(row: Any) -> Stored:
    """Make a `Stored` of a row of the read statements; the twelfth column, where there is one, says late."""
    return _make(*row[:10], unpack_body(row[10]), len(row) > 11 and bool(row[11]))


def whole(row: Any) -> Stored:
    """Make a `Stored` of a row of `current` and `current_many`, with what only the writer needs."""
    return _make(*row[:10], unpack_body(row[10]), False, row[11], row[12])


class ResourceTx:
    """Reads see what this job and the group before it have put; writes are gathered and flushed before the commit."""

    def __init__(self, connection: sqlite3.Connection, names: Names, counters: Counters, group: Pending) -> None:
        self._connection = connection
        self._names = names
        self._counters = counters
        self._group = group
        self._job = Pending()
        self._numbered: set[int] = set()
        self._saved = False
        self._stash: Pending | None = None

    @property
    def at(self) -> int:
        """The time of this transaction in microseconds; it is later than that of every one before."""
        return self._counters.at

    def pack_with(self, kind: str, dictionary: Dictionary) -> None:
        """Pack `body` or `idx` with this dictionary from now on."""
        self._counters.packers[kind] = dictionary

    def _pack(self, body: bytes) -> bytes:
        return pack(body, self._counters.packers.get("body"))

    def _hold(self) -> None:
        """Begin the savepoint that undoes this job's own statements should it fail."""
        if not self._saved:
            self._connection.execute("SAVEPOINT job")
            self._saved = True

    def end(self, *, keep: bool) -> None:
        """Close the job: its gathered rows join the group's, or everything it did is undone."""
        if self._saved:
            if not keep:
                self._connection.execute("ROLLBACK TO job")
            self._connection.execute("RELEASE job")
        if keep:
            self._group.absorb(self._job)
        elif self._stash is not None:
            self._group.give_back(self._stash)

    def settle(self) -> None:
        """Write what this job and the group before it have gathered, so that a search on this connection sees it."""
        if self._counters.staging is not None:
            self._counters.staging.merge()
        if self._group.unwritten:
            if self._saved:  # were this job to fail, the group's rows would go with it: they are kept until its end
                taken = self._group.take_rows()
                flush(self._connection, taken, self._counters.packers)
                self._stash = taken if self._stash is None else self._stash.absorb(taken)
            else:
                flush(self._connection, self._group.take_rows(), self._counters.packers)
        if self._job.unwritten:
            self._hold()
            flush(self._connection, self._job.take_rows(), self._counters.packers)
        self._names.flush(self._connection)

    def _look(self, resource_type: str, id_: str) -> Stored | None:
        """Return the row of a resource, a stub too, as this transaction sees it."""
        found = self._peek(resource_type, id_)
        if found is None or not found.bare:
            return found
        key = (resource_type, id_)
        row = self._job.res.get(found.rid) or self._group.res.get(found.rid)
        read: Stored | None
        if row is not None and row[3] == found.version:  # it came packed and waits to be written
            read = msgspec.structs.replace(found, body=unpack_body(row[-2]), idx=row[-1], bare=False)
        else:
            read = self._read(resource_type, id_)
        if read is None or read.version != found.version:
            raise StaleVersionError(f"{resource_type}/{id_} is not at version {found.version}")
        read = msgspec.structs.replace(read, clock=max(read.clock, found.clock))  # it may wait in `clocks`
        (self._job if key in self._job.current else self._group).current[key] = read
        return read

    def _peek(self, resource_type: str, id_: str) -> Stored | None:
        """Return the same, perhaps without body and keys."""
        key = (resource_type, id_)
        known = self._job.current.get(key) or self._group.current.get(key, _UNREAD)
        if known is not _UNREAD:
            return known
        found = self._counters.heads.get(key) or self._read(resource_type, id_)
        self._group.current[key] = found
        return found

    def _read(self, resource_type: str, id_: str) -> Stored | None:
        row = self._connection.execute(_SQL["current"], (self._names.type(resource_type), id_)).fetchone()
        return None if row is None else whole(row)

    def prefetch(self, keys: list[tuple[str, str]], *, heads_do: bool = False) -> None:
        """Read the resources of (type, id) pairs in one statement, so that `current` and `put` need none each.

        With `heads_do` those of which `head` is known without reading are left.
        """
        wanted, heads = [], self._counters.heads if heads_do else {}
        for key in dict.fromkeys(keys):
            if key not in self._job.current and key not in self._group.current:
                head = self._group.current[key] = heads.get(key)
                if head is None:
                    wanted.append(key)
        if not wanted:
            return
        asked = msgspec.json.encode(wanted).decode()
        for row in self._connection.execute(_SQL["current_many"], (asked,)).fetchall():
            self._group.current[row[1], row[2]] = whole(row)

    def expect_none(self, keys: list[tuple[str, str]]) -> None:
        """Say that nothing is stored under ids that were made a moment ago, so that nobody looks for them."""
        for key in keys:
            self._group.current.setdefault(key, None)

    def number(self, keys: Iterable[tuple[str, str]]) -> None:
        """Give numbers to those of (type, id) pairs that are not there, all of which this job is going to `put`.

        What refers to one of them before it is put needs no stub then.
        """
        for key in keys:
            if self._known(key) is None:
                self._new_rid(key)

    def current(self, resource_type: str, id_: str) -> Stored | None:
        """Return the current version (state 1 when deleted), None when there has never been one."""
        found = self._look(resource_type, id_)
        return None if found is None or found.state == STUB else found

    def head(self, resource_type: str, id_: str) -> Stored | None:
        """Return what `current` does, perhaps without body and keys: enough to tell whether something new is said."""
        found = self._peek(resource_type, id_)
        return None if found is None or found.state == STUB else found

    def known_rid(self, reference: str) -> int | None:
        """Return the number of `Type/id`, None when nothing has ever been said of it."""
        resource_type, _, id_ = clean(reference).partition("/")
        return self._known((resource_type, id_))

    def _known(self, key: tuple[str, str]) -> int | None:
        rid = self._job.rids.get(key) or self._group.rids.get(key) or self._counters.rids.get(key)
        if rid is not None:
            return rid
        found = self._peek(*key)
        if found is None:
            return None
        self._group.rids[key] = found.rid
        return found.rid

    def rid(self, reference: str) -> int:
        """Return the number of `Type/id`, making a stub for what is only referred to so far."""
        resource_type, _, id_ = clean(reference).partition("/")
        return self._rid((resource_type, id_))

    def _rid(self, key: tuple[str, str]) -> int:
        found = self._known(key)
        if found is not None:
            return found
        rid = self._new_rid(key)
        stub = Stored(rid, *key, 0, STUB, 0, 0, 0, 0, b"", b"")
        self._job.current[key] = stub
        self._write_row(stub)
        return rid

    def _new_rid(self, key: tuple[str, str]) -> int:
        """Return the number of what has no row, not even a stub's; its row follows."""
        rid = self._job.rids.get(key)
        if rid is None:
            rid = self._job.rids[key] = self._counters.next_rid()
            self._numbered.add(rid)
        return rid

    def _write_row(self, new: Stored) -> None:
        self._job.renewed.pop(new.rid, None)
        self._job.clocks.pop(new.rid, None)
        self._job.res[new.rid] = (
            new.rid, self._names.type(new.type), new.id, new.version, new.top, self._counters.t, new.updated, new.state,
            new.clock, new.rank, new.mid, new.digest, raw(new.body), new.idx,
        )  # fmt: skip

    def _keys(self, resource_type: str, index: IndexRows | Ready, find: Sequence[str]) -> tuple[Image, bytes]:
        made = ready(index, find) if isinstance(index, IndexRows) else index
        number = self._names.type(resource_type)
        image = pack_image(finished(made, number, self._names.system, self._rid))
        rows = self._job.rows
        for sp, text, code in made.txt:
            if self._is_new((sp, code)):
                rows["txt"].append((sp, clean(text), code))
        for code, text in made.cod:
            if self._is_new((0, code)):
                rows["code"].append((code, clean(text)))
        return image

    def _is_new(self, text: tuple[int, int]) -> bool:
        """Tell whether a text (parameter, or 0 for a code's own; hash) is not known to be in the store; it is now."""
        if text in self._counters.texts or text in self._group.texts or text in self._job.texts:
            return False
        self._job.texts.add(text)
        return True

    def _former(self, resource_type: str, id_: str, previous: Stored | None) -> Stored | None:
        """Return the row as it is now; StaleVersionError unless it is the one that the caller decided on."""
        now = self._look(resource_type, id_)
        version = 0 if now is None else now.version
        if version != (0 if previous is None else previous.version):
            raise StaleVersionError(f"{resource_type}/{id_} is at version {version}")
        return now

    def _supersede(self, old: Stored) -> None:
        self._job.rows["hist"].append((
            old.rid, old.version, self._names.type(old.type), self._counters.t, old.updated, old.state, 0, old.clock,
            old.rank, old.mid, old.digest, self._pack(old.body),
        ))  # fmt: skip

    def _replace(self, new: Stored, image: Image, now: Stored | None, lineage: list[Lineage] | bytes) -> Stored:
        if now is not None and now.state != STUB:
            self._supersede(now)
        self._write_row(new)
        first = self._job.images.get(new.rid)
        before = first[0] if first is not None else now.idx if now is not None else b""
        self._job.images[new.rid] = (before, new.idx, image)
        self._job.current[new.type, new.id] = new
        self._job.rids[new.type, new.id] = new.rid
        self._annotate(new.rid, new.version, new.mid, lineage)
        return new

    def _annotate(self, rid: int, version: int, mid: int, lineage: list[Lineage] | bytes) -> None:
        packed = lineage if isinstance(lineage, bytes) else pack_lineage(lineage)
        if packed:
            self._job.rows["lineage"].append((rid, version, packed))
        if mid:
            self._job.rows["effect"].append((mid, rid, version))
        self._job.written += 1

    def put(
        self, resource_type: str, id_: str, body: bytes, *, index: IndexRows | Ready, lineage: list[Lineage] | bytes,
        clock: int = 0, rank: int = 0, digest: bytes = b"", mid: int = 0, previous: Stored | None = None, at: int,
        find: Sequence[str] = (),
    ) -> Stored:  # fmt: skip
        """Make `body` the current version; the former one goes to history, index rows follow.

        `previous` is what `current` said (None for a new one): StaleVersionError when that is no longer so. `lineage`
        may be packed already (`pack_lineage`), the keys made ready (`keys.ready`). `find` are the words by which a
        Patient is found (`keys.terms`), where `index` does not hold them already.
        """
        now = self._former(resource_type, id_, previous)
        # A stub's number is used; a new resource's own references may point at itself, so it gets its number first.
        rid = now.rid if now is not None else self._new_rid((resource_type, id_))
        top = (now.top if now is not None else 0) + 1
        image, idx = self._keys(resource_type, index, find)
        new = Stored(rid, resource_type, id_, top, LIVE, at, clock, rank, mid, digest, body, False, top, idx)
        return self._replace(new, image, now, lineage)

    def renew_keys(self, now: Stored, index: IndexRows | Ready, find: Sequence[str] = ()) -> None:
        """Replace the keys of a live resource without a new version; `now` is its row as this transaction sees it."""
        image, idx = self._keys(now.type, index, find)
        if read_image(idx) == read_image(now.idx):
            return
        new = msgspec.structs.replace(now, idx=idx)
        if now.rid in self._job.res or now.rid in self._group.res:
            self._write_row(new)
        else:
            self._job.renewed[now.rid] = idx
        first = self._job.images.get(now.rid)
        self._job.images[now.rid] = (first[0] if first is not None else now.idx, idx, image)
        self._job.current[now.type, now.id] = new

    def delete(
        self, resource_type: str, id_: str, *, clock: int = 0, rank: int = 0, mid: int = 0, previous: Stored, at: int,
        lineage: list[Lineage] | bytes = b"",
    ) -> Stored:  # fmt: skip
        """Make a deletion the current version: no body, no index rows, all versions stay in history."""
        now = self._former(resource_type, id_, previous)
        if now is None:
            raise StaleVersionError(f"{resource_type}/{id_} is not there to be deleted")
        top = now.top + 1
        gone = Stored(previous.rid, resource_type, id_, top, DELETED, at, clock, rank, mid, b"", b"", False, top, b"")
        return self._replace(gone, EMPTY, now, lineage)

    def put_late(
        self, resource_type: str, id_: str, body: bytes, *, lineage: list[Lineage] | bytes, clock: int = 0,
        rank: int = 0, mid: int = 0, previous: Stored, at: int, digest: bytes = b"",
    ) -> int:  # fmt: skip
        """Keep a version that came after a newer one: it takes the next number in history and is never current."""
        now = self._former(resource_type, id_, previous)
        if now is None:
            raise StaleVersionError(f"{resource_type}/{id_} has no current version to be late for")
        top = now.top + 1
        self._job.rows["hist"].append((
            now.rid, top, self._names.type(now.type), self._counters.t, at, LIVE, 1, clock, rank, mid, digest,
            self._pack(body),
        ))  # fmt: skip
        kept = msgspec.structs.replace(now, top=top)
        self._write_row(kept)
        self._job.current[resource_type, id_] = kept
        self._annotate(now.rid, top, mid, lineage)
        return top

    def touched(self, unchanged: Stored, mid: int, clock: int = 0) -> None:
        """Note that a message said again what is current, so that its page shows the resource.

        A newer event time is kept, so that a message from between the two times does not win later.
        """
        self._job.rows["effect"].append((mid, unchanged.rid, unchanged.version))
        now = self._peek(unchanged.type, unchanged.id)
        if now is not None and now.version == unchanged.version and clock > now.clock:
            later = msgspec.structs.replace(now, clock=clock)
            if now.rid in self._job.res or now.rid in self._group.res:
                self._write_row(later)
            else:
                self._job.clocks[now.rid] = (clock, now.rid, now.version)
            self._job.current[now.type, now.id] = later

    def lineage(self, resource_type: str, id_: str, version: int | None = None) -> list[Lineage]:
        """Return the lineage of a version (None: the current one), as this transaction sees it."""
        now = self._peek(resource_type, id_)
        if now is None:
            return []
        wanted = now.version if version is None else version
        for pending in (self._job, self._group):
            for rid, number, packed in pending.rows.get("lineage", ()):
                if rid == now.rid and number == wanted:
                    return unpack_lineage(packed)
        row = self._connection.execute(_SQL["lineage_of"], (resource_type, id_, wanted)).fetchone()
        return [] if row is None else unpack_lineage(row[0])
