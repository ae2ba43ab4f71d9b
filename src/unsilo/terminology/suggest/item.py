"""A local code as its sender describes it: label, specimen, unit and category, read for the same axes."""

import re
from typing import NamedTuple

import msgspec

from unsilo.terminology.suggest.kinds import kind_of_unit
from unsilo.terminology.suggest.tables import coded_values, methods, not_tests, systems, words
from unsilo.terminology.suggest.target import CHALLENGES, TABLES, system_of
from unsilo.terminology.suggest.text import fold, phrases, replace, split

__all__ = ["Item", "Local", "read_item"]

_HOURS = re.compile(r"\b(\d{1,2})\s*-?\s*(?:hours|hour|hrs|hr|h)\b")
_TIMED = re.compile(r"/\s*\(?(\d{1,2})\.?\s*(?:hours|hour|hrs|hr|h)\b|/(?:d|day)\b")
_MARKS = (
    ("#", "number concentration"), ("%", "fraction"), ("absolute", "number concentration"),
    ("abs", "number concentration"),
    ("percent", "fraction"), ("pct", "fraction"), ("ratio", "ratio"), ("titer", "titer"), ("qualitative", "none"),
    ("qual", "none"), ("screen", "none"), ("scr", "none"), ("viral load", "arbitrary concentration"), ("pcr", "none"),
    ("culture", "none"), ("stain", "none"), ("smear", "none"),
)  # fmt: skip
_SUFFIX = re.compile(r"[A-Za-z0-9][-_.]([SPUB])$")
_OF_SUFFIX = {"S": "serum or plasma", "P": "serum or plasma", "U": "urine", "B": "blood"}
_CAMEL = re.compile(r"(?<=[a-z]{2})(?=[A-Z][a-z]{2})")


class Item(msgspec.Struct, frozen=True):
    """What is known of a local code; every text but one of `local_code` and `label` may be empty."""

    local_code: str
    label: str = ""
    specimen: str = ""
    unit: str = ""
    category: str = ""


class Local(NamedTuple):
    """An item as it was read.

    `words` are the concepts' words of what is measured, `raw` the label's own words for it. `kind` comes from the unit
    (`told` by it) or from marks in the label (`#`, `%`, ratio). `refused` says why the item is no test.
    """

    item: Item
    words: tuple[str, ...]
    raw: tuple[str, ...]
    kind: str
    told: bool
    cue: str
    system: str
    family: str
    hours: str
    methods: frozenset[str]
    challenge: frozenset[str]
    ratio: bool
    refused: str


def _refused(label: str) -> str:
    text = " ".join(re.findall(r"[a-z0-9]+", fold(label)))
    tokens = text.split()
    for wanted, where, why in not_tests():
        met = {
            "whole": text == wanted,
            "word": wanted in tokens,
            "first": bool(tokens) and tokens[0] == wanted,
            "prefix": text.startswith(wanted),
            "phrase": f" {wanted} " in f" {text} ",
        }[where]
        if met:
            return why
    return ""


def _spans(tokens: tuple[str, ...], names: dict[tuple[str, ...], str], free: set[int]) -> dict[tuple[int, int], str]:
    found: dict[tuple[int, int], str] = {}
    at = 0
    while at < len(tokens):
        for size in (4, 3, 2, 1):
            name = tokens[at : at + size]
            if len(name) == size and name in names and free.issuperset(range(at, at + size)):
                found[at, at + size] = names[name]
                at += size - 1
                break
        at += 1
    return found


_SYSTEM_NAMES = {
    split(name): row.system
    for row in reversed(systems())
    for name in row.names
    if len(name) > 3 or name in ("csf", "bal", "ser", "bld", "ur")
}
_METHOD_NAMES = {split(name): row.method for row in reversed(methods()) for name in row.names}
_ANTI = frozenset({"anti", "antibody", "antigen", "ab", "ag"})
_VAGUE = frozenset({"other", "misc", "unknown", "any", "organism", "various", "stone", "cell", "fluid other", "gas"})


def _marks(label: str) -> str:
    text = f" {' '.join(re.findall(r'[a-z0-9]+|[#%]', fold(label)))} "
    return next((kind for mark, kind in _MARKS if f" {mark} " in text or (mark in "#%" and mark in text)), "")


def _meaning(item: Item) -> str:
    """Return what a short code of an administrative field means, or ""."""
    field = fold(item.category)
    value = fold(item.label or item.local_code).strip()
    return next((means for name, known, means in coded_values() if known == value and name in field), "")


def read_item(item: Item, *, axes: bool = True, tables: tuple[str, ...] = TABLES) -> Local:
    """Read an item; every text may be empty, of any length and in any alphabet.

    Without `axes` the whole label is what is meant: no specimen, method or time is taken from it.
    """
    label = _meaning(item) or item.label or item.local_code
    refused = _refused(label) if item.label and axes else ""
    timed = _TIMED.search(fold(item.unit))
    folded = fold(_CAMEL.sub(" ", label[:400]))
    clock = _HOURS.search(folded)
    hours = clock[1] if clock is not None else ((timed[1] or "24") if timed is not None else "")
    hours = hours if axes else ""
    folded = _HOURS.sub(" ", folded) if axes else folded
    tokens = split(folded)
    known = phrases(tables)
    covered = replace(tokens, known)[1]
    free = set(range(len(tokens))) - covered if axes else set[int]()
    systems_met = {
        span: name
        for span, name in _spans(tokens, _SYSTEM_NAMES, free).items()
        if " ".join(tokens[span[0] : span[1]]) not in _VAGUE and span[1] - span[0] < len(tokens)
    }
    suffix = _SUFFIX.search(label.strip())
    if axes and suffix is not None and len(tokens) > 1 and len(tokens) - 1 in free:
        systems_met[len(tokens) - 1, len(tokens)] = _OF_SUFFIX[suffix[1]]
    taken = {at for span in systems_met for at in range(*span)}
    roles = words()
    if all(token in roles or token in _ANTI for at, token in enumerate(tokens) if at not in taken):
        taken, systems_met = set(), {}
    methods_met = {
        span: name
        for span, name in _spans(tokens, _METHOD_NAMES, free - taken).items()
        if span[1] - span[0] < len(tokens)
    }
    challenge = frozenset(token for token in tokens if token in CHALLENGES)
    gone = taken | {at for span in methods_met for at in range(*span)}
    core = tuple(token for at, token in enumerate(tokens) if at not in gone and token not in challenge) or tokens
    concept = replace(core, known)[0]
    useful = tuple(word for word in dict.fromkeys(concept) if roles.get(word) is None or roles[word].role != "stop")
    system, family = system_of(item.specimen) if item.specimen else ("", "")
    in_label = next(iter(systems_met.values()), "")
    label_family = next((row.family for row in systems() if row.system == in_label), "")
    if in_label and (not family or family in ("fluid", "any", label_family)):
        system, family = in_label, label_family
    kind = kind_of_unit(item.unit) if axes and item.unit.strip() else ""
    cue = _marks(label) if axes else ""
    return Local(
        item, useful, core, kind or cue, bool(kind), cue, system, family, hours,
        frozenset(methods_met.values()), challenge, axes and ("/" in label or "ratio" in folded), refused,
    )  # fmt: skip
