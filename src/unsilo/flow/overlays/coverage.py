"""Which rows of the tables a feed's messages come to, and which of its valued fields nothing consumes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import msgspec

from unsilo.config import Feed
from unsilo.flow.overlays.fields import numbers_only, plain
from unsilo.flow.overlays.messages import spread
from unsilo.flow.overlays.run import map_envelope, opened, site_with
from unsilo.formats import hl7v2
from unsilo.kernel import Envelope, Locator
from unsilo.mapping.overlay import read_overlay
from unsilo.mapping.rows import MapRow
from unsilo.spec import r4

__all__ = ["Coverage", "Unread", "coverage"]

_EXAMPLES = 3
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
    calls another map: in how many messages it did). `unmapped` are coded fields with codes that no vocabulary has.

    `by_map` says of each map that was used at all how many of its rows were hit, and how many it has; `missed` names
    the others of those maps; `own_missed` the overlay's rows that no message came to.
    """

    feed: str
    format: str
    messages: int = 0
    broken: int = 0
    fields: int = 0
    unread: list[Unread] = []
    unmapped: list[Unread] = []
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
    unmapped: dict[str, Unread] = msgspec.field(default_factory=dict)

    def add(self, other: _Tally) -> None:
        self.messages += other.messages
        self.broken += other.broken
        self.cited += other.cited
        self.rows.update(other.rows)
        for own, theirs in ((self.unread, other.unread), (self.unmapped, other.unmapped)):
            for path, each in theirs.items():
                mine = own.get(path)
                if mine is None:
                    own[path] = each
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


def _note(fields: dict[str, Unread], name: str, value: str, message: str) -> None:
    found = fields.setdefault(name, Unread(name, 0, 1, [message], [], numbers_only(name)))
    found.values += 1
    if value and value[:_LONGEST] not in found.shown and len(found.shown) < _EXAMPLES:
        found.shown.append(value[:_LONGEST])


def _sorted(fields: dict[str, Unread]) -> list[Unread]:
    return sorted(fields.values(), key=lambda each: (each.counts, -each.messages, -each.values, each.path))


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
                tally.rows[row.rule.partition("@")[0]] += 1  # `pid.8@AdministrativeSex` is the row and its vocabulary
                if row.source is not None:
                    places.add(row.source)
                    filled.add(f"@{kind}.{_FIRST.split(row.path, maxsplit=1)[0]}")
        filled |= _fields(envelope, feed, places)
        tally.rows.update(filled)
        tally.cited = len(places)
        for _, path, value in mapped.unconsumed:
            _note(tally.unread, plain(path), value if values else "", envelope.id)
        for issue in mapped.issues:
            if issue.code == "unmapped":
                name = f"{plain(issue.where.path)} ({issue.rule})" if issue.where.path else issue.rule
                _note(tally.unmapped, name, issue.text if values else "", envelope.id)
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
    result.unread, result.unmapped = _sorted(total.unread), _sorted(total.unmapped)
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
