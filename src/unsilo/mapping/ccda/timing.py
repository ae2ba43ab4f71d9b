"""When a medication is taken: the effectiveTimes of a substance administration as one FHIR Timing.

IVL_TS gives the bounds, PIVL_TS the period, EIVL_TS the event of the day, a bare value single events, SXPR_TS a group
of them (CDA R2 data types GTS, FHIR R4 Timing).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any, Final

from unsilo.formats.ccda import Node
from unsilo.kernel import Json, Locator, Row
from unsilo.mapping.ccda.cycles import clock, distinct_cycles, phase_of, weekday
from unsilo.mapping.ccda.walk import path_of

__all__ = ["end_of_width", "organizer_time", "timing"]

_UNITS: Final = {"s": "s", "min": "min", "h": "h", "d": "d", "wk": "wk", "mo": "mo", "a": "a", "hour": "h", "day": "d"}
"""Unit of a period as sent -> FHIR UnitsOfTime."""
_EVENTS: Final = frozenset("HS WAKE C CM CD CV AC ACM ACD ACV PC PCM PCD PCV MORN AFT EVE NIGHT".split())
"""Codes of v3-TimingEvent that FHIR's EventTiming has too."""
_MINUTES: Final = {"min": 1, "h": 60, "d": 1440, "s": 0}


class _Made:
    """The Timing being made with its lineage."""

    def __init__(self, run: Any, path: str, rule: str, rows: list[Row]) -> None:
        self.run, self.path, self.rule, self.rows = run, path, rule, rows
        self.repeat: Json = {}
        self.events: list[str] = []

    def put(self, name: str, value: Any, node: Node, attribute: str) -> None:
        """Set one element of `repeat` once."""
        if value is not None and name not in self.repeat:
            self.repeat[name] = value
            self.cite(f"repeat.{name}", node, attribute)

    def cite(self, name: str, node: Node, attribute: str) -> None:
        self.rows.append(Row(f"{self.path}.{name}", self.rule, f"{node.path}/@{attribute}"))

    def misfit(self, node: Node, attribute: str, kind: str) -> None:
        self.run.misfit(kind, self.rule, f"{node.path}/@{attribute}")


def _local(node: Node) -> str:
    return (node.get("xsi:type") or "").rpartition(":")[2]


def timing(run: Any, node: Node, _at: Locator, path: str, rule: str, rows: list[Row]) -> Json | None:
    """Return the Timing of a substanceAdministration, or None when its times say nothing FHIR can hold."""
    made = _Made(run, path, rule, rows)
    times = [part for time in path_of("effectiveTime").all(node) for part in (time, *time.by.get("comp", ()))]
    repeated = distinct_cycles([time for time in times if _is_cycle(time)])
    for time in times:
        if not _is_cycle(time):
            _one(made, time)
        elif repeated and time is repeated[0]:
            _cycles(made, repeated)
    result: Json = {}
    if made.events:
        result["event"] = made.events
    if made.repeat:
        result["repeat"] = made.repeat
    return result or None


def _is_cycle(time: Node) -> bool:
    """Tell whether a time repeats after a period (PIVL_TS)."""
    if path_of("frequency").first(time) is not None:
        return False
    return _local(time) == "PIVL_TS" or path_of("period").first(time) is not None


def _one(made: _Made, time: Node) -> None:
    if path_of("frequency").first(time) is not None:
        _frequency(made, time)
    elif _local(time) == "EIVL_TS" or path_of("event").first(time) is not None:
        _event(made, time)
    else:
        _bounds(made, time)


def _cycles(made: _Made, times: list[Node]) -> None:
    """One period, or several that are days of the week or times of the day; of others none is told.

    Each of several alone would be another dose: every Monday, of "every twelve hours on Mondays".
    """
    days = [time for time in times if weekday(time)]
    hours = [time for time in times if clock(time)]
    rest = [time for time in times if not weekday(time)]
    if len(times) == 1:
        _period(made, times[0])
        if times[0].get("alignment") == "DW":
            _list(made, "dayOfWeek", days, weekday)
    elif len(days) == len(times):
        _often(made, times, "wk")
        _list(made, "dayOfWeek", days, weekday)
    elif len(hours) == len(times) and "when" not in made.repeat:
        _often(made, times, "d")
        _list(made, "timeOfDay", hours, clock)
    elif len(rest) == 1 and days and all(time.get("operator") == "A" for time in times[1:]):
        _period(made, rest[0])
        _list(made, "dayOfWeek", days, weekday)
    else:
        made.misfit(times[1], "xsi:type", "period of FHIR beside another one")


def _often(made: _Made, times: list[Node], unit: str) -> None:
    """So many times a day or week: one for each of the periods."""
    for name, value in (("frequency", len(times)), ("period", 1), ("periodUnit", unit)):
        made.repeat[name] = value
        made.rows.append(Row(f"{made.path}.repeat.{name}", made.rule, None))


def _list(made: _Made, name: str, times: list[Node], said: Callable[[Node], str]) -> None:
    """The days or hours at which periods begin."""
    for number, time in enumerate(times):
        made.repeat.setdefault(name, []).append(said(time))
        made.cite(f"repeat.{name}[{number}]", phase_of(time), "value")


def _bounds(made: _Made, time: Node) -> None:
    """An interval bounds the repeats; a single value is one event."""
    if time.get("value"):
        when = made.run.dateTime[time.get("value")]
        if when is None:
            made.misfit(time, "value", "dateTime")
        elif when not in made.events:
            made.events.append(when)
            made.cite(f"event[{len(made.events) - 1}]", time, "value")
        return
    bounds: Json = made.repeat.get("boundsPeriod", {})
    for name, element in (("low", "start"), ("high", "end")):
        node = path_of(f"{name}/@value").first(time)
        if node is None or element in bounds:
            continue
        when = made.run.dateTime[(node.get("value") or "").strip()]
        if when is None:
            made.misfit(node, "value", "dateTime")
            continue
        bounds[element] = when
        made.cite(f"repeat.boundsPeriod.{element}", node, "value")
    if bounds:
        made.repeat["boundsPeriod"] = bounds
    width = path_of("width").first(time)
    if width is not None and "start" in bounds and "end" not in bounds:
        end = end_of_width(path_of("low/@value").says(time), width)
        if end is not None:
            bounds["end"] = end
            made.cite("repeat.boundsPeriod.end", width, "value")
            made.cite("repeat.boundsPeriod.end", width, "unit")
    if width is not None and not bounds:
        amount, unit = made.run.decimal[width.get("value") or ""], _UNITS.get(width.get("unit") or "")
        if amount is not None and unit:
            made.repeat["boundsDuration"] = {"value": amount, "system": "http://unitsofmeasure.org", "code": unit}
            made.cite("repeat.boundsDuration.value", width, "value")
            made.rows.append(Row(f"{made.path}.repeat.boundsDuration.system", made.rule, None))
            made.cite("repeat.boundsDuration.code", width, "unit")


def organizer_time(run: Any, node: Node, _at: Locator, path: str, rule: str, rows: list[Row]) -> str | None:
    """The time of the organizer or observation of which something without any time is a component (COMP).

    An interval counts only when it is a moment.
    """
    organizer = _whole(node)
    while organizer is not None and organizer.name == "observation" and "effectiveTime" not in organizer.by:
        organizer = _whole(organizer)
    if organizer is None or organizer.name not in ("organizer", "observation"):
        return None
    time = path_of("effectiveTime/@value").first(organizer)
    if time is None:
        time, end = (
            path_of("effectiveTime/low/@value").first(organizer),
            path_of("effectiveTime/high/@value").says(organizer),
        )
        if time is None or (end and end != (time.get("value") or "").strip()):
            return None
    when: str | None = run.dateTime[(time.get("value") or "").strip()]
    if when is not None:
        rows.append(Row(path, rule, f"{time.path}/@value"))
    return when


def _whole(node: Node) -> Node | None:
    """The statement that a node is a component of."""
    link = node.parent
    part = link is not None and (link.name == "component" or link.get("typeCode") == "COMP")
    return link.parent if part and link is not None else None


def end_of_width(low: str, width: Node) -> str | None:
    """The last day of an interval that begins on the day `low` and lasts so many days or weeks; None for others."""
    begin = re.match(r"(\d{4})(\d{2})(\d{2})(?!\d)", low.strip())
    days = {"d": 1, "wk": 7}.get((width.get("unit") or "").strip())
    amount = (width.get("value") or "").strip()
    if begin is None or days is None or not amount.isdigit() or len(amount) > 5:
        return None
    try:
        end = date(int(begin[1]), int(begin[2]), int(begin[3])) + timedelta(days=days * int(amount))
    except (ValueError, OverflowError):
        return None
    return end.isoformat()


def _period(made: _Made, time: Node) -> None:
    """Every so long: `period`, or from `low` to `high`; FHIR says once in that period."""
    period = path_of("period").first(time)
    if period is None or "period" in made.repeat:
        return
    low, high = path_of("low").first(period), path_of("high").first(period)
    first = period if period.get("value") else low if low is not None and low.get("value") else high
    if first is None or not first.get("value"):
        return
    amount, unit = made.run.decimal[first.get("value") or ""], _UNITS.get((first.get("unit") or "").strip())
    if amount is None or unit is None:
        made.misfit(first, "value" if amount is None else "unit", "period of FHIR")
        return
    made.repeat["frequency"] = 1
    made.rows.append(Row(f"{made.path}.repeat.frequency", made.rule, None))
    made.put("period", amount, first, "value")
    made.put("periodUnit", unit, first, "unit")
    if first is low and high is not None and high.get("unit") == low.get("unit"):
        made.put("periodMax", made.run.decimal[high.get("value") or ""], high, "value")


def _frequency(made: _Made, time: Node) -> None:
    """So many times in a while: numerator and denominator of a frequency."""
    times, span = path_of("frequency/numerator").first(time), path_of("frequency/denominator").first(time)
    if times is None or span is None or "period" in made.repeat:
        return
    count, amount = made.run.positiveInt[times.get("value") or ""], made.run.decimal[span.get("value") or ""]
    unit = _UNITS.get((span.get("unit") or "").strip())
    if count is None or amount is None or unit is None:
        made.misfit(span if count is not None else times, "value", "frequency of FHIR")
        return
    made.put("frequency", count, times, "value")
    made.put("period", amount, span, "value")
    made.put("periodUnit", unit, span, "unit")


def _event(made: _Made, time: Node) -> None:
    """At an event of the day: before breakfast, at bedtime, with an offset."""
    event = path_of("event/@code").first(time)
    if event is None:
        return
    code = (event.get("code") or "").strip()
    if code not in _EVENTS:
        made.misfit(event, "code", "event of the day that FHIR knows")
        return
    when = made.repeat.setdefault("when", [])
    if code not in when:
        when.append(code)
        made.cite(f"repeat.when[{len(when) - 1}]", event, "code")
    low = path_of("offset/low/@value").first(time)
    if low is not None:
        amount = made.run.decimal[low.get("value") or ""]
        minutes = _MINUTES.get(low.get("unit") or "", 0)
        before = code.startswith("AC")  # the sign may say it once more
        if isinstance(amount, int) and minutes and (amount > 0 or before):
            made.put("offset", abs(amount) * minutes, low, "value")
