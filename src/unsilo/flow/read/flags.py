"""How a result is flagged and against what: interpretations in words and shapes, reference ranges as stated."""

import re
from decimal import Decimal
from typing import NamedTuple

from unsilo.fhir import present
from unsilo.flow.read.words import codeable, number, quantity
from unsilo.kernel import Json

__all__ = ["FLAGS", "Flag", "Range", "decimal_of", "flag_of", "range_of"]


class Flag(NamedTuple):
    """An interpretation by letter, shape and words; `level` is 2 critical, 1 outside, 0 other."""

    letter: str
    shape: str
    words: str
    level: int
    computed: bool = False


FLAGS: dict[str, Flag] = {
    "H": Flag("H", "↑", "high", 1),
    "HH": Flag("HH", "↑↑", "critically high", 2),
    "HU": Flag("HU", "↑↑", "significantly high", 2),
    ">": Flag(">", "↑↑", "above what can be measured", 2),
    "L": Flag("L", "↓", "low", 1),
    "LL": Flag("LL", "↓↓", "critically low", 2),
    "LU": Flag("LU", "↓↓", "significantly low", 2),
    "<": Flag("<", "↓↓", "below what can be measured", 2),
    "A": Flag("A", "◆", "abnormal", 1),
    "AA": Flag("AA", "◆◆", "critically abnormal", 2),
    "POS": Flag("POS", "◆", "positive", 1),
    "R": Flag("R", "◆", "resistant", 1),
    "I": Flag("I", "◇", "intermediate", 1),
    "S": Flag("S", "", "susceptible", 0),
    "NEG": Flag("NEG", "", "negative", 0),
    "ND": Flag("ND", "", "not detected", 0),
    "DET": Flag("DET", "◆", "detected", 1),
    "U": Flag("U", "↗", "rising significantly", 0),
    "D": Flag("D", "↘", "falling significantly", 0),
    "B": Flag("B", "↗", "better", 0),
    "W": Flag("W", "↘", "worse", 0),
}
"""v3 ObservationInterpretation codes (FHIR R4 observation-interpretation), which HL7 table 0078 shares."""


class Range(NamedTuple):
    """The reference range as that source stated it; `low` and `high` only when they are numbers."""

    text: str
    low: Decimal | None
    high: Decimal | None


def decimal_of(value: object) -> Decimal | None:
    """Return a finite number of a resource exactly as it was written; None for anything else."""
    if isinstance(value, Decimal):
        return value if value.is_finite() else None
    return Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else None


_BETWEEN = re.compile(r"\s*(-?\d+(?:\.\d+)?)\s*(?:-|–|to)\s*(-?\d+(?:\.\d+)?)\s*\Z")
_ONE_SIDED = re.compile(r"\s*(<=?|≤|>=?|≥)\s*(-?\d+(?:\.\d+)?)\s*\Z")


def _bounds(text: str) -> tuple[Decimal | None, Decimal | None]:
    """Read `3.9-5.5`, `<5`, `>= 60` of a range sent as text, for drawing only; anything else has no numbers."""
    if len(text) > 40:
        return None, None
    if match := _BETWEEN.match(text):
        return Decimal(match[1]), Decimal(match[2])
    if match := _ONE_SIDED.match(text):
        bound = Decimal(match[2])
        return (None, bound) if match[1] in "<=≤" else (bound, None)
    return None, None


def range_of(resource: Json) -> Range:
    """Return the first reference range in words, `3.5–5.1 mmol/L` or as text (R4 Observation.referenceRange)."""
    for entry in resource.get("referenceRange") or ():
        low, high = entry.get("low") or {}, entry.get("high") or {}
        lows, highs = decimal_of(low.get("value")), decimal_of(high.get("value"))
        if entry.get("text"):
            text = str(entry["text"])
            return Range(text, *_bounds(text)) if lows is None and highs is None else Range(text, lows, highs)
        if lows is not None and highs is not None:
            unit = present.unit(low.get("unit") or high.get("unit"))
            return Range(f"{number(lows)}–{number(highs)} {unit}".strip(), lows, highs)
        if lows is not None:
            return Range(f"≥ {quantity(low)}", lows, None)
        if highs is not None:
            return Range(f"≤ {quantity(high)}", None, highs)
    return Range("", None, None)


def flag_of(resource: Json, stated: Range) -> Flag | None:
    """Return the flag that was sent; failing that, one computed from the stated range and marked so; None if normal."""
    for said in resource.get("interpretation") or ():
        for coding in said.get("coding") or ():
            code = str(coding.get("code") or "")
            if code in ("N", "NEG", "ND", "S"):
                return None
            if code in FLAGS:
                return _as_sent(FLAGS[code], said)
        if words := codeable(said):
            return Flag(words, "◆", words, 1)
    if resource.get("interpretation"):
        return None
    measured = resource.get("valueQuantity") or {}
    value = decimal_of(measured.get("value"))
    if value is None or measured.get("comparator"):
        return None
    if stated.high is not None and value > stated.high:
        return Flag("", "↑", "above the stated range", 1, True)
    if stated.low is not None and value < stated.low:
        return Flag("", "↓", "below the stated range", 1, True)
    return None


def _as_sent(flag: Flag, said: Json) -> Flag:
    """The flag with what the sender wrote in its own way beside it (`H*`), whose asterisk may say more."""
    sent = [str(one.get("code") or "") for one in said.get("coding") or () if not one.get("system")]
    own = next((code for code in sent if "*" in code and code not in FLAGS), "")
    return flag._replace(letter=own, words=f"{flag.words}, sent as {own}") if own else flag
