"""Searches for a code, or for a patient's rows by codes: one statement, whose text is made once for each form."""

from collections.abc import Sequence
from typing import Any

from unsilo.policy.predicate import Everything
from unsilo.spec import r4
from unsilo.storage.plan import Plan, Reference, Token
from unsilo.storage.render.dialect import Dialect, Sql
from unsilo.storage.render.leaf import sps
from unsilo.storage.render.select import COLUMNS, driven
from unsilo.storage.render.sight import Sight
from unsilo.storage.render.tree import Tree

__all__ = ["plain_query"]

_PATIENT = (r4.type_number("Patient"),)
_MOST_KNOWN = 1000
_known: dict[tuple[Any, ...], tuple[str, int]] = {}


def plain_query(plan: Plan, dialect: Dialect) -> Sql | None:
    """Return the only statement that the first page of a plain search needs; None when the search is not plain.

    Plain is: one type, no order of its own, nothing included or counted, whoever asks sees everything, and asked is
    for one code with its system, or for one Patient and such codes. Of a Patient all rows are gathered, which are
    never many; of a code its list is read from the end. So no clause has to be counted first, and one statement sees
    one moment by itself.
    """
    if (
        plan.sort or plan.includes or plan.total != "none" or plan.only_count or plan.after is not None
        or not plan.count or len(plan.types) != 1 or not isinstance(plan.predicate.allow, Everything)
    ):  # fmt: skip
        return None
    patient: Reference | None = None
    codes: list[Token] = []
    for clause in plan.clauses:
        if isinstance(clause, Token) and clause.code is not None and clause.system is not None and len(clause.sp) == 1:
            codes.append(clause)
        elif isinstance(clause, Reference) and patient is None and clause.types == _PATIENT and len(clause.ids) == 1:
            patient = clause
        else:
            return None
    if patient is None and len(codes) != 1:
        return None
    form = (
        dialect.name, plan.predicate.tenant, plan.types, plan.count, patient and (patient.sp, patient.kin),
        *[(code.sp, bool(code.system)) for code in codes],
    )  # fmt: skip
    known = _known.get(form)
    if known is None:
        if len(_known) > _MOST_KNOWN:
            _known.clear()
        known = _known[form] = _rendered(plan, patient, codes, dialect)
    text, times = known
    values: list[Any] = [] if patient is None else [patient.ids[0]] * times
    for code in codes:
        values.append(code.code)
        if code.system:
            values.append(code.system)
    return Sql(text, values)


def _rendered(plan: Plan, patient: Reference | None, codes: Sequence[Token], dialect: Dialect) -> tuple[str, int]:
    """Return the text, and how many times the Patient's id is bound, which is before all codes."""
    tree = Tree(Sight(plan.predicate, dialect), {})
    if patient is None:
        listed = tree.ordered(codes[0])
        if listed is None:
            raise TypeError("a code with its system is a list in the order of rows")
        opened = tree.sight.opened("r", plan.types)
        text = f"""SELECT {COLUMNS} FROM {listed.table} x {dialect.join} {opened.table} ON r.rid = x.rid
WHERE {listed.scans[0].text} AND {opened.where} ORDER BY x.rid DESC LIMIT {plan.count + 1}"""
        return text, 0
    sight = tree.sight
    named = (sight.kin if patient.kin else sight.number)(patient.types, patient.ids)
    found = Sql(f"SELECT x.rid AS rid FROM ix_ref x WHERE {sps(patient.sp)} AND x.tgt IN {named.text}", named.values)
    source, where = driven(tree, found, plan.types)
    tree.met = {"r": "d.rid"}
    rest = "".join(f" AND {tree.probe(code, 'r', plan.types).text}" for code in codes)
    order = " ORDER BY r.rid DESC" if dialect.ordered_outer else ""
    text = f"SELECT {COLUMNS} FROM {source.text} WHERE {where.text}{rest}{order} LIMIT {plan.count + 1}"
    return text, len(named.values)
