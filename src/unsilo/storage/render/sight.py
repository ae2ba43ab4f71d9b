"""The only way to a resource's row: every alias of `res` is opened here, with the predicate in its condition."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from unsilo.fhir.index.keys import token_hash
from unsilo.policy.predicate import (
    Allow,
    And,
    Compartment,
    Everything,
    Label,
    Not,
    Nothing,
    Or,
    Predicate,
    Source,
    Types,
    pushed,
)  # fmt: skip
from unsilo.spec import r4
from unsilo.spec.parameters import parameter
from unsilo.storage.render.dialect import SQLITE, Dialect, Sql, numbers

__all__ = ["Opened", "Sight"]

_PATIENT = "Patient"


class Opened(NamedTuple):
    """An alias of `res`: what stands in FROM, and the condition that has to stand in WHERE, with its values."""

    table: str
    where: str
    values: list[Any]


def _typed(types: Sequence[int], alias: str) -> str:
    if not types:
        return ""
    return f"{alias}.type = {types[0]}" if len(types) == 1 else f"{alias}.type IN ({numbers(types)})"


def _inline(subquery: Sql) -> Sql:
    return Sql(f"({subquery.text})", subquery.values)


class Sight:
    """Opens aliases of `res` for one predicate; there is no way to make one without."""

    def __init__(self, predicate: Predicate, dialect: Dialect = SQLITE) -> None:
        self.predicate = predicate
        self.dialect = dialect
        self.set_aside: Callable[[Sql], Sql] = _inline
        """Puts a subquery that depends on no row before the statement; without a statement it stays where it is."""
        self._allow = pushed(predicate.allow)
        self._all = isinstance(self._allow, Everything)
        self.narrow = self._all
        """Whether type, tenant and state, which the index of live rows holds, are all that is asked of a row."""

    def opened(self, alias: str, types: Sequence[int] = (), states: Sequence[int] = (0,), *, hint: str = "") -> Opened:
        """Open an alias: allowed rows of the tenant, of these types ((): any) and states (0 live, 1 deleted)."""
        parts = [f"{alias}.tenant = {self.predicate.tenant}"]
        if types:
            parts.append(_typed(types, alias))
        parts.append(f"{alias}.state = {states[0]}" if len(states) == 1 else f"{alias}.state IN ({numbers(states)})")
        if hint and hint == self.dialect.updated:
            parts.append(f"{alias}.state < 2")  # as the index says it
        values: list[Any] = []
        if not self._all:
            text, values = self._said(self._allow, alias, types)
            parts.append(text)
        return Opened(f"res {alias}{hint}", " AND ".join(parts), values)

    def visible(self, alias: str, types: Sequence[int] = ()) -> Sql:
        """Return the condition of tenant and predicate on an alias of `res` in any state, also stubs (their number)."""
        text = f"{alias}.tenant = {self.predicate.tenant}"
        if self._all:
            return Sql(text, [])
        said = self._said(self._allow, alias, types)
        return Sql(f"{text} AND {said.text}", said.values)

    def number(self, types: Sequence[int], ids: Sequence[str]) -> Sql:
        """Return a subquery of the row numbers of `Type/id`: whether they hold anything, and what, it does not say."""
        where = f"z.tenant = {self.predicate.tenant} AND {_typed(types, 'z')}"
        if len(ids) == 1:
            return Sql(f"(SELECT z.rid AS rid FROM res z WHERE {where} AND z.fhir_id = ?)", [ids[0]])
        many = self.dialect.many(ids)
        return Sql(f"(SELECT z.rid AS rid FROM res z WHERE {where} AND z.fhir_id IN {many.text})", many.values)

    def ids(self, rows: Sql) -> Sql:
        """Return a SELECT of the row numbers and ids of rows that were chosen by what is seen."""
        return Sql(f"SELECT z.rid, z.fhir_id FROM res z WHERE z.rid IN ({rows.text})", rows.values)

    def name(self, rid: str) -> str:
        """Return the expression of the `Type number/id` of a row that a visible row refers to; nothing else of it."""
        return f"(SELECT z.type || '/' || z.fhir_id FROM res z WHERE z.rid = {rid})"

    def kin(self, types: Sequence[int], ids: Sequence[str]) -> Sql:
        """Return a subquery of the numbers of Patients and of all source Patients of the same persons.

        A link is seen only by who sees both Patients, so the predicate is asked of both; who sees everything, as of
        `_linked`.
        """
        first, other = self.visible("p"), self.visible("q")
        many = self.dialect.many(ids)
        among = "= ?" if len(ids) == 1 else f"IN {many.text}"  # a single one is a plan that PostgreSQL keeps
        named, j = self.number(types, ids), self.dialect.join
        seen, also, its = f" {j} res q ON q.rid = o.pat", f" AND {other.text}", other.values
        if self._all:
            seen, also, its = "", "", []
        text = f"""{named.text[:-1]}
UNION SELECT o.pat FROM res p {j} link m ON m.pat = p.rid {j} link o ON o.person = m.person{seen}
WHERE p.type = {r4.type_number(_PATIENT)} AND p.fhir_id {among} AND {first.text}{also})"""
        values = ids if len(ids) == 1 else many.values
        return Sql(text, [*named.values, *values, *first.values, *its])

    def kin_of(self, pat: str) -> Sql:
        """Return a subquery of the Patients that are linked with the Patient whose number is the expression `pat`."""
        linked, where, values = self._linked("m.pat")
        return Sql(f"(SELECT {pat} UNION ALL SELECT o.pat FROM link m {linked} WHERE m.pat = {pat}{where})", values)

    def kin_all(self, rids: str) -> Sql:
        """Return a SELECT of all Patients linked with those of a table `rids(rid)`, and those themselves."""
        linked, where, values = self._linked("i.rid")
        text = f"""SELECT i.rid AS rid FROM {rids} i
UNION SELECT o.pat FROM {rids} i {self.dialect.join} link m ON m.pat = i.rid {linked} WHERE 1 = 1{where}"""
        return Sql(text, values)

    def _linked(self, pat: str) -> tuple[str, str, list[Any]]:
        """Return the joins from link m to link o, conditions and values; the predicate is asked of both Patients.

        Who sees everything sees every link: rows of other tenants are left out where the found rows are opened.
        """
        j = self.dialect.join
        if self._all:
            return f"{j} link o ON o.person = m.person", "", []
        first, other = self.visible("p"), self.visible("q")
        joins = f"{j} res p ON p.rid = {pat} {j} link o ON o.person = m.person {j} res q ON q.rid = o.pat"
        return joins, f" AND {first.text} AND {other.text}", [*first.values, *other.values]

    # The algebra

    def _said(self, allow: Allow, alias: str, types: Sequence[int]) -> Sql:
        match allow:
            case Everything():
                return Sql("1 = 1", [])
            case Nothing():
                return Sql("1 = 0", [])
            case Types(names):
                known = sorted(r4.type_number(name) for name in names if name in r4.resource_types())
                return Sql(_typed(known, alias) or "1 = 0", [])
            case Label() | Compartment() | Source():
                return self._leaf(allow, alias, types)
            case Not(part):
                said = self._said(part, alias, types)
                alive = "" if isinstance(part, Types | Source) else f"{alias}.state <> 1 AND "
                return Sql(f"({alive}NOT {said.text})", said.values)
            case And(parts) | Or(parts):
                if not parts:
                    return Sql("1 = 1" if isinstance(allow, And) else "1 = 0", [])
                made = [self._said(part, alias, types) for part in parts]
                word = " AND " if isinstance(allow, And) else " OR "
                return Sql(f"({word.join(m.text for m in made)})", [v for m in made for v in m.values])

    def _leaf(self, allow: Label | Compartment | Source, alias: str, types: Sequence[int]) -> Sql:
        if isinstance(allow, Label):
            sp = self.dialect.security(alias)
            if len(types) == 1 and (known := parameter(r4.type_name(types[0]), "_security")) is not None:
                sp = str(known.number)
            system = "(SELECT id FROM system WHERE uri = ?)" if allow.system else "0"
            text = f"""EXISTS (SELECT 1 FROM ix_tok y WHERE y.sp = {sp} AND y.code = ? AND y.sys = {system}
AND y.rid = {alias}.rid)"""
            return Sql(text, [token_hash(allow.code), *([allow.system] if allow.system else [])])
        if isinstance(allow, Source):
            many = self.dialect.many(sorted(allow.feeds))
            text = f"""EXISTS (SELECT 1 FROM message g JOIN feed f ON f.id = g.feed WHERE g.mid = {alias}.mid
AND f.name IN {many.text})"""
            return Sql(text, many.values)
        members = self._members(allow)
        keys = self.dialect.patients(alias, "k")
        tied = f"{keys.where} AND " if keys.where else ""
        text = f"""({alias}.rid IN {members.text} OR {alias}.state = 0 AND EXISTS (SELECT 1 FROM {keys.source}
WHERE {tied}{keys.column} IN {members.text}))"""
        return Sql(text, [*members.values, *members.values])

    def within(self) -> Sql | None:
        """Return a SELECT of the source Patients in whose compartments all is that is allowed; None for no such."""
        parts = self._allow.parts if isinstance(self._allow, And) else (self._allow,)
        found = next((part for part in parts if isinstance(part, Compartment)), None)
        if found is None or not (found.patients or found.persons):
            return None
        keep, self.set_aside = self.set_aside, _inline
        members = self._members(found)
        self.set_aside = keep
        return Sql(members.text[1:-1], members.values)

    def _members(self, allow: Compartment) -> Sql:
        """Return a subquery of the source Patients whose compartment is meant."""
        parts: list[Sql] = []
        if allow.patients:
            named = self.number([r4.type_number(_PATIENT)], sorted(allow.patients))
            parts.append(Sql(named.text[1:-1], named.values))
        if allow.persons:
            many = self.dialect.many(sorted(allow.persons))
            parts.append(Sql(f"SELECT l.pat AS rid FROM link l WHERE l.person IN {many.text}", many.values))
        if not parts:
            return Sql("(SELECT 0 WHERE 1 = 0)", [])
        return self.set_aside(Sql(" UNION ".join(p.text for p in parts), [v for p in parts for v in p.values]))
