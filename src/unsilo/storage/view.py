"""Resources and their versions as a caller may see them: the predicate is part of every statement, never a default."""

from collections.abc import Callable, Iterable
from typing import Any

from unsilo.fhir.index import index
from unsilo.kernel import Json, json
from unsilo.policy import And, Everything, Facts, Not, Or, Predicate, Types, admits
from unsilo.policy.predicate import Allow
from unsilo.spec import r4
from unsilo.storage.connect import Readers
from unsilo.storage.packing import unpack_body
from unsilo.storage.render import Sight
from unsilo.storage.rows import Stored
from unsilo.storage.search import SearchReads
from unsilo.storage.statements import load
from unsilo.storage.walk import WalkReads

__all__ = ["Before", "View", "facts_of"]

Before = tuple[int, int, int]
"""Where a page of a history ended: (updated, rid, version) of its last version."""

_SQL = load("view")
_NOW = "r.rid, r.type, r.fhir_id, r.version, r.state, r.updated, r.clock, r.rank, r.mid, r.digest, r.body, 0"
_READ = "r.rid, r.version, r.state, r.updated, r.clock, r.rank, r.mid, r.digest, r.body"
_PAST = "r.rid, r.type, r.fhir_id, h.version, h.state, h.updated, h.clock, h.rank, h.mid, h.digest, h.body, h.late"
_NEXT = """COALESCE((SELECT min(n.updated) FROM hist n WHERE n.rid = h.rid AND n.version > h.version AND n.late = 0),
r.updated)"""
_MOST_CACHED = 512
_make: Callable[..., Stored] = Stored


def _stored(row: Any) -> Stored:
    return _make(row[0], r4.type_name(row[1]), *row[2:10], unpack_body(row[10]), bool(row[11]))


def _plain(allow: Allow) -> bool:
    """Tell whether the predicate says the same of every version of a resource."""
    match allow:
        case Everything() | Types():
            return True
        case And(parts) | Or(parts):
            return all(_plain(part) for part in parts)
        case Not(part):
            return _plain(part)
    return False


def facts_of(resource: Json, tenant: int, *, feed: str = "", deleted: bool = False) -> Facts:
    """Return what a predicate asks of a resource's content (FHIR JSON)."""
    kind, id_ = str(resource.get("resourceType")), str(resource.get("id"))
    meta = resource.get("meta")
    labels = meta.get("security") if isinstance(meta, dict) else None
    coded = [item for item in labels if isinstance(item, dict)] if isinstance(labels, list) else []
    patients = {row[0].removeprefix("Patient/") for row in index(resource).pat}
    return Facts(
        tenant, kind, frozenset((str(c.get("system") or ""), str(c.get("code") or "").casefold()) for c in coded),
        frozenset(patients | {id_} if kind == "Patient" else patients), feed=feed, deleted=deleted,
    )  # fmt: skip


class View(SearchReads, WalkReads):
    """Thread-safe; one with a connection of its own never waits for a search in another thread."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._reads: dict[tuple[int, str], tuple[Predicate, str, list[Any]]] = {}

    def read(self, predicate: Predicate, type_: str, id_: str) -> Stored | None:
        """Return the current version, of state 1 when deleted; None when there is none or it is hidden."""
        known = self._reads.get((id(predicate), type_))
        if known is None or known[0] is not predicate:
            if type_ not in r4.resource_types():
                return None
            opened = Sight(predicate, self._readers.dialect).opened("r", [r4.type_number(type_)], states=(0, 1))
            sql = f"SELECT {_READ} FROM {opened.table} WHERE {opened.where} AND r.fhir_id = ?"  # noqa: S608
            known = (predicate, sql, opened.values)
            if len(self._reads) > _MOST_CACHED:
                self._reads.clear()
            self._reads[id(predicate), type_] = known
        row = self._readers.row(known[1], [*known[2], id_])
        return None if row is None else _make(row[0], type_, id_, *row[1:8], unpack_body(row[8]))

    def version(self, predicate: Predicate, type_: str, id_: str, version: int) -> Stored | None:
        """Return one version; None when there is none, or it or the resource is hidden."""
        now = self.read(predicate, type_, id_)
        if now is None or now.version == version:
            return now
        row = self._readers.row(_SQL["version"], (now.rid, version))
        if row is None:
            return None
        found = _make(now.rid, type_, id_, *row[:7], unpack_body(row[7]), bool(row[8]))
        return found if self._shows(predicate, found) else None

    def _shows(self, predicate: Predicate, past: Stored) -> bool:
        """Tell whether a former version may be seen: it may have had other labels, or been of another patient."""
        if _plain(predicate.allow):
            return True
        feed = self._readers.row(_SQL["feed"], (past.mid,))
        name = "" if feed is None else str(feed[0])
        if past.state == 1:
            return admits(predicate, Facts(predicate.tenant, past.type, feed=name, deleted=True))
        facts = facts_of({**json.decode(past.body), "id": past.id}, predicate.tenant, feed=name)
        asked = json.encode([*facts.patients]).decode()
        persons = frozenset(row[0] for row in self._readers.rows(_SQL["persons"], (asked,)))
        return admits(predicate, Facts(facts.tenant, facts.type, facts.labels, facts.patients, persons, name))

    def history(
        self, predicate: Predicate, type_: str | None, id_: str | None, *, since: int = 0,
        at: tuple[int, int] | None = None, before: Before | None = None, limit: int = 50,
    ) -> list[Stored]:  # fmt: skip
        """Return versions of a resource, of a type, or (both None) of all, the newest first.

        `since` and `at` (half open) are microseconds: changed since then; current at some time within. `before` is
        where the former page ended.
        """
        found: list[Stored] = []
        while len(found) < limit:
            rows = self._versions(predicate, type_, id_, since, at, before, limit)
            found += [v for v in rows if v.state < 2 and (v.top or self._shows(predicate, v))]
            if len(rows) < limit:
                break
            before = (rows[-1].updated, rows[-1].rid, rows[-1].version)
        return found[:limit]

    def count_history(
        self, predicate: Predicate, type_: str | None, id_: str | None, *, since: int = 0,
        at: tuple[int, int] | None = None,
    ) -> int:  # fmt: skip
        """Return how many versions there are."""
        if not _plain(predicate.allow):
            return len(self.history(predicate, type_, id_, since=since, at=at, limit=1 << 31))
        total = 0
        for sql, values, _order in self._halves(predicate, type_, id_, since, at, None):
            total += self._readers.row(f"SELECT count(*) FROM ({sql}) e", values)[0]  # noqa: S608
        return total

    def _versions(
        self, predicate: Predicate, type_: str | None, id_: str | None, since: int, at: tuple[int, int] | None,
        before: Before | None, limit: int,
    ) -> list[Stored]:  # fmt: skip
        found: list[Stored] = []
        halves = list(self._halves(predicate, type_, id_, since, at, before))
        with self._readers.moment() as run:
            for sql, values, order in halves:
                rows = run(f"{sql} ORDER BY {order} LIMIT ?", [*values, limit])
                found += [_stored(row) for row in rows]
                if order.startswith("r"):
                    for version in found[len(found) - len(rows) :]:
                        version.top = version.version  # the current one, which the statement has looked at
        found.sort(key=lambda v: (v.updated, v.rid, v.version), reverse=True)
        return found[:limit]

    def _halves(
        self, predicate: Predicate, type_: str | None, id_: str | None, since: int, at: tuple[int, int] | None,
        before: Before | None,
    ) -> Iterable[tuple[str, list[Any], str]]:  # fmt: skip
        """Give (statement, values, order) of the current and of the former versions, type by type."""
        if type_ is None:
            types = [row[0] for row in self._readers.rows(_SQL["types"])]
        else:
            types = [r4.type_number(type_)] if type_ in r4.resource_types() else []
        sight = Sight(predicate, self._readers.dialect)
        for number in types:
            opened = sight.opened("r", [number], states=(0, 1))
            for past in (False, True):
                n = "h" if past else "r"
                where, values = [opened.where], list(opened.values)
                if id_ is not None:
                    where.append("r.fhir_id = ?")
                    values.append(id_)
                elif past:
                    where.append(f"h.tenant = {predicate.tenant:d} AND h.type = {number:d}")
                else:
                    where.append("r.state < 2")  # the words of the index
                if since:
                    where.append(f"{n}.updated >= ?")
                    values.append(since)
                if at is not None:
                    where.append(f"{n}.updated < ?")
                    values.append(at[1])
                    if past:
                        where.append(f"h.late = 0 AND {_NEXT} > ?")
                        values.append(at[0])
                if before is not None:
                    where.append(f"({n}.updated, r.rid, {n}.version) < (?, ?, ?)")
                    values += before
                table = f"hist h CROSS JOIN {opened.table} ON r.rid = h.rid" if past else opened.table
                if past and id_ is not None:
                    table = f"{opened.table} CROSS JOIN hist h ON h.rid = r.rid"
                sql = f"SELECT {_PAST if past else _NOW} FROM {table} WHERE {' AND '.join(where)}"  # noqa: S608
                yield sql, values, f"{n}.updated DESC, {n}.rid DESC, {n}.version DESC"
