"""A row of texts as a `Person`: names of all scripts folded, dates and numbers read, placeholders left out."""

import re
from collections.abc import Mapping
from functools import lru_cache

from unsilo.identity.dates import birth
from unsilo.identity.fold import fold
from unsilo.identity.person import Person
from unsilo.identity.tables import GENERATIONS, is_placeholder_name
from unsilo.identity.vocabulary import latin, roots, street_word

__all__ = ["COLUMNS", "skeleton", "standardise"]

COLUMNS = (
    "given_name", "family_name", "birth_date", "sex", "ssn", "mrn", "phone", "email", "street", "city", "state",
    "postal_code",
)  # fmt: skip
"""The columns that are read; all may be missing."""

_LONGEST = 80  # characters of a text that are compared
_WORD = re.compile(r"[\s,;/_\-\u2010-\u2015]+")
_HOUSE = re.compile(r"(?:^|\s)([0-9]+)[a-z]?(?=\s|$)")
_TITLES = frozenset({"mr", "mrs", "ms", "miss", "dr", "prof", "rev", "sir", "mister"})
_PARTICLES = frozenset(
    (
        "de del della der den di da do dos das du la le las los el al van von vom zu zum zur ter ten bin bint ibn y e i"
    ).split()
)
_NOBODY = frozenset(
    {"unknown", "unk", "none", "null", "na", "nan", "notknown", "notgiven", "refused", "declined", "tbd"}
)
_NEWBORN = frozenset(
    {"baby", "babyboy", "babygirl", "newborn", "infant", "boy", "girl", "bb", "bg", "babya", "babyb", "twina", "twinb"}
)
_SEX = {"m": "m", "male": "m", "man": "m", "1": "m", "f": "f", "female": "f", "woman": "f", "2": "f", "w": "f"}
_FILLER_SSN = frozenset({"123456789", "987654321", "78051120", "219099999"})
_SOUNDS = (("ph", "f"), ("ck", "k"), ("sch", "s"), ("sh", "s"), ("gh", "g"), ("tz", "s"), ("th", "t"), ("mc", "mk"))
_LETTERS = str.maketrans({"c": "k", "q": "k", "z": "s", "v": "f", "x": "s", "d": "t", "b": "p", "j": "i"})
_VOWELS = re.compile(r"[aeiouyhw]")
_DOUBLE = re.compile(r"(.)\1+")


@lru_cache(65536)
def _folded(word: str) -> str:
    plain = fold(word)
    return plain if plain.isascii() else fold(plain.translate(latin()))


@lru_cache(1 << 18)
def skeleton(name: str) -> str:
    """Return the consonants of a folded name with those that sound alike made one: `smith` and `smyth` are `smt`."""
    if not name.isascii():
        return name
    text = name
    for written, sound in _SOUNDS:
        text = text.replace(written, sound)
    text = text.translate(_LETTERS)
    return _DOUBLE.sub(r"\1", text[:1] + _VOWELS.sub("", text[1:]))


def _words(text: str) -> list[str]:
    return [plain for word in _WORD.split(text) if (plain := _folded(word))]


@lru_cache(65536)
def _given(text: str) -> tuple[tuple[str, ...], str]:
    """Return the given words and a generation that was written among them."""
    words = _words(text)
    while len(words) > 1 and words[0] in _TITLES:
        words.pop(0)
    generation = GENERATIONS[words.pop()] if len(words) > 1 and words[-1] in GENERATIONS and words[-1] != "v" else ""
    return tuple(words), generation


@lru_cache(65536)
def _family(text: str) -> tuple[tuple[str, ...], str]:
    """Return the words of a family name without particles, and a generation that was written after it."""
    words = _words(text)
    generation = GENERATIONS[words.pop()] if len(words) > 1 and words[-1] in GENERATIONS else ""
    kept = [word for word in words if word not in _PARTICLES]
    return tuple(kept or words), generation


def _digits(text: str) -> str:
    return "".join(c for c in text if "0" <= c <= "9")


@lru_cache(4096)
def _number(text: str) -> tuple[str, str]:
    """Return a whole social security number without leading zeros and its last four digits; fillers are empty.

    Numbers of five digits and more are whole (a spreadsheet may have cut leading zeros off), four are the last four,
    whatever stands before them masked (`***-**-1234`).
    """
    digits = _digits(text)
    if len(digits) == 4:
        return ("", "") if digits == "0000" or digits == "9999" else ("", digits)
    bare = digits.lstrip("0")
    if not 5 <= len(digits) <= 12 or len(bare) < 5 or len(set(digits)) == 1 or bare in _FILLER_SSN:
        return "", ""
    if len(digits) == 9 and (digits[:3] in ("000", "666") or digits[3:5] == "00" or digits[5:] == "0000"):
        return "", ""
    return bare, digits[-4:]


def _phone(text: str) -> str:
    digits = _digits(text)
    if len(digits) == 11 and digits[0] == "1":
        digits = digits[1:]
    digits = digits[-10:].lstrip("0")
    return digits if len(digits) >= 6 and len(set(digits)) > 2 and digits not in ("1234567890", "123456789") else ""


def _email(text: str) -> str:
    text = "".join(text.split()).casefold()
    return text if len(text) > 4 and text.partition("@")[0] not in _NOBODY | {"noemail", "test"} else ""


@lru_cache(65536)
def _street(text: str) -> tuple[str, str]:
    """Return house number and the folded street with its usual words short."""
    plain = text.casefold()
    house = _HOUSE.search(plain)
    words = [street_word(word) for word in _words(plain)]
    number = house[1] if house else ""
    if words and number and words[0] == number:
        words.pop(0)
    street = " ".join(words)
    return ("", "") if street in ("unknown", "homeless", "general delivery", "none") else (number.lstrip("0"), street)


def _mrn(text: str) -> str:
    plain = "".join(c for c in text.casefold() if c.isalnum()).lstrip("0")
    return "" if len(plain) < 3 or plain in _NOBODY or len(set(plain)) == 1 else plain


def _place(text: str) -> str:
    plain = "".join(_words(text))
    return "" if plain in _NOBODY else plain


def _postal(text: str) -> str:
    plain = _folded(text.split("-")[0])
    return "" if plain in ("00000", "99999", "0000", "9999") or plain in _NOBODY else plain


def standardise(row: Mapping[str, str]) -> Person:
    """Standardise the texts of a row by the names of `COLUMNS`; never raises, whatever they hold."""
    cells = {name: row.get(name, "")[:_LONGEST] for name in COLUMNS}
    given, one = _given(cells["given_name"])
    family, other = _family(cells["family_name"])
    newborn = bool(given) and (given[0] in _NEWBORN or "".join(given[:2]) in _NEWBORN)
    if given and (newborn or is_placeholder_name("", given)):
        given = ()
    joined = "".join(family)
    if joined and (is_placeholder_name(joined, ()) or any(is_placeholder_name(part, ()) for part in family)):
        family, joined = (), ""
    ssn, ssn4 = _number(cells["ssn"])
    house, street = _street(cells["street"])
    return Person(
        first=given[0] if given else "", given="".join(given), middle="".join(given[1:]),
        roots=roots(given[0]) if given else (),
        family=joined, parts=family if len(family) > 1 else (), generation=one or other, newborn=newborn,
        birth=birth(cells["birth_date"]), sex=_SEX.get(cells["sex"].strip().casefold(), ""), ssn=ssn, ssn4=ssn4,
        mrn=_mrn(cells["mrn"]), phone=_phone(cells["phone"]), email=_email(cells["email"]), house=house,
        street=street, city=_place(cells["city"]), state=_place(cells["state"]), postal=_postal(cells["postal_code"]),
    )  # fmt: skip
