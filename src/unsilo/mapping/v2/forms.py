"""Whole segments whose coded fields came before: the body in one literal, with places for numbers, times and texts.

A laboratory sends the same test with the same unit, range and flags again and again; only value and times differ. What
a segment's map made of such fields is kept as a form, by the texts of all fields that are more than one primitive.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from unsilo.formats.hl7v2.message import HEADERS
from unsilo.kernel import Locator, Row
from unsilo.mapping.compile.shape import Facts, folded_rows, own_ref, tests_of
from unsilo.mapping.compile.v2 import TEXT_ONLY
from unsilo.mapping.condition import parse_condition
from unsilo.mapping.memory import room
from unsilo.mapping.model import Draft
from unsilo.mapping.rows import MapRow
from unsilo.mapping.runtime import row_table
from unsilo.mapping.sources import Ref, parse_v2, parse_v2_ref

if TYPE_CHECKING:
    from unsilo.mapping.program import Program

__all__ = ["Formed", "formed"]

_MOST_FORMS = 2048
_LONGEST = 1000
_TRIES = 1000
_WORTH = 20
_DIRECT = frozenset({"", "string", "code", "uri", "markdown"})
_CONVERTED = frozenset(
    {"decimal", "integer", "positiveInt", "unsignedInt", "boolean", "date", "dateTime", "instant", "time"}
)
_kept = [0]
"""How many forms this process holds."""

Fill = Callable[[Any, Any, int, Draft], None]


class _Plan(NamedTuple):
    """`coded` fields, `holes` (field and type) with the rows that fill them, `lengths`, and fields of `others`."""

    coded: list[int]
    holes: dict[tuple[int, str], list[str]]
    lengths: list[int]
    numeric: list[int]
    others: list[tuple[str, int, int]]


def formed(program: Program, name: str, facts: Facts, slow: Fill) -> Fill | None:
    """Return what fills a fresh resource from a known form, else by `slow`; None where the map does not lend itself."""
    found = _plan(program, name, facts)
    if found is None:
        return None
    forms = _Forms(found, slow)
    space: dict[str, Any] = {"known": forms.known, "learn": forms.learn, "slow": slow}
    exec(_source(found), space)  # noqa: S102 - our own generated source of numbers and quoted names
    function: Fill = space["m"]
    return function


def _plan(program: Program, name: str, facts: Facts) -> _Plan | None:
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
        others: dict[tuple[str, int, int], None] = {}
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
                looked = [*looked, ref, *([parse_v2_ref(test.values[0])] if test.by_ref else [])]
            for ref in looked:
                if not ref.field:
                    return None
                if ref.segment == facts.segment:
                    coded.add(ref.field)
                else:
                    others[ref.segment, ref.field, ref.rep or 0] = None
    except ValueError:
        return None
    holes = {hole: ids for hole, ids in holes.items() if hole[0] not in coded}
    there = facts.present
    return _Plan(sorted(coded & there), holes, sorted(lengths & there), sorted(numeric), list(others))


def _whole(sources: list[Ref], facts: Facts) -> bool:
    """A fixed value asks only whether a field of this shape is there."""
    return all(ref.segment == facts.segment and not ref.comp and ref.field in facts.plain for ref in sources)


def _hole(row: MapRow, sources: list[Ref], facts: Facts) -> tuple[int, str] | None:
    """The field and type of a row that puts one primitive in one place."""
    if len(sources) != 1 or row.const or row.vocab or '"' in row.source:
        return None
    ref = sources[0]
    plain = ref.segment == facts.segment and ref.comp < 2 and ref.sub == 0 and ref.rep is None
    if not plain or ref.field not in facts.plain or row.type not in _DIRECT | _CONVERTED:
        return None
    return ref.field, "" if row.type in _DIRECT else row.type


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


def _source(plan: _Plan) -> str:
    lines = ["def m(run, seg, i, d):", "    f = seg.fields; S = run.S"]
    names, asked, places = [], [], ["i"]
    for number, (field, kind) in enumerate(plan.holes):
        first = f"f[{field}].strip()"
        lines.append(f"    h{number} = " + (f"run.{kind}[{first}]" if kind else first))
        names.append(f"h{number}")
    tests = [f"{name} is None" if kind else f"not {name}" for name, (_, kind) in zip(names, plan.holes, strict=True)]
    tests += [f"S in f[{n}]" for n in sorted({field for field, _ in plan.holes})]
    tests += [f"run.decimal[f[{n}].split(S, 1)[0]] is None" for n in plan.numeric if (n, "decimal") not in plan.holes]
    if tests:
        lines.append(f"    if {' or '.join(tests)}: return slow(run, seg, i, d)")
    asked += [f"f[{n}]" for n in plan.coded] + [f"len(f[{n}])" for n in plan.lengths]
    for number, (segment, field, rep) in enumerate(plan.others):
        lines.append(f"    t{number}, g{number} = run.glance(d, {segment!r}, {field}, {rep})")
        asked.append(f"t{number}")
        places.append(f"g{number}")
    given = "".join(f"{name}, " for name in names)
    return "\n".join(
        [
            *lines,
            f"    key = ({''.join(f'{one}, ' for one in asked)})",
            "    form = known.get(key)",
            f"    if form is None or d.rows: return learn(run, seg, i, d, key, ({given}), ({', '.join(places)},))",
            "    if form.refs:",
            "        made = run.made; found = [made.get(ref) for ref in form.refs]",
            "        if None in found: return slow(run, seg, i, d)",
            f"        d.body = form.make({given}*[run.refer(one) for one in found])",
            f"    else: d.body = form.make({given})",
            f"    d.form = form.rows[{', '.join(places)}{',' if len(places) == 1 else ''}]",
            "    d.rows += d.form.rows",
            "",
        ]
    )


class Formed(NamedTuple):
    """What a form says of a segment at its place: lineage, and what is left to be asked of its fields.

    All that stands in the fields of segment `segment` (its index) which are not in `look` is cited; `away` has the
    citations of other segments and of those fields.
    """

    rows: tuple[Row, ...]
    segment: int
    look: tuple[int, ...]
    away: frozenset[Locator]


class _Lineage(dict[tuple[int, ...], Formed]):
    """The lineage of a form by the indexes of the segments that it reads."""

    def __init__(self, rows: list[tuple[Row, int]], look: tuple[int, ...]) -> None:
        super().__init__()
        self.rows, self.look = rows, look

    def __missing__(self, places: tuple[int, ...]) -> Formed:
        rows = tuple(
            [
                row if slot < 0 else row_table(row[0], row[1], row[2][1:])[places[slot]]  # type: ignore[index,arg-type]
                for row, slot in self.rows
            ]
        )
        index = places[0]
        away = [place for _, _, place in rows if isinstance(place, tuple)]
        away = [place for place in away if place[0] != index or place[1] in self.look]
        made = Formed(rows, index, self.look, frozenset(away))
        if room():
            self[places] = made
        return made


class Form:
    """One form: `make` its body from the holes and references, `refs` the keys by which those resources are known."""

    __slots__ = ("make", "refs", "rows")

    def __init__(self, make: Callable[..., Any], refs: tuple[Any, ...], rows: _Lineage) -> None:
        self.make, self.refs, self.rows = make, refs, rows


class _Forms:
    """The forms of one map and shape."""

    def __init__(self, plan: _Plan, slow: Fill) -> None:
        self.plan, self.slow = plan, slow
        self.known: dict[tuple[Any, ...], Form] = {}
        self.once: set[tuple[Any, ...]] = set()
        self.tries = 0

    def learn(
        self, run: Any, seg: Any, i: int, d: Draft, key: tuple[Any, ...], holes: tuple[Any, ...], at: tuple[int, ...]
    ) -> None:
        """Fill by the map; keep its form when the same coded fields come the second time and nothing else was done."""
        before = (len(run.drafts), run.said, run.touched)
        alone = not d.rows
        self.slow(run, seg, i, d)
        if not alone or before != (len(run.drafts), run.said, run.touched) or d.cleared or len(seg.raw) > _LONGEST:
            return
        if "\\X" in seg.raw:  # what hexadecimal means depends on the character set
            return
        self.tries += 1
        if self.tries % _TRIES == 0 and len(self.known) * _TRIES < self.tries * _WORTH:
            self.once.clear()
            return
        if key not in self.once:
            if len(self.once) < _MOST_FORMS:
                self.once.add(key)
            return
        if _kept[0] < _MOST_FORMS and None not in run.made.values():
            form = self.form(run, seg, d, holes, at)
            if form is not None:
                _kept[0] += 1
                self.known[key] = form

    def form(self, run: Any, seg: Any, d: Draft, holes: tuple[Any, ...], at: tuple[int, ...]) -> Form | None:
        """What a draft that was just filled has in common with the next of its kind."""
        filled: dict[str, int] = {}
        rows: list[tuple[Row, int]] = []
        rules = {(rule, field): n for n, ((field, _), ids) in enumerate(self.plan.holes.items()) for rule in ids}
        for row in d.rows:
            place = row[2]
            if place is None:
                rows.append((row, -1))
                continue
            if not isinstance(place, tuple) or place[0] not in at:
                return None
            rows.append((row, at.index(place[0])))
            number = rules.get((row[1], place[1])) if place[0] == at[0] else None
            if number is not None:
                if _at(d.body, row[0]) != holes[number]:
                    return None
                filled[row[0]] = number
        literal = _Literal(filled)
        source = literal.write(d.body, "")
        keys = [[key for key, made in run.made.items() if made is draft] for draft in literal.referred]
        if source is None or any(len(found) != 1 for found in keys):
            return None
        names = [f"h{n}" for n in range(len(holes))] + [f"r{n}" for n in range(len(keys))]
        make = eval(f"lambda {', '.join(names)}: {source}", literal.constants)  # noqa: S307 - a literal of our own making
        cited = {row[2][1:] for row, slot in rows if slot == 0 and row[2] is not None}
        known = {*self.plan.coded, *(field for field, _ in self.plan.holes)}
        fields = enumerate(seg.fields)
        start = 3 if seg.name in HEADERS else 1
        look = [n for n, text in fields if n >= start and text and (n not in known or _left(run, n, text, cited))]
        return Form(make, tuple(found[0] for found in keys), _Lineage(rows, tuple(look)))


def _left(run: Any, number: int, field: str, cited: set[Any]) -> bool:
    """True when a field holds a subcomponent that no row cites."""
    for rep, repetition in enumerate(field.split(run.P)):
        for comp, component in enumerate(repetition.split(run.S), 1):
            for sub, text in enumerate(component.split(run.B), 1):
                places = ((number, rep, comp, sub), (number, rep, comp, 0), (number, rep, 0, 0))
                if text and cited.isdisjoint(places):
                    return True
    return False


def _at(body: Any, path: str) -> Any:
    """The value at a path, None where there is none."""
    for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", path):
        try:
            body = body[int(index)] if index else body[name]
        except (KeyError, IndexError, TypeError):
            return None
    return body


class _Literal:
    """Python for a body: `filled` paths are parameters `h0`..., references to drafts `r0`..., numbers are constants."""

    def __init__(self, filled: dict[str, int]) -> None:
        self.filled = filled
        self.constants: dict[str, Any] = {}
        self.referred: list[Draft] = []

    def write(self, value: Any, path: str) -> str | None:
        """The literal of a value at a path, None for what has none."""
        if path in self.filled:
            return f"h{self.filled[path]}"
        if isinstance(value, dict):
            if isinstance(value.get("reference"), Draft):
                self.referred.append(value["reference"])
                return f"r{len(self.referred) - 1}" if len(value) == 1 else None
            inner = [(key, self.write(item, f"{path}.{key}" if path else key)) for key, item in value.items()]
            return (
                None if any(part is None for _, part in inner) else f"{{{', '.join(f'{k!r}: {p}' for k, p in inner)}}}"
            )
        if isinstance(value, list):
            parts = [self.write(item, f"{path}[{n}]") for n, item in enumerate(value)]
            return None if None in parts else f"[{', '.join(str(part) for part in parts)}]"
        if value is None or isinstance(value, str | bool | int):
            return repr(value)
        self.constants[f"n{len(self.constants)}"] = value
        return f"n{len(self.constants) - 1}"
