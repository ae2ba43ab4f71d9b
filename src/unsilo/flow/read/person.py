"""The whole of a person's page as one view: head, completeness, summary, results, timeline."""

from collections.abc import Mapping
from datetime import UTC, tzinfo
from typing import Any

import msgspec

from unsilo.flow.read.banner import Banner, banner
from unsilo.flow.read.completeness import Empty, Presence, empty_reason, presence
from unsilo.flow.read.doubtful import mark_doubts
from unsilo.flow.read.fact import Fact, Source
from unsilo.flow.read.grouping import Group, group, is_open
from unsilo.flow.read.reports import lone_texts, without_twins
from unsilo.flow.read.results import Test, by_test
from unsilo.flow.read.same import APART, DOMAIN, PLAIN
from unsilo.flow.read.sections import SECTIONS, Section, section_of
from unsilo.flow.read.timeline import Timeline, timeline
from unsilo.terminology.same import Reader

__all__ = ["PersonView", "SectionView", "person_view"]


class SectionView(msgspec.Struct):
    """One section: its groups, how many of them stand open at first, or why it has none."""

    section: Section
    groups: list[Group]
    shown: int
    empty: Empty | None
    conflicts: int
    new: int


class PersonView(msgspec.Struct):
    """Everything the page shows, without a word of HTML. `new` counts facts changed since the reader last looked."""

    banner: Banner
    sources: Mapping[str, Source]
    presence: list[Presence]
    sections: list[SectionView]
    tests: list[Test]
    timeline: Timeline
    facts: dict[str, Fact]
    last: int
    new: int
    conflicts: int
    doubtful: list[Fact] = []
    """Facts, records of the person among them, that can hardly be true."""
    of_thing: dict[str, Group] = {}
    """The group of each fact whose codes were read for their meaning, by `Type/id`."""
    as_sent: bool = False
    """Every statement stands by itself."""
    fragments: dict[str, Any] = {}
    """What a console keeps that it made of this view."""


def person_view(
    patients: list[Fact],
    facts: list[Fact],
    sources: Mapping[str, Source],
    *,
    now: int,
    zone: tzinfo = UTC,
    lanes: str = "kind",
    span: str = "all",
    only: str = "",
    reader: Reader = PLAIN,
) -> PersonView:
    """Build the view. `patients` are the source Patients, `facts` all else that is known of the person.

    `now` is µs since 1970; `lanes` and `span` as in `timeline`; `only` keeps the timeline to one lane of KINDS;
    `reader` tells what is the same across systems of codes (APART: every statement by itself, as it was sent).
    """
    by_section: dict[str, list[Fact]] = {section.key: [] for section in SECTIONS}
    for fact in facts:
        section = section_of(fact.type)
        if section is not None:
            by_section[section.key].append(fact)
    doubtful = mark_doubts(patients, facts, now)
    measured = by_test(by_section["results"])
    by_section["reports"] = without_twins(by_section["reports"]) + lone_texts(facts)
    rows = []
    for section in SECTIONS:
        own = by_section[section.key]
        groups = [] if section.key == "results" else group(own, reader)
        empty = None if own else empty_reason(section, own, len(sources))
        conflicts = sum(g.verdict == "conflict" for g in groups)
        if section.key == "results":
            conflicts = sum(bool(t.conflicts) for t in measured)
        openly = sum(map(is_open, groups)) if section.fold else len(groups)
        rows.append(SectionView(section, groups, min(openly, section.rows), empty, conflicts, sum(f.new for f in own)))
    of_thing = {f.ref: g for row in rows for g in row.groups for f in g.facts if f.type in DOMAIN}
    shown = without_twins([f for f in facts if f.type in _SHOWN])
    return PersonView(
        banner(patients, sources, rows[0].groups, now, zone),
        sources,
        presence(shown, sources),
        rows,
        measured,
        timeline(shown, sources, lanes=lanes, span=span, now=now, only=only, of_thing=of_thing),
        {f.ref: f for f in facts},
        max((f.updated for f in [*facts, *patients]), default=0),
        sum(f.new for f in shown),
        sum(r.conflicts for r in rows),
        doubtful,
        of_thing,
        reader is APART,
    )


_SHOWN = frozenset(kind for section in SECTIONS for kind in section.types)
