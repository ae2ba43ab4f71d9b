"""An inverted index over a target list: words with their weights, and words that are nearly the same."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from math import log

from unsilo.terminology.suggest.item import Local
from unsilo.terminology.suggest.tables import words as words_
from unsilo.terminology.suggest.target import Target

__all__ = ["Index", "trigrams"]

_LEAST_ALIKE = 0.55
_PREFIX = 0.85
_WEAK = 0.25
_FREQUENT = 3000
"""Codes with a word from which on it is no way to candidates by itself."""


@lru_cache(65536)
def trigrams(word: str) -> frozenset[str]:
    """Return the groups of three letters of a word, its ends included."""
    padded = f"^{word}$"
    return frozenset(padded[at : at + 3] for at in range(len(padded) - 2))


class Index:
    """Targets by word. Weights are inverse document frequencies, less for words that say little."""

    def __init__(self, targets: Sequence[Target]) -> None:
        self.targets = targets
        self.by_word: dict[str, list[int]] = defaultdict(list)
        weak: set[str] = set()
        for at, target in enumerate(targets):
            weak |= target.weak
            for word in target.words | target.plain | target.per | target.method_words:
                self.by_word[word].append(at)
        total = len(targets) + 1
        self.weight = {
            word: log(1 + total / (len(found) + 0.5)) * (_WEAK if word in weak else 1)
            for word, found in self.by_word.items()
        }
        self.unknown = log(1 + total / 0.5)
        self._grams: dict[str, list[str]] = defaultdict(list)
        for word in self.by_word:
            for gram in trigrams(word):
                self._grams[gram].append(word)
        self._near: dict[str, tuple[tuple[str, float], ...]] = {}

    def near(self, word: str) -> tuple[tuple[str, float], ...]:
        """Return the words of the index that a word may be: itself, cut short, or written with a slip; best first."""
        if word in self.by_word:
            return ((word, 1.0),)
        known = self._near.get(word)
        if known is None:
            known = self._near[word] = self._search(word)
        return known

    def _search(self, word: str) -> tuple[tuple[str, float], ...]:
        if len(word) < 3 or word.isdigit():
            return ()
        grams = trigrams(word)
        shared: dict[str, int] = defaultdict(int)
        for gram in grams:
            for other in self._grams.get(gram, ()):
                shared[other] += 1
        found: list[tuple[str, float]] = []
        for other, count in shared.items():
            alike = 2 * count / (len(grams) + len(trigrams(other)))
            if other.startswith(word) and len(word) >= 4:
                alike = max(alike, _PREFIX)
            elif len(word) > 5 and word.startswith(other) and len(other) >= 5:
                alike = max(alike, 0.7)
            if alike >= _LEAST_ALIKE and not other.isdigit():
                found.append((other, alike))
        return tuple(sorted(found, key=lambda pair: (-pair[1], pair[0]))[:6])

    def weigh(self, words: Iterable[str]) -> float:
        """Return the weight of some words together; one that the index has never seen weighs most."""
        return sum(self.weight[word] if word in self.weight else self._unseen(word) for word in words)

    def _unseen(self, word: str) -> float:
        role = words_().get(word)
        return self.unknown * (_WEAK if len(word) < 3 or (role is not None and role.role == "weak") else 1)

    def _holding(self, word: str, found: Mapping[int, float], most: int) -> Iterable[int]:
        """Return the places of a word; of a frequent one only those that rarer words have found already."""
        places = self.by_word[word]
        if len(places) <= _FREQUENT or len(found) < most:
            return places
        return [at for at in found if word in self._of(at)]

    def _of(self, place: int) -> frozenset[str]:
        target = self.targets[place]
        return target.words | target.plain

    def candidates(self, local: Local, most: int) -> list[int]:
        """Return the places of the targets that share most with an item, the specimen counted as half a word."""
        scores: dict[int, float] = defaultdict(float)
        asked = dict.fromkeys((*local.words, *local.raw))
        for word in sorted(asked, key=lambda each: -self.weight.get(each, self.unknown)):  # what is rare comes first
            seen: dict[int, float] = {}
            for other, alike in self.near(word):
                gain = alike * self.weight[other]
                for at in self._holding(other, scores, most):
                    if gain > seen.get(at, 0.0):
                        seen[at] = gain
            for at, gain in seen.items():
                scores[at] += gain
        if len(scores) > most:
            for at in scores:
                target = self.targets[at]
                if local.family and target.family == local.family:
                    scores[at] += 1.5
                scores[at] -= 0.12 * len(target.words)
        return sorted(scores, key=lambda at: (-scores[at], self.targets[at].code))[:most]
