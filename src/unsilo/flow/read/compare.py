"""One record beside others, attribute by attribute: what a person who decides about a link looks at."""

from collections.abc import Mapping
from difflib import SequenceMatcher
from typing import NamedTuple

from unsilo.flow.read.banner import BY_SYSTEM, SEX
from unsilo.flow.read.words import address, fold, human_name, say_when, when
from unsilo.kernel import Json

__all__ = ["Row", "compare", "differences"]


class Row(NamedTuple):
    """One attribute: this record's values, the others' values, and how they agree (a sign and words)."""

    label: str
    left: list[str]
    right: list[str]
    glyph: str
    words: str


def _authority(identifier: Json, authorities: Mapping[str, str]) -> str:
    """Return who gives a number, in words where they are known."""
    system = str(identifier.get("system") or "")
    stated = (identifier.get("assigner") or {}).get("display")
    return str(stated or authorities.get(system) or system or "no authority")


def _values(patient: Json, authorities: Mapping[str, str]) -> list[tuple[str, list[str]]]:
    names = [human_name(n) for n in patient.get("name") or ()]
    numbers = [
        f"{i['value']} ({_authority(i, authorities)})" for i in patient.get("identifier") or () if i.get("value")
    ]
    return [
        ("Name", [n for n in names if n]),
        ("Born", [w for w in [say_when(when(patient.get("birthDate")))] if w]),
        ("Sex", [SEX.get(str(patient["gender"]), str(patient["gender"]))] if patient.get("gender") else []),
        ("Numbers", numbers),
        ("Address", [a for a in (address(a) for a in patient.get("address") or ()) if a]),
        ("Telephone and mail", [str(t["value"]) for t in patient.get("telecom") or () if t.get("value")]),
        ("Deceased", [say_when(when(patient.get("deceasedDateTime")))] if patient.get("deceasedDateTime") else []),
    ]


def compare(patient: Json, others: list[Json], authorities: Mapping[str, str] = BY_SYSTEM) -> list[Row]:
    """Return a row an attribute; what one side does not state neither agrees nor differs, and says so.

    `authorities` are the systems of numbers in words.
    """
    theirs: dict[str, list[str]] = {}
    for other in others:
        for label, values in _values(other, authorities):
            theirs.setdefault(label, []).extend(values)
    rows = []
    for label, mine in _values(patient, authorities):
        right = list(dict.fromkeys(theirs.get(label, [])))
        left, shared = {fold(v) for v in mine}, {fold(v) for v in right}
        if not left or not shared:
            glyph, words = "–", "not on both sides"
        elif left & shared:
            glyph, words = ("●", "same") if left == shared else ("◐", "partly the same")
        elif {w for v in left for w in v.split(", ")} & {w for v in shared for w in v.split(", ")}:
            glyph, words = "◐", "partly the same"
        else:
            glyph, words = "○", "different"
        rows.append(Row(label, list(dict.fromkeys(mine)), right, glyph, words))
    return rows


def differences(text: str, others: list[str]) -> list[tuple[str, bool]]:
    """Return a text in pieces, each with whether it stands in the most alike of the others, but for capitals."""
    if not others or any(text == other for other in others):
        return [(text, True)]
    alike = [SequenceMatcher(None, text.casefold(), other.casefold(), autojunk=False) for other in others]
    if len(text.casefold()) != len(text):  # a letter that becomes two: the places would not be those of the text
        return [(text, False)]
    pieces: list[tuple[str, bool]] = []
    at = 0
    for block in max(alike, key=SequenceMatcher.ratio).get_matching_blocks():
        pieces += [(text[at : block.a], False), (text[block.a : block.a + block.size], True)]
        at = block.a + block.size
    return [piece for piece in pieces if piece[0]]
