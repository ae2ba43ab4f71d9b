"""Text as search sees it: words without case, accents and signs."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

__all__ = ["fold", "words"]

_WORD = re.compile(r"[^\W_]+")


@lru_cache(maxsize=65_536)
def fold(text: str) -> str:
    """Return a text in lower case, without accents, single-spaced: equal for terms that differ in form alone."""
    plain = unicodedata.normalize("NFKD", text)
    return " ".join(_WORD.findall("".join(c for c in plain if not unicodedata.combining(c)).casefold()))


def words(text: str, most: int = 16) -> list[str]:
    """Return the words of a text as they are indexed, each once, at most `most`."""
    return list(dict.fromkeys(fold(text[:1000]).split()))[:most]
