"""Periods that begin at a known moment (PIVL_TS of CDA R2): on which day of the week, at which time of the day."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from unsilo.formats.ccda import Node
from unsilo.mapping.ccda.walk import path_of

__all__ = ["clock", "distinct_cycles", "phase_of", "weekday"]

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_PERIOD: Final = path_of("period")
_PHASE: Final = (path_of("phase/@value"), path_of("phase/low/@value"))
_MOMENT: Final = re.compile(r"(\d{4})(\d{2})(\d{2})(?:(\d{2})(\d{2})(\d{2})?)?")


def _lasts(time: Node) -> tuple[str, str]:
    period = _PERIOD.first(time)
    return ((period.get("value") or "").strip(), (period.get("unit") or "").strip()) if period is not None else ("", "")


def phase_of(time: Node) -> Node:
    """The element whose value says when a period begins; the time itself where none does."""
    return next((found for path in _PHASE if (found := path.first(time)) is not None), time)


def _begin(time: Node) -> re.Match[str] | None:
    return _MOMENT.match((phase_of(time).get("value") or "").strip())


def weekday(time: Node) -> str:
    """The day of the week (FHIR DaysOfWeek) of what repeats every week; "" for others."""
    begin = _begin(time)
    if begin is None or _lasts(time) not in (("1", "wk"), ("7", "d")):
        return ""
    try:
        return _DAYS[date(int(begin[1]), int(begin[2]), int(begin[3])).weekday()]
    except ValueError:
        return ""


def clock(time: Node) -> str:
    """The time of the day (FHIR time) of what repeats every day; "" for others."""
    begin = _begin(time)
    if begin is None or begin[4] is None or _lasts(time) not in (("1", "d"), ("24", "h")):
        return ""
    hour, minute, second = begin[4], begin[5], begin[6] or "00"
    return f"{hour}:{minute}:{second}" if hour < "24" and minute < "60" > second else ""


def distinct_cycles(times: list[Node]) -> list[Node]:
    """Periods without those that say the same once more, or nothing."""
    seen: dict[tuple[str, ...], Node] = {}
    for time in times:
        period = _PERIOD.first(time)
        if period is not None and (period.get("value") or period.kids):
            ends = [(part.name, part.get("value") or "", part.get("unit") or "") for part in period.kids]
            key = (*_lasts(time), *(text for end in ends for text in end), weekday(time) or clock(time))
            seen.setdefault(key, time)
    return list(seen.values())
