"""A standard code as its display says it: component, property, time, system, scale and method (LOINC's axes)."""

import re
from functools import cache

import msgspec

from unsilo.terminology.suggest.kinds import kind_of_property
from unsilo.terminology.suggest.tables import methods, property_codes, systems, words
from unsilo.terminology.suggest.text import fold, phrases, replace, split

__all__ = ["CHALLENGES", "TABLES", "Target", "family_of", "has_axes", "method_of", "read_target", "system_of"]

_PROPERTY = re.compile(r"\s*\[([^\]]+)\]\s*")
_METHOD = re.compile(r"\s+by\s+(.+)$", re.IGNORECASE)
_CHALLENGE = re.compile(r"\s*--\s*(.+?)(?=\s+by\s+|$)")
_SYSTEM = re.compile(r"\b(?:in|of|on|for|from|-)\s+(.+)$", re.IGNORECASE)
_HOURS = re.compile(r"^(\d+)\s*(?:hour|hr|h)s?\b\s*", re.IGNORECASE)
_FULL = re.compile(r"^([^:]+):([^:]*):([^:]*):([^:]*):([^:]*)(?::([^:]*))?$")
_NUMBER = re.compile(r"^\d{1,7}-\d$")
CHALLENGES = frozenset({
    "peak", "trough", "fasting", "post", "pre", "random", "baseline", "stimulated", "predose",
})  # fmt: skip
TABLES = ("laboratory", "clinical")


class Target(msgspec.Struct, frozen=True):
    """One code of the target list.

    `words` are the component's words as concepts, `weak` those that say little. `kind` is the property's kind or "",
    `per` the second half of a quotient, `method_words` the method's own words, `axes` whether the display follows
    LOINC's form at all.
    """

    code: str
    display: str
    words: frozenset[str]
    weak: frozenset[str]
    plain: frozenset[str]
    first: str
    kind: str
    system: str
    family: str
    hours: str
    method: str
    method_ordinary: bool
    method_text: str
    method_words: frozenset[str]
    challenge: frozenset[str]
    per: frozenset[str]
    panel: bool
    axes: bool
    age: float


@cache
def _systems() -> dict[tuple[str, ...], tuple[str, str]]:
    return {split(name): (row.system, row.family) for row in reversed(systems()) for name in row.names}


@cache
def _methods() -> dict[tuple[str, ...], tuple[str, bool]]:
    return {split(name): (row.method, row.ordinary) for row in reversed(methods()) for name in (row.method, *row.names)}


def system_of(text: str) -> tuple[str, str]:
    """Return the specimen and its family that a text names, or two empty texts."""
    tokens = split(text)
    known = _systems()
    for size in range(min(len(tokens), 6), 0, -1):
        for at in range(len(tokens) - size + 1):
            if tokens[at : at + size] in known and (size > 1 or size == len(tokens) or len(tokens[at]) > 2):
                return known[tokens[at : at + size]]
    return ("", "")


def family_of(system: str) -> str:
    """Return the family of a specimen of the table, or ""."""
    return next((row.family for row in systems() if row.system == system), "")


def method_of(text: str) -> tuple[str, bool]:
    """Return the method that a text names and whether it is an ordinary one; an unknown method is its own name."""
    tokens = split(text)
    return _methods().get(tokens, (" ".join(tokens), False))


def _long_name(text: str) -> tuple[str, str, str, str, str]:
    """Component, property, system, method and challenge of a long common name."""
    challenge = _CHALLENGE.search(text)
    if challenge is not None:
        text = text[: challenge.start()] + text[challenge.end() :]
    method = _METHOD.search(text)
    if method is not None:
        text = text[: method.start()]
    found = _PROPERTY.search(text)
    if found is not None:
        component, rest = text[: found.start()], text[found.end() :]
        system = _SYSTEM.match(rest)
        named = system[1] if system is not None else rest.strip()
    else:
        component, named = text, ""
        for system in reversed(list(re.finditer(r"(?:\b(?:in|of|on|for|from)|-)\s+", text, re.IGNORECASE))):
            tail = _HOURS.sub("", text[system.end() :])
            if split(tail) in _systems() and system.start():
                component, named = text[: system.start()], text[system.end() :]
                break
    return (
        component,
        found[1] if found is not None else "",
        named,
        method[1] if method is not None else "",
        challenge[1] if challenge is not None else "",
    )


def _age(code: str) -> float:
    """Return 0 for the oldest LOINC numbers and about 1 for the newest: what is common was numbered early."""
    if _NUMBER.match(code) is None:
        return 0.5
    number = int(code.split("-")[0])
    return min(number, 120_000) / 120_000


def _kind(component: str, named: str) -> str:
    if named:
        return kind_of_property(named) or "other"
    text = fold(component)
    if "actual/normal" in text or "normal/actual" in text:
        return "relative"
    if "/100 " in text:
        return "fraction"
    if "/" in text:
        return "fraction" if ".total" in text.split("/", 1)[1] else "ratio"
    if "osmolality" in text:
        return "osmolality"
    if text.strip() == "ph":
        return "ph"
    if "specific gravity" in text:
        return "relative density"
    if "time" in text or "aptt" in text or "duration" in text:
        return "time"
    return ""


def _said_in_labels(kind: str, named: str) -> frozenset[str]:
    """Return the words of a property that labels say too (`pressure`, `time`), unlike mass or volume."""
    return (
        frozenset(split(named)) if kind in ("pressure", "time", "titer", "susceptibility", "velocity") else frozenset()
    )


def has_axes(code: str, display: str) -> bool:
    """True for a code that is LOINC's by its number, or whose display names a LOINC property."""
    named = _PROPERTY.search(display)
    full = _FULL.match(display)
    return (
        _NUMBER.match(code) is not None
        or (named is not None and bool(kind_of_property(named[1])))
        or (full is not None and fold(full[2]).strip() in property_codes())
    )


def read_target(code: str, display: str, *, axes: bool = True, tables: tuple[str, ...] = TABLES) -> Target:
    """Read a code and its display: a LOINC long common name, a fully specified name, or any other text.

    Without `axes` the display is plain text: the name of a drug, a problem, a procedure.
    """
    full = _FULL.match(display.strip())
    hours = named_property = ""
    if not axes and not has_axes(code, display):
        component, kind, named, method, challenge = display, "", "", "", ""
    elif full is not None and fold(full[2]).strip() in property_codes():
        component, named, method, challenge = full[1], full[4], full[6] or "", ""
        kind = property_codes()[fold(full[2]).strip()]
        found = _HOURS.match(full[3])
        hours = found[1] if found is not None else ""
        component, _, challenge = component.partition("^")
    else:
        component, named_property, named, method, challenge = _long_name(display.strip())
        kind = _kind(component, named_property)
    found = _HOURS.match(named)
    if found is not None:
        hours, named = found[1], named[found.end() :]
    system, family = system_of(named)
    per = frozenset[str]()
    measured = component
    if "/" in component:
        top, _, below = component.partition("/")
        whole = below.strip().startswith("100 ") or ".total" in below or "normal" in below or "actual" in below
        if not whole and top.strip():
            per = frozenset(replace(split(below), phrases(tables))[0])
        measured = top if whole else component
    known = phrases(tables)
    tokens = split(re.sub(r"\bactual\b|\bnormal\b", " ", measured))
    states = frozenset(tokens) & CHALLENGES if axes else frozenset[str]()
    tokens = tuple(token for token in tokens if token not in states) or tokens
    concept = replace(tokens, known)[0] or replace(split(display), known)[0]
    roles = words()
    method_name, ordinary = method_of(method) if method else ("", True)
    every = frozenset(word for word in concept if roles.get(word) is None or roles[word].role != "stop")
    return Target(
        code=code,
        display=display,
        words=every,
        weak=frozenset(word for word in every if word in roles and roles[word].role == "weak"),
        plain=frozenset(split(measured)),
        first=concept[0] if concept else "",
        kind=kind,
        system=system or fold(named),
        family=family or ("other" if named else ""),
        hours=hours,
        method=method_name,
        method_ordinary=ordinary,
        method_text=method,
        method_words=(frozenset(split(method)) - {"method", "assay", "with", "count"})
        | _said_in_labels(kind, named_property),
        challenge=frozenset(split(challenge)) | states,
        per=per,
        panel="panel" in every or "panel" in fold(display),
        axes=bool(kind or system or named),
        age=_age(code),
    )
