"""Walks all that a caller may see of one type, in the order of rows and in pieces, for whole populations."""

from collections.abc import Callable, Sequence
from typing import Any

from unsilo.policy import Predicate
from unsilo.spec import r4
from unsilo.spec.parameters import parameter
from unsilo.storage.bodies import unpack_all
from unsilo.storage.connect import Readers
from unsilo.storage.packing import unpack_body
from unsilo.storage.render import Sight
from unsilo.storage.rows import Stored

__all__ = ["WalkReads"]

_COLUMNS = "r.rid, r.fhir_id, r.version, r.state, r.updated, r.clock, r.rank, r.mid, r.digest, r.body"
_make: Callable[..., Stored] = Stored


def _provenance(type_: str, sight: Sight, patients: str = "") -> tuple[str, list[Any]]:
    """Return the further condition of a Provenance: that its target belongs to a Patient (Bulk Data Access 2.0).

    The target must be one that the caller may see; `patients` is the condition on the Patient, whose values follow.
    """
    target = parameter("Provenance", "target")
    if type_ != "Provenance" or target is None:
        return "", []
    opened = sight.opened("t")
    members = f"SELECT t.rid FROM ix_pat k {sight.dialect.join} {opened.table} ON t.rid = k.rid WHERE {opened.where}"  # noqa: S608
    members = f"{members}{patients}"
    text = f" OR r.rid IN (SELECT x.rid FROM ix_ref x WHERE x.sp = {target.number} AND x.tgt IN ({members}))"  # noqa: S608
    return text, opened.values


class WalkReads:
    """The part of a view that whole populations are read with."""

    _readers: Readers

    def _walk(
        self, columns: str, predicate: Predicate, type_: str, *, after: int = 0, since: int = 0, until: int = 0,
        limit: int = 2000, patients: Sequence[str] | None = None, of_patients: bool = False,
        states: Sequence[int] = (0,), upto: int = 0, skip: int = 0,
    ) -> list[Any]:  # fmt: skip
        sight = Sight(predicate, self._readers.dialect)
        number = r4.type_number(type_)
        opened = sight.opened("r", [number], states=states)
        where, values = [opened.where], list(opened.values)
        if since:
            where.append("r.updated >= ?")
            values.append(since)
        if until:
            where.append("r.updated <= ?")
            values.append(until)
        if patients is not None:
            named = sight.number([r4.type_number("Patient")], list(patients))
            if type_ == "Patient":
                where.append(f"r.rid IN {named.text}")
            else:
                own = f"SELECT k.rid FROM ix_pat k WHERE k.type = {number} AND k.pat IN {named.text}"  # noqa: S608
                about, theirs = _provenance(type_, sight, f" AND k.pat IN {named.text}")
                where.append(f"(r.rid IN ({own}){about})")
                values += [*named.values, *theirs] if about else []
            values += named.values
        elif of_patients and type_ != "Patient":
            keys = sight.dialect.patients("r", "k")
            tied = f" WHERE {keys.where}" if keys.where else ""
            own = f"EXISTS (SELECT 1 FROM {keys.source}{tied})"  # noqa: S608
            about, theirs = _provenance(type_, sight)
            where.append(f"({own}{about})")
            values += theirs
        where.append("r.rid > ?")
        values.append(after)
        if upto:
            where.append("r.rid <= ?")
            values.append(upto)
        sql = f"SELECT {columns} FROM {opened.table} WHERE {' AND '.join(where)} ORDER BY r.rid LIMIT ? OFFSET ?"  # noqa: S608
        return self._readers.rows(sql, [*values, limit, skip])

    def walk(self, predicate: Predicate, type_: str, **which: Any) -> list[Stored]:
        """Return the next rows of a type after row number `after`, changed since and until (microseconds, 0 any).

        `patients` are ids of source Patients whose compartments are wanted; `of_patients` leaves out what belongs to
        no Patient. `states` (1,) gives what was deleted. A further call with the last `rid` goes on; rows after
        `upto` (0 none) are left out.
        """
        rows = self._walk(_COLUMNS, predicate, type_, **which)
        return [_make(row[0], type_, *row[1:9], unpack_body(row[9])) for row in rows]

    def walk_bodies(self, predicate: Predicate, type_: str, **which: Any) -> list[tuple[int, int, int, bytes]]:
        """Return (row number, version, time, body) of the same rows: for whole populations, where each step counts."""
        rows = self._walk("r.rid, r.version, r.updated, r.body", predicate, type_, **which)
        bodies = unpack_all([row[3] for row in rows])
        return [(row[0], row[1], row[2], body) for row, body in zip(rows, bodies, strict=True)]

    def walk_end(self, predicate: Predicate, type_: str, after: int, count: int) -> int:
        """Return the row number of the live row of a type that is the `count`-th after another; 0 when there are fewer.

        Where all may be seen it is found in an index alone, so that pieces of one length can be read side by side.
        """
        rows = self._walk("r.rid", predicate, type_, after=after, limit=1, skip=count - 1)
        return int(rows[0][0]) if rows else 0
