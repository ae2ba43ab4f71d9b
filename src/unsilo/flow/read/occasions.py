"""The list of events as a reader wants it: a report with its results on one row, not five rows of one occasion."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from unsilo.flow.read.fact import Fact
from unsilo.flow.read.grouping import Group
from unsilo.flow.read.timeline import Event

__all__ = ["Occasion", "occasions"]

_DAY = 86_400_000_000


class Occasion(msgspec.Struct):
    """One row: the event, the results that its report holds, and the order that asked for it."""

    event: Event
    inside: list[Fact]
    ordered: Fact | None
    also: list[Fact] = []
    """The same thing of the same day, as others say it."""

    @property
    def new(self) -> int:
        """Return how many facts of the row are new to the reader."""
        return self.event.fact.new + sum(f.new for f in [*self.inside, *self.also])


def _named(fact: Fact, name: str) -> list[str]:
    return [str(entry.get("reference")) for entry in fact.resource.get(name) or () if isinstance(entry, dict)]


def _twins(events: Sequence[Event], of_thing: Mapping[str, Group]) -> tuple[dict[str, list[Fact]], set[str]]:
    """Return what else says the same of the same day, by the first fact that does, and the facts so told."""
    first: dict[tuple[int, str, int], Fact] = {}
    also: dict[str, list[Fact]] = {}
    told: set[str] = set()
    for event in events:
        group = of_thing.get(event.fact.ref)
        if group is None or len(group.facts) < 2 or event.when.precision not in ("day", "minute"):
            continue
        key = (id(group), event.fact.type, event.when.at // _DAY)
        if key in first:
            also.setdefault(first[key].ref, []).append(event.fact)
            told.add(event.fact.ref)
        else:
            first[key] = event.fact
    return also, told


def occasions(
    events: Sequence[Event], facts: Mapping[str, Fact], of_thing: Mapping[str, Group] | None = None
) -> Iterator[Occasion]:
    """Yield rows, newest first, results and order folded into the report that names them, and what several sources
    say of one thing and day into one row (`of_thing` finds the group of a fact).

    `facts` finds a fact by `Type/id`. What no report among the events names keeps its own row; a result that several
    reports name stands in the newest of them, so every fact is on exactly one row.
    """
    held: dict[str, str] = {}
    for event in events:
        if event.fact.type == "DiagnosticReport":
            for reference in _named(event.fact, "result") + _named(event.fact, "basedOn"):
                held.setdefault(reference, event.fact.ref)
    listed = {e.fact.ref for e in events} if held else set()
    also, told = _twins(events, of_thing or {})
    for event in events:
        ref = event.fact.ref
        if ref in held or ref in told:
            continue
        if event.fact.type != "DiagnosticReport":
            yield Occasion(event, [], None, also.get(ref, []))
            continue
        own = [r for r in _named(event.fact, "result") if held.get(r) == ref and r in listed]
        asked = [r for r in _named(event.fact, "basedOn") if held.get(r) == ref and r in listed]
        yield Occasion(event, [facts[r] for r in own], facts[asked[0]] if asked else None)
