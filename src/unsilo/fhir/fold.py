"""Text folded for searching: case, accents and width do not matter (FHIR R4 search.html#string)."""

import unicodedata

__all__ = ["fold"]


def fold(text: str) -> str:
    """Return the text case-folded, without combining marks, white space single (NFKD)."""
    if text.isascii():
        return " ".join(text.casefold().split())
    spread = unicodedata.normalize("NFKD", text)
    bare = "".join(c for c in spread if not unicodedata.combining(c)).casefold()
    return " ".join(unicodedata.normalize("NFKD", bare).split())
