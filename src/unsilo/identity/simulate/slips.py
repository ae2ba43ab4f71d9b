"""Slips of the hand: what a clerk, a keyboard and a form make of a text."""

from random import Random
from unicodedata import normalize

__all__ = ["date_slip", "number_slip", "plain", "typo"]

_NEAR = {
    "a": "qs", "b": "vn", "c": "xv", "d": "sf", "e": "wr", "f": "dg", "g": "fh", "h": "gj", "i": "uo", "j": "hk",
    "k": "jl", "l": "k", "m": "n", "n": "bm", "o": "ip", "p": "o", "q": "wa", "r": "et", "s": "ad", "t": "ry",
    "u": "yi", "v": "cb", "w": "qe", "x": "zc", "y": "tu", "z": "x",
}  # fmt: skip
_SOUNDS = (("ph", "f"), ("y", "i"), ("ie", "y"), ("c", "k"), ("ei", "ie"), ("s", "z"), ("ee", "ea"), ("ll", "l"))


def plain(text: str) -> str:
    """Return a text without accents."""
    bare = "".join(c for c in normalize("NFKD", text) if not 0x300 <= ord(c) <= 0x36F)
    return bare.replace("đ", "d").replace("ł", "l")


def typo(draw: Random, text: str) -> str:
    """Return a text with one slip: a letter left out, doubled, exchanged, missed on the keyboard, or a sound."""
    if len(text) < 3:
        return text
    at = draw.randrange(1, len(text)) if draw.random() < 0.85 else 0
    kind = draw.random()
    if kind < 0.25:
        return text[:at] + text[at + 1 :]
    if kind < 0.40:
        return text[:at] + text[at] + text[at:]
    if kind < 0.60:
        at = min(at, len(text) - 2)
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    if kind < 0.80:
        return text[:at] + draw.choice(_NEAR.get(text[at], "e")) + text[at + 1 :]
    if kind < 0.90:
        return text[:at] + draw.choice("aeiourst") + text[at:]
    fits = [(written, sound) for written, sound in _SOUNDS if written in text]
    written, sound = draw.choice(fits) if fits else (text[at], "")
    return text.replace(written, sound, 1)


def number_slip(draw: Random, digits: str) -> str:
    """Return digits with one of them wrong or two neighbours exchanged."""
    at = draw.randrange(len(digits) - 1)
    if draw.random() < 0.4:
        return digits[:at] + digits[at + 1] + digits[at] + digits[at + 2 :]
    return digits[:at] + str((int(digits[at]) + draw.randint(1, 9)) % 10) + digits[at + 1 :]


def date_slip(draw: Random, born: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return a birth date (year, month, day) with one part wrong."""
    year, month, day = born
    kind = draw.random()
    if kind < 0.35:
        tens = day // 10 if draw.random() < 0.5 else draw.randint(0, 2)
        return year, month, max(1, min(28, tens * 10 + draw.randint(0, 9)))
    if kind < 0.55:
        return year, draw.randint(1, 12), day
    if kind < 0.75:
        return year + draw.choice((-1, 1)), month, day
    if kind < 0.90:
        return year + draw.choice((-10, 10)), month, day
    return int(str(year)[:2] + str(year)[3] + str(year)[2]), month, day
