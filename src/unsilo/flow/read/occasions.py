"""The list of events as a reader wants it: a report with its results on one row, not five rows of one occasion."""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from unsilo.flow.read.fact import Fact
from unsilo.flow.read.timeline import Event

__all__ = ["Occasion", "occasions"]


class Occasion(msgspec.Struct):
    """One row: the event, the results that its report holds, and the order that asked for it."""

    event: Event
    inside: list[Fact]
    ordered: Fact | None

    @property
    def new(self) -> int:
        """Return how many facts of the row are new to the reader."""
        return self.event.fact.new + sum(f.new for f in self.inside)


def _named(fact: Fact, name: str) -> list[str]:
    return [str(entry.get("reference")) for entry in fact.resource.get(name) or () if isinstance(entry, dict)]


def occasions(events: Sequence[Event], facts: Mapping[str, Fact]) -> Iterator[Occasion]:
    """Yield rows, newest first, results and order folded into the report that names them.

    `facts` finds a fact by `Type/id`. What no report among the events names keeps its own row; a result that several
    reports name stands in the newest of them, so every fact is on exactly one row.
    """
    held: dict[str, str] = {}
    for event in events:
        if event.fact.type == "DiagnosticReport":
            for reference in _named(event.fact, "result") + _named(event.fact, "basedOn"):
                held.setdefault(reference, event.fact.ref)
    listed = {e.fact.ref for e in events} if held else set()
    for event in events:
        ref = event.fact.ref
        if ref in held:
            continue
        if event.fact.type != "DiagnosticReport":
            yield Occasion(event, [], None)
            continue
        own = [r for r in _named(event.fact, "result") if held.get(r) == ref and r in listed]
        asked = [r for r in _named(event.fact, "basedOn") if held.get(r) == ref and r in listed]
        yield Occasion(event, [facts[r] for r in own], facts[asked[0]] if asked else None)
