"""Searches that are one statement, put together once for each form: by a code, or by what has few rows, and codes."""

from collections.abc import Sequence
from typing import Any

from unsilo.policy.predicate import Everything
from unsilo.spec import r4
from unsilo.storage.plan import Chain, Plan, Reference, Text, Token
from unsilo.storage.render.dialect import Dialect, Sql
from unsilo.storage.render.leaf import prefix_end, shape, sps
from unsilo.storage.render.select import COLUMNS, driven, in_order
from unsilo.storage.render.sight import Sight
from unsilo.storage.render.tree import Tree

__all__ = ["is_too_many", "plain_query"]

_PATIENT = (r4.type_number("Patient"),)
_GATHERED = 5000
"""Rows that are gathered: each costs a tenth of a microsecond, each that is met walking from the newest a hundred times
that. Where every row's sort keys are read too, no more than a counted search gathers (`FEW`)."""
_LED_TO = 400
"""Rows that a chain may lead to: each is referred to by several rows, and has its linked Patients looked up."""
_MOST_KNOWN = 1000
_known: dict[tuple[Any, ...], tuple[str, int]] = {}


def plain_query(plan: Plan, dialect: Dialect) -> Sql | None:
    """Return the only statement that the first page of a plain search needs; None when the search is not plain.

    Plain is: one type, nothing included or counted, whoever asks sees everything, and asked is for one code with its
    system; or for one Patient, the beginning of a text, or a chain to such a text or code, and codes beside it. A
    code's list is read from its end. Of the others all rows are gathered, so no clause has to be counted first, and
    one statement sees one moment by itself. Where they are too many to be gathered, the last row `is_too_many`.
    """
    if (
        plan.includes or plan.total != "none" or plan.only_count or plan.after is not None
        or not plan.count or len(plan.types) != 1 or not isinstance(plan.predicate.allow, Everything)
    ):  # fmt: skip
        return None
    driver: Any = None
    codes: list[Any] = []
    for clause in plan.clauses:
        if _is_code(clause):
            codes.append(clause)
        elif driver is None and _may_drive(clause):
            driver = clause
        else:
            return None
    if driver is None and (len(codes) != 1 or plan.sort):
        return None
    form = (
        dialect.name, plan.predicate.tenant, plan.types, plan.count, plan.sort, _form(driver),
        *[(code.sp, bool(code.system)) for code in codes],
    )  # fmt: skip
    known = _known.get(form)
    if known is None:
        if len(_known) > _MOST_KNOWN:
            _known.clear()
        known = _known[form] = _rendered(plan, driver, codes, dialect)
    text, times = known
    return Sql(
        text, [*(_bound(driver, dialect) * times), *(value for code in codes for value in _bound(code, dialect))]
    )


def is_too_many(rows: Sequence[Any]) -> bool:
    """Tell of a plain statement's rows that there were too many to be gathered: they are not the answer."""
    return bool(rows) and rows[-1][0] is None


def _is_code(clause: Any) -> bool:
    return isinstance(clause, Token) and clause.code is not None and clause.system is not None and len(clause.sp) == 1


def _may_drive(clause: Any) -> bool:
    if isinstance(clause, Chain):
        return _is_code(clause.node) or _begins(clause.node)
    return _begins(clause) or (isinstance(clause, Reference) and clause.types == _PATIENT and len(clause.ids) == 1)


def _begins(clause: Any) -> bool:
    return isinstance(clause, Text) and clause.how == "starts" and bool(prefix_end(clause.text))


def _form(driver: Any) -> tuple[Any, ...]:
    """Return all of a driver but its values."""
    match driver:
        case Chain(sp, types, node, kin):
            return (sp, types, kin, _form(node))
        case Token(sp, _, system):
            return (sp, bool(system))
        case Reference():
            return (driver.sp, driver.kin)
        case Text():
            return driver.sp
    return ()


def _bound(clause: Any, dialect: Dialect) -> list[Any]:
    """Return the values that a clause binds."""
    match clause:
        case Chain():
            return _bound(clause.node, dialect)
        case Token():
            return [clause.code, clause.system] if clause.system else [clause.code]
        case Reference():
            return [clause.ids[0]]
        case Text():
            return [clause.text, prefix_end(clause.text)]
    return []


def _rendered(plan: Plan, driver: Any, codes: Sequence[Token], dialect: Dialect) -> tuple[str, int]:
    """Return the text, and how many times the driver's values are bound, which is before all codes."""
    tree = Tree(Sight(plan.predicate, dialect), {})
    limit = plan.count + 1
    if driver is None:
        listed = tree.ordered(codes[0])
        if listed is None:
            raise TypeError("a code with its system is a list in the order of rows")
        opened = tree.sight.opened("r", plan.types)
        text = f"""SELECT {COLUMNS} FROM {listed.table} x {dialect.join} {opened.table} ON r.rid = x.rid
WHERE {listed.scans[0].text} AND {opened.where} ORDER BY x.rid DESC LIMIT {limit}"""
        return text, 1
    bounds: list[str] = []
    found = _found(tree, driver, bounds)
    times = len(found.values) if isinstance(driver, Reference) else 1
    if plan.sort or not isinstance(driver, Reference):  # a Patient's rows are gathered without a bound, but not sorted
        found = _within(tree, found, bounds, tree.few if plan.sort else _GATHERED)
    source, where = driven(tree, found, plan.types, newest=not plan.sort)
    tree.met = {"r": "d.rid"}
    rest = Sql("".join(f" AND {tree.probe(code, 'r', plan.types).text}" for code in codes), [])
    if plan.sort:
        page = in_order(tree, plan, source, Sql(f"{where.text}{rest.text}", []), limit).text
    else:
        order = " ORDER BY r.rid DESC" if dialect.ordered_outer else ""
        page = f"SELECT {COLUMNS} FROM {source.text} WHERE {where.text}{rest.text}{order} LIMIT {limit}"
    if bounds:
        nothing = ", ".join(["NULL"] * (COLUMNS.count(",") + 1 + len(plan.sort)))
        passed = " OR ".join(f"NOT {bound}" for bound in bounds)
        page = f"SELECT * FROM ({page}) found UNION ALL SELECT {nothing} WHERE {passed}"
    return tree.statement(Sql(page, [])).text, times


def _within(tree: Tree, found: Sql, bounds: list[str], most: int) -> Sql:
    """Return a SELECT of the row numbers that `found` gives, of none where they are more than `most`."""
    name = tree.table(Sql(f"SELECT e.rid AS rid FROM ({found.text}) e LIMIT {most + 1}", []))
    bounds.append(f"(SELECT count(*) FROM {name}) <= {most}")
    return Sql(f"SELECT b.rid AS rid FROM {name} b WHERE {bounds[-1]}", [])


def _found(tree: Tree, driver: Any, bounds: list[str]) -> Sql:
    """Return a SELECT of the row numbers (column rid, perhaps twice) that meet a driver."""
    sight = tree.sight
    if isinstance(driver, Reference):
        named = (sight.kin if driver.kin else sight.number)(driver.types, driver.ids)
        return Sql(f"SELECT x.rid AS rid FROM ix_ref x WHERE {sps(driver.sp)} AND x.tgt IN {named.text}", named.values)
    if isinstance(driver, Chain):
        led = tree.table(_within(tree, _found(tree, driver.node, bounds), bounds, _LED_TO))
        if driver.kin and _PATIENT[0] in driver.types:
            led = tree.table(sight.kin_all(led))
        text = f"""SELECT x.rid AS rid FROM (SELECT DISTINCT rid FROM {led}) i
{tree.dialect.join} ix_ref x ON {sps(driver.sp)} AND x.tgt = i.rid"""
        return Sql(text, [])
    met = shape(driver, tree.dialect)
    if met is None:
        raise TypeError(type(driver).__name__)
    return Sql(f"SELECT x.rid AS rid FROM {met.table} x WHERE {met.scans[0].text}", [])
