"""Search expressions made fit for one resource type: its own alternatives only, `as` written as `ofType`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

__all__ = ["alternatives", "restrict", "without_as"]

_BASES: Final = ("Resource", "DomainResource")
_ROOT: Final = re.compile(r"[(\s]*([A-Za-z_]\w*)")
_AS_CALL: Final = re.compile(r"\.as\(\s*([\w.`]+)\s*\)")
_AS: Final = re.compile(r"\s+as\s+([\w.`]+)\s*\Z")


def _outside(expression: str) -> Iterator[tuple[int, str, int]]:
    """Yield (position, character, depth of parentheses) of what is not inside a quoted text."""
    depth, quote, escaped = 0, "", False
    for at, sign in enumerate(expression):
        if quote:
            if escaped:
                escaped = False
            elif sign == "\\":
                escaped = True
            elif sign == quote:
                quote = ""
            continue
        if sign in "'\"`":
            quote = sign
            continue
        if sign in ")]}":
            depth -= 1
        yield at, sign, depth
        if sign in "([{":
            depth += 1


def alternatives(expression: str) -> list[str]:
    """Cut a union at its outermost `|`; empty parts are left out."""
    cuts = [at for at, sign, depth in _outside(expression) if sign == "|" and depth == 0]
    starts = [0, *(at + 1 for at in cuts)]
    ends = [*cuts, len(expression)]
    parts = (expression[start:end].strip() for start, end in zip(starts, ends, strict=True))
    return [part for part in parts if part]


def without_as(expression: str) -> str:
    """Write `X as T`, `(X as T)` and `X.as(T)` of a union's alternatives as `X.ofType(T)`.

    The operator demands a single item (FHIRPath 6.3), search expressions use it on elements that repeat.
    """
    return " | ".join(_AS_CALL.sub(r".ofType(\1)", _cast(part)) for part in alternatives(expression))


def _cast(part: str) -> str:
    if part.startswith("("):
        end = next((at for at, sign, depth in _outside(part) if sign == ")" and depth == 0), -1)
        inner = part[1:end].strip()
        found = _AS.search(inner)
        if end > 0 and found and len(alternatives(inner)) == 1:
            return f"{inner[: found.start()].strip()}.ofType({found[1]}){part[end + 1 :]}"
        return part
    found = _AS.search(part)
    return f"{part[: found.start()].strip()}.ofType({found[1]})" if found else part


def restrict(expression: str, kind: str, known: frozenset[str] | set[str]) -> str:
    """Keep the alternatives that begin at the resource type `kind` (or at a base type, then written as `kind`).

    `known` are all resource types: an alternative that begins at another of them is left out, one that begins at an
    element is kept as it is. "" where nothing is left.
    """
    kept = []
    for part in alternatives(without_as(expression)):
        root = _ROOT.match(part)
        if root is None or (root[1] in known and root[1] != kind and root[1] not in _BASES):
            continue
        kept.append(f"{part[: root.start(1)]}{kind}{part[root.end(1) :]}" if root[1] in _BASES else part)
    return " | ".join(kept)
