"""Renders searches over the narrow tables to SQL: the one place where statements are put together at run time."""

from typing import Any

__all__ = [
    "OF_PERSON", "audit_query", "facts_query", "is_dense", "matches_query", "messages_query", "numbered_query",
    "people_query", "prefix_end", "terms_query", "versions_query",
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


def versions_query(person: int) -> Query:
    """Date, number and version of everything of a person's compartment."""
    sql = """SELECT p.dlo, r.rid, r.version FROM link l CROSS JOIN ix_pat p ON p.pat = l.pat
CROSS JOIN res r ON r.rid = p.rid WHERE l.person = ? AND r.state = 0"""
    return sql, [person]


def numbered_query(rids: list[int]) -> Query:
    """The resource's columns of live rows by their numbers."""
    sql = f"""SELECT {_COLUMNS} FROM res r JOIN resource_type y ON y.id = r.type
WHERE r.rid IN ({_marks(rids)}) AND r.state = 0"""  # noqa: S608
    return sql, list(rids)


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


OF_PERSON = """n IN (WITH RECURSIVE asked (person) AS (VALUES (?)),
run (k) AS (SELECT max(run) FROM audit_of UNION ALL SELECT k - 1 FROM run WHERE k > 0)
SELECT o.n FROM run CROSS JOIN asked CROSS JOIN audit_of o ON o.run = run.k AND o.person = asked.person
UNION ALL SELECT a.n FROM asked CROSS JOIN audit a
ON a.n >= COALESCE((SELECT max(run) + 1 FROM audit_of), 0) << 14 AND a.person = asked.person AND a.person <> 0)"""
"""A person's rows of the audit trail: those of the runs that are gathered, newest first, and of the rows after them."""


def audit_query(
    columns: str, person: int | None, actor: str, action: str, since: int, until: int, limit: int, before: int | None
) -> Query:
    """Audit rows, newest first."""
    where: list[str] = []
    values: list[Any] = []
    for sql, value, wanted in (
        (OF_PERSON, person, person is not None),
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
