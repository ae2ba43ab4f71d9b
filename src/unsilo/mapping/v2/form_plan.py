"""What the map of a segment looks at in segments of one shape: texts of codes, and the holes between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from unsilo.mapping.compile.shape import Facts, folded_rows, own_ref, selectors, tests_of
from unsilo.mapping.compile.v2 import TEXT_ONLY
from unsilo.mapping.condition import parse_condition
from unsilo.mapping.paths import parse_target
from unsilo.mapping.rows import MapRow
from unsilo.mapping.sources import Ref, parse_v2, parse_v2_ref
from unsilo.mapping.v2.opened import CONVERTED, DIRECT, Opened, opened

if TYPE_CHECKING:
    from unsilo.mapping.program import Program

__all__ = ["FormPlan", "asked_of", "plan_of"]


class FormPlan(NamedTuple):
    """`coded` fields, `holes` (field and type) with the rows that fill them, `lengths`, and fields of `others`.

    Of `others` either the text decides or only whether there is one; the fields of `opened` are known by some of their
    pieces.
    """

    coded: list[int]
    holes: dict[tuple[int, str], list[str]]
    lengths: list[int]
    numeric: list[int]
    others: dict[tuple[str, int, int], bool]
    opened: dict[int, Opened]


def plan_of(program: Program, name: str, facts: Facts) -> FormPlan | None:
    """What a map looks at; NUMERIC tests are taken to be true, which is made sure of before a form is used."""
    maps = program.tables.maps
    try:
        numeric = {
            ref.field
            for row in folded_rows(maps[name], facts)
            for test in tests_of(parse_condition(row.when))
            if test.op == "NUMERIC" and (ref := own_ref(test.ref, row)).comp < 2 and ref.field in facts.plain
        }
        rows = folded_rows(maps[name], facts._replace(numeric=frozenset(numeric)))
        coded: set[int] = set()
        lengths: set[int] = set()
        holes: dict[tuple[int, str], list[str]] = {}
        others: dict[tuple[str, int, int], bool] = {}
        for row in rows:
            if "[" in row.type and _looks_around(maps, row.type, set()):
                return None
            coded.update(TEXT_ONLY.get(row.type, ()))
            sources = [p for p in parse_v2(row.source) if isinstance(p, Ref)] if row.source else []
            hole = _hole(row, sources, facts)
            if hole is not None:
                holes.setdefault(hole, []).append(row.id)
            looked = [] if hole is not None or (row.const and _whole(sources, facts)) else sources
            for test in tests_of(parse_condition(row.when)):
                ref = own_ref(test.ref, row)
                if test.op == "LENGTH" and not ref.comp and ref.segment == facts.segment:
                    lengths.add(ref.field)
                    continue
                if test.op == "VALUED" and not ref.comp and ref.field and ref.segment != facts.segment:
                    others.setdefault((ref.segment, ref.field, ref.rep or 0), False)
                    continue
                looked = [*looked, ref, *([parse_v2_ref(test.values[0])] if test.by_ref else [])]
            for ref in looked:
                if not ref.field:
                    return None
                if ref.segment == facts.segment:
                    coded.add(ref.field)
                else:
                    others[ref.segment, ref.field, ref.rep or 0] = True
    except ValueError:
        return None
    holes = {hole: ids for hole, ids in holes.items() if hole[0] not in coded}
    there = facts.present
    closed = coded & there & (lengths | numeric | selectors(facts.segment, maps[name]).keys())
    apart = {field: opened(maps, rows, field, facts) for field in sorted(coded & there - closed)}
    pieces = {field: found for field, found in apart.items() if found is not None}
    coded -= pieces.keys()
    return FormPlan(sorted(coded & there), holes, sorted(lengths & there), sorted(numeric), others, pieces)


def asked_of(plan: FormPlan) -> list[str]:
    """Python for what is asked of the texts `t0`... of other segments."""
    return [f"t{n}" if decides else f"t{n} != ''" for n, decides in enumerate(plan.others.values())]


def _whole(sources: list[Ref], facts: Facts) -> bool:
    """A fixed value asks only whether a field of this shape is there."""
    return all(ref.segment == facts.segment and not ref.comp and ref.field in facts.plain for ref in sources)


def _hole(row: MapRow, sources: list[Ref], facts: Facts) -> tuple[int, str] | None:
    """The field and type of a row that puts one primitive in one place."""
    if len(sources) != 1 or row.const or row.vocab or '"' in row.source:
        return None
    ref = sources[0]
    if any(step.type for step in parse_target(row.target)):
        return None  # resources are known by the texts that they are made from
    plain = ref.segment == facts.segment and ref.comp < 2 and ref.sub == 0 and ref.rep is None
    if not plain or ref.field not in facts.plain or row.type not in DIRECT | CONVERTED:
        return None
    return ref.field, "" if row.type in DIRECT else row.type


def _looks_around(maps: dict[str, list[MapRow]], name: str, seen: set[str]) -> bool:
    """True when a map that is called on a value reads more than the value."""
    if name in seen:
        return False
    seen.add(name)
    for row in maps.get(name, ()):
        refs = [p for p in parse_v2(row.source) if isinstance(p, Ref)] if row.source else []
        refs += [own_ref(test.ref, row) for test in tests_of(parse_condition(row.when))]
        if any(ref.segment for ref in refs) or ("[" in row.type and _looks_around(maps, row.type, seen)):
            return True
    return False
