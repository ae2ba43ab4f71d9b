"""Names of conditions and procedures read: the thing itself, and what qualifies it."""

from __future__ import annotations

import re
from functools import cache, lru_cache

from unsilo.terminology.same.axes import cut, merged
from unsilo.terminology.same.meaning import Axes, Near, Reading
from unsilo.terminology.same.tables import Row, axes, problems
from unsilo.terminology.same.text import base_key, tokens

__all__ = ["ICD", "asked", "near_of", "of_code", "read_name", "refined"]

ICD = frozenset(("http://hl7.org/fhir/sid/icd-10-cm", "http://hl7.org/fhir/sid/icd-9-cm"))
_INSIDE = re.compile(r"\s*\([^()]*\)")
_RESIDUAL = frozenset(("other", "elsewhere", "nec"))
_ASKED = re.compile(r"^\s*\?|\?\s*$")


@cache
def _by_base() -> dict[str, list[tuple[Axes, Row]]]:
    found: dict[str, list[tuple[Axes, Row]]] = {}
    for row in problems():
        for name in row.names:
            rest, said = cut(tokens(name), axes())
            entry = (said, row)
            rows = found.setdefault(base_key(rest), [])
            if entry not in rows:
                rows.append(entry)
    return found


@cache
def _by_code() -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in problems():
        for code in row.codes:
            found.setdefault(code, []).append(row)
    return found


def _rows(base: str, said: Axes) -> list[tuple[Axes, Row]]:
    """Return (axes beyond the row's, row) of the rows that say the most of a name."""
    fitting = [(own, row) for own, row in _by_base().get(base, ()) if set(own) <= set(said)]
    most = max((len(own) for own, _ in fitting), default=0)
    return [(tuple(pair for pair in said if pair not in own), row) for own, row in fitting if len(own) == most]


def asked(text: str) -> bool:
    """Tell whether a text puts what it names into question: `?Pneumonia`."""
    return bool(_ASKED.search(text))


def _whole(text: str) -> tuple[Reading, ...]:
    words = tokens(text)
    if _RESIDUAL & set(words):
        return ()  # `other disorders` are those that one edition of one system has no code for
    rest, said = cut(words, axes())
    if asked(text):
        said = tuple(sorted({**dict(said), "doubt": "possible"}.items()))
    base = base_key(rest)
    if not base:
        return ()
    rows = (Reading(f"p:{row.row}", beyond, "same.table", row.row) for beyond, row in _rows(base, said))
    return (Reading(f"n:{base}", said), *rows)


@lru_cache(maxsize=32_768)
def read_name(name: str, system: str = "") -> tuple[Reading, ...]:
    """Return the readings of a name; in ICD what stands in parentheses may be left out (its convention, I.A.7)."""
    readings = _whole(name)
    if system in ICD and "(" in name:
        readings += tuple(r for r in _whole(_INSIDE.sub("", name)) if r not in readings)
    return readings


@cache
def _own_axes() -> dict[str, frozenset[tuple[str, str]]]:
    """Return what the names of each row say on any axis."""
    found: dict[str, frozenset[tuple[str, str]]] = {}
    for rows in _by_base().values():
        for own, row in rows:
            found[f"p:{row.row}"] = found.get(f"p:{row.row}", frozenset()) | frozenset(own)
    return found


def refined(readings: tuple[Reading, ...], more: Axes) -> tuple[Reading, ...]:
    """Return readings with what a statement's own words add to them: diabetes, of type 2, is the row of that."""
    found: dict[Reading, None] = {}
    for each in readings:
        axes_now = merged(each.axes, more)
        if each.key.startswith("p:"):
            axes_now = tuple(pair for pair in axes_now if pair in each.axes or pair not in _own_axes()[each.key])
            found[Reading(each.key, axes_now, each.rule, each.row)] = None
            continue
        found[Reading(each.key, axes_now, each.rule, each.row)] = None
        for beyond, row in _rows(each.key[2:], axes_now):
            found[Reading(f"p:{row.row}", beyond, "same.table", row.row)] = None
    return tuple(found)


def of_code(token: str) -> tuple[Reading, ...]:
    """Return the readings of a code that stands on reviewed rows."""
    return tuple(Reading(f"p:{row.row}", (), "same.table", row.row) for row in _by_code().get(token, ()))


@cache
def _families() -> dict[str, Row]:
    return {f"p:{row.row}": row for row in problems()}


def near_of(token: str, readings: tuple[Reading, ...]) -> tuple[Near, ...]:
    """Return what a condition has in common with its relatives: its plain name, its family, its category of ICD."""
    found: dict[str, Near] = {}
    for reading in readings:
        if reading.key.startswith("n:"):
            found.setdefault(f"b:{reading.key[2:]}", Near(f"b:{reading.key[2:]}", "related.axis"))
            continue
        row = _families()[reading.key]
        for family in row.families:
            found.setdefault(f"f:{family}", Near(f"f:{family}", "related.family", row.row))
    system, _, code = token.partition("|")
    if system in ICD and len(code) > 3:
        category = f"{system}|{code[:3]}"
        found.setdefault(category, Near(category, "related.category"))
    return tuple(found.values())
