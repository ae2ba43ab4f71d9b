"""FHIR Timing as a periodic interval (PIVL_TS) of CDA."""

from __future__ import annotations

from typing import Any

from unsilo.kernel import Json
from unsilo.mapping.outward.element import Element
from unsilo.mapping.outward.record import codings, items
from unsilo.mapping.outward.values import number

__all__ = ["at_event", "timed"]

_PER_DAY = {
    "BID": 12,
    "TID": 8,
    "QID": 6,
    "QD": 24,
    "QOD": 48,
    "Q1H": 1,
    "Q2H": 2,
    "Q3H": 3,
    "Q4H": 4,
    "Q6H": 6,
    "Q8H": 8,
}
"""Hours between doses by code (v3 GTSAbbreviation)."""
_EVENTS = frozenset("HS WAKE C CM CD CV AC ACM ACD ACV PC PCM PCD PCV".split())
"""The events of the day that v3 TimingEvent has."""
_MORE = frozenset(("dayOfWeek", "timeOfDay", "frequencyMax", "when", "count", "countMax"))
"""What narrows a repetition: without it the repetition would be another one."""
_BESIDE = frozenset(("dayOfWeek", "frequencyMax", "count", "countMax"))
"""What narrows events of the day so."""


def timed(held: Element, value: Any) -> bool:
    """Fill an effectiveTime with how often; False for what is no simple repetition."""
    repeat = value.get("repeat") if isinstance(value, dict) else None
    hours = ""
    unit = "h"
    if isinstance(repeat, dict) and repeat.keys() & _MORE:
        return False
    if isinstance(repeat, dict) and number(repeat.get("period")) and isinstance(repeat.get("periodUnit"), str):
        times = repeat.get("frequency", 1)
        if isinstance(times, int) and times > 0:
            per = float(number(repeat["period"])) / times
            hours, unit = f"{per:g}", str(repeat["periodUnit"])
            if unit == "d" and per != int(per):
                hours, unit = f"{per * 24:g}", "h"
    elif isinstance(value, dict):
        codes = [one.get("code") for one in codings(value, "code.coding")]
        known = next((_PER_DAY[code] for code in codes if isinstance(code, str) and code in _PER_DAY), None)
        hours = str(known) if known else ""
    if not hours:
        return False
    held.attrs.update({"xsi:type": "PIVL_TS", "institutionSpecified": "true", "operator": "A"})
    said: Json = repeat if isinstance(repeat, dict) else {}
    longest = said.get("periodMax") if said.get("frequency", 1) == 1 and said.get("periodUnit") == unit else None
    if number(longest):
        period = held.add("period", {})
        period.add("low", {"value": hours, "unit": unit})
        period.add("high", {"value": number(longest), "unit": unit})
        return True
    held.add("period", {"value": hours, "unit": unit})
    return True


def at_event(held: Element, repeat: Json) -> bool:
    """Fill an effectiveTime with the events of the day at which a dose is taken: one (EIVL_TS) or a group (SXPR_TS).

    False where one is none that CDA has: the others alone would be another dose.
    """
    codes = items(repeat.get("when"))
    if not codes or not all(code in _EVENTS for code in codes) or repeat.keys() & _BESIDE:
        return False
    held.attrs.update({"xsi:type": "EIVL_TS" if len(codes) == 1 else "SXPR_TS", "operator": "A"})
    for code in codes:
        one = held if len(codes) == 1 else held.add("comp", {"xsi:type": "EIVL_TS", "operator": "I"})
        one.add("event", {"code": str(code)})
        minutes = repeat.get("offset")
        if isinstance(minutes, int) and minutes > 0:
            before = str(code).startswith("AC")
            one.add("offset", {}).add("low", {"value": f"{-minutes if before else minutes}", "unit": "min"})
    return True
