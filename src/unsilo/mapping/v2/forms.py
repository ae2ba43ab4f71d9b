"""Whole segments whose coded fields came before: the body in one literal, with places for numbers, times and texts.

A laboratory sends the same test with the same unit, range and flags again and again; only value and times differ. What
a segment's map made of such fields is kept as a form, by the texts of all fields that are more than one primitive.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from unsilo.formats.hl7v2.message import HEADERS
from unsilo.kernel import Row
from unsilo.mapping.compile.shape import Facts
from unsilo.mapping.memory import Named
from unsilo.mapping.model import Draft
from unsilo.mapping.rows import MapRow
from unsilo.mapping.runtime import sourced
from unsilo.mapping.seal import Seal, sealed
from unsilo.mapping.sources import Literal, Ref, parse_v2, parse_v2_ref
from unsilo.mapping.v2.additions import Before, elements, standing_of
from unsilo.mapping.v2.form import Form, FormLineage, Names, New, Said
from unsilo.mapping.v2.form_plan import FormPlan, plan_of
from unsilo.mapping.v2.form_source import source_of
from unsilo.mapping.v2.literal import maker_of, value_at
from unsilo.mapping.v2.opened import CONVERTED, DIRECT, Layout, Layouts, alike, cut, named, nth

if TYPE_CHECKING:
    from unsilo.mapping.program import Program

__all__ = ["Forms", "formed"]

_MOST_FORMS = 2048
_LONGEST = 1000
_TRIES = 1000
_FIELDS = 1000
_WORTH = 20
_IN_VAIN = 200
_VARIANTS = 4
_AGAIN = 3
"""How often the same coded fields come before their form is made: one patient's few messages are not worth it."""
_NEVER = -1_000_000
"""Where counting begins again for what has no form."""
_NOBODY: Names = (((),), frozenset(), ())
"""Names that no message has made."""
_kept = [0]
"""How many forms this process holds."""
_shared: dict[tuple[Any, ...], tuple[Any, ...]] = {}
"""What forms refer to: results of one laboratory refer to the same things, which then are looked up once."""

Fill = Callable[[Any, Any, int, Draft], None]


def formed(program: Program, name: str, facts: Facts, slow: Fill, leave: Callable[[], None]) -> Fill | None:
    """Return what fills a resource from a known form, else by `slow`; None where the map does not lend itself.

    The resource is a fresh one, or one that stands already: `facts` says which. `leave` is called where what is added
    to one that stands never comes again.
    """
    found = plan_of(program, name, facts)
    names = () if facts.fresh or found is None else elements(program.tables.maps, name, facts)
    if found is None or names is None:
        return None
    forms = Forms(program, found, facts, slow, names, leave)
    space: dict[str, Any] = {"owner": forms, "known": forms.known, "learn": forms.learn, "slow": slow}
    space |= {**program.converters, **forms.space(), "standing": standing_of(names)}
    exec(source_of(found, not facts.fresh), space)  # noqa: S102 - our own generated source of numbers and quoted names
    function: Fill = space["m"]
    return function


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


class Given(NamedTuple):
    """What a segment gives to its form: values for its `holes`, and how the fields lie that were opened."""

    holes: tuple[Any, ...]
    layouts: dict[int, Layout]

    def hole(self, place: tuple[int, ...], kind: str) -> int | None:
        """The number of the hole that a piece of an opened field is, counted from the first of them."""
        start = 0
        for field, layout in self.layouts.items():
            if field == place[1]:
                number = layout.at.get((place[2], place[3] or 1, place[4] or 1, kind))
                return None if number is None else start + number
            start += len(layout.at)
        return None


class Forms:
    """The forms of one map and shape."""

    def __init__(
        self,
        program: Program,
        plan: FormPlan,
        facts: Facts,
        slow: Fill,
        names: tuple[str, ...],
        leave: Callable[[], None],
    ) -> None:
        self.plan, self.facts, self.slow, self.names, self.leave = plan, facts, slow, names, leave
        self.rows = program.rows
        self.layouts = {field: Layouts(looked, program.converters) for field, looked in plan.opened.items()}
        self.known: dict[tuple[Any, ...], list[Form] | None] = {}
        self.times: dict[int, int] = {}
        self.tries = 0
        certain = {*plan.coded, *(n for n in range(_FIELDS) if n not in facts.present)}
        self.certain = certain - {*(field for field, _ in plan.holes), *plan.lengths}

    def space(self) -> dict[str, Any]:
        """What generated Python calls to open fields."""
        return {
            "cut": cut,
            "alike": alike,
            "nth": nth,
            "Given": Given,
            **{f"lay{field}": found for field, found in self.layouts.items()},
        }

    def learn(
        self, run: Any, seg: Any, i: int, d: Draft, key: tuple[Any, ...], given: Given, at: tuple[int, ...]
    ) -> None:
        """Fill by the map; keep its form when the same coded fields come often enough and nothing else was done."""
        seen = hash(key)
        times = self.times.get(seen, 0) + 1
        # What hexadecimal escapes mean depends on the character set.
        stands = bool(d.rows) and self.facts.fresh
        again = times >= _AGAIN and not stands and len(seg.raw) <= _LONGEST and "\\X" not in seg.raw
        if not again or _kept[0] >= _MOST_FORMS or len(self.known.get(key) or ()) >= _VARIANTS:
            self.slow(run, seg, i, d)
            self.tries += 1
            if self.tries == _IN_VAIN and not self.facts.fresh and not self.known:
                self.leave()
            if self.tries % _TRIES == 0 and len(self.known) * _TRIES < self.tries * _WORTH:
                self.times.clear()
            elif times > 1 or len(self.times) < _MOST_FORMS:
                self.times[seen] = times
            return
        before, drafts, touched = run.made, len(run.drafts), run.touched
        stood = None if self.facts.fresh else Before(d, self.names)
        run.made = watched = _Watched(before)
        told: list[tuple[Any, ...]] = []
        run.told = told
        self.slow(run, seg, i, d)
        run.made, run.told = dict(watched), None
        if not (told or watched.asked or d.cleared or run.touched != touched) and _nothing(d, stood):
            _kept[0] += 1
            self.known[key] = None
            return
        said = _said(told, given, at)
        if said is not None and run.touched == touched and not d.cleared:
            form = self.form(run, seg, d, given, at, (before, watched.asked, run.drafts[drafts:]), stood)
            if form is not None:
                _kept[0] += 1
                forms = self.known.get(key)
                if forms is None:
                    forms = self.known[key] = []
                forms.append(form._replace(said=said))
                return
        self.times[seen] = _NEVER

    def form(
        self,
        run: Any,
        seg: Any,
        d: Draft,
        given: Given,
        at: tuple[int, ...],
        done: tuple[dict[Any, Any], dict[Any, None], list[Draft]],
        stood: Before | None,
    ) -> Form | None:
        """What a draft that was just filled has in common with the next of its kind; `done` is what came of it.

        Of one that `stood` before it is what was added.
        """
        before, asked, new = done
        added = (d, {}) if stood is None else stood.added(d)
        if added is None or not sourced(added[0].rows, 0):
            return None
        part, counts = added
        refs = [key for key in asked if key in before]
        if any(before[key] is None for key in refs):
            return None
        known = {id(draft): n for n, draft in enumerate([*(before[key] for key in refs), *new])}
        parents = {id(d): -1, **{id(draft): n for n, draft in enumerate(new)}}
        rows = _slots(part.rows, at)
        filled = self.filled(part, given, at[0])
        if rows is None or filled is None:
            return None
        made = maker_of(part.body, filled, len(given.holes), known, counts)
        if made is None:
            return None
        news = []
        for draft in new:
            own, lineage = maker_of(draft.body, {}, 0, known), _slots(draft.rows, at)
            here = draft.frame is d.frame and draft.node is d.node and not draft.links and not draft.cleared
            if own is None or lineage is None or not here or id(draft.parent) not in parents:
                return None
            if not sourced(draft.rows, 0) or any(_within(row, given, at[0]) for row in draft.rows):
                return None
            parent = parents[id(draft.parent)]
            where = (draft.type, draft.rule, draft.origin, draft.template or Named(), parent)
            news.append(New(*where, own, FormLineage(lineage, None)))
        named = [(key, value) for key, value in run.made.items() if key not in before]
        if any(value is not None and id(value) not in parents for _, value in named):
            return None
        keys = tuple((key, -1 if value is None else parents[id(value)]) for key, value in named)
        cited = {row[2][1:] for row, slot in rows if slot == 0 and row[2] is not None}
        certain = {*self.plan.coded, *(field for field, _ in self.plan.holes), *given.layouts}
        start = 3 if seg.name in HEADERS else 1
        fields = enumerate(seg.fields)
        look = [n for n, text in fields if n >= start and text and (n not in certain or _left(run, n, text, cited))]
        absent = frozenset(key for key in asked if key not in before)
        if any(seg.fields[n] == text for n in self.plan.coded for text in self.texts(seg.fields, given)):
            return None  # what would be named by a text that differs is named by one that does not
        names, late = self.named(seg.fields, given, (tuple(refs), absent, keys))
        whole = FormLineage(rows, tuple(look), self.seal(run, seg, d, set(filled)) if stood is None else None)
        return Form(made, whole, names, late, tuple(news))

    def texts(self, f: list[str], given: Given) -> dict[str, str]:
        """The texts of opened fields that name resources, with Python for each."""
        space = {"f": f, "nth": nth}
        codes = [code for n in given.layouts for code in named(n, self.plan.opened[n])]
        return {text: code for code in codes if (text := eval(code, space))}  # noqa: S307 - our own source of numbers

    def inner(self, key: tuple[Any, ...]) -> bool:
        """True for a key of what a value names: it has the row of the value's map, the type, and texts."""
        row = self.rows.get(key[0]) if len(key) > 2 else None
        return row is not None and row.map.partition("[")[0] != self.facts.segment

    def named(
        self, f: list[str], given: Given, names: Names
    ) -> tuple[Names | None, Callable[[list[str]], Names] | None]:
        """The names of resources as they are, or where they hold a text of an opened field, what finds them in it."""
        slots = self.texts(f, given)
        if not any(self.inner(key) for key in _keys(names)):
            refs, absent, keys = names
            return (_shared.setdefault(refs, refs), absent, keys), None
        space: dict[str, Any] = {"nth": nth}

        def late(key: Any) -> str:
            inner = self.inner(key)
            parts = [(inner and slots.get(part)) or _constant(part, space) for part in key]
            return f"({''.join(f'{part}, ' for part in parts)})"

        refs, absent, keys = names
        source = [
            f"({''.join(f'{late(key)}, ' for key in refs)})",
            f"({''.join(f'{late(key)}, ' for key in absent)})",
            f"({''.join(f'({late(key)}, {number}), ' for key, number in keys)})",
        ]
        find = eval(f"lambda f: ({', '.join(source)})", space)  # noqa: S307 - fields by number, constants by name
        count = len(set(_keys(names)))

        def distinct(fields: list[str]) -> Names:
            """Where two names are the same that were not when the form was made, it does not fit."""
            found: Names = find(fields)
            return found if len(set(_keys(found))) == count else _NOBODY

        return None, distinct

    def filled(self, d: Draft, given: Given, index: int) -> dict[str, str] | None:
        """The elements that holes fill, as Python over these; None where an element is not what its holes say."""
        rules = {(rule, field): n for n, ((field, _), ids) in enumerate(self.plan.holes.items()) for rule in ids}
        code: dict[str, str] = {}
        pieces: dict[tuple[str, str], list[tuple[int, ...]]] = {}
        for row in d.rows:
            path, rule, place = row
            if isinstance(place, tuple) and place[0] == index and (rule, place[1]) in rules:
                code[path] = f"h{rules[rule, place[1]]}"
            elif isinstance(place, tuple) and _within(row, given, index):
                if not place[3] and isinstance(value_at(d.body, path), Draft):
                    continue  # what a value names is looked up by the value
                pieces.setdefault((path, rule), []).append(place)
        for (path, rule), places in pieces.items():
            text = self.joined(self.rows.get(rule.rpartition(">")[2]), places, given)
            if text is None or path in code:
                return None
            code[path] = text
        space = {f"h{n}": value for n, value in enumerate(given.holes)}
        for path, text in code.items():
            if value_at(d.body, path) != eval(text, space):  # noqa: S307 - numbered names and quoted texts
                return None
        return code

    def joined(self, row: MapRow | None, places: list[tuple[int, ...]], given: Given) -> str | None:
        """Python for what a row makes of pieces of an opened field, None where it does more than put them together."""
        if row is None or row.const or row.vocab or row.type not in DIRECT | CONVERTED:
            return None
        holes = [given.hole(place, "" if row.type in DIRECT else row.type) for place in places]
        parts = parse_v2(row.source)
        if None in holes or len(holes) != sum(1 for part in parts if isinstance(part, Ref)):
            return None
        start, left = len(self.plan.holes), iter(holes)
        texts = [repr(part.text) if isinstance(part, Literal) else f"h{start + (next(left) or 0)}" for part in parts]
        return texts[0] if len(texts) == 1 else f"({' + '.join(texts)}).strip()"

    def seal(self, run: Any, seg: Any, d: Draft, filled: set[str]) -> Seal | None:
        """What is known of the end of all resources of a form; `filled` are the paths that differ."""
        open_names = {path.partition(".")[0].partition("[")[0] for path in filled}
        certain = self.certain

        def fixed(name: str) -> bool:
            if name[0] in "@$":
                return False
            if "-" in name or name[0] == "{":
                ref = parse_v2_ref(name.strip("{}"))
                return ref.segment == seg.name and ref.field in certain
            return name.partition(".")[0] not in open_names

        return sealed(run, d, fixed)


def _nothing(d: Draft, stood: Before | None) -> bool:
    """True when a map has left a resource as it was."""
    if stood is None:
        return not d.rows and len(d.body) == 1
    added = stood.added(d)
    return added is not None and not added[0].rows and not added[0].body


def _slots(rows: list[Row], at: tuple[int, ...]) -> list[tuple[Row, int]] | None:
    """Rows with which of the segments `at` they cite (-1 none); None when they cite another one."""
    found = []
    for row in rows:
        place = row[2]
        if place is not None and (not isinstance(place, tuple) or place[0] not in at):
            return None
        found.append((row, -1 if place is None else at.index(place[0])))
    return found


def _keys(names: Names) -> list[tuple[Any, ...]]:
    """All keys of some names."""
    return [*names[0], *names[1], *(key for key, _ in names[2])]


def _constant(value: Any, space: dict[str, Any]) -> str:
    """A name for a value in generated Python."""
    name = f"k{len(space)}"
    space[name] = value
    return name


def _said(told: list[tuple[Any, ...]], given: Given, at: tuple[int, ...]) -> tuple[Said, ...] | None:
    """What was said of coded texts, good for all of a form; None where something else was said."""
    found: list[Said] = []
    for severity, code, text, place, rule, hint in told:
        if code != "unmapped" or not isinstance(place, tuple) or place[0] not in at:
            return None
        if _within(("", rule, place), given, at[0]):
            return None
        found.append((severity, code, text, at.index(place[0]), place[1:], rule, hint))
    return tuple(found)


def _within(row: Row | tuple[str, str, Any], given: Given, index: int) -> bool:
    """True when a row cites a piece of an opened field whose text does not lead to the form."""
    place = row[2]
    if not isinstance(place, tuple) or place[0] != index or place[1] not in given.layouts:
        return False
    return not place[3] or (place[2], place[3], place[4] or 1) in given.layouts[place[1]].free


def _left(run: Any, number: int, field: str, cited: set[Any]) -> bool:
    """True when a field holds a subcomponent that no row cites."""
    for rep, repetition in enumerate(field.split(run.P)):
        for comp, component in enumerate(repetition.split(run.S), 1):
            for sub, text in enumerate(component.split(run.B), 1):
                places = ((number, rep, comp, sub), (number, rep, comp, 0), (number, rep, 0, 0))
                if text and cited.isdisjoint(places):
                    return True
    return False
