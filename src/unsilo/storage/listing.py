"""Renders searches over the narrow tables to SQL: the one place where statements are put together at run time."""

from typing import Any

from unsilo.fhir.index.keys import token_hash
from unsilo.spec.parameters import parameter
from unsilo.storage.keys import fold_key
from unsilo.storage.rows import Criterion

__all__ = [
    "FEW", "audit_query", "estimate_query", "facts_query", "is_dense", "matches_query", "messages_query",
    "people_query", "prefix_end", "resources_query", "terms_query",
]  # fmt: skip

Query = tuple[str, list[Any]]

_COLUMNS = "r.rid, y.name, r.fhir_id, r.version, r.state, r.updated, r.clock, r.rank, r.mid, r.digest, r.body"
FEW = 2000
"""Matches of one criterion up to which a search begins with them."""

_DENSE = 100_000
"""Matches up to which all are gathered and sorted; a prefix that has more is met soon when walking from the newest."""


def prefix_end(prefix: str) -> str:
    """Return the first text after all that begin with `prefix`, in the order of UTF-8 bytes."""
    last = ord(prefix[-1])
    after = last + 1 if not 0xD7FF <= last < 0xE000 else 0xE000
    return prefix + "\U0010ffff" if last >= 0x10FFFF else prefix[:-1] + chr(after)


def _marks(values: list[Any]) -> str:
    return ", ".join("?" * len(values))


# Persons


def terms_query(word: str) -> Query:
    """How many terms begin with a word, counted no further than it matters for choosing where to begin."""
    sql = "SELECT count(*) FROM (SELECT 1 FROM ix_find WHERE term >= ? AND term < ? LIMIT 2000) e"
    return sql, [word, prefix_end(word)]


def people_query(rarest: str, others: list[str], limit: int) -> Query:
    """Persons with one record that has all words; whole words before beginnings, then the newest record first."""
    parts = ["f.term >= ? AND f.term < ?"]
    values: list[Any] = [rarest, rarest, prefix_end(rarest)]
    for word in others:
        parts.append("EXISTS (SELECT 1 FROM ix_find o WHERE o.rid = f.rid AND o.term >= ? AND o.term < ?)")
        values += [word, prefix_end(word)]
    # Thousands of persons are no answer: what is typed next says whom of them.
    sql = f"""SELECT l.person FROM (
  SELECT f.rid, f.term = ? AS whole FROM ix_find f WHERE {" AND ".join(parts)} LIMIT 5000
) g JOIN link l ON l.pat = g.rid GROUP BY l.person ORDER BY max(g.whole) DESC, max(g.rid) DESC LIMIT ?"""  # noqa: S608
    return sql, [*values, limit]


def facts_query(person: int, types: list[str] | None, since: int | None, limit: int | None) -> Query:
    """Everything of a person's compartment: date, then the resource's columns; sorted only where a limit needs it."""
    where = ["l.person = ?"]
    values: list[Any] = [person]
    if types is not None:
        where.append(f"p.type IN (SELECT id FROM resource_type WHERE name IN ({_marks(types)}))")  # noqa: S608
        values += types
    if since is not None:
        where.append("p.dlo >= ?")
        values.append(since)
    condition = " AND ".join(where)
    if limit is None:
        sql = f"""SELECT p.dlo, {_COLUMNS} FROM link l CROSS JOIN ix_pat p ON p.pat = l.pat
CROSS JOIN res r ON r.rid = p.rid CROSS JOIN resource_type y ON y.id = r.type
WHERE {condition} AND r.state = 0"""  # noqa: S608
        return sql, values
    sql = f"""SELECT f.day, {_COLUMNS} FROM (
  SELECT p.rid, max(p.dlo) AS day FROM link l CROSS JOIN ix_pat p ON p.pat = l.pat
  WHERE {condition} GROUP BY p.rid ORDER BY day DESC, p.rid DESC LIMIT ?
) f CROSS JOIN res r ON r.rid = f.rid JOIN resource_type y ON y.id = r.type WHERE r.state = 0"""  # noqa: S608
    return sql, [*values, limit]


# Resources


def _sp(kind: str, code: str) -> int:
    found = parameter(kind, code)
    return 0 if found is None else found.number


_SYS = "(SELECT id FROM system WHERE uri = ?)"
_RID = """(SELECT s.rid FROM res s JOIN resource_type t ON t.id = s.type
  WHERE s.tenant = 0 AND t.name = ? AND s.fhir_id = ?)"""
_KIN = f"(SELECT o.pat FROM link m JOIN link o ON o.person = m.person WHERE m.pat = {_RID} UNION SELECT {_RID})"  # noqa: S608

_DATES = {
    "eq": ("x.lo >= ? AND x.hi <= ?", (0, 1)),
    "ne": ("NOT (x.lo >= ? AND x.hi <= ?)", (0, 1)),
    "gt": ("x.hi > ?", (1,)),
    "lt": ("x.lo < ?", (0,)),
    "ge": ("(x.hi > ? OR x.lo >= ? AND x.hi <= ?)", (1, 0, 1)),
    "le": ("(x.lo < ? OR x.lo >= ? AND x.hi <= ?)", (0, 0, 1)),
    "sa": ("x.lo >= ?", (1,)),
    "eb": ("x.hi <= ?", (0,)),
}
"""FHIR R4 search.html#prefix on half-open bounds: condition on a row's (lo, hi) and which of the value's it takes."""


# Each clause is a set of row numbers: a SELECT of x.rid that ends in a condition, so that another can be added.


def _token(kind: str, param: str, value: Any) -> Query:
    system, code = value
    parts = ["x.sp = ?"]
    values: list[Any] = [_sp(kind, param)]
    if code is not None:
        parts.append("x.code = ?")
        values.append(token_hash(code))
    if system is not None:
        parts.append(f"x.sys = {_SYS}" if system else "x.sys = 0")
        values += [system] if system else []
    elif code is not None:
        parts.append("x.sys IN (SELECT id FROM system UNION ALL SELECT 0)")  # keeps the row number within reach
    return f"SELECT x.rid FROM ix_tok x WHERE {' AND '.join(parts)}", values  # noqa: S608


def _string(kind: str, param: str, value: Any) -> Query:
    folded = fold_key(str(value))
    if not folded:
        return "SELECT x.rid FROM ix_str x WHERE 1 = 0", []
    sql = "SELECT x.rid FROM ix_str x WHERE x.sp = ? AND x.v >= ? AND x.v < ?"
    return sql, [_sp(kind, param), folded, prefix_end(folded)]


def _date(kind: str, param: str, value: Any) -> Query:
    condition, takes = _DATES[value[0]]
    sql = f"SELECT x.rid FROM ix_dat x WHERE x.sp = ? AND {condition}"  # noqa: S608
    return sql, [_sp(kind, param), *(value[1 + n] for n in takes)]


def _updated(kind: str, _param: str, value: Any) -> Query:
    condition, takes = _DATES[value[0]]
    condition = condition.replace("x.lo", "x.updated").replace("x.hi", "x.updated + 1")
    typed = "x.tenant = 0 AND x.state < 2 AND x.type = (SELECT id FROM resource_type WHERE name = ?)"
    sql = f"SELECT x.rid FROM res x WHERE {typed} AND {condition}"  # noqa: S608
    return sql, [kind, *(value[1 + n] for n in takes)]


def _id(kind: str, _param: str, value: Any) -> Query:
    typed = "x.tenant = 0 AND x.type = (SELECT id FROM resource_type WHERE name = ?)"
    return f"SELECT x.rid FROM res x WHERE {typed} AND x.fhir_id = ?", [kind, value]  # noqa: S608


def _target(value: Any, expand: bool) -> Query:
    resource_type, _, id_ = str(value).partition("/")
    if expand and resource_type == "Patient":
        return f"IN {_KIN}", [resource_type, id_, resource_type, id_]
    return f"= {_RID}", [resource_type, id_]


def _reference(kind: str, param: str, value: Any, expand: bool) -> Query:
    target, values = _target(value, expand)
    sql = f"SELECT x.rid FROM ix_ref x WHERE x.sp = ? AND x.tgt {target}"  # noqa: S608
    return sql, [_sp(kind, param), *values]


def _patient(kind: str, value: Any, expand: bool) -> Query:
    target, values = _target(value, expand)
    typed = "x.type = (SELECT id FROM resource_type WHERE name = ?)"
    return f"SELECT x.rid FROM ix_pat x WHERE x.pat {target} AND {typed}", [*values, kind]  # noqa: S608


def _person(kind: str, value: Any) -> Query:
    if kind == "Patient":
        return "SELECT x.rid FROM (SELECT pat AS rid FROM link WHERE person = ?) x WHERE 1 = 1", [value]
    typed = "x.type = (SELECT id FROM resource_type WHERE name = ?)"
    sql = f"SELECT x.rid FROM link l CROSS JOIN ix_pat x ON x.pat = l.pat WHERE l.person = ? AND {typed}"  # noqa: S608
    return sql, [value, kind]


def _clause(kind: str, criterion: Criterion, value: Any) -> Query:
    shape = criterion.kind
    if shape == "reference":
        return _reference(kind, criterion.param, value, criterion.expand)
    if shape == "patient":
        return _patient(kind, value, criterion.expand)
    if shape == "person":
        return _person(kind, value)
    plain = {"token": _token, "string": _string, "date": _date, "updated": _updated, "id": _id}
    return plain[shape](kind, criterion.param, value)


def _clauses(kind: str, criterion: Criterion) -> list[Query]:
    return [_clause(kind, criterion, value) for value in criterion.values]


def _union(clauses: list[Query], word: str = "UNION") -> Query:
    if not clauses:
        return "SELECT rid FROM res WHERE 1 = 0", []
    return f" {word} ".join(sql for sql, _ in clauses), [value for _, some in clauses for value in some]


def estimate_query(kind: str, criterion: Criterion) -> Query:
    """How many rows meet one criterion, counted no further than `FEW` and one."""
    sql, values = _union(_clauses(kind, criterion), "UNION ALL")
    return f"SELECT count(*) FROM ({sql} LIMIT {FEW + 1}) e", values  # noqa: S608


_PROBED = ("token", "reference", "id")
"""Kinds whose narrow table can be asked for one row number at once; the sets of the others are gathered."""


def _own(kind: str, criterion: Criterion) -> Query:
    """The condition that the keys which a row of `res r` keeps of itself meet a date or text criterion."""
    conditions = []
    values: list[Any] = []
    for value in criterion.values:
        if isinstance(value, tuple):
            conditions.append("own_date(r.idx, ?, ?, ?, ?)")
            values += [_sp(kind, criterion.param), *value]
        elif folded := fold_key(str(value)):
            conditions.append("own_text(r.idx, ?, ?)")
            values += [_sp(kind, criterion.param), folded]
    return f"({' OR '.join(conditions) or '0'})", values


def _member(kind: str, criterion: Criterion, estimate: int, driven: bool) -> Query:
    """The condition that a row of `res r` meets a criterion; `driven`: few rows are asked."""
    if estimate > FEW and driven and criterion.kind in ("date", "string"):
        return _own(kind, criterion)
    clauses = _clauses(kind, criterion)
    if estimate > FEW and criterion.kind in _PROBED:
        probes = " OR ".join(f"EXISTS ({sql} AND x.rid = r.rid)" for sql, _ in clauses)
        return f"({probes})", [value for _, some in clauses for value in some]
    sql, values = _union(clauses)
    return f"r.rid IN ({sql})", values


def resources_query(
    kind: str, criteria: list[Criterion], estimates: list[int], limit: int, after: int | None, *, count: bool = False
) -> Query:
    """Live resources of one type that meet all criteria, the newest row first; `after` is the last one seen.

    It begins with the criterion that the fewest rows meet; when very many meet every one, it walks from the newest.
    """
    values: list[Any] = []
    order = sorted(range(len(criteria)), key=lambda n: estimates[n])
    if order and estimates[order[0]] <= FEW:
        first, *rest = order
        sql, values = _union(_clauses(kind, criteria[first]), "UNION ALL")
        source = f"(SELECT DISTINCT rid FROM ({sql}) e) d CROSS JOIN res r ON r.rid = d.rid"  # noqa: S608
    else:
        source, rest = "res r INDEXED BY res_live", order
    where = ["r.tenant = 0", "r.type = (SELECT id FROM resource_type WHERE name = ?)", "r.state = 0"]
    values.append(kind)
    for n in rest:
        condition, more = _member(kind, criteria[n], estimates[n], len(rest) < len(order))
        where.append(condition)
        values += more
    if after is not None:
        where.append("r.rid < ?")
        values.append(after)
    met = " AND ".join(where)
    if count:
        return f"SELECT count(*) FROM {source} WHERE {met}", values  # noqa: S608
    sql = f"""SELECT {_COLUMNS} FROM {source} CROSS JOIN resource_type y ON y.id = r.type
WHERE {met} ORDER BY r.rid DESC LIMIT ?"""  # noqa: S608
    return sql, [*values, limit]


# Messages


def messages_query(
    columns: str, *, text: str, kind: str, feed: str, state: str, cause: str, parent: str, since: int, until: int,
    limit: int, before: int | None, dense: bool = False,
) -> Query:  # fmt: skip
    """Journal rows, newest first. `text` is a folded beginning of a business key of `kind` (or of any kind).

    `dense` walks the journal instead of gathering the matches: for a beginning that very many messages share.
    """
    where: list[str] = []
    values: list[Any] = []

    def add(sql: str, *more: Any) -> None:
        where.append(sql)
        values.extend(more)

    if text:
        kinds = "(SELECT id FROM key_kind WHERE name = ?)" if kind else "(SELECT id FROM key_kind)"
        bounds = ([kind] if kind else []) + [text, prefix_end(text)]
        if dense:
            add("folded_key(m.keys, m.type, m.control_id, ?, ?)", kind, text)
        else:
            add(f"m.mid IN (SELECT mid FROM message_key WHERE kind IN {kinds} AND value >= ? AND value < ?)", *bounds)  # noqa: S608
    if feed:
        add("m.feed = (SELECT id FROM feed WHERE name = ?)", feed)
    if state in ("queued", "held", "dead"):
        add("m.state IN ('queued', 'held', 'dead')")
    if state:
        add("m.state = ?", state)
    if cause:
        add("m.cause <> ''")
        add("m.cause = ?", cause)
    if parent:
        add("m.parent <> ''")
        add("m.parent = ?", parent)
    if since:
        # Row numbers grow with time but for receipts of the same moment, so the walk may begin and end near it.
        add(
            "m.mid >= COALESCE((SELECT mid FROM message WHERE received >= ? ORDER BY received LIMIT 1), 0) - 1000",
            since,
        )
        add("m.received >= ?", since)
    if until:
        add(
            "m.mid < COALESCE((SELECT mid FROM message WHERE received >= ? ORDER BY received LIMIT 1), 1 << 62) + 1000",
            until,
        )
        add("m.received < ?", until)
    if before is not None:
        add("m.mid < ?", before)
    condition = ("WHERE " + " AND ".join(where)) if where else ""
    return f"{columns} {condition} ORDER BY m.mid DESC LIMIT ?", [*values, limit]


def matches_query(text: str, kind: str) -> Query:
    """How many keys begin with `text`, counted no further than it matters."""
    kinds = "(SELECT id FROM key_kind WHERE name = ?)" if kind else "(SELECT id FROM key_kind)"
    sql = f"""SELECT count(*) FROM (
  SELECT 1 FROM message_key WHERE kind IN {kinds} AND value >= ? AND value < ? LIMIT {_DENSE + 1}) e"""  # noqa: S608
    return sql, [*([kind] if kind else []), text, prefix_end(text)]


def is_dense(matches: int) -> bool:
    """Tell whether so many keys match that walking from the newest is quicker."""
    return matches > _DENSE


def audit_query(
    columns: str, person: int | None, actor: str, action: str, since: int, until: int, limit: int, before: int | None
) -> Query:
    """Audit rows, newest first."""
    where: list[str] = []
    values: list[Any] = []
    for sql, value, wanted in (
        ("person <> 0 AND person = ?", person, person is not None),
        ("actor = ?", actor, bool(actor)),
        ("action = ?", action, bool(action)),
        ("at >= ?", since, bool(since)),
        ("at < ?", until, bool(until)),
        ("n < ?", before, before is not None),
    ):
        if wanted:
            where.append(sql)
            values.append(value)
    condition = ("WHERE " + " AND ".join(where)) if where else ""
    return f"{columns} {condition} ORDER BY n DESC LIMIT ?", [*values, limit]
