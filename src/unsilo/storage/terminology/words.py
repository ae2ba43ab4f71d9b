"""Finds concepts by words: terms are numbered best first, so that the first ones found are the ones wanted."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from math import log
from typing import Any, Protocol

from unsilo.terminology import ids

__all__ = ["Words"]

_OFTEN = 3_000
"""Terms of one word that are looked at for similarity; they are the shortest that have it."""
_MOST_WORDS = 12


def _asked(words: Sequence[str]) -> str:
    """Say to FTS5 that every word must be there, each perhaps only begun; words hold letters and digits alone."""
    return " ".join(f'"{word}"*' for word in words)


class _Rows(Protocol):
    """The artefact, as far as it is needed here."""

    size: int

    def below(self, number: int) -> int:
        """Return the set of all ids below."""

    def inactive(self) -> int:
        """Return the set of inactive concepts."""

    def packed(self, name: str) -> array[int]:
        """Return an array that is kept as a whole."""

    def rows(self, sql: str, values: Sequence[Any] = ()) -> Iterable[Any]:
        """Return the rows of a statement."""


class Words:
    """The index of words of one artefact."""

    def __init__(self, artefact: _Rows) -> None:
        self._of = artefact

    @cached_property
    def _concepts(self) -> array[int]:
        """The concept of each term, by the term's number."""
        return self._of.packed("concepts")

    def search(self, words: Sequence[str], limit: int, below: int, *, inactive: bool) -> list[tuple[int, str]]:
        """Return (id, term), each concept once with its best term."""
        found: dict[int, int] = {}
        without = None if inactive else ids.Flags(self._of.inactive())
        within = ids.Flags(self._of.below(below)) if below else None
        for concept, term in self._matching(words):
            if concept in found or (without is not None and without.has(concept)):
                continue
            if within is not None and concept != below and not within.has(concept):
                continue
            found[concept] = term
            if len(found) >= limit:
                break
        sql = "SELECT term FROM term WHERE id = ?"
        return [(concept, next(iter(self._of.rows(sql, (term,))))[0]) for concept, term in found.items()]

    def _matching(self, words: Sequence[str]) -> Iterator[tuple[int, int]]:
        """Yield (concept, number of the term), best terms first."""
        if words:
            concepts = self._concepts
            for row in self._of.rows("SELECT rowid FROM words WHERE words MATCH ?", (_asked(words),)):
                yield concepts[row[0]], row[0]

    def matching(self, words: Sequence[str]) -> Iterator[int]:
        """Yield the ids of concepts with a term that has all words, as terms are ranked; some more than once."""
        for concept, _ in self._matching(words):
            yield concept

    def similar(self, words: Sequence[str], limit: int) -> list[tuple[int, str, float]]:
        """Return (id, term, score): shared words count by how rare they are, long terms a little less."""
        weights: dict[str, float] = {}
        total = self._of.size + 1
        for word in words[:_MOST_WORDS]:
            row = next(iter(self._of.rows("SELECT doc FROM vocabulary WHERE term = ?", (word,))), None)
            if row is not None:
                weights[word] = log(1 + total / row[0])
        scores: dict[int, float] = {}
        for word, weight in weights.items():
            for row in self._of.rows("SELECT rowid FROM words WHERE words MATCH ? LIMIT ?", (f'"{word}"', _OFTEN)):
                scores[row[0]] = scores.get(row[0], 0.0) + weight
        best = sorted(scores.items(), key=lambda item: (-item[1], item[0]))[: limit * 4]
        found: dict[int, tuple[int, str, float]] = {}
        for number, score in best:
            concept = self._concepts[number]
            term = next(iter(self._of.rows("SELECT term FROM term WHERE id = ?", (number,))))[0]
            graded = score / (1 + 0.03 * term.count(" "))
            if concept not in found or found[concept][2] < graded:
                found[concept] = (concept, term, graded)
        return sorted(found.values(), key=lambda item: (-item[2], len(item[1]), item[1]))[:limit]
