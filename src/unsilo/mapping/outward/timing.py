"""FHIR Timing as a periodic interval (PIVL_TS) of CDA."""

from __future__ import annotations

from typing import Any

from unsilo.mapping.outward.element import Element
from unsilo.mapping.outward.record import codings
from unsilo.mapping.outward.values import number

__all__ = ["timed"]

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


def timed(held: Element, value: Any) -> bool:
    """Fill an effectiveTime with how often; False for what is no simple repetition."""
    repeat = value.get("repeat") if isinstance(value, dict) else None
    hours = ""
    unit = "h"
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
    held.add("period", {"value": hours, "unit": unit})
    return True
