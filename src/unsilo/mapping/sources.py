"""Source expressions of map rows: HL7 v2 references (`PID-3.4`, `CX.1`), XML child paths, and joins with texts."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

__all__ = ["Literal", "Predicate", "Ref", "Walk", "XmlStep", "parse_v2", "parse_v2_ref", "parse_xml"]


class Literal(NamedTuple):
    """A fixed text inside a join."""

    text: str


class Ref(NamedTuple):
    """A v2 reference: `segment` "" is the value at hand, `field` 0 with a segment is the segment itself.

    `rep` is None for the repetition at hand, else a number from 0; `comp` and `sub` 0 mean the whole.
    """

    segment: str
    field: int
    rep: int | None
    comp: int
    sub: int


class Predicate(NamedTuple):
    """A test in brackets of an XML step: `path` has `value` (None: is there), `negated` when inside `not()`."""

    path: str
    value: str | None
    negated: bool = False
    position: int = 0


class XmlStep(NamedTuple):
    """One step of an XML path: `names` of children (`*` any), an `@attribute` or `text()`."""

    names: tuple[str, ...]
    predicates: tuple[Predicate, ...] = ()


class Walk(NamedTuple):
    """An XML path; `absolute` starts at the document element."""

    steps: tuple[XmlStep, ...]
    absolute: bool
    text: str


_REF = re.compile(r"([A-Z][A-Z0-9]{2})-(\d+)(?:\[(\d+)\])?(?:\.(\d+))?(?:\.(\d+))?$")
_COMP = re.compile(r"[A-Z][A-Z0-9]{1,2}\.(\d+)(?:\.(\d+))?$")


def parse_v2_ref(text: str) -> Ref:
    """Parse one reference; ValueError when it is none."""
    if text in ("$value", "$this"):
        return Ref("", 0, None, 0, 0)
    match = _REF.match(text)
    if match:
        seg, field, rep, comp, sub = match.groups()
        return Ref(seg, int(field), None if rep is None else int(rep), int(comp or 0), int(sub or 0))
    match = _COMP.match(text)
    if match:
        return Ref("", 0, None, int(match[1]), int(match[2] or 0))
    if re.fullmatch(r"[A-Z][A-Z0-9]{2}", text):
        return Ref(text, 0, None, 0, 0)
    raise ValueError(f"{text!r} is no source")


@lru_cache(maxsize=8192)
def parse_v2(text: str) -> tuple[Literal | Ref, ...]:
    """Parse a source: one reference, or texts in quotes and references side by side (a `+` between them is noise)."""
    if '"' not in text and " " not in text.strip():
        return (parse_v2_ref(text.strip()),)
    parts: list[Literal | Ref] = []
    for quoted, bare in re.findall(r'"([^"]*)"|([^"\s+]+)', text):
        parts.append(parse_v2_ref(bare) if bare else Literal(quoted))
    return tuple(parts)


@lru_cache(maxsize=8192)
def parse_xml(text: str) -> tuple[Literal | Walk, ...]:
    """Parse an XML source: a path, or texts in quotes and paths side by side."""
    return tuple(Literal(piece[1:-1]) if piece[:1] == '"' else _walk(piece) for piece in _pieces(text))


def _pieces(text: str) -> list[str]:
    pieces: list[str] = []
    current, depth, quoted = "", 0, False
    for char in text.strip():
        if char == '"' and depth == 0:
            current += char
            quoted = not quoted
            if not quoted:
                pieces.append(current)
                current = ""
            continue
        depth += (char == "[") - (char == "]") if not quoted else 0
        if char.isspace() and not quoted and depth == 0:
            if current:
                pieces.append(current)
            current = ""
        else:
            current += char
    if current:
        pieces.append(current)
    return [p for p in pieces if p != "+"]


def _walk(text: str) -> Walk:
    absolute = text.startswith("/")
    steps = []
    for part in _split(text.strip("/"), "/"):
        name, _, rest = part.partition("[")
        raws = re.findall(r"\[((?:[^\[\]\"']|\"[^\"]*\"|'[^']*')*)\]", "[" + rest if rest else "")
        predicates = [_predicate(raw.strip()) for raw in raws]
        if name != ".":
            if not re.fullmatch(r"(@?[\w:.\-*]+|text\(\))(\|[\w:.\-*]+)*", name):
                raise ValueError(f"{text!r} is no XML path (at {part!r})")
            steps.append(XmlStep(tuple(name.split("|")), tuple(predicates)))
    return Walk(tuple(steps), absolute, text)


def _predicate(raw: str) -> Predicate:
    if raw.isdigit():
        return Predicate("", None, position=int(raw))
    negated = raw.startswith("not(") and raw.endswith(")")
    if negated:
        raw = raw[4:-1].strip()
    path, equals, value = raw.partition("=")
    path = path.strip()
    if path.endswith("!"):
        path, negated = path[:-1].strip(), not negated
    return Predicate(path, value.strip().strip("\"'") if equals else None, negated)


def _split(text: str, mark: str) -> list[str]:
    parts, depth, current, quote = [], 0, "", ""
    for char in text:
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in "[(":
            depth += 1
        elif char in "])":
            depth -= 1
        if char == mark and depth == 0 and not quote:
            parts.append(current)
            current = ""
        else:
            current += char
    return [p for p in [*parts, current] if p]
