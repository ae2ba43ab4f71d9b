"""The search keys of one resource version: what the store writes into its narrow index tables."""

from typing import TypeAlias

import msgspec

__all__ = ["IDENTIFIER", "IndexRows"]

IDENTIFIER = 1_000_000
"""Added to `sp`: token keys of `Reference.identifier`, for the modifier `:identifier`."""

Text: TypeAlias = str


class IndexRows(msgspec.Struct, array_like=True):
    """Search keys by kind of value; `sp` is a search parameter's number, hashes are `kernel.hash64`'s."""

    tok: list[tuple[int, int, Text]] = []
    """(sp, hash of the code as `token_key` writes it or 0, system or "").

    For `:of-type` also (sp, hash of the value, `keys.typed` of the type).
    """
    txt: list[tuple[int, int, Text]] = []
    """(sp, hash of the text, folded text), for `:text`"""
    str: list[tuple[int, Text, int]] = []
    """(sp, folded text cut to `LONGEST`, hash of the text as it stands)"""
    dat: list[tuple[int, int, int]] = []
    """(sp, from, to): microseconds since 1970 UTC, half open"""
    num: list[tuple[int, float, float]] = []
    """(sp, low, high); one value has both the same, what is open is infinite"""
    qty: list[tuple[int, int, float, float]] = []
    """(sp, unit key, low, high); a quantity has a row for its number alone and one for its unit (`units`)"""
    uri: list[tuple[int, Text]] = []
    """(sp, the URI cut to `LONGEST`)"""
    ref: list[tuple[int, Text]] = []
    """(sp, "Type/id" without version, or the absolute, canonical or urn reference as it stands)"""
    idn: list[tuple[int, int, Text]] = []
    """(sp, hash of the value, system) of `Reference.identifier`; the store keeps it under sp + IDENTIFIER"""
    cmp: list[tuple[int, int, Text, int, Text, float, float, Text]] = []
    """(sp, code, system, second code or unit key, second system, low, high, text); unused parts 0, "" or 0.0"""
    pat: list[tuple[Text, int, int, int]] = []
    """("Patient/id", microseconds or 0, hash of "system|code" or 0, hash of the category's code or 0)"""
    pos: list[tuple[int, float, float]] = []
    """(sp, latitude, longitude) in degrees"""
    cod: list[tuple[int, Text]] = []
    """(hash of a code of `tok`, its `token_key` cut to `LONGEST_CODE`): by these tokens are sorted; (unit key, unit)"""
