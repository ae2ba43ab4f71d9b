"""The words of mapping: what a feed sets, what a message yields, and a resource while it is being made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from unsilo.kernel import Issue, Json, Locator, Row

__all__ = ["Action", "Clock", "Draft", "Entry", "Mapped", "Reading", "Site", "leaf"]


class Site(msgspec.Struct, frozen=True):
    """What one feed says about its sender, as far as mapping is concerned.

    `zone` is an IANA time zone name, used where a time of day comes without one. `authorities` gives the system URI
    of an assigning authority's namespace, `default_authority` that of identifiers which name none. `systems` gives the
    URI of a coding system's name. `lists` says of AL1, PRB, DG1 and IN1 whether a message carries the whole list
    (`snapshot`) or single acts (`actions`, the default). `overlay` is TOML text (docs/reference/mapping-tables.md).
    """

    feed: str = ""
    organisation: str = ""
    zone: str = "UTC"
    authorities: dict[str, str] = {}
    default_authority: str = ""
    systems: dict[str, str] = {}
    lists: dict[str, str] = {}
    overlay: bytes = b""


class Entry(msgspec.Struct):
    """One FHIR resource with the source of each of its elements.

    `rows` has a lineage row for every leaf; a row whose path is no leaf says that the element was sent as delete.
    `clock` is the event time in microseconds that orders versions (0 unknown), `rank` the precedence of a result's
    status, `cleared` the elements that the sender emptied.
    """

    resource: Json
    rows: list[Row]
    clock: int = 0
    rank: int = 0
    cleared: list[str] = []


Refs = list[str]


class Action(msgspec.Struct):
    """Something a message asks for beyond its resources.

    `merge`: `retired` becomes part of `survivor`. `unmerge`: they part again. `snapshot`: the `list` (AL1, PRB, DG1,
    IN1) of `patient` now holds exactly `present`. `delete`: `retired` was sent by mistake. `at` is microseconds,
    `source` where it is said.
    """

    kind: str
    at: int = 0
    source: Locator = None
    survivor: str = ""
    retired: str = ""
    list: str = ""
    patient: str = ""
    present: Refs = []


class Mapped(msgspec.Struct):
    """All that one message or document gives: entries, acts, what nothing consumed (locator, path, value), issues."""

    entries: list[Entry]
    actions: list[Action]
    unconsumed: Sequence[tuple[Locator, str, str]]
    issues: list[Issue]
    digest: str


class Draft(msgspec.Struct, eq=False):
    """A resource being made: its body, its lineage, and where in the source it came from.

    `links` are references to be made, with their targets where those are known; the tuple of a message row as long as
    nothing else refers from here. `told` is what a remembered form says of it, `mixed` that something was added since,
    `merged` that it is one of several that became one, `clock` when it happened once that is known.
    """

    type: str
    rule: str
    frame: Any
    node: Any
    body: Json
    rows: list[Row] = []
    cleared: list[str] | tuple[()] = ()
    parent: Draft | None = None
    into: Draft | None = None
    origin: Any = None
    template: Any = None
    told: Any = None
    clock: int | None = None
    mixed: bool = False
    merged: bool = False
    links: list[tuple[Any, Draft | None]] | tuple[tuple[Any, None], ...] = ()
    ref: str = ""

    @classmethod
    def new(cls, kind: str, rule: str, frame: Any = None, node: Any = None) -> Draft:
        """Begin a resource of a type."""
        return cls(kind, rule, frame, node, {"resourceType": kind})

    def refers(self, made: Any, target: Draft | None) -> None:
        """Note a reference from here, to a target that is known or to be looked for."""
        if isinstance(self.links, tuple):
            self.links = [*self.links]
        self.links.append((made, target))

    def joins(self, links: tuple[tuple[Any, None], ...]) -> None:
        """Note the references of a message row."""
        self.links = [*self.links, *links] if self.links else links


def leaf(rows: list[Row], path: str, rule: str, source: Locator) -> None:
    """Add the lineage of one leaf."""
    rows.append(Row(path, rule, source))


Reading = Callable[[Any, Draft], tuple[str, Locator]]
"""Reads a source near a resource: text, ready to be a value, and its place."""


class Clock(NamedTuple):
    """When resources of a type happened: readings in order, what each looks at (a v2 segment), `key` names them all."""

    key: str = ""
    reads: tuple[Reading, ...] = ()
    near: tuple[str, ...] = ()
