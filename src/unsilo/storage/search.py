"""Runs a search plan: looks up what it names, counts its clauses, reads one page and what that includes."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from unsilo.spec import r4
from unsilo.storage import plan as p
from unsilo.storage.connect import Readers
from unsilo.storage.functions_search import targets_of, uris_of
from unsilo.storage.packing import unpack_body
from unsilo.storage.plan import Include, Page, Plan
from unsilo.storage.render.dialect import SQLITE, Dialect, Sql
from unsilo.storage.render.plain import is_too_many, plain_query
from unsilo.storage.render.select import (
    Walk,
    count_query,
    included_query,
    page_query,
    referring_query,
    walk_of,
)
from unsilo.storage.render.sight import Sight
from unsilo.storage.render.tree import FEW, Compartment, Tree
from unsilo.storage.resolve import Run, counted, resolved
from unsilo.storage.rows import Stored

__all__ = ["SearchReads", "run"]

_ESTIMATED = 10_000
"""Rows up to which an estimated total is exact; beyond them it says so many."""
_PATIENTS = 100
"""Patients up to which the compartment that a caller sees is a way to its rows."""
_ROUNDS = 10
"""How often included resources are asked for what they include."""

_make: Callable[..., Stored] = Stored


def _stored(row: Any) -> Stored:
    return _make(row[0], r4.type_name(row[1]), *row[2:10], unpack_body(row[10]), False, 0, row[11])


def _unique(rows: list[Any]) -> list[Any]:
    """Drop a row's second appearance: one with two keys of the same beginning is met twice along an index."""
    seen: set[int] = set()
    return [row for row in rows if not (row[0] in seen or seen.add(row[0]))]  # type: ignore[func-returns-value]


def _page(plan: Plan, rows: list[Any]) -> Page:
    """Return the page that rows make, one of which may be more than a page holds."""
    after = None
    if len(rows) > plan.count:
        rows = rows[: plan.count]
        last = rows[-1]
        after = (*last[12:], f"{r4.type_name(last[1])}/{last[2]}")
    return Page([_stored(row) for row in rows], [], None, after)


class _Search:
    """One run of one plan."""

    def __init__(
        self, plan: Plan, run: Run, dialect: Dialect, log: list[tuple[str, Sql]] | None, few: int = FEW
    ) -> None:  # fmt: skip
        self.known: dict[Any, int] = {}
        self.tree = Tree(Sight(plan.predicate, dialect), self.known, few)
        self._run = run
        self._log = log
        clauses = tuple(resolved(self.tree, self.ask, clause) for clause in plan.clauses)
        after = None if plan.after is None else (*plan.after[:-1], self._place(str(plan.after[-1])))
        self.plan = msgspec.structs.replace(plan, clauses=clauses, after=after)
        self._around = self._compartment()
        self.empty = p.NEVER in clauses

    def _compartment(self) -> Compartment | None:
        """Return the predicate's compartment as a clause to begin with, for who sees some patients only."""
        members = self.tree.sight.within()
        if members is None:
            return None
        pats = tuple(row[0] for row in self.ask(f"{members.text} LIMIT {_PATIENTS + 1}", members.values))
        return Compartment("", self.plan.types, False, pats) if len(pats) <= _PATIENTS else None

    def _begun(self) -> Walk:
        """Count clauses and choose the way to the rows; the predicate's compartment is kept where it is the way."""
        tree, plan, around = self.tree, self.plan, self._around
        clauses = plan.clauses if around is None else (around, *plan.clauses)
        counted(tree, self.ask, clauses, plan.types, self.known, walks=not plan.sort)
        if around is not None:
            wide = msgspec.structs.replace(plan, clauses=clauses)
            walk = walk_of(tree, wide)
            if walk.driver == 0:
                self.plan = wide
                return walk
        return walk_of(tree, plan)

    def _place(self, name: str) -> int:
        """Return the row number of `Type/id`, where a page ended: links hold no numbers, which tell of other rows."""
        kind, _, id_ = name.partition("/")
        named = self.tree.sight.number([r4.type_number(kind)] if kind in r4.resource_types() else [0], [id_])
        rows = self.ask(*self.tree.statement(Sql(named.text[1:-1], named.values)))
        return int(rows[0][0]) if rows else 0

    def ask(self, text: str, values: Sequence[Any]) -> list[Any]:
        if self._log is not None:
            self._log.append(("look up", Sql(text, list(values))))
        return self._run(text, values)

    def _read(self, what: str, query: Sql) -> list[Any]:
        if self._log is not None:
            self._log.append((what, query))
        return self._run(query.text, query.values)

    def page(self) -> Page:
        """Return the page, with its total and what it includes."""
        plan = self.plan
        nothing = Page([], [], None if plan.total == "none" and not plan.only_count else 0)
        if self.empty:
            return nothing
        walk = self._begun()
        plan = self.plan
        if any(self.known.get(clause) == 0 for clause in plan.clauses):
            return nothing
        total = self._total(walk)
        if plan.only_count or plan.count == 0:
            return Page([], [], total)
        page = _page(plan, self._rows(walk, plan.count + 1))
        page.total = total
        if plan.includes:
            page.includes, page.cut = self._included(page.rows)
        return page

    def _total(self, walk: Walk) -> int | None:
        plan = self.plan
        if plan.total == "none" and not plan.only_count:
            return None
        walk = Walk(walk.driver, walk.listed)
        if walk.driver is None:
            # A set is faster to count than a walk over the type that asks each row.
            for n, clause in enumerate(plan.clauses):
                if self.tree.members(clause, plan.types) is not None:
                    walk = Walk(n, self.tree.ordered(clause))
                    break
        most = _ESTIMATED if plan.total == "estimate" and not plan.only_count else None
        return int(self._read("count", count_query(self.tree, plan, walk, most))[0][0])

    def _rows(self, walk: Walk, limit: int) -> list[Any]:
        plan = self.plan
        if not walk.sorted:
            return self._read("page", page_query(self.tree, plan, walk, limit))
        rows: list[Any] = []
        if plan.after is None or plan.after[0] is not None:
            while True:
                more = self._read("page", page_query(self.tree, plan, walk, limit - len(rows)))
                full = len(more) == limit - len(rows)
                rows = _unique(rows + more)
                if not full or len(rows) >= limit:
                    break
                last = rows[-1]
                plan = msgspec.structs.replace(plan, after=(*last[12:], last[0]))
        if len(rows) < limit and walk.driver is None and plan.sort[0].table not in ("updated", "id"):
            begun = plan.after if plan.after is not None and plan.after[0] is None else None
            rest = msgspec.structs.replace(plan, after=begun)
            query = page_query(self.tree, rest, walk._replace(missing=True), limit - len(rows))
            rows += self._read("page without the sort key", query)
        return rows

    # Includes

    def _included(self, page: list[Stored]) -> tuple[list[Stored], bool]:
        have = {row.rid for row in page}
        found: list[Stored] = []
        fresh = page
        for turn in range(_ROUNDS):
            asked = [i for i in self.plan.includes if turn == 0 or i.iterate]
            new: dict[int, Stored] = {}
            for include in asked:
                room = self.plan.most - len(found) - len(new)
                for row in self._follow(include, fresh, room + 1):
                    if row.rid not in have and row.rid not in new:
                        if room <= 0:
                            return found + list(new.values()), True
                        new[row.rid] = row
                        room -= 1
            if not new:
                return found, False
            found += new.values()
            have.update(new)
            fresh = list(new.values())
        return found, bool([i for i in self.plan.includes if i.iterate])

    def _follow(self, include: Include, rows: list[Stored], limit: int) -> list[Stored]:
        sps = frozenset(include.sp)
        if include.reverse:
            wanted = {r4.type_name(number) for number in include.types}
            named = [row.rid for row in rows if not wanted or row.type in wanted]
            if not named:
                return []
            query = referring_query(self.tree, named, include.sp, include.source, limit + len(rows))
            return [_stored(row) for row in self._read("reverse include", query)]
        source = {r4.type_name(number) for number in include.source}
        holders = [row for row in rows if row.type in source]
        targets = sorted({target for row in holders for target in targets_of(row.idx, sps)})
        found: list[Stored] = []
        if targets:
            query = included_query(self.tree, targets, include.types, limit + len(rows))
            found = [_stored(row) for row in self._read("include", query)]
        if include.urls and (urls := sorted({url for row in holders for url in uris_of(row.idx, sps)})):
            found += self._by_url(include, urls, limit)
        return found

    def _by_url(self, include: Include, urls: list[str], limit: int) -> list[Stored]:
        """Return the resources whose canonical address is one of these."""
        node = p.Uri(include.urls, "is", tuple(urls))
        named = self.tree.rows(node, include.types)
        query = self.tree.statement(Sql(f"{named.text} LIMIT {limit}", named.values))
        rids = [row[0] for row in self.ask(*query)]
        query = included_query(self.tree, rids, include.types, limit)
        return [_stored(row) for row in self._read("include by address", query)]


def run(
    ask: Run, plan: Plan, dialect: Dialect = SQLITE, log: list[tuple[str, Sql]] | None = None, few: int = FEW
) -> Page:  # fmt: skip
    """Run a plan by `ask`, which runs a statement at one moment for all of them.

    `log` gets every statement; `few` is how many rows a clause may have for the search to begin with them.
    """
    return _Search(plan, ask, dialect, log, few).page()


class SearchReads:
    """The searching half of the store; every plan carries the predicate."""

    _readers: Readers

    def search(self, plan: Plan) -> Page:
        """Return one page of what a plan finds; TooLongError after `plan.seconds`."""
        plain = plain_query(plan, self._readers.dialect)
        if plain is not None:
            rows = self._readers.alone(plain.text, plain.values, plan.seconds)
            if not is_too_many(rows):
                return _page(plan, rows)
        with self._readers.moment(plan.seconds) as ask:
            return run(ask, plan, self._readers.dialect)

    def explain(self, plan: Plan) -> list[dict[str, Any]]:
        """Run a plan and return its statements: what for, the SQL text (values left out), how SQLite runs it, rows."""
        log: list[tuple[str, Sql]] = []
        told: list[dict[str, Any]] = []
        with self._readers.moment(plan.seconds) as ask:
            search = _Search(plan, ask, self._readers.dialect, log)
            plain = plain_query(plan, self._readers.dialect)
            if plain is not None:
                log.append(("page", plain))
            if plain is None or is_too_many(ask(*plain)):
                search.page()
            for what, query in log:
                dialect = self._readers.dialect
                steps = [str(row[dialect.step]) for row in ask(f"{dialect.explain} {query.text}", query.values)]
                told.append({"for": what, "sql": query.text, "steps": steps})
            told.append({"for": "rows by clause", "counted": [_told(node, n) for node, n in search.known.items()]})
        return told


def _told(node: Any, rows: int) -> dict[str, Any]:
    return {"clause": type(node).__name__, "parameters": list(getattr(node, "sp", ())), "rows": rows}
