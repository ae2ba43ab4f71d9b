"""Words of names made comparable: case, accents, possessives, plurals and spellings do not tell concepts apart."""

from __future__ import annotations

import csv
import re
from functools import cache, lru_cache
from importlib.resources import files

from unsilo.terminology.words import fold

__all__ = ["RELATIONS", "base_key", "fold", "plain", "tokens"]

RELATIONS = frozenset(
    "due to with without from secondary after following during and or by on in not no non against than as for at "
    "before complicating causing resulting affecting involving except".split()
)
"""Words between which the order of the others matters: cancer of A spread to B is not cancer of B spread to A."""
_EMPTY = frozenset(("of", "the"))
"""Words that say nothing. `a` is not among them: hepatitis A is not hepatitis."""
_POSSESSIVE = re.compile(r"['\u2019`\u02bc]s\b")
_TAG = re.compile(r"\s*\((?:disorder|finding|situation|substance|product|medicinal product|clinical drug|procedure|"
                  r"morphologic abnormality|event|regime/therapy|physical object|organism)\)\s*$")  # fmt: skip
_LONGEST = 400
"""Characters of a name that are read; what is longer is a text, and no name."""


@cache
def _spellings() -> dict[str, str]:
    text = files(__package__).joinpath("words.csv").read_text(encoding="utf-8")
    return {row["word"]: row["means"] for row in csv.DictReader(text.splitlines())}


def plain(text: str) -> str:
    """Return a name without the semantic tag that SNOMED CT puts behind it."""
    return _TAG.sub("", text[:_LONGEST])


def _singular(word: str) -> str:
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    return word[:-3] + "y" if word.endswith("ies") and len(word) > 4 else word[:-1]


@lru_cache(maxsize=65_536)
def tokens(text: str) -> tuple[str, ...]:
    """Return the words of a name in their order, in one spelling and in the singular."""
    spelt = _spellings()
    words = fold(_POSSESSIVE.sub("", plain(text).replace("+", " and ").replace("&", " and "))).split()
    return tuple(_singular(spelt.get(word, word)) for word in words)


def base_key(words: tuple[str, ...]) -> str:
    """Return what names of one concept share: their words, whose order counts only where a relation is among them."""
    told = [word for word in words if word not in _EMPTY]
    return " ".join(told if RELATIONS & set(told) else sorted(told))
