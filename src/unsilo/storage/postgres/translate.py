"""Says the store's statements in PostgreSQL's words: those of `sql/` here by name, all others by a few rules."""

import re
from functools import cache, lru_cache
from importlib.resources import files
from typing import NamedTuple

from unsilo.storage.listing import OF_PERSON
from unsilo.storage.statements import load, statements_of

__all__ = ["Bulk", "bulk", "own", "translate"]

_FILES = (
    "account", "audit", "content", "dictionary", "exchange", "maps", "message", "names", "parameter", "person", "renew",
    "resource", "store", "verify", "view",
)  # fmt: skip
_SLOTTED = {"feed_total", "feed_day", "feed_minute", "feed_last", "feed_latency", "type_total"}
"""Tables of figures, in which each writer has rows of its own."""
_SLOT = "pg_backend_pid() % 64"

_KEY_OF_MESSAGE = """EXISTS (SELECT 1 FROM message_key k JOIN key_kind n ON n.id = k.kind,
(SELECT CAST(? AS text) AS kind, CAST(? AS text) AS begins) w
WHERE k.mid = m.mid AND (w.kind = '' OR n.name = w.kind) AND starts_with(k.value, w.begins))"""

_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(re.escape(OF_PERSON)), "person <> 0 AND person = ?"),
    (re.compile(r"^INSERT OR IGNORE (.*)$", re.DOTALL), r"INSERT \1 ON CONFLICT DO NOTHING"),
    (re.compile(r" INDEXED BY \w+| NOT INDEXED"), ""),
    (re.compile(r"\bCROSS JOIN (\w+ \w+) ON\b"), r"JOIN \1 ON"),
    (re.compile(r"\buser\b"), '"user"'),
    (re.compile(r"\bx'([0-9a-f]*)'"), r"CAST('\\x\1' AS bytea)"),
    (re.compile(r"\b1 << 62\b"), str(1 << 62)),
    (
        re.compile(r"x\.hi - x\.lo > 86400000000"),
        "x.hi > x.lo + 86400000000",
    ),  # the difference may be too large a number
    (re.compile(r"IN \(\)"), "IN (NULL)"),
    # A list is a condition of an index; a subquery would be joined last.
    (re.compile(r"\bIN \(SELECT unnest\(CAST\(\? AS (\w+)\[\]\)\) AS value\)"), r"= ANY (CAST(? AS \1[]))"),
    (re.compile(r"max\(g\.whole\)"), "bool_or(g.whole)"),
    (re.compile(r"folded_key\(m\.keys, m\.type, m\.control_id, \?, \?\)"), _KEY_OF_MESSAGE.replace("\\", r"\\")),
)
_EXISTS = re.compile(r"\bEXISTS \((?=SELECT)")
_MARK = re.compile(r"'[^']*'|\?(\d+)?")
_INSERT = re.compile(r"INSERT (OR IGNORE )?INTO (\w+) \(([^)]*)\)\s*VALUES \(\?(?:, \?)*\)\s*(.*)", re.DOTALL)
_DELETE = re.compile(r"DELETE FROM (\w+) WHERE (\w+ = \?(?: AND \w+ = \?)*)")
_CONFLICT = re.compile(r"ON CONFLICT \(([^)]*)\) DO UPDATE")


def _text(name: str) -> str:
    entry = files("unsilo.storage.postgres").joinpath("sql", f"{name}.sql")
    return entry.read_text(encoding="utf-8") if entry.is_file() else ""


@cache
def own(name: str) -> dict[str, str]:
    """Return the statements of this folder's `sql/<name>.sql`, their values numbered."""
    return {key: _numbered(text) for key, text in statements_of(_text(name)).items()}


@cache
def _overlay() -> dict[str, str]:
    """Return SQLite's statement -> the one that says the same here."""
    found: dict[str, str] = {}
    for name in _FILES:
        base = load(name)
        found.update({base[key]: text for key, text in statements_of(_text(name)).items() if key in base})
    return found


def _numbered(text: str) -> str:
    count = 0

    def mark(match: re.Match[str]) -> str:
        nonlocal count
        if match[0] != "?" and match[1] is None:
            return match[0]
        if match[1] is not None:
            return f"${match[1]}"
        count += 1
        return f"${count}"

    return _MARK.sub(mark, text)


def _said(sql: str) -> str:
    text = _overlay().get(sql)
    if text is None:
        text = sql
        for pattern, word in _RULES:
            text = pattern.sub(word, text)
        text = _by_row(text)
    return text


def _by_row(text: str) -> str:
    """Let every EXISTS be asked row by row, as it is meant: OFFSET keeps it from becoming a join of whole tables."""
    ends: list[int] = []
    for found in _EXISTS.finditer(text):
        depth = 0
        for at in range(found.end() - 1, len(text)):
            depth += (text[at] == "(") - (text[at] == ")")
            if not depth:
                ends.append(at)
                break
    for at in sorted(ends, reverse=True):
        text = f"{text[:at]} OFFSET 0{text[at:]}"
    return text


@lru_cache(maxsize=4096)
def translate(sql: str) -> str:
    """Return a statement as PostgreSQL reads it, with `$1` for its values."""
    return _numbered(_said(sql))


class Bulk(NamedTuple):
    """One statement for many rows, which binds an array for each column (`types`).

    `unique` are places of the columns of which a statement may hold each combination once; the last row counts.
    """

    text: str
    types: tuple[str, ...]
    unique: tuple[int, ...] = ()


def bulk(sql: str, columns: dict[str, dict[str, str]]) -> Bulk | None:
    """Return the form for many rows of an INSERT or DELETE; None when it has none. `columns`: table -> name -> type."""
    given = _overlay().get(sql, sql)
    if "unnest(CAST(" in given:
        types = tuple(re.findall(r"CAST\(\?\d+ AS ([a-z ]+)\[\]\)", given))
        return Bulk(_numbered(given), types)
    if (found := _INSERT.fullmatch(given)) is not None:
        ignore, table, names, rest = found[1], found[2], [name.strip(' "\n') for name in found[3].split(",")], found[4]
        types = tuple(columns[table][name] for name in names)
        quoted = ", ".join(f'"{name}"' for name in names)
        slot = table in _SLOTTED
        conflict = _CONFLICT.search(rest)
        keys = [key.strip(' "\n') for key in conflict[1].split(",")] if conflict else []
        text = f"""INSERT INTO "{table}" ({quoted}{", slot" if slot else ""})
SELECT {", ".join(f'v."{name}"' for name in names)}{f", {_SLOT}" if slot else ""} FROM {_arrays(types, quoted)}
{"ON CONFLICT DO NOTHING" if ignore else rest}"""  # noqa: S608
        return Bulk(text, types, tuple(names.index(key) for key in keys if key in names))
    if (found := _DELETE.fullmatch(given)) is not None:
        table, names = found[1], [part.split(" ")[0] for part in found[2].split(" AND ")]
        types = tuple(columns[table][name] for name in names)
        met = " AND ".join(f'x."{name}" = v."{name}"' for name in names)
        quoted = ", ".join(f'"{name}"' for name in names)
        return Bulk(f'DELETE FROM "{table}" x USING {_arrays(types, quoted)} WHERE {met}', types)  # noqa: S608
    return None


def _arrays(types: tuple[str, ...], names: str) -> str:
    arrays = ", ".join(f"CAST(${n} AS {kind}[])" for n, kind in enumerate(types, 1))
    return f"unnest({arrays}) AS v ({names})"
