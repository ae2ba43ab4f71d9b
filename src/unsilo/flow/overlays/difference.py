"""What another overlay would change in the messages of a feed, grouped by element; nothing is stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial

import msgspec

from unsilo.config import Feed
from unsilo.fhir.leaves import leaves
from unsilo.flow.overlays.fields import plain
from unsilo.flow.overlays.messages import spread
from unsilo.flow.overlays.run import map_envelope, opened
from unsilo.kernel import Envelope, Json, json
from unsilo.mapping.model import Mapped

__all__ = ["Difference", "Example", "Group", "compare", "difference"]

WHOLE = "(whole resource)"
_EXAMPLES = 3
_LONGEST = 120
_OUTSIDE = "Provenance"
"""It names the digest of the map, which differs by itself."""


class Example(msgspec.Struct):
    """One place of a change: message, resource, and what stood and would stand there ("" for nothing)."""

    message: str
    resource: str
    old: str
    new: str


class Group(msgspec.Struct):
    """All changes of one kind (`added`, `removed`, `changed`) at one element of a resource type."""

    type: str
    path: str
    kind: str
    resources: int = 0
    messages: int = 0
    examples: list[Example] = []


class Difference(msgspec.Struct):
    """What changes over some messages. `read` and `unread`: fields that are (no longer) consumed, by messages.

    `broken` are messages that neither overlay can map; `issues` counts Issues by rule that are new (+) or gone (-).
    """

    messages: int = 0
    changed: int = 0
    broken: int = 0
    groups: list[Group] = []
    read: dict[str, int] = {}
    unread: dict[str, int] = {}
    issues: dict[str, int] = {}

    def add(self, other: Difference) -> None:
        """Take in what was found of further messages."""
        self.messages += other.messages
        self.changed += other.changed
        self.broken += other.broken
        known = {(group.type, group.path, group.kind): group for group in self.groups}
        for group in other.groups:
            mine = known.get((group.type, group.path, group.kind))
            if mine is None:
                self.groups.append(group)
                continue
            mine.resources += group.resources
            mine.messages += group.messages
            mine.examples = [*mine.examples, *group.examples][:_EXAMPLES]
        for own, theirs in ((self.read, other.read), (self.unread, other.unread), (self.issues, other.issues)):
            for name, count in theirs.items():
                own[name] = own.get(name, 0) + count

    def ordered(self) -> Difference:
        """Return the same, what concerns most resources first."""
        groups = sorted(self.groups, key=lambda g: (-g.resources, g.type, g.path, g.kind))
        parts = (dict(sorted(each.items(), key=lambda i: (-i[1], i[0]))) for each in (self.read, self.unread))
        read, rest = parts
        issues = {name: count for name, count in sorted(self.issues.items()) if count}
        return msgspec.structs.replace(self, groups=groups, read=read, unread=rest, issues=issues)


def _text(value: object) -> str:
    text = value if isinstance(value, str) else json.encode(value).decode()
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _values(resource: Json) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path, value in leaves(resource):
        found.setdefault(plain(path), []).append(_text(value))
    return found


def _changes(old: Json, new: Json) -> Iterator[tuple[str, str, str, str]]:
    """Yield (path, kind, old, new): values of an element are compared as a whole, so that an insertion moves none."""
    if old == new:
        return
    before, after = _values(old), _values(new)
    for path in dict.fromkeys((*before, *after)):
        gone, come = Counter(before.get(path, ())), Counter(after.get(path, ()))
        lost, won = list((gone - come).elements()), list((come - gone).elements())
        if lost or won:
            kind = "changed" if lost and won else "removed" if lost else "added"
            yield path, kind, ", ".join(lost[:3]), ", ".join(won[:3])


def compare(envelope: str, old: Mapped, new: Mapped) -> Difference:
    """Return what differs between two mappings of one message."""
    found: dict[tuple[str, str, str], Group] = {}

    def note(kind: str, path: str, how: str, name: str, before: str, after: str) -> None:
        group = found.setdefault((kind, path, how), Group(kind, path, how, messages=1, examples=[]))
        group.resources += 1
        if len(group.examples) < _EXAMPLES:
            group.examples.append(Example(envelope, name, before, after))

    before, after = _resources(old), _resources(new)
    for name, resource in before.items():
        kind = resource["resourceType"]
        if name not in after:
            note(kind, WHOLE, "removed", name, "", "")
            continue
        for path, how, was, now in _changes(resource, after[name]):
            note(kind, path, how, name, was, now)
    for name in after.keys() - before.keys():
        note(after[name]["resourceType"], WHOLE, "added", name, "", "")
    left = {plain(path) for _, path, _ in old.unconsumed}, {plain(path) for _, path, _ in new.unconsumed}
    issues = Counter(issue.rule for issue in new.issues)
    issues.subtract(Counter(issue.rule for issue in old.issues))
    return Difference(
        1, int(bool(found)), 0, sorted(found.values(), key=lambda g: (g.type, g.path, g.kind)),
        dict.fromkeys(sorted(left[0] - left[1]), 1), dict.fromkeys(sorted(left[1] - left[0]), 1),
        {rule: count for rule, count in issues.items() if count},
    )  # fmt: skip


def _resources(mapped: Mapped) -> dict[str, Json]:
    return {
        f"{entry.resource['resourceType']}/{entry.resource['id']}": entry.resource
        for entry in mapped.entries
        if entry.resource["resourceType"] != _OUTSIDE
    }


def _part(feed: Feed, old: bytes, new: bytes, values: bool, envelopes: list[Envelope]) -> Difference:
    """Compare some messages; runs in a process of its own."""
    total = Difference(groups=[], read={}, unread={}, issues={})
    maps = opened(feed, old), opened(feed, new)
    for envelope in envelopes:
        one, other = (map_envelope(envelope, feed, each).mapped for each in maps)
        if one is None or other is None:
            total.add(Difference(1, 0, 1))
            continue
        found = compare(envelope.id, one, other)
        for group in found.groups if not values else ():
            group.examples = [Example(each.message, each.resource, "", "") for each in group.examples]
        total.add(found)
    return total


def difference(
    envelopes: Iterator[Envelope], feed: Feed, old: bytes, new: bytes, *, values: bool = True, workers: int = 0,
    told: Callable[[int], None] | None = None,
) -> Difference:  # fmt: skip
    """Map messages with two overlays and return what differs; `told` hears how many were done.

    Without `values` the examples name places only.
    """
    total = Difference(groups=[], read={}, unread={}, issues={})
    for count, part in spread(envelopes, partial(_part, feed, old, new, values), workers):
        total.add(part)
        if told is not None:
            told(count)
    return total.ordered()
