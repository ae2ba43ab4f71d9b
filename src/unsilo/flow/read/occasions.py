"""The list of events as a reader wants it: a report with its results on one row, not five rows of one occasion."""

from collections.abc import Iterable

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


def occasions(events: Iterable[Event]) -> list[Occasion]:
    """Fold results and order into the report that names them; whatever no report names keeps its own row."""
    events = list(events)
    facts = {e.fact.ref: e.fact for e in events}
    held: dict[str, str] = {}
    for event in events:
        if event.fact.type == "DiagnosticReport":
            for name in ("result", "basedOn"):
                for reference in event.fact.resource.get(name) or ():
                    held.setdefault(str(reference.get("reference")), event.fact.ref)
    rows = []
    for event in events:
        if held.get(event.fact.ref) in facts:
            continue
        inside: list[Fact] = []
        ordered = None
        if event.fact.type == "DiagnosticReport":
            own = [str(r.get("reference")) for r in event.fact.resource.get("result") or ()]
            inside = [facts[ref] for ref in own if ref in facts and held[ref] == event.fact.ref]
            asked = [str(r.get("reference")) for r in event.fact.resource.get("basedOn") or ()]
            ordered = next((facts[ref] for ref in asked if ref in facts and held[ref] == event.fact.ref), None)
        rows.append(Occasion(event, inside, ordered))
    return rows
