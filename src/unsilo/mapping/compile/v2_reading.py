"""Write what reads HL7 v2 text: fields by position, components only where they are asked for, each piece once."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from unsilo.mapping.compile.shape import Facts
from unsilo.mapping.compile.terms import Env, Obj, PathExpr, Place, RowAt, Val
from unsilo.mapping.compile.writer import Writer
from unsilo.mapping.rows import MapRow
from unsilo.mapping.sources import Literal, Ref, parse_v2

__all__ = ["Text", "V2Reading", "emptied"]


_WHOLE = frozenset({"text", "words", "base64Binary"})
"""Types that take a piece with all that is in it."""


@dataclass
class Text(Val):
    """A piece of v2 text: its level says by what it splits, the parts of its locator are Python."""

    field: str = "0"
    rep: str = "0"
    comp: str = "0"
    level: str = "comp"
    whole: bool = True


class V2Reading(Writer):
    """Writer of what reads segments and values; conditions, loops and memory are what is built on it."""

    facts: Facts | None = None

    def fetch(self, row: MapRow, env: Env, obj: Obj, raw: bool = False) -> Val:
        """Write what reads a row's source."""
        parts = parse_v2(row.source) if row.source else (Ref("", 0, None, 0, 0),)
        if len(parts) > 1:
            return self.joined(parts, env)
        ref = parts[0]
        assert isinstance(ref, Ref)  # noqa: S101 - a lone literal is refused by check_sources
        quick = self.quick(ref, row, env) if not raw else None
        if quick is not None:
            return quick
        raw = raw or (row.type.startswith("py:") and row.type not in self.pure) or "[" in row.type
        clear = (row, obj) if not row.const else None
        val = self.read(ref, env, clear)
        if raw or row.const:
            return val
        if row.type in _WHOLE:
            return val
        return self.plain(val)

    def quick(self, ref: Ref, row: MapRow, env: Env) -> Text | None:
        """A component as a plain value in one step, when nothing else has looked at it."""
        maps = "[" in row.type or (row.type.startswith("py:") and row.type not in self.pure)
        if not ref.comp or ref.sub or maps or row.const or row.type in _WHOLE:
            return None
        base = self.read(ref._replace(comp=0, sub=0), env)
        if base.level != "comp" or not base.odd or self.cached(("part", base.var, ref.comp, 0)) is not None:
            return None
        key = ("quick", base.var, ref.comp)
        found = self.cached(key)
        if found is None:
            parts, var = self.parts(base), self.name("x")
            one = f"{parts}[{ref.comp - 1}].strip()"
            self.put(f"{var} = {one} if len({parts}) > {ref.comp - 1} else ''" if ref.comp > 1 else f"{var} = {one}")
            if base.odd != "False":
                self.put(f"if {base.odd} and {var}: {var}, q = run.clean({var})")
            found = self.at(base, var, str(ref.comp), "0", "leaf")
            code = f"({found.index}, {found.field}, {found.rep}, {found.comp}, {_sub(base.odd)})"
            found.place = Place(code, found.place.static)
            self.cache[-1][key] = found
        assert isinstance(found, Text)  # noqa: S101
        return found

    def read(self, ref: Ref, env: Env, clear: tuple[MapRow, Obj] | None = None) -> Text:
        """The text of a reference as it stands, by component where it names one."""
        if ref.segment == "":
            base = self.value(env)
        else:
            home = env
            while home.parent is not None and home.kind != "seg":
                home = home.parent
            if home.kind != "seg" or ref.segment != home.map:
                base = self.other(ref)
                return self.component(base, ref.comp, ref.sub) if ref.comp else base
            found = self.bound(env, ref.field) if ref.rep is None else None
            base = found or self.field(ref)
            if found is None and clear is not None and ref.comp == 0:
                self.clearing(base, *clear)
        if ref.comp == 0:
            return base
        return self.component(base, ref.comp, ref.sub)

    def value(self, env: Env) -> Text:
        """The value that a data-type map was called on."""
        while env.val is None:
            assert env.parent is not None  # noqa: S101 - a relative reference stands in a data-type map only
            env = env.parent
        assert isinstance(env.val, Text)  # noqa: S101
        return env.val

    def bound(self, env: Env | None, field: int) -> Text | None:
        """The repetition of a field that a loop is at."""
        while env is not None:
            found = env.bound.get(field)
            if found is not None:
                assert isinstance(found, Text)  # noqa: S101
                return found
            env = env.parent
        return None

    def clearing(self, text: Text, row: MapRow, obj: Obj) -> None:
        """A field sent as delete empties the element of the first row that reads it."""
        if obj.draft == "d" and self.facts is None:
            clear = f"run.clear(d, {emptied(row, self.maps[row.map])!r}, {row.id!r}, {text.place.code})"
            self.put(f"if {text.odd} and {text.var} == '\"\"': {clear}; {text.var} = ''")

    def field(self, ref: Ref) -> Text:
        """One repetition of a field of the segment at hand: the first, or the one that is named."""
        key = ("field", ref.field, ref.rep)
        found = self.cached(key)
        if found is not None:
            assert isinstance(found, Text)  # noqa: S101
            return found
        var, odd = self.name("v"), self.name("d")
        number = ref.field
        if self.facts is not None and ref.rep is None:
            text = self.known_field(number, var)
            self.cache[-1][key] = text
            return text
        self.put(f"{var} = f[{number}] if n > {number} else ''")
        self.put(f"{odd} = so and {var} != '' and (E in {var} or B in {var} or P in {var} or '\"\"' in {var})")
        rep = ref.rep or 0
        self.put(f"if {odd}: {var} = run.repetition({var}, {rep})")
        if rep:
            self.put(f"else: {var} = ''")
        place = Place(f"(i, {number}, {rep}, 0, 0)", (number, rep, 0, 0))
        text = Text(var, place, odd, field=str(number), rep=str(rep))
        self.cache[-1][key] = text
        return text

    def known_field(self, number: int, var: str) -> Text:
        """A field of a segment whose shape is known."""
        assert self.facts is not None  # noqa: S101 - asked by the caller
        place = Place(f"(i, {number}, 0, 0, 0)", (number, 0, 0, 0))
        if number not in self.facts.present:
            self.put(f"{var} = ''")
            return Text(var, place, "False", field=str(number))
        if number in self.facts.plain:
            self.put(f"{var} = f[{number}]")
            return Text(var, place, "False", field=str(number))
        self.put(f"{var} = run.repetition(f[{number}], 0)")
        return Text(var, place, "True", field=str(number))

    def component(self, base: Text, comp: int, sub: int) -> Text:
        """A component of a repetition, or a subcomponent of a component."""
        if base.level == "leaf":
            return base if comp == 1 and sub <= 1 else Text("''", base.place, base.odd, level="leaf", index=base.index)
        key = ("part", base.var, comp, sub)
        found = self.cached(key)
        if found is not None:
            assert isinstance(found, Text)  # noqa: S101
            return found
        parts = self.parts(base)
        var = self.name("x")
        self.put(
            f"{var} = {parts}[{comp - 1}] if len({parts}) > {comp - 1} else ''" if comp > 1 else f"{var} = {parts}[0]"
        )
        if base.level == "comp":
            text = self.at(base, var, str(comp), "0", "sub")
            if sub:
                text = self.component(text, sub, 0)
        else:
            text = self.at(base, var, base.comp, str(comp), "leaf")
        self.cache[-1][key] = text
        return text

    def parts(self, base: Text) -> str:
        """The variable with the parts of a text."""
        key = ("parts", base.var)
        found = self.cached(key)
        if found is None:
            found = self.name("c")
            self.put(f"{found} = {base.var}.split({'S' if base.level == 'comp' else 'B'})")
            self.cache[-1][key] = found
        return str(found)

    def at(self, base: Text, var: str, comp: str, sub: str, level: str) -> Text:
        """A text with the place that its base, component and subcomponent give."""
        static = None
        if base.place.static is not None and comp.isdigit() and sub.isdigit():
            static = (*base.place.static[:2], int(comp), int(sub))
        code = f"({base.index}, {base.field}, {base.rep}, {comp}, {sub})"
        place = Place(code, static)
        return Text(var, place, base.odd, field=base.field, rep=base.rep, comp=comp, level=level, index=base.index)

    def other(self, ref: Ref) -> Text:
        """A field of another segment near by."""
        key = ("other", ref.segment, ref.field, ref.rep)
        found = self.cached(key)
        if found is not None:
            assert isinstance(found, Text)  # noqa: S101
            return found
        var, seg, odd = self.name("v"), self.name("g"), self.name("d")
        self.put(f"{var}, {seg} = run.glance(d, {ref.segment!r}, {ref.field}, {ref.rep or 0})")
        self.put(f"{odd} = {var} != '' and (E in {var} or B in {var} or '\"\"' in {var})")
        rep = ref.rep or 0
        place = Place(f"({seg}, {ref.field}, {rep}, 0, 0)", (ref.field, rep, 0, 0))
        text = Text(var, place, odd, seg, field=str(ref.field), rep=str(rep))
        self.cache[-1][key] = text
        return text

    def plain(self, val: Text) -> Text:
        """The text ready to be a value: first component and subcomponent, unescaped, trimmed."""
        if val.level == "comp":
            val = self.component(val, 1, 0)
        if not val.odd and val.place.static is None and val.level != "comp":
            var = self.name("x")
            self.put(f"{var} = run.clean({val.var})[0]")
            return Text(var, val.place, "", field=val.field, rep=val.rep, comp=val.comp, level="leaf", index=val.index)
        key = ("plain", val.var)
        found = self.cached(key)
        if found is not None:
            assert isinstance(found, Text)  # noqa: S101
            return found
        var = self.name("x")
        if val.level == "sub":
            self.put(f"{var} = {val.var}.strip()")
            if val.odd != "False":
                self.put(f"if {val.odd} and {var}: {var}, q = run.clean({var})")
            sub = _sub(val.odd)
        else:
            self.put(f"{var} = {val.var}.strip()")
            if val.odd != "False":
                self.put(f"if {val.odd} and {var}: {var} = run.clean({var})[0]")
            sub = val.place.code.rsplit(", ", 1)[1].rstrip(")")
        code = f"({val.index}, {val.field}, {val.rep}, {val.comp}, {sub})"
        place = Place(code, val.place.static)
        text = Text(var, place, val.odd, field=val.field, rep=val.rep, comp=val.comp, level="leaf", index=val.index)
        self.cache[-1][key] = text
        return text

    def joined(self, parts: Sequence[Literal | Ref], env: Env) -> Val:
        """Several pieces side by side; lineage cites each piece that is valued."""
        pieces = []
        for part in parts:
            if isinstance(part, Literal):
                pieces.append(f"({part.text!r}, None)")
            else:
                val = self.plain(self.read(part, env))
                pieces.append(f"({val.var}, {val.place.code})")
        var, places = self.name("x"), self.name("g")
        self.put(f"{var}, {places} = run.join({', '.join(pieces)})")
        return Text(var, Place(places), "", level="leaf", whole=False)

    def sourced_row(self, obj: Obj, path: PathExpr, rule: str, fixed: bool, val: Val, env: Env) -> None:
        """A join has one lineage row for each piece."""
        if isinstance(val, Text) and not val.whole:
            self.put(f"for g in {val.place.code}: {obj.sink}.append(T(({path.code()}, {rule}, g)))")
            return
        super().sourced_row(obj, path, rule, fixed, val, env)

    def conversion(self, kind: str, val: Val) -> str:
        """Text and base64 keep the whole repetition, all else is memoised by text."""
        if kind == "text":
            return f"run.flow({val.var})"
        if kind == "words":
            plain = f"{val.var}.strip() or None"
            return plain if val.odd == "False" else f"run.words({val.var}) if {val.odd or True} else {plain}"
        kind = kind.removeprefix("py:")
        return super().conversion(kind, val)

    @contextmanager
    def present(self, group: list[RowAt], env: Env) -> Iterator[None]:
        """Nothing to do when the segment is too short, the field empty, or the value has too few parts."""
        refs: list[Ref] = []
        for at in group:
            if not at.row.source:
                yield
                return
            refs += [p for p in parse_v2(at.row.source) if isinstance(p, Ref)]
        if env.kind == "seg" and all(r.segment == env.map and r.field for r in refs):
            fields = sorted({r.field for r in refs})
            if any(self.bound(env, field) is not None for field in fields):
                yield
                return
            text = f" and f[{fields[0]}]" if len(fields) == 1 else ""
            if self.facts is not None and any(field in self.facts.present for field in fields):
                yield
                return
            with self.block(f"if n > {fields[0]}{text}:"):
                yield
            return
        first = min((r.comp for r in refs), default=0)
        val = env.val
        inside = env.kind != "seg" and first > 1 and all(not r.segment for r in refs)
        if inside and isinstance(val, Text) and val.level in ("comp", "sub"):
            with self.block(f"if len({self.parts(val)}) > {first - 1}:"):
                yield
            return
        yield


def emptied(row: MapRow, rows: list[MapRow]) -> tuple[str, ...]:
    """The elements that a delete of a row's field empties, `telecom[use=work]` for the items of a list that it fills.

    Items are told by a fixed value that rows of the field give them. Of lists that versions unite, where nothing tells
    the field's items from those of others, nothing is emptied.
    """
    field, item = _field(row), _ITEM.match(row.target)
    if not field or item is None:
        return (element_of(row.target),)
    name = item[1]
    filling = [one for one in rows if one.target.startswith(f"{name}[")]
    tells = _told([one for one in filling if _field(one) == field], name)
    if tells and (all(always for _, always in tells) or field != min(map(_field, filling))):
        return tuple(f"{name}[{tell}]" for tell, _ in tells)
    others = _told([one for one in filling if _field(one) != field], name)
    if tells and len(others) == 1:  # the field's own items are those that are not told to be of the other
        return (f"{name}[{others[0][0].replace('=', '!=', 1)}]",)
    alone = all(_field(one) == field for one in filling)
    return (name,) if alone or name not in _UNITED else ()


def _told(rows: list[MapRow], name: str) -> list[tuple[str, bool]]:
    """What tells the items that rows fill, `use=work`, and whether it always does."""
    found: dict[str, bool] = {}
    for row in rows:
        stem = _ITEM.match(row.target)
        key = row.target[len(stem[0]) + 1 :] if stem is not None and stem[1] == name else ""
        if row.const and key in _TELLS:
            found[f"{_INDEX.sub('', key)}={row.const}"] = not row.when
    return list(found.items())


_TELLS = ("url", "use", "type.coding[1].code", "type[1].coding[1].code")
"""What tells an item of a list from others, where a row gives it a fixed value."""
_UNITED = frozenset({"extension", "identifier"})
_ITEM = re.compile(r"([A-Za-z]+)\[[^\[\]]*\]")
_INDEX = re.compile(r"\[\d*\]")


def _field(row: MapRow) -> int:
    """The field of the segment at hand that a row reads, 0 for none or for a part of a value."""
    for part in parse_v2(row.source) if row.source else ():
        if isinstance(part, Ref):
            return part.field if part.segment == row.map.partition("[")[0] else 0
    return 0


def element_of(target: str) -> str:
    """The names of a path up to the first list."""
    names = []
    for part in target.split("."):
        names.append(part.partition("[")[0].partition("(")[0])
        if "[" in part or "(" in part:
            break
    return ".".join(names)


def _sub(odd: str) -> str:
    """Python for the subcomponent of a plain value."""
    return "0" if odd == "False" else f"(q if {odd} else 0)"
