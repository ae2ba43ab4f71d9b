"""Repeat patterns of HL7 table 0335 (`BID`, `Q6H`, `QHS`) and durations (`D3`, `W2`) as parts of a FHIR Timing."""

from __future__ import annotations

import re
from typing import Any

from unsilo.kernel import Json, Row
from unsilo.mapping.v2.run import V2Run
from unsilo.mapping.values import number as numeric

__all__ = ["PATTERNS", "repeat_of"]

Place = tuple[int, int, int, int, int]
_UNITS = {"S": "s", "M": "min", "H": "h", "D": "d", "W": "wk", "L": "mo"}
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NAMED: dict[str, Json] = {
    "BID": {"frequency": 2, "period": 1, "periodUnit": "d"},
    "TID": {"frequency": 3, "period": 1, "periodUnit": "d"},
    "QID": {"frequency": 4, "period": 1, "periodUnit": "d"},
    "QD": {"frequency": 1, "period": 1, "periodUnit": "d"},
    "DAILY": {"frequency": 1, "period": 1, "periodUnit": "d"},
    "QOD": {"frequency": 1, "period": 2, "periodUnit": "d"},
    "QAM": {"frequency": 1, "period": 1, "periodUnit": "d", "when": ["MORN"]},
    "QPM": {"frequency": 1, "period": 1, "periodUnit": "d", "when": ["EVE"]},
    "QHS": {"frequency": 1, "period": 1, "periodUnit": "d", "when": ["HS"]},
    "HS": {"when": ["HS"]},
    "QSHIFT": {"frequency": 3, "period": 1, "periodUnit": "d"},
    "ONCE": {"count": 1},
    **{code: {"when": [code]} for code in ("AC", "ACM", "ACD", "ACV", "PC", "PCM", "PCD", "PCV", "WAKE")},
}
"""Table 0335; meal codes are those of FHIR's event-timing."""

_CODED = frozenset({"BID", "TID", "QID", "QD", "QOD", "AM", "PM", "Q4H", "Q6H"})
"""Codes of v3-GTSAbbreviation that mean the same."""
_GTS = "http://terminology.hl7.org/CodeSystem/v3-GTSAbbreviation"
_EVERY = re.compile(r"Q(\d{1,4})([SMHDWL])$")
_TIMES = re.compile(r"(\d{1,2})ID$")
_WEEKDAY = re.compile(r"Q(\d{1,3})J([1-7]+)$")
_DURATION = re.compile(r"([SMHDWL])(\d{1,4})$")


def repeat_of(pattern: str) -> Json | None:
    """What a repeat pattern says in numbers (HL7 v2.8.2, 2.A.65 RPT and table 0335); None for one that is not known."""
    text = pattern.strip().upper().replace(" ", "")
    bare = text.removeprefix("PRN").removesuffix("PRN") or text  # `PRNQ4H` in the table, `Q4H PRN` as people write
    if bare in _NAMED:
        return {key: list(value) if isinstance(value, list) else value for key, value in _NAMED[bare].items()}
    if found := _EVERY.match(bare):
        return {"frequency": 1, "period": int(found[1]), "periodUnit": _UNITS[found[2]]} if int(found[1]) else None
    if found := _TIMES.match(bare):
        return {"frequency": int(found[1]), "period": 1, "periodUnit": "d"} if int(found[1]) else None
    if found := _WEEKDAY.match(bare):
        days = [_DAYS[int(day) - 1] for day in dict.fromkeys(found[2])]
        return (
            {"frequency": 1, "period": int(found[1]), "periodUnit": "wk", "dayOfWeek": days} if int(found[1]) else None
        )
    return None


def _code(run: V2Run, node: str, at: Place) -> tuple[str, str, list[Place]]:
    """The code of RPT.1 or TQ.2 with its words and their places, whether the value is a field or a component."""
    whole = at[3] == 0
    if whole:
        node, here = node.split(run.S)[0], (*at[:3], 1)
    else:
        here = at[:4]
    parts = node.split(run.B)
    inside = len(parts) > 1 or not whole
    code, words = (run.clean(part)[0] for part in (*parts, "")[:2])
    places: list[Place] = [(*here, 1 if inside else 0)] if code else []
    if words:
        places.append((*here, 2))
    return code, words, places


def repeat_pattern(run: V2Run, node: str, at: Place, path: str, rule: str, rows: list[Row]) -> Json | None:
    """A repeat pattern as frequency, period, day of the week or event of the day."""
    code, _, places = _code(run, node, at)
    found = repeat_of(code) if code else None
    if found is None and at[3] == 0:
        found, places = _parts(run, node, at)
    if not found:
        return None
    field = run.tree.segments[at[0]].fields
    if "when" in found and run.tree.segments[at[0]].name == "TQ1" and len(field) > 4 and field[4]:
        del found["when"]  # invariant tim-10: times of the day say more
    for key, value in found.items():
        for name in [f"{key}[{n}]" for n in range(len(value))] if isinstance(value, list) else [key]:
            rows += [Row(f"{path}.{name}", f"{rule}@RepeatPattern", place) for place in places]
    return found or None


def _parts(run: V2Run, node: str, at: Place) -> tuple[Json | None, list[Place]]:
    """RPT.5 period quantity and RPT.6 its unit, where the pattern's code is a local one."""
    pieces = [run.clean(piece)[0] for piece in node.split(run.S)] + [""] * 6
    amount, unit = numeric(pieces[4]), pieces[5].upper()
    hit = run.program.vocabulary("DurationUnit")[unit] if unit else None
    if amount is None or hit is None or amount <= 0:
        return None, []
    return {"frequency": 1, "period": amount, "periodUnit": hit.code}, [(*at[:3], 5, 0), (*at[:3], 6, 0)]


def pattern_code(run: V2Run, node: str, at: Place, path: str, rule: str, rows: list[Row]) -> Json | None:
    """The repeat pattern as it was sent, with FHIR's code where there is one."""
    code, words, places = _code(run, node, at)
    if not code and not words:
        return None
    found: Json = {"text": words or code}
    rows += [Row(f"{path}.text", rule, place) for place in (places[-1:] if words else places)]
    if code.upper() in _CODED:
        found["coding"] = [{"system": _GTS, "code": code.upper()}]
        rows.append(Row(f"{path}.coding[0].system", rule, None))
        rows.append(Row(f"{path}.coding[0].code", f"{rule}@RepeatPattern", places[0]))
    elif words and code:
        found["coding"] = [{"code": code}]
        rows.append(Row(f"{path}.coding[0].code", rule, places[0]))
    return found


def duration_text(run: V2Run, node: str, at: Place, path: str, rule: str, rows: list[Row]) -> Json | None:
    """TQ.3, `D3` or `W2`: how long to go on (HL7 v2.3, 4.4.3)."""
    match = _DURATION.match(run.clean(node)[0].upper())
    if match is None:
        return None
    unit = _UNITS[match[1]]
    duration = {"value": int(match[2]), "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}
    rows += [Row(f"{path}.{key}", f"{rule}@DurationUnit", at) for key in duration]
    return duration


PATTERNS: dict[str, Any] = {
    "repeat_pattern": repeat_pattern,
    "pattern_code": pattern_code,
    "duration_text": duration_text,
}
"""Functions of map rows."""
