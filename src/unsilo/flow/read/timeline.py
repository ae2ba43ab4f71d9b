"""A person's events on one axis of time: lanes by kind, source or problem, and the same events as a list."""

from collections.abc import Mapping

import msgspec

from unsilo.flow.read.describe import title
from unsilo.flow.read.fact import Fact, Source, mark_of
from unsilo.flow.read.grouping import Group
from unsilo.flow.read.sections import KINDS
from unsilo.flow.read.words import When

__all__ = ["LANES", "SPANS", "Event", "Lane", "Timeline", "fitting", "timeline"]

LANES: dict[str, str] = {"kind": "Kind", "source": "Source", "problem": "Problem"}
SPANS: dict[str, tuple[str, int]] = {
    "all": ("All time", 0), "10y": ("10 years", 3653), "5y": ("5 years", 1826), "1y": ("1 year", 366),
    "90d": ("90 days", 90), "30d": ("30 days", 30),
}  # fmt: skip
_DAY = 86_400_000_000
_MOST_OF = 0.8
_WIDTH = {"year": 365 * _DAY, "month": 30 * _DAY, "day": _DAY, "minute": 0, "": 0}


class Event(msgspec.Struct):
    """One thing that happened: from `start` to `end` (µs; equal for a moment), with how it is drawn."""

    fact: Fact
    kind: str
    lane: str
    when: When
    start: int
    end: int
    tone: str
    """`void` withdrawn, `soft` preliminary, `note` corrected or no longer sent, empty otherwise."""
    vague: bool


class Lane(msgspec.Struct):
    """One row of the picture; `events` within the window, `total` in all."""

    key: str
    title: str
    total: int
    new: int
    events: list[Event]


class Timeline(msgspec.Struct):
    """The window from `start` to `end` (µs), its lanes, its events newest first, and those without any date."""

    start: int
    end: int
    lanes: list[Lane]
    events: list[Event]
    undated: list[Event]
    outside: int


_PROBLEM_LINKS = ("reasonReference", "diagnosis", "addresses", "condition")
_NO_PROBLEM = "-"


def _problems_of(fact: Fact, problems: Mapping[str, str], visits: Mapping[str, str]) -> str:
    """Return the lane of the problem that a fact says it is about, itself or through its encounter."""
    if fact.ref in problems:
        return problems[fact.ref]
    for name in _PROBLEM_LINKS:
        for entry in fact.resource.get(name) or ():
            if isinstance(entry, dict):
                target = entry.get("reference") or (entry.get("condition") or {}).get("reference")
                if target in problems:
                    return problems[str(target)]
    visit = fact.ref if fact.type == "Encounter" else (fact.resource.get("encounter") or {}).get("reference")
    return visits.get(str(visit), _NO_PROBLEM)


def _event(fact: Fact, lane: str, now: int) -> Event:
    moment, end = fact.when, fact.end
    start = moment.at
    stop = end.at if end.precision and end.at > start else start + _WIDTH[moment.precision]
    running = fact.type == "Encounter" and fact.resource.get("status") == "in-progress" and not end.precision
    mark = mark_of(fact)
    return Event(
        fact, fact.kind, lane, moment, start, max(start, now) if running else stop,
        mark.tone if mark else "", moment.precision in ("year", "month"),
    )  # fmt: skip


def timeline(
    facts: list[Fact],
    sources: Mapping[str, Source],
    *,
    lanes: str = "kind",
    span: str = "all",
    now: int,
    only: str = "",
    of_thing: Mapping[str, Group] | None = None,
) -> Timeline:
    """Lay out all facts. `lanes` is a key of LANES, `span` of SPANS (unknown words mean the first of each).

    `only` keeps one lane in the list; the lanes of the picture keep their counts. `of_thing` finds the group of a
    fact: one problem that several sources name each in its own words has one lane.
    """
    problems: dict[str, str] = {}
    visits: dict[str, str] = {}
    if lanes == "problem":
        known = of_thing or {}
        problems = {
            f.ref: known[f.ref].title if f.ref in known else title(f.resource) for f in facts if f.type == "Condition"
        }
        for fact in facts:
            visit = (fact.resource.get("encounter") or {}).get("reference")
            if fact.type == "Condition" and visit:
                visits[str(visit)] = problems[fact.ref]
    events: list[Event] = []
    undated: list[Event] = []
    for fact in facts:
        if lanes == "source":
            lane = fact.source
        elif lanes == "problem":
            lane = _problems_of(fact, problems, visits)
        else:
            lane = fact.kind
        event = _event(fact, lane, now)
        (events if event.when.precision else undated).append(event)
    events.sort(key=lambda e: (e.start, e.fact.updated), reverse=True)
    days = SPANS.get(span, SPANS["all"])[1]
    last = max((e.end for e in events), default=now)
    last = max(last, now) if last <= now + 366 * _DAY else last
    first = min((e.start for e in events), default=now - 365 * _DAY)
    start = max(first, now - days * _DAY) if days else first
    if last - start < 7 * _DAY:
        start = last - 7 * _DAY
    shown = [e for e in events if e.end >= start]
    listed = [e for e in shown if only in ("", e.lane)]
    pad = (last - start) // 60
    return Timeline(
        start - pad, last + pad, _lanes(shown, events, sources, lanes), listed, undated, len(events) - len(shown)
    )


def fitting(facts: list[Fact], now: int) -> str:
    """Return the shortest period of a year or more that holds most of what has a date; the rest is one click away."""
    starts = [moment.at for f in facts if (moment := f.when).precision]
    for key in ("1y", "5y", "10y"):
        since = now - SPANS[key][1] * _DAY
        if starts and sum(at >= since for at in starts) >= _MOST_OF * len(starts):
            return key
    return "all"


def _lanes(shown: list[Event], events: list[Event], sources: Mapping[str, Source], lanes: str) -> list[Lane]:
    rows: dict[str, Lane] = {}
    titles = dict(KINDS) if lanes == "kind" else {k: s.name for k, s in sources.items()} if lanes == "source" else {}
    titles[_NO_PROBLEM] = "Not tied to a problem"
    for event in events:
        row = rows.get(event.lane)
        if row is None:
            row = rows[event.lane] = Lane(event.lane, titles.get(event.lane, event.lane), 0, 0, [])
        row.total += 1
        row.new += event.fact.new
    for event in shown:
        rows[event.lane].events.append(event)
    if lanes == "kind":
        order = {key: place for place, (key, _) in enumerate(KINDS)}
        return sorted(rows.values(), key=lambda lane: order.get(lane.key, 99))
    return sorted(rows.values(), key=lambda lane: (lane.key == _NO_PROBLEM, -lane.total, lane.title))
