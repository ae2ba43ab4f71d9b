"""Which rows of the tables a feed's messages come to, and which of its valued fields nothing consumes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import msgspec

from unsilo.config import Feed
from unsilo.flow.overlays.expect import unread
from unsilo.flow.overlays.messages import spread
from unsilo.flow.overlays.run import map_envelope, opened, site_with
from unsilo.formats import hl7v2
from unsilo.kernel import Envelope, Locator
from unsilo.mapping.overlay import read_overlay
from unsilo.mapping.rows import MapRow
from unsilo.spec import r4

__all__ = ["Coverage", "Unread", "coverage"]

_EXAMPLES = 3
_NUMBERED = frozenset(
    "AIG AIL AIP AIS AL1 ARV AUT CON DB1 DG1 EDU FT1 GT1 IAM IN1 IVT LAN NK1 NTE OBR OBX OH1 OH2 OH3 OH4 ORG PCE PID "
    "PR1 PV1 RFI RGS RXV SPM TQ1 TQ2 TXA UB1 UB2 VND".split()
)
"""Segments whose first field only counts them (data type SI, HL7 v2.8.2 chapter 2A)."""
_LONGEST = 80
_FIELD = re.compile(r"[A-Z][A-Z0-9]{2}-\d+")
_FIRST = re.compile(r"[.\[]")


class Unread(msgspec.Struct):
    """A field that has values and that nothing consumed: how often, in how many messages, and which of them."""

    path: str
    values: int
    messages: int
    examples: list[str]
    shown: list[str] = []
    """Values, where they were asked for."""
    counts: bool = False
    """It only numbers segments or names a data type, so that nothing is lost."""


class Coverage(msgspec.Struct):
    """What some messages of a feed use of the tables. `rows` are map rows by how many elements each made (a row that
    calls another map: in how many messages it did).

    `by_map` says of each map that was used at all how many of its rows were hit, and how many it has; `missed` names
    the others of those maps; `own_missed` the overlay's rows that no message came to.
    """

    feed: str
    format: str
    messages: int = 0
    broken: int = 0
    fields: int = 0
    unread: list[Unread] = []
    rows: dict[str, int] = {}
    by_map: dict[str, tuple[int, int]] = {}
    missed: dict[str, list[str]] = {}
    own_missed: list[str] = []


class _Tally(msgspec.Struct):
    messages: int = 0
    broken: int = 0
    rows: Counter[str] = msgspec.field(default_factory=Counter)
    cited: int = 0
    unread: dict[str, Unread] = msgspec.field(default_factory=dict)

    def add(self, other: _Tally) -> None:
        self.messages += other.messages
        self.broken += other.broken
        self.cited += other.cited
        self.rows.update(other.rows)
        for path, each in other.unread.items():
            mine = self.unread.get(path)
            if mine is None:
                self.unread[path] = each
                continue
            mine.values += each.values
            mine.messages += each.messages
            mine.examples = [*mine.examples, *each.examples][:_EXAMPLES]
            mine.shown = list(dict.fromkeys((*mine.shown, *each.shown)))[:_EXAMPLES]


def _fields(envelope: Envelope, feed: Feed, places: set[Locator]) -> set[str]:
    """Return the consumed fields of a v2 message as `@PID-5`."""
    if feed.format != "hl7v2":
        return set()
    parsed = hl7v2.parse(envelope.content, charset=feed.charset or None, limits=feed.limits).value
    segments = parsed.segments if parsed is not None else []
    return {
        f"@{segments[place[0]].name}-{place[1]}"
        for place in places
        if isinstance(place, tuple) and place[0] < len(segments)
    }


def _counts(path: str) -> bool:
    segment, _, field = path.partition("-")
    return (segment in _NUMBERED and field == "1") or path == "OBX-2"


def _part(feed: Feed, overlay: bytes | None, values: bool, envelopes: list[Envelope]) -> _Tally:
    """Map some messages and count; runs in a process of its own."""
    total, maps = _Tally(), opened(feed, overlay)
    for envelope in envelopes:
        mapped = map_envelope(envelope, feed, maps).mapped
        if mapped is None:
            total.add(_Tally(1, 1))
            continue
        tally = _Tally(1)
        places: set[Locator] = set()
        filled: set[str] = set()
        for entry in mapped.entries:
            kind = entry.resource["resourceType"]
            for row in entry.rows:
                tally.rows[row.rule] += 1
                if row.source is not None:
                    places.add(row.source)
                    filled.add(f"@{kind}.{_FIRST.split(row.path, maxsplit=1)[0]}")
        filled |= _fields(envelope, feed, places)
        tally.rows.update(filled)
        tally.cited = len(places)
        for _, path, value in mapped.unconsumed:
            name = unread(path)
            found = tally.unread.setdefault(name, Unread(name, 0, 1, [envelope.id], [], _counts(name)))
            found.values += 1
            if values and value[:_LONGEST] not in found.shown and len(found.shown) < _EXAMPLES:
                found.shown.append(value[:_LONGEST])
        total.add(tally)
    return total


def coverage(
    envelopes: Iterator[Envelope], feed: Feed, overlay: bytes | None = None, *, values: bool = False, workers: int = 0,
    told: Callable[[int], None] | None = None,
) -> Coverage:  # fmt: skip
    """Map messages and return what they use; no value of a message is in it unless `values` are asked for."""
    total = _Tally()
    for count, part in spread(envelopes, partial(_part, feed, overlay, values), workers):
        total.add(part)
        if told is not None:
            told(count)
    result = Coverage(feed.name, feed.format, total.messages, total.broken, total.cited)
    result.unread = sorted(
        total.unread.values(), key=lambda each: (each.counts, -each.messages, -each.values, each.path)
    )
    _rows(result, total.rows, feed, overlay)
    return result


def _rows(result: Coverage, hits: Counter[str], feed: Feed, overlay: bytes | None) -> None:
    program: Any = getattr(opened(feed, overlay), "program", None)
    if program is None:  # FHIR has no tables
        return
    own = read_overlay(site_with(feed, overlay).overlay).value
    named = {row.get("id", "") for row in own.add} | own.replace.keys() if own is not None else set()
    maps: dict[str, list[MapRow]] = program.tables.maps
    for name, rows in sorted(maps.items()):
        counts = {row.id: hits[row.id] or _called(row, name, maps, hits) for row in rows}
        hit = {key: count for key, count in counts.items() if count}
        result.rows |= hit
        result.own_missed += [key for key in counts if key in named and key not in hit]
        if hit:
            result.by_map[name] = (len(hit), len(rows))
            missed = [key for key in counts if key not in hit]
            if missed:
                result.missed[name] = missed


def _called(row: MapRow, name: str, maps: dict[str, list[MapRow]], hits: Counter[str]) -> int:
    """Return how often a row was hit that leaves its work to another map, whose rows lineage then names.

    Of a v2 segment: in how many messages its field was consumed; of a resource: in how many its element was filled;
    else whether the other map was used at all.
    """
    if row.type not in maps:
        return 0
    field = _FIELD.match(row.source)
    if field is not None:
        return hits[f"@{field[0]}"]
    kind = name.partition("[")[2].rstrip("]").partition("-")[0]
    if kind in r4.resource_types():
        return hits[f"@{kind}.{_FIRST.split(row.target, maxsplit=1)[0]}"]
    return int(any(hits[other.id] for other in maps[row.type]))
