"""A form: what a segment's map made of fields that come again, its lineage by place, and the resources made besides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from unsilo.kernel import Row
from unsilo.mapping import memory
from unsilo.mapping.memory import Told, room
from unsilo.mapping.model import Draft
from unsilo.mapping.runtime import row_table
from unsilo.mapping.seal import Seal
from unsilo.mapping.v2.literal import Make

__all__ = ["Form", "FormLineage", "Names", "New", "Said"]


class FormLineage(dict[tuple[int, ...], Told]):
    """The lineage of a form by the indexes of the segments that it reads; `look` is None for what it makes besides."""

    def __init__(self, rows: list[tuple[Row, int]], look: tuple[int, ...] | None, seal: Seal | None = None) -> None:
        super().__init__()
        self.rows, self.look, self.seal = rows, look, seal
        self.lacks: dict[tuple[str, ...], list[Any]] = {}

    def __missing__(self, places: tuple[int, ...]) -> Told:
        rows = tuple(
            [
                row if slot < 0 else row_table(row[0], row[1], row[2][1:])[places[slot]]  # type: ignore[index,arg-type]
                for row, slot in self.rows
            ]
        )
        made = (
            memory.told(rows) if self.look is None else memory.told(rows, places[0], self.look, self.seal, self.lacks)
        )
        if room(places[0]):
            self[places] = made
        return made


class New(NamedTuple):
    """A resource that a form makes besides: of `parent` (-1 the segment's own)."""

    kind: str
    rule: str
    origin: Any
    template: Any
    parent: int
    make: Make
    rows: FormLineage


Names = tuple[tuple[Any, ...], frozenset[Any] | tuple[Any, ...], tuple[tuple[Any, int], ...]]
"""Keys of resources that a segment names: those that must be known, those that must not, and what the new ones are
known by from then on (-1: nothing)."""

Said = tuple[Any, Any, str, int, tuple[int, ...], str, str]
"""An Issue about a place in the segment of a slot: severity, code, text, slot, the rest of the place, rule, hint."""


class Form(NamedTuple):
    """One form: `make` its body from the resources that it refers to, known ones and then `news`, and from the holes.

    `names` are the names of the resources around; where they hold texts of the segment, `late` finds them from its
    fields. `said` are Issues: a code that no vocabulary knows.
    """

    make: Make
    rows: FormLineage
    names: Names | None
    late: Callable[[list[str]], Names] | None
    news: tuple[New, ...]
    said: tuple[Said, ...] = ()

    def say(self, run: Any, at: tuple[int, ...]) -> None:
        """Note again what was said of the coded texts."""
        for severity, code, text, slot, place, rule, hint in self.said:
            run.issue(severity, code, text, (at[slot], *place), rule, hint)

    def open(
        self, run: Any, d: Draft, found: list[Draft], at: tuple[int, ...], keys: tuple[tuple[Any, int], ...]
    ) -> list[Draft]:
        """Make the resources that the segment is the first to name; return them behind `found`."""
        frame, node, new = d.frame, d.node, []
        for one in self.news:
            told = one.rows[at]
            new.append(
                Draft(
                    one.kind,
                    one.rule,
                    frame,
                    node,
                    {},
                    [*told.rows],
                    origin=one.origin,
                    template=one.template,
                    told=told,
                )
            )
        found = found + new
        for one, draft in zip(self.news, new, strict=True):
            draft.parent = d if one.parent < 0 else new[one.parent]
            draft.body, refs = one.make(found)
            run.refs += refs
        run.drafts += new
        for key, number in keys:
            run.made[key] = new[number] if number >= 0 else None
        return found
