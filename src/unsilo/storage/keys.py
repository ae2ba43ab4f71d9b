"""Turns a resource's index rows into the integer keys of the narrow tables, and finds what changed between two sets."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec

from unsilo.fhir.extract import IndexRows
from unsilo.fhir.fold import fold
from unsilo.kernel import hash64
from unsilo.storage.packing import clean

__all__ = ["TABLES", "Image", "bounded", "code_key", "date_terms", "delta", "fold_key", "read_image", "terms", "words"]

Image = tuple[list[Any], list[Any], list[Any], list[Any], list[Any], list[Any]]
"""A resource's own keys by table, without rid, in the order of `TABLES`."""

TABLES = ("tok", "str", "dat", "ref", "pat", "find")

_decode = msgspec.msgpack.Decoder(tuple[list[Any], list[Any], list[Any], list[Any], list[Any], list[Any]]).decode
_LONGEST = 200  # characters of a text key; what is longer is found by its beginning
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LOWEST, _HIGHEST = -(1 << 62), 1 << 62
_WORD = re.compile(r"[^\s,;/|^]+")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_ISO = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})")
_DAY_FIRST = re.compile(r"(\d{1,2})[-./](\d{1,2}|[a-z]{3})[-./](\d{4})")


@lru_cache(maxsize=16_384)
def code_key(code: str) -> int:
    """Return the key under which a code is found; codes are compared as they are (FHIR R4 search.html#token)."""
    return hash64(clean(code)) if code else 0


def fold_key(text: str) -> str:
    """Return the form under which a text key is found: folded, cleaned, no longer than the index holds."""
    return fold(clean(text))[:_LONGEST].strip()


def words(text: str) -> list[str]:
    """Cut typed text into folded words; a word that is a date comes out as an ISO date."""
    found = []
    for word in _WORD.findall(clean(text).replace("/", "-")):
        folded = fold_key(word)
        if folded:
            found.append(_as_date(folded) or folded)
    return found[:8]


def _as_date(word: str) -> str:
    match = _DAY_FIRST.fullmatch(word)
    if match:
        day, month, year = match.groups()
        number = _MONTHS.index(month) + 1 if month in _MONTHS else int(month) if month.isdigit() else 0
        return f"{year}-{number:02d}-{int(day):02d}" if number else ""
    match = _ISO.fullmatch(word)
    if (
        match
        and len(word) == 8
        and ("19" <= word[:2] <= "20")
        and "01" <= match[2] <= "12"
        and "01" <= match[3] <= "31"
    ):
        return "-".join(match.groups())
    return ""


def date_terms(lo: int) -> str:
    """Return the ISO day of a time in microseconds, "" when it has none."""
    try:
        return (_EPOCH + timedelta(microseconds=lo)).strftime("%Y-%m-%d")
    except OverflowError:
        return ""


def terms(index: IndexRows) -> list[str]:
    """Return what a person types to find a Patient: words of names, identifiers, birth date."""
    found: set[str] = set()
    for param, text in index.strings:
        if param in ("name", "family", "given"):
            found.update(w for w in (fold_key(w) for w in _WORD.findall(clean(text))) if w)
    for param, _system, code in index.tokens:
        if param == "identifier" and code:
            found.add(fold_key(code))
    for param, lo, _hi in index.dates:
        if param == "birthdate":
            found.add(date_terms(lo))
    found.discard("")
    return sorted(found)


def _bounded(value: int) -> int:
    return min(max(value, _LOWEST), _HIGHEST)


def read_image(blob: bytes) -> Image:
    """Decode the keys that a resource row keeps of itself."""
    return _decode(blob) if blob else ([], [], [], [], [], [])


def delta(old: bytes, new: bytes) -> tuple[Image, Image]:
    """Return (keys to delete, keys to add) between two images."""
    if not old:
        return ([], [], [], [], [], []), read_image(new)
    gone: list[list[Any]] = []
    come: list[list[Any]] = []
    for was, now in zip(read_image(old), read_image(new), strict=True):
        before = {tuple(k) if isinstance(k, list) else k for k in was}
        after = {tuple(k) if isinstance(k, list) else k for k in now}
        gone.append(sorted(before - after))
        come.append(sorted(after - before))
    return (gone[0], gone[1], gone[2], gone[3], gone[4], gone[5]), (
        come[0], come[1], come[2], come[3], come[4], come[5],
    )  # fmt: skip


def bounded(lo: int, hi: int) -> tuple[int, int]:
    """Return the bounds within what an index row holds."""
    return _bounded(lo), _bounded(hi)
