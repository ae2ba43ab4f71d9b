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
from unsilo.mapping.paths import parse_target
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
_VARIANTS = 4
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
    if any(step.type for step in parse_target(row.target)):
        return None  # resources are known by the texts that they are made from
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
            f"    at = ({', '.join(places)},)",
            "    forms = known.get(key)",
            f"    if forms is None or d.rows: return learn(run, seg, i, d, key, ({given}), at)",
            "    made = run.made",
            "    for form in forms:",
            "        found = [made.get(ref) for ref in form.refs]",
            "        if None not in found and (not form.absent or made.keys().isdisjoint(form.absent)): break",
            f"    else: return learn(run, seg, i, d, key, ({given}), at)",
            "    if form.news: form.open(run, d, found, at)",
            f"    d.body = form.make({given}*[run.refer(found[n]) for n in form.given])",
            "    d.form = form.rows[at]",
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


class _New(NamedTuple):
    """A resource that a form makes besides: of `parent` (-1 the segment's own), with the references `given` to it."""

    kind: str
    rule: str
    origin: Any
    template: Any
    parent: int
    make: Callable[..., Any]
    given: tuple[int, ...]
    rows: _Lineage


class Form(NamedTuple):
    """One form: `make` its body from the holes and the references `given`, which count `refs` and then `news`.

    It fits where the resources known by `refs` were made before and those of `absent` were not; `made` says under
    which keys the new ones (-1: nothing) are known from then on.
    """

    make: Callable[..., Any]
    given: tuple[int, ...]
    rows: _Lineage
    refs: tuple[Any, ...]
    absent: frozenset[Any]
    news: tuple[_New, ...]
    made: tuple[tuple[Any, int], ...]

    def open(self, run: Any, d: Draft, found: list[Draft], at: tuple[int, ...]) -> None:
        """Make the resources that the segment is the first to name; they join `found`."""
        new = []
        for one in self.news:
            draft = Draft(one.kind, one.rule, d.frame, d.node)
            draft.origin, draft.template = one.origin, one.template
            new.append(draft)
        found += new
        for one, draft in zip(self.news, new, strict=True):
            draft.parent = d if one.parent < 0 else new[one.parent]
            draft.body = one.make(*[run.refer(found[n]) for n in one.given])
            draft.rows = list(one.rows[at].rows)
        run.drafts += new
        for key, number in self.made:
            run.made[key] = new[number] if number >= 0 else None


class _Watched(dict[Any, Any]):
    """What is known by key, noting the keys that were asked for."""

    def __init__(self, made: dict[Any, Any]) -> None:
        super().__init__(made)
        self.asked: dict[Any, None] = {}

    def __contains__(self, key: object) -> bool:
        self.asked[key] = None
        return super().__contains__(key)

    def get(self, key: Any, default: Any = None) -> Any:
        """The same, noted."""
        self.asked[key] = None
        return super().get(key, default)


class _Forms:
    """The forms of one map and shape."""

    def __init__(self, plan: _Plan, slow: Fill) -> None:
        self.plan, self.slow = plan, slow
        self.known: dict[tuple[Any, ...], tuple[Form, ...]] = {}
        self.once: set[int] = set()
        self.tries = 0

    def learn(
        self, run: Any, seg: Any, i: int, d: Draft, key: tuple[Any, ...], holes: tuple[Any, ...], at: tuple[int, ...]
    ) -> None:
        """Fill by the map; keep its form when the same coded fields come the second time and nothing else was done."""
        # What hexadecimal escapes mean depends on the character set.
        again = hash(key) in self.once and not d.rows and len(seg.raw) <= _LONGEST and "\\X" not in seg.raw
        if not again or _kept[0] >= _MOST_FORMS or len(self.known.get(key, ())) >= _VARIANTS:
            self.slow(run, seg, i, d)
            self.tries += 1
            if self.tries % _TRIES == 0 and len(self.known) * _TRIES < self.tries * _WORTH:
                self.once.clear()
            elif len(self.once) < _MOST_FORMS:
                self.once.add(hash(key))
            return
        before, drafts, noted = run.made, len(run.drafts), (run.said, run.touched)
        run.made = watched = _Watched(before)
        self.slow(run, seg, i, d)
        run.made = dict(watched)
        if noted == (run.said, run.touched) and not d.cleared:
            form = self.form(run, seg, d, holes, at, (before, watched.asked, run.drafts[drafts:]))
            if form is not None:
                _kept[0] += 1
                self.known[key] = (*self.known.get(key, ()), form)

    def form(
        self,
        run: Any,
        seg: Any,
        d: Draft,
        holes: tuple[Any, ...],
        at: tuple[int, ...],
        done: tuple[dict[Any, Any], dict[Any, None], list[Draft]],
    ) -> Form | None:
        """What a draft that was just filled has in common with the next of its kind; `done` is what came of it."""
        before, asked, new = done
        refs = [key for key in asked if key in before]
        if any(before[key] is None for key in refs):
            return None
        known = {id(draft): n for n, draft in enumerate([*(before[key] for key in refs), *new])}
        parents = {id(d): -1, **{id(draft): n for n, draft in enumerate(new)}}
        rows = _slots(d.rows, at)
        filled: dict[str, int] = {}
        rules = {(rule, field): n for n, ((field, _), ids) in enumerate(self.plan.holes.items()) for rule in ids}
        for row in d.rows:
            if isinstance(row[2], tuple) and row[2][0] == at[0] and (row[1], row[2][1]) in rules:
                filled[row[0]] = rules[row[1], row[2][1]]
                if _at(d.body, row[0]) != holes[filled[row[0]]]:
                    return None
        made = _maker(d.body, filled, len(holes), known)
        if rows is None or made is None:
            return None
        news = []
        for draft in new:
            own, lineage = _maker(draft.body, {}, 0, known), _slots(draft.rows, at)
            here = draft.frame is d.frame and draft.node is d.node and not draft.links and not draft.cleared
            if own is None or lineage is None or not here or id(draft.parent) not in parents:
                return None
            parent = parents[id(draft.parent)]
            news.append(_New(draft.type, draft.rule, draft.origin, draft.template, parent, *own, _Lineage(lineage, ())))
        added = [(key, value) for key, value in run.made.items() if key not in before]
        if any(value is not None and id(value) not in parents for _, value in added):
            return None
        keys = tuple((key, -1 if value is None else parents[id(value)]) for key, value in added)
        cited = {row[2][1:] for row, slot in rows if slot == 0 and row[2] is not None}
        certain = {*self.plan.coded, *(field for field, _ in self.plan.holes)}
        start = 3 if seg.name in HEADERS else 1
        fields = enumerate(seg.fields)
        look = [n for n, text in fields if n >= start and text and (n not in certain or _left(run, n, text, cited))]
        absent = frozenset(key for key in asked if key not in before)
        return Form(*made, _Lineage(rows, tuple(look)), tuple(refs), absent, tuple(news), keys)


def _slots(rows: list[Row], at: tuple[int, ...]) -> list[tuple[Row, int]] | None:
    """Rows with which of the segments `at` they cite (-1 none); None when they cite another one."""
    found = []
    for row in rows:
        place = row[2]
        if place is not None and (not isinstance(place, tuple) or place[0] not in at):
            return None
        found.append((row, -1 if place is None else at.index(place[0])))
    return found


def _maker(
    body: Any, filled: dict[str, int], holes: int, known: dict[int, int]
) -> tuple[Callable[..., Any], tuple[int, ...]] | None:
    """A function that makes a body from holes and references, and which known resources those are to."""
    literal = _Literal(filled)
    source = literal.write(body, "")
    if source is None or any(id(draft) not in known for draft in literal.referred):
        return None
    names = [f"h{n}" for n in range(holes)] + [f"r{n}" for n in range(len(literal.referred))]
    make = eval(f"lambda {', '.join(names)}: {source}", literal.constants)  # noqa: S307 - a literal of our own making
    return make, tuple(known[id(draft)] for draft in literal.referred)


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
