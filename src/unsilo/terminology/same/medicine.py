"""Names of medicines read: active ingredients, salt, form and strength, as RxNorm and prescribers write them."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

import msgspec

from unsilo.terminology.same.axes import cut, merged
from unsilo.terminology.same.meaning import Axes
from unsilo.terminology.same.tables import Phrase, forms, medicines, salts
from unsilo.terminology.same.text import fold, plain

__all__ = ["Medicine", "known_by_table", "read_medicine", "without_salt"]


class Medicine(msgspec.Struct, frozen=True):
    """What a name says: `ingredients` in order (none: it could not be read), axes, strengths, rows it was read by."""

    ingredients: tuple[str, ...] = ()
    axes: Axes = ()
    strengths: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()


Known = Callable[[str], tuple[tuple[str, ...], str, Axes] | None]
"""Gives (ingredients, row, axes) that a name of a substance or brand stands for; None for one that is not known."""

_NUMBER = r"\d+(?:[.,]\d+)*"
_STRENGTH = re.compile(
    rf"\b({_NUMBER})\s*-?\s*(mg|mcg|ug|\u00b5g|g|gm|unt|units?|iu|meq|mmol|milligrams?|micrograms?|grams?|%)"
    rf"(?:\s*(?:/|per)\s*({_NUMBER})?\s*(ml|actuat|hr|h|dose|l|g)\b)?(?![a-z])", re.IGNORECASE,
)  # fmt: skip
_OF_UNIT = {"g": ("mg", 1000), "gm": ("mg", 1000), "gram": ("mg", 1000), "mcg": ("mg", Decimal("0.001")),
            "ug": ("mg", Decimal("0.001")), "\u00b5g": ("mg", Decimal("0.001")), "microgram": ("mg", Decimal("0.001")),
            "milligram": ("mg", 1), "unt": ("unit", 1), "iu": ("unit", 1)}  # fmt: skip
_BRAND = re.compile(r"\[([^\]]*)\]")
_INSIDE = re.compile(r"\(([^()]*)\)")
_PARTS = re.compile(r"\s*(?:/|\+|;|\band\b|\bwith\b)\s*", re.IGNORECASE)
_VOLUME = re.compile(rf"\b{_NUMBER}\s*-?\s*(?:ml|actuat|hr|day)\b", re.IGNORECASE)
"""What a container holds and how long a dose lasts; neither is a strength."""
_APPLICATION = re.compile(r"\b(?:NDA|ANDA|BLA)\d+\b", re.IGNORECASE)
_PLAIN_FORM = re.compile(r"\boral (?:tablet|capsule)\b", re.IGNORECASE)
"""RxNorm's names of forms, which say extended and delayed release where it is so."""
_LONGEST = 300


def _number(text: str) -> Decimal:
    # A comma before three digits parts thousands, any other one is a decimal point.
    return Decimal(re.sub(r",(?=\d{3}\b)", "", text).replace(",", ".").rstrip(".") if text.count(".") < 2 else "0")


def _strength(match: re.Match[str]) -> str:
    unit = match[2].lower()
    unit = unit[:-1] if unit.endswith("s") else unit
    name, factor = _OF_UNIT.get(unit, (unit, 1))
    value = _number(match[1]) * factor
    below = match[4].lower() if match[4] else ""
    if match[3] and _number(match[3]):
        value /= _number(match[3])
    return f"{round(value, 6).normalize():f} {name}" + (f"/{below}" if below else "")


def known_by_table(name: str) -> tuple[tuple[str, ...], str, Axes] | None:
    """Return the ingredients of a name by `medicines.csv`, with the salt, route or release that a brand is of."""
    row = medicines().get(name)
    if row is None:
        return None
    if len(row.families) > 1:
        return row.families, row.row, row.says
    words, salt = without_salt(row.families[0].split())
    return (" ".join(words),), row.row, _salted(row.says, salt)


def without_salt(words: list[str]) -> tuple[list[str], str]:
    """Return the words of a substance without those of its salt, and the salt; a salt of an element is the substance
    itself (potassium chloride)."""
    salt, element = salts()
    if len(words) < 2 or words[0] in element:
        return words, ""
    said = [word for word in words[1:] if word in salt]
    kept = [words[0], *(word for word in words[1:] if word not in salt)]
    return kept, " ".join(sorted(said))


def _pieces(words: list[str], known: Known) -> list[tuple[tuple[str, ...], str, Axes]] | None:
    """Split words that are nothing but names of several substances, such as `lisinopril hydrochlorothiazide`."""
    found = []
    at = 0
    while at < len(words):
        for end in range(len(words), at, -1):
            name = known(" ".join(words[at:end]))
            if name is not None:
                found.append(name)
                at = end
                break
        else:
            return None
    return found


def _one(part: str, known: Known, phrases: dict[str, tuple[Phrase, ...]]) -> tuple[list[str], Axes, list[str]]:
    """Return (ingredients, axes, rows) of what stands between two signs that part ingredients."""
    whole = fold(part)
    direct = known_by_table(whole) if whole else None
    if direct is not None:
        return list(direct[0]), direct[2], [direct[1]]
    rest, said = cut(tuple(whole.split()), phrases)
    words = list(rest)
    if all(word.isdigit() for word in words):
        return [], said, []
    bare, salt = without_salt(words)
    said = _salted(said, salt)
    for some in (words, bare):
        direct = known(" ".join(some))
        if direct is not None:
            return list(direct[0]), merged(said, direct[2]), [direct[1]]
    # A number without a unit is a strength only beside a name that the table has; else it may be part of the name.
    letters = [word for word in bare if not word.isdigit()]
    direct = known_by_table(" ".join(letters))
    if direct is not None:
        return list(direct[0]), merged(said, direct[2]), [direct[1]]
    several = _pieces(letters, known_by_table) if len(letters) > 1 else None
    if several:
        return [name for names, _, _ in several for name in names], said, [row for _, row, _ in several]
    return [" ".join(bare)], said, []


def _salted(axes: Axes, salt: str) -> Axes:
    return tuple(sorted((*axes, ("salt", salt)))) if salt and "salt" not in dict(axes) else axes


def read_medicine(name: str, known: Known = known_by_table) -> Medicine:
    """Return what a name of a medicine says; `known` tells substances and brands. Nothing is guessed: words that no
    table has stay part of the ingredient's name, which then equals no other."""
    text = _APPLICATION.sub(" ", plain(name)[:_LONGEST].lower())
    brand = " ".join(_BRAND.findall(text))
    text = _BRAND.sub(" ", text)
    outside = _INSIDE.sub(" ", text)
    text = outside if fold(outside) else text.replace("(", " ").replace(")", " ")
    strengths = tuple(sorted({_strength(m) for m in _STRENGTH.finditer(text)}))
    bare = _VOLUME.sub(" ", _STRENGTH.sub(" ", text))
    phrases = forms()
    ingredients: list[str] = []
    rows: list[str] = []
    axes: dict[str, str] = {}
    for part in _PARTS.split(bare):
        names, said, row = _one(part, known, phrases)
        ingredients += names
        rows += row
        for axis, value in said:
            axes.setdefault(axis, value)
    if not ingredients and brand:
        names, _, row = _one(brand, known, phrases)
        ingredients, rows = names, row
    if len(set(ingredients)) > 1:
        axes.pop("salt", None)
    if "release" not in axes and _PLAIN_FORM.search(text):
        axes["release"] = "plain"
    own = tuple(sorted(set(ingredients)))
    return Medicine(own, tuple(sorted(axes.items())), strengths, tuple(dict.fromkeys(row for row in rows if row)))
