"""Kinds of documents by type, specialty and content: from their LOINC codes, else from the words of their titles."""

import re
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from unsilo.notes.tables import document_kinds

__all__ = ["AXES", "Kind", "kinds_of"]

AXES = ("type", "specialty", "content")


class Kind(NamedTuple):
    """One tag of a document on one axis, and whether a code or a word gave it."""

    axis: str
    tag: str
    by: str


@cache
def _by_code() -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for row in document_kinds():
        for code in row["codes"].split():
            found.setdefault(code, []).append((row["axis"], row["tag"]))
    return found


@cache
def _by_word() -> list[tuple[re.Pattern[str], str, str]]:
    return [
        (re.compile(rf"(?<!\w){re.escape(word)}(?!\w)", re.IGNORECASE), row["axis"], row["tag"])
        for row in document_kinds()
        for word in row["words"].split(";")
        if word
    ]


def kinds_of(codes: Sequence[str], title: str) -> list[Kind]:
    """Return the tags of a document, at most one of its type; codes come before words."""
    found: dict[tuple[str, str], Kind] = {}
    for code in codes:
        for axis, tag in _by_code().get(code, ()):
            found.setdefault((axis, tag), Kind(axis, tag, "code"))
    for pattern, axis, tag in _by_word():
        if axis == "type" and any(kind.axis == "type" for kind in found.values()):
            continue
        if pattern.search(title[:300]):
            found.setdefault((axis, tag), Kind(axis, tag, "word"))
    return sorted(found.values(), key=lambda kind: (AXES.index(kind.axis), kind.tag))
