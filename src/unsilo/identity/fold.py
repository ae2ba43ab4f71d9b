"""Names and words without case, accents and punctuation."""

from functools import lru_cache
from unicodedata import category, normalize

__all__ = ["fold"]

_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h"})
_ASCII_OTHER = {code: None for code in range(128) if not chr(code).isalnum()}


@lru_cache(8192)
def fold(text: str) -> str:
    """Return letters and digits only, without case and Latin accents: `O'Brien-Šimić` gives `obriensimic`."""
    if text.isascii():
        return text.lower().translate(_ASCII_OTHER)
    plain = normalize("NFKD", text.casefold().translate(_LETTERS))
    # Accents of Latin, Greek and Cyrillic go (U+0300 to U+036F); vowel signs of other scripts are letters there.
    kept = (c for c in plain if not "\u0300" <= c <= "\u036f" and category(c)[0] in "LNM")
    return normalize("NFC", "".join(kept)).translate(_LETTERS)
