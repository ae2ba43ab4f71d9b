"""Qualifiers taken out of a name: side, course, past, family, denial, doubt, type, stage; route and release."""

from __future__ import annotations

from collections.abc import Mapping

from unsilo.terminology.same.meaning import Axes
from unsilo.terminology.same.tables import Phrase

__all__ = ["OUTER", "clash", "cut", "fits", "merged"]

OUTER = frozenset(("time", "person", "denied", "doubt"))
"""Axes that turn a whole statement: they are read at its beginning or end only, and silence is a value of its own."""


def cut(words: tuple[str, ...], phrases: Mapping[str, tuple[Phrase, ...]]) -> tuple[tuple[str, ...], Axes]:
    """Return the words that remain, and the axes with the values that were named; two values are joined with `+`."""
    kept: list[str] = []
    found: dict[str, set[str]] = {}
    at, size = 0, len(words)
    while at < size:
        phrase = _at(words, at, phrases, outer=not kept)
        if phrase is None:
            kept.append(words[at])
            at += 1
            continue
        if phrase.axis:
            found.setdefault(phrase.axis, set()).add(phrase.value)
        at += len(phrase.words)
    return tuple(kept), tuple(sorted((axis, "+".join(sorted(values))) for axis, values in found.items()))


def _at(words: tuple[str, ...], at: int, phrases: Mapping[str, tuple[Phrase, ...]], *, outer: bool) -> Phrase | None:
    for phrase in phrases.get(words[at], ()):
        end = at + len(phrase.words)
        if words[at:end] == phrase.words and (phrase.axis not in OUTER or outer or end == len(words)):
            return phrase
    return None


def merged(own: Axes, more: Axes) -> Axes:
    """Return axes with those of another that are not said yet."""
    if not more:
        return own
    said = dict(own)
    return tuple(sorted({**dict(more), **said}.items()))


def clash(one: Axes, other: Axes) -> str:
    """Return the axis on which both say something and differ, or on which silence counts and one is silent."""
    a, b = dict(one), dict(other)
    for axis in sorted(a.keys() | b.keys()):
        if a.get(axis) != b.get(axis) and ((axis in a and axis in b) or axis in OUTER):
            return axis
    return ""


def fits(one: Axes, other: Axes, *, silent: bool) -> str:
    """Return the axis that keeps two readings apart, "" when none does; `silent`: not to say a value is no value."""
    if one == other:
        return ""
    if silent:
        return clash(one, other)
    a, b = dict(one), dict(other)
    return next((axis for axis in sorted(a.keys() | b.keys()) if a.get(axis) != b.get(axis)), "")
