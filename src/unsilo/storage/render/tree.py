"""Clauses of a search as sets of row numbers, and as conditions on a row; chains and `_has` nest, in one statement."""

from collections.abc import Mapping, Sequence
from typing import Any

from unsilo.spec import r4
from unsilo.storage import plan as p
from unsilo.storage.render.dialect import Sql
from unsilo.storage.render.leaf import Shape, Targets, shape, sps
from unsilo.storage.render.sight import Sight

__all__ = ["FEW", "Compartment", "Tree"]

FEW = 2000
"""Rows of one clause up to which a search begins with them."""

_PATIENT = r4.type_number("Patient")
_UPDATED = {
    "eq": ("{0}.updated >= ? AND {0}.updated < ?", "ab"),
    "ne": ("NOT ({0}.updated >= ? AND {0}.updated < ?)", "ab"),
    "gt": ("{0}.updated >= ?", "b"),
    "lt": ("{0}.updated < ?", "a"),
    "ge": ("{0}.updated >= ?", "a"),
    "le": ("{0}.updated < ?", "b"),
    "sa": ("{0}.updated >= ?", "b"),
    "eb": ("{0}.updated < ?", "a"),
    "ap": ("{0}.updated >= ? AND {0}.updated < ?", "ab"),
}
"""Prefixes on a time of change, which lasts one microsecond; bounds half open."""


class Compartment(p.Member, frozen=True, gc=False):
    """A `plan.Member` whose source Patients are known."""

    pats: tuple[int, ...] = ()


def _join(parts: Sequence[Sql], word: str) -> Sql:
    return Sql(word.join(part.text for part in parts), [value for part in parts for value in part.values])


class Tree:
    """Renders nodes for one predicate; `counted`: how many rows a node has, counted as far as one more than `few`."""

    def __init__(self, sight: Sight, counted: Mapping[Any, int], few: int = FEW) -> None:
        self.few = few
        self.many = few + 1
        self.sight = sight
        self.dialect = sight.dialect
        self.counted = counted
        self._depth = 0
        self.met: dict[str, str] = {}
        """Where the row number of an alias is known before its row is read: asked there, few rows are read."""
        self._aside: list[Sql] = []
        sight.set_aside = self._named

    def _named(self, subquery: Sql) -> Sql:
        return Sql(f"(SELECT rid FROM {self.table(subquery)})", [])

    def table(self, subquery: Sql) -> str:
        """Put a SELECT of row numbers that depends on no row before the statement, and return its name.

        It keeps statements flat: SQLite's parser goes no deeper than a hundred places.
        """
        for n, known in enumerate(self._aside):
            if known == subquery:
                return f"c{n}"
        self._aside.append(subquery)
        return f"c{len(self._aside) - 1}"

    def statement(self, main: Sql) -> Sql:
        """Return a whole statement with what was put before it; the next one begins anew."""
        aside, self._aside = self._aside, []
        if not aside:
            return main
        told = ",\n".join(f"c{n}(rid) AS MATERIALIZED ({part.text})" for n, part in enumerate(aside))
        own = main.text[5:] if main.text.startswith("WITH ") else None
        text = f"WITH {told}{',' if own else ''}\n{own or main.text}"
        return Sql(text, [*(value for part in aside for value in part.values), *main.values])

    def rid(self, alias: str) -> str:
        """Return the expression of an alias's row number."""
        return self.met.get(alias) or f"{alias}.rid"

    def alias(self, letter: str) -> str:
        """Return an alias that no other place of the statement has."""
        self._depth += 1
        return f"{letter}{self._depth}"

    def shape(self, node: Any) -> Shape | None:
        """Return a leaf's conditions on its narrow table."""
        return shape(node, self.dialect)

    # Sets

    def members(self, node: Any, types: Sequence[int]) -> Sql | None:
        """Return a SELECT of the rows that meet a node (column rid, perhaps twice); None when they cannot be listed.

        The rows themselves are not looked at: who opens them applies the predicate.
        """
        if isinstance(node, p.Implied):
            return self.members(node.part, types)
        found = self.shape(node)
        if found is not None:
            scans = [Sql(f"SELECT x.rid AS rid FROM {found.table} x WHERE {s.text}", s.values) for s in found.scans]
            return _join(scans, "\nUNION ALL ")
        if isinstance(node, p.Any):
            sets = [self.members(part, types) for part in node.parts]
            return None if not sets or None in sets else _join([s for s in sets if s is not None], "\nUNION ALL ")
        if isinstance(node, p.All):
            return self.rows(node, types)
        if isinstance(node, p.Chain):
            return self._chain_set(node)
        if isinstance(node, p.Has):
            return self._has_set(node)
        return self._plain_set(node, types)

    def _plain_set(self, node: Any, types: Sequence[int]) -> Sql | None:
        if isinstance(node, p.Id):
            named = self.sight.number(node.types, node.ids)
            return Sql(named.text[1:-1], named.values)
        if isinstance(node, p.Updated):
            alias = self.alias("u")
            hint = self.dialect.updated if len(types) == 1 else ""
            opened = self.sight.opened(alias, types, hint=hint)
            said = self._updated(node, alias)
            text = f"SELECT {alias}.rid AS rid FROM {opened.table} WHERE {opened.where} AND {said.text}"
            return Sql(text, [*opened.values, *said.values])
        if isinstance(node, p.Missing) and not node.absent:
            tables = [f"SELECT x.rid AS rid FROM ix_{table} x WHERE {sps(node.sp)}" for table in node.tables]
            return Sql("\nUNION ALL ".join(tables), [])
        if isinstance(node, p.InList):
            return self._listed(node)
        if isinstance(node, Compartment):
            many = self.dialect.many(node.pats)
            typed = f" AND {sps(tuple(types), 'x.type')}" if types else ""
            text = f"SELECT x.rid AS rid FROM ix_pat x WHERE x.pat IN {many.text}{typed}"
            if not types or _PATIENT in types:
                again = self.dialect.many(node.pats)
                text = f"{text}\nUNION ALL SELECT w.value AS rid FROM {again.text} w"
                return Sql(text, [*many.values, *again.values])
            return Sql(text, many.values)
        if isinstance(node, p.Never):
            return Sql("SELECT 0 AS rid WHERE 1 = 0", [])
        return None

    def _listed(self, node: p.InList) -> Sql:
        alias, key = self.alias("t"), self.alias("k")
        kind = r4.type_number("List")
        opened = self.sight.opened(alias, [kind])
        named = self.sight.number([kind], [node.id])
        keys = self.dialect.targets(alias, node.sp, key)
        tied = f" AND {keys.where}" if keys.where else ""
        text = f"""SELECT {keys.column} AS rid FROM {opened.table} {self.dialect.beside} {keys.source}
WHERE {alias}.rid = {named.text} AND {opened.where}{tied}"""
        return Sql(text, [*named.values, *opened.values])

    def rows(self, node: Any, types: Sequence[int]) -> Sql:
        """Return a SELECT of the rows (column rid) of these types that are seen and meet a node."""
        if self.sight.narrow and self.shape(node) is not None and (found := self.members(node, types)) is not None:
            return found  # keys are kept of live rows of the parameter's type only, and nothing else is asked
        alias, opened, source, rest = self._driven(node, types)
        text = f"SELECT {alias}.rid AS rid FROM {source.text} WHERE {opened.text}"
        return Sql(f"{text}{rest.text}", [*source.values, *opened.values, *rest.values])

    def _driven(self, node: Any, types: Sequence[int], *, whole: bool = False) -> tuple[str, Sql, Sql, Sql]:
        """Return (alias, its condition, what stands in FROM, what else must hold) for the rows that meet a node.

        `whole`: more is read of a row than that it is there, so the narrow index of live rows is of no use.
        """
        alias = self.alias("t")
        parts = list(node.parts) if isinstance(node, p.All) else [node]
        parts.sort(key=lambda part: self.counted.get(part, self.many))
        driver: Sql | None = None
        for n, part in enumerate(parts):
            if self.counted.get(part, 0) <= self.few and (driver := self.members(part, types)) is not None:
                parts.pop(n)
                break
        if driver is None:
            opened = self.sight.opened(alias, types, hint=self.dialect.live if len(types) == 1 else "")
            source = Sql(opened.table, [])
        else:
            inner = self.alias("d")
            narrow = self.sight.narrow and not parts and not whole and len(types) == 1
            opened = self.sight.opened(alias, types, hint=self.dialect.live if narrow else "")
            text = f"(SELECT DISTINCT rid FROM {self.table(driver)}) {inner} "
            source = Sql(f"{text}{self.dialect.join} {opened.table} ON {alias}.rid = {inner}.rid", [])
        probes = [self.probe(part, alias, types) for part in parts]
        rest = _join([Sql(f" AND {probe.text}", probe.values) for probe in probes], "")
        return alias, Sql(opened.where, opened.values), source, rest

    def _chain_set(self, node: p.Chain) -> Sql:
        alias = self.alias("i")
        text = f"""SELECT x.rid AS rid FROM (SELECT DISTINCT rid FROM {self._led(node)}) {alias}
{self.dialect.join} ix_ref x ON {sps(node.sp)} AND x.tgt = {alias}.rid"""
        return Sql(text, [])

    def _led(self, node: p.Chain) -> str:
        """Return the name of the table of rows to which a chain's reference may lead."""
        inner = self.table(self.rows(node.node, node.types))
        return self.table(self.sight.kin_all(inner)) if node.kin and _PATIENT in node.types else inner

    def _has_set(self, node: p.Has) -> Sql:
        alias, opened, source, rest = self._driven(node.node, node.types, whole=True)
        key = self.alias("k")
        keys = self.dialect.targets(alias, node.sp, key)
        tied = f" AND {keys.where}" if keys.where else ""
        text = f"""SELECT {keys.column} AS rid FROM {source.text} {self.dialect.beside} {keys.source}
WHERE {opened.text}{tied}{rest.text}"""
        found = Sql(text, [*source.values, *opened.values, *rest.values])
        if not node.kin:
            return found
        return self.sight.kin_all(self.table(found))

    # Conditions on one row

    def probe(self, node: Any, alias: str, types: Sequence[int]) -> Sql:
        """Return the condition that a row of the opened alias meets a node."""
        if isinstance(node, p.All | p.Any):
            if not node.parts:
                return Sql("1 = 1" if isinstance(node, p.All) else "1 = 0", [])
            word = " AND " if isinstance(node, p.All) else " OR "
            joined = _join([self.probe(part, alias, types) for part in node.parts], word)
            return Sql(f"({joined.text})", joined.values)
        if isinstance(node, p.Implied):
            return Sql("1 = 1", [])
        if isinstance(node, p.Not):
            said = self.probe(node.part, alias, types)
            return Sql(f"NOT {said.text}", said.values)
        if isinstance(node, p.Id):
            typed = "" if len(node.types) == len(types) else f"{sps(node.types, f'{alias}.type')} AND "
            many = self.dialect.many(node.ids)
            return Sql(f"({typed}{alias}.fhir_id IN {many.text})", many.values)
        if isinstance(node, p.Updated):
            return self._updated(node, alias)
        if isinstance(node, p.Missing):
            has = " OR ".join(self.dialect.has(alias, table, node.sp) for table in node.tables)
            return Sql(f"NOT ({has})" if node.absent else f"({has})", [])
        found = self.shape(node)
        if found is not None and (found.own is None or self.counted.get(node, self.many) > self.few):
            said = self.dialect.probe(alias, self.rid(alias), found.table, found.whole, found.own)
            return Sql(f"({said.text})", said.values)
        if isinstance(node, Compartment) or self.counted.get(node, self.many) > self.few:
            return self._row_probe(node, alias)
        return self._among(node, alias, types)

    def _among(self, node: Any, alias: str, types: Sequence[int]) -> Sql:
        found = self.members(node, types)
        if found is None:  # pragma: no cover # every node that cannot be listed is asked of the row above
            raise TypeError(type(node).__name__)
        # The plus keeps the set a filter: the alias has a better way to its rows than through all of the set.
        return Sql(f"+{self.rid(alias)} IN (SELECT rid FROM {self.table(found)})", [])

    def _row_probe(self, node: Any, alias: str) -> Sql:
        if isinstance(node, Compartment):
            key = self.alias("k")
            keys = self.dialect.patients(alias, key)
            tied = f"{keys.where} AND " if keys.where else ""
            one, two = self.dialect.many(node.pats), self.dialect.many(node.pats)
            text = f"""({self.rid(alias)} IN {one.text}
OR EXISTS (SELECT 1 FROM {keys.source} WHERE {tied}{keys.column} IN {two.text}))"""
            return Sql(text, [*one.values, *two.values])
        if isinstance(node, p.Chain):
            return self._chain_probe(node, alias)
        if isinstance(node, p.Has):
            return self._has_probe(node, alias)
        return self._among(node, alias, ())

    def _chain_probe(self, node: p.Chain, alias: str) -> Sql:
        key, other = self.alias("k"), self.alias("t")
        keys = self.dialect.targets(alias, node.sp, key)
        if self.counted.get(node.node, self.many) <= self.few:
            tied = f"{keys.where} AND " if keys.where else ""
            text = (
                f"EXISTS (SELECT 1 FROM {keys.source} WHERE {tied}{keys.column} IN (SELECT rid FROM {self._led(node)}))"
            )
            return Sql(text, [])
        opened = self.sight.opened(other, node.types)
        tied = f"{keys.where} AND " if keys.where else ""
        link = Sql(f"= {keys.column}", [])
        if node.kin and _PATIENT in node.types:
            kin = self.sight.kin_of(keys.column)
            link = Sql(self.dialect.among(kin.text), kin.values)
        said = self.probe(node.node, other, node.types)
        text = f"""EXISTS (SELECT 1 FROM {keys.source} {self.dialect.join} {opened.table} ON {other}.rid {link.text}
WHERE {tied}{opened.where} AND {said.text})"""
        return Sql(text, [*link.values, *opened.values, *said.values])

    def _has_probe(self, node: p.Has, alias: str) -> Sql:
        ref, other = self.alias("x"), self.alias("t")
        link = Sql(f"= {self.rid(alias)}", [])
        if node.kin:
            kin = self.sight.kin_of(self.rid(alias))
            link = Sql(self.dialect.among(kin.text), kin.values)
        self.met[other] = f"{ref}.rid"
        said = self.probe(node.node, other, node.types)
        del self.met[other]
        tied = f"{sps(node.sp, f'{ref}.sp')} AND {ref}.tgt {link.text}"
        if self.sight.narrow and f"{other}." not in said.text and self.shape(node.node) is not None:
            # As of `rows`: who has such a key is live and of the type.
            return Sql(
                f"EXISTS (SELECT 1 FROM ix_ref {ref} WHERE {tied} AND {said.text})", [*link.values, *said.values]
            )
        opened = self.sight.opened(other, node.types)
        text = f"""EXISTS (SELECT 1 FROM ix_ref {ref} {self.dialect.join} {opened.table} ON {other}.rid = {ref}.rid
WHERE {tied} AND {opened.where} AND {said.text})"""
        return Sql(text, [*link.values, *opened.values, *said.values])

    def _updated(self, node: p.Updated, alias: str) -> Sql:
        text, takes = _UPDATED[node.how]
        bound = {"a": node.lo, "b": node.hi}
        return Sql(text.format(alias), [bound[c] for c in takes])

    def ordered(self, node: Any) -> Shape | None:
        """Return a leaf's shape when it is one list in the order of rid without doubles."""
        if isinstance(node, p.Implied):
            return self.ordered(node.part)
        found = None if isinstance(node, Targets) and len(node.rids) > 1 else self.shape(node)
        return found if found is not None and found.ordered else None
