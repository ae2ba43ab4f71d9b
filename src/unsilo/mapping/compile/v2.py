"""Write the Python of one map that reads HL7 v2 text: fields by position, components only where they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from unsilo.mapping.compile.leaves import makes
from unsilo.mapping.compile.shape import Facts, folded_rows, own_ref, tests_of
from unsilo.mapping.compile.terms import Env, Obj, PathExpr, Place, RowAt, Val
from unsilo.mapping.compile.v2_conditions import V2Conditions
from unsilo.mapping.compile.v2_reading import Text, emptied
from unsilo.mapping.condition import parse_condition
from unsilo.mapping.paths import Step, parse_target
from unsilo.mapping.rows import MapRow
from unsilo.mapping.sources import Ref, parse_v2, parse_v2_ref

__all__ = ["TEXT_ONLY", "V2Writer"]

TEXT_ONLY: dict[str, tuple[int, ...]] = {
    "py:authority": (),
    "py:ei_authority": (),
    "py:cnn_authority": (),
    "py:range_low": (6,),
    "py:range_high": (6,),
}
"""Functions that look at nothing but the text they get, the site, and the fields of the segment that are listed."""


class V2Writer(V2Conditions):
    """Writer for segments and data types."""

    pure = frozenset({"py:code_system", "py:release", "py:unit_system"})
    textual = frozenset(
        {name[3:] for name in TEXT_ONLY}
        | {"code_system", "release", "unit_system", "sn", "xpn_text", "all_text", "location", "delivery", "race"}
        | {"ethnicity"}
    )

    def write(self, name: str, level: str = "", facts: Facts | None = None) -> str:
        """Return the source of map `name`: for a segment when `level` is "", else for text split as `comp` or `sub`.

        With `facts` the source is for segments of that shape only.
        """
        self.facts = facts
        rows = self.maps.get(name, [])
        self.lead(rows)
        if level:
            self.put(
                "r = d.body; ap = d.rows; S = run.S; B = run.B; P = run.P; E = run.E; so = True; q = 0; f = (); n = 0"
            )
            val = Text("v", Place("(i, F, rep, cp, 0)"), "so", field="F", rep="rep", comp="cp", level=level)
            env = Env("val", "", rule_var="u", odd="so", fast=False, val=val, level=level)
            obj = Obj("r", PathExpr(""), "False", "ap", False, "d")
            head = "def m(run, v, i, F, rep, cp, u, d):"
        else:
            self.put("f = seg.fields; n = len(f); raw = seg.raw; r = d.body; ap = d.rows; q = 0")
            self.put("S = run.S; B = run.B; P = run.P; E = run.E")
            if facts is None:
                self.put("so = E in raw or B in raw or P in raw or '\"\"' in raw")
            else:
                self.put("so = True")
                rows = folded_rows(rows, facts)
            env = Env("seg", "", map=name.partition("[")[0])
            obj = Obj("r", PathExpr(""), "True", "ap", facts is not None and facts.fresh, "d")
            head = "def m(run, seg, i, d):"
            self.prefetch(rows, env)
        self.stack.append(name)
        self.fill(rows, obj, env)
        constants = [f"{var} = {code}" for code, var in self.constants.items()]
        tables = [f"{var} = RowTable({k[0]!r}, {k[1]}, {k[2]!r})" for k, var in self.tables.items()]
        return "\n".join([*constants, *tables, head, *self.lines, ""])

    def write_test(self, name: str, when: str) -> str:
        """Return the source of a condition over a segment."""
        self.put("f = seg.fields; n = len(f); raw = seg.raw; so = True")
        self.put("S = run.S; B = run.B; P = run.P; E = run.E")
        env = Env("seg", "", map=name)
        row = MapRow("when", name, when=when)
        try:
            self.check_sources(row, parse_condition(when), env)
            self.put(f"return {self.condition(when, row, env)}")
        except ValueError as error:
            self.faults.append((f"{name} {when}", str(error)))
            self.put("return False")
        constants = [f"{var} = {code}" for code, var in self.constants.items()]
        return "\n".join([*constants, "def m(run, seg, i, d):", *self.lines, ""])

    def prefetch(self, rows: list[MapRow], env: Env) -> None:
        """Read first what several conditions look at."""
        seen: dict[Ref, int] = {}
        for row in rows:
            try:
                for test in tests_of(parse_condition(row.when)):
                    ref = parse_v2_ref(test.ref) if test.ref else None
                    if ref and ref.segment == env.map and ref.field and test.op in ("EQUALS", "IN", "COUNT"):
                        key = ref._replace(rep=-1) if test.op == "COUNT" else ref
                        seen[key] = seen.get(key, 0) + 1
            except ValueError:
                continue
        for ref, times in seen.items():
            if times > 1:
                self.counted(ref.field) if ref.rep == -1 else self.tested(ref, env)

    # -- repetitions --------------------------------------------------------------------------------------------

    def loop_roots(self, group: list[RowAt], env: Env) -> list[Any]:
        """The fields of this segment that the group's rows read."""
        if env.kind != "seg":
            return []
        fields: list[Any] = []
        for at in group:
            if not at.row.source:
                continue
            for part in parse_v2(at.row.source):
                if not isinstance(part, Ref) or part.segment != env.map or not part.field or part.rep is not None:
                    continue
                if part.field not in fields and self.bound(env, part.field) is None:
                    fields.append(part.field)
        return fields

    def touches(self, when: str, group: list[RowAt], loops: list[Any]) -> bool:  # noqa: ARG002 - the contract of writers
        """True when a condition reads a field that the group repeats over."""
        for test in tests_of(parse_condition(when)):
            if not test.ref or (test.by_ref and parse_v2_ref(test.values[0]).field in loops):
                return True
            if test.op not in ("COUNT",) and parse_v2_ref(test.ref).field in loops:
                return True
        return False

    @contextmanager
    def looped(
        self,
        loops: list[Any],
        group: list[RowAt],
        obj: Obj,  # noqa: ARG002 - the contract of writers
        step: Step,  # noqa: ARG002 - the same
        env: Env,
    ) -> Iterator[Env]:
        """A loop over the repetitions of one field, or of several side by side."""
        if not loops:
            yield env
            return
        inner = Env(env.kind, env.rule, env.rule_var, "so", env.fast, dict(env.bound), env.val, parent=env, map=env.map)
        if self.facts is not None and all(n in self.facts.plain or n not in self.facts.present for n in loops):
            inner = Env(
                env.kind, env.rule, env.rule_var, "", env.fast, dict(env.bound), env.val, parent=env, map=env.map
            )
            for number in loops:
                inner.bound[number] = self.field(Ref(env.map, number, None, 0, 0))
            yield inner
            return
        rep = self.name("k")
        element = repr(emptied(group[0].row, self.maps[group[0].row.map]))
        if len(loops) == 1:
            number = loops[0]
            every, odd, var = self.name("v"), self.name("d"), self.name("x")
            self.put(f"{every} = f[{number}] if n > {number} else ''")
            with self.block(f"if {every}:"):
                self.put(f"{odd} = so and (E in {every} or B in {every} or P in {every} or '\"\"' in {every})")
                with self.block(f"for {rep}, {var} in enumerate({every}.split(P)) if {odd} else ((0, {every}),):"):
                    clear = f"run.clear(d, {element}, {group[0].row.id!r}, (i, {number}, {rep}, 0, 0))"
                    self.put(f"if {odd} and {var} == '\"\"': {clear}; continue")
                    self.put(f"if not {var}: continue")
                    inner.odd = odd
                    place = Place(f"(i, {number}, {rep}, 0, 0)", (number, 0, 0, 0))
                    inner.bound[number] = Text(var, place, odd, field=str(number), rep=rep)
                    yield inner
            return
        names = []
        for number in loops:
            every = self.name("v")
            self.put(f"{every} = f[{number}].split(P) if n > {number} and f[{number}] else ()")
            names.append((number, every))
        longest = ", ".join(f"len({every})" for _, every in names)
        with self.block(f"for {rep} in range(max({longest})):"):
            for number, every in names:
                var = self.name("x")
                self.put(f"{var} = {every}[{rep}] if {rep} < len({every}) else ''")
                clear = f"run.clear(d, {element}, {group[0].row.id!r}, (i, {number}, {rep}, 0, 0))"
                self.put(f"if {var} == '\"\"': {clear}; {var} = ''")
                place = Place(f"(i, {number}, {rep}, 0, 0)", (number, 0, 0, 0))
                inner.bound[number] = Text(var, place, "so", field=str(number), rep=rep)
            self.put(f"so_ = so; so = so or {rep} > 0")
            yield inner
            self.put("so = so_")

    def enter(self, row: MapRow, env: Env, val: Val) -> Env:
        """Read inside a value."""
        if env.rule_var:
            var = self.name("u")
            self.put(f"{var} = {env.rule_var} + {'>' + row.id!r}")
            return Env("val", "", var, val.odd, env.fast, val=val, parent=env, map=env.map)
        rule = f"{env.rule}>{row.id}" if env.rule else row.id
        return Env("val", rule, "", val.odd, env.fast, val=val, parent=env, map=env.map)

    @contextmanager
    def remembered(self, row: MapRow, obj: Obj, env: Env, val: Val) -> Iterator[Obj]:
        """Plain fields of a known shape come from memory when the map makes nothing but values."""
        names = {step.name for r in self.maps[row.type] for step in parse_target(r.target)[:1]}
        plain = val.odd == "False" or val.index != "i"
        fits = self.facts is not None and env.kind == "seg" and plain and val.place.static is not None
        fits = fits and obj.path.static is not None and obj.fast != "False" and not (names & obj.known)
        fits = fits and (obj.fresh or bool(obj.known)) and self.valuable(row.type)
        if not fits:
            yield obj
            return
        memory, hit = self.constant(f"memory({row.id!r}, {obj.path.static!r})"), self.name("h")
        tests = ([] if obj.fast == "True" else [obj.fast]) + ([] if val.odd == "False" else [f"not {val.odd}"])
        fast = f" if {' and '.join(tests)} else None" if tests else ""
        self.put(f"{hit} = {memory}.get({val.var}){fast}")
        alone = obj.fresh and not obj.known and not obj.lists
        with self.block(f"if {hit} is not None:"):
            self.put(f"{obj.var} = {hit}[0]()" if alone else f"{obj.var}.update({hit}[0]())")
            self.put(f"{obj.sink} += {hit}[1][{val.index}]")
        with self.block("else:"):
            mark, own, said = self.name("w"), self.name("o"), self.name("e")
            self.put(f"{mark} = len({obj.sink}); {own} = {{}}; {said} = run.said")
            yield Obj(own, obj.path, obj.fast, obj.sink, True, obj.draft)
            self.put(f"{obj.var} = {own}" if alone else f"{obj.var}.update({own})")
            test = "".join(f"{test} and " for test in tests)
            self.put(f"if {test}{own} and run.said == {said}: {memory}.learn({val.var}, {own}, {obj.sink}[{mark}:])")
        obj.known |= names | ({"coding"} if row.vocab else set())

    def recalls(self, row: MapRow, obj: Obj, env: Env, val: Val) -> bool:
        """Functions of the text alone, on plain fields of a known shape."""
        known = self.facts is not None and env.kind == "seg" and val.odd == "False" and val.place.static is not None
        return known and row.type in TEXT_ONLY and obj.path.static is not None and obj.fast != "False"

    def recall(self, row: MapRow, obj: Obj, key: str | None, path: PathExpr, val: Val) -> None:
        """A function's value and lineage from memory, else from the function."""
        assert isinstance(val, Text)  # noqa: S101
        function, memory = (
            self.constant(f"function({row.type[3:]!r})"),
            self.constant(f"memory({row.id!r}, {path.static!r})"),
        )
        hit, got, mark = self.name("h"), self.name("y"), self.name("w")
        fast = "" if obj.fast == "True" else f" if {obj.fast} else None"
        beside = "".join(f", f[{n}]" for n in TEXT_ONLY[row.type] if self.facts and n in self.facts.present)
        text = f"'|'.join(({val.var}{beside}))" if beside else val.var
        asked = self.name("m")
        self.put(f"{asked} = {text}")
        self.put(f"{hit} = {memory}.get({asked}){fast}")
        with self.block(f"if {hit} is not None:"):
            self.put(f"{got} = {hit}[0]()")
            self.put(f"{obj.sink} += {hit}[1][{val.index}]")
        with self.block("else:"):
            self.put(f"{mark} = len({obj.sink}); run.draft = {obj.draft}")
            call = f"{function}(run, {val.var}, {val.place.code}, {path.code()}, {row.id!r}, {obj.sink})"
            self.put(f"{got} = {call} or None")
            with self.block(f"if {got} is None:"):
                self.put(f"del {obj.sink}[{mark}:]")
            with self.block(f"elif len({obj.sink}) == {mark}:"):
                self.put(f"{obj.sink}.append(T(({path.code()}, {row.id!r}, {val.place.code})))")
            test = "" if obj.fast == "True" else f"if {obj.fast}: "
            self.put(f"{test}{memory}.learn({asked}, {got}, {obj.sink}[{mark}:])")
        with self.block(f"if {got} is not None:"):
            self.store(obj, key, got)

    def whole(self, text: str, where: str) -> Val:
        """A text cited as a whole; its place is known beforehand when only the segment's index varies."""
        parts = where.strip("()").split(", ")
        static = tuple(int(p) for p in parts[1:]) if all(p.isdigit() for p in parts[1:]) else None
        return Text(text, Place(where, static if self.facts is not None else None))

    def valuable(self, name: str) -> bool:
        """True when a map and all that it calls make values only, from the text alone."""
        for row in self.maps[name]:
            if makes(row.type) or (row.type.startswith("py:") and row.type not in self.pure):
                return False
            if any(step.type for step in parse_target(row.target)):
                return False
            if any(isinstance(p, Ref) and p.segment for p in (parse_v2(row.source) if row.source else ())):
                return False
            if any(own_ref(t.ref, row).segment for t in tests_of(parse_condition(row.when))):
                return False
            if "[" in row.type and row.type in self.maps and row.type != name and not self.valuable(row.type):
                return False
        return True

    def maker(self, row: MapRow, env: Env, val: Val, rule: str) -> str:  # noqa: ARG002 - the contract of writers
        """Call a map that makes a resource from this text."""
        assert isinstance(val, Text)  # noqa: S101
        made = self.constant(f"maker({row.type!r}, {val.level!r})")
        return f"run.make({made}, {val.var}, {val.index}, {val.field}, {val.rep}, {val.comp}, {rule}, d)"

    def maker_fill(self, row: MapRow, env: Env, val: Val, draft: str) -> str:
        """Run a map that makes a resource on one that is begun already."""
        assert isinstance(val, Text)  # noqa: S101
        made = self.constant(f"maker({row.type!r}, {val.level!r})")
        rule, _ = env.rule_code(row.id)
        return f"{made}.function(run, {val.var}, {val.index}, {val.field}, {val.rep}, {val.comp}, {rule}, {draft})"

    def texts(self, group: list[RowAt], env: Env) -> list[tuple[str, str, bool]]:
        """The repetitions that the rows of a group read, as sources or in conditions."""
        found: dict[str, tuple[str, str, bool]] = {}
        for at in group:
            sources = parse_v2(at.row.source) if at.row.source else ()
            refs = [(p, True) for p in sources if isinstance(p, Ref)]
            for test in tests_of(parse_condition(at.row.when)):
                refs.append((own_ref(test.ref, at.row), False))
                if test.by_ref:
                    refs.append((parse_v2_ref(test.values[0]), False))
            for ref, cited in refs:
                if ref.segment and not ref.field:
                    continue
                text = self.read(ref._replace(comp=0, sub=0), env)
                cited = cited or found.get(text.var, ("", "", False))[2]
                found[text.var] = (text.var, text.place.code, cited)
        return list(found.values())

    def code_of(self, env: Env, val: Val) -> tuple[str, str]:  # noqa: ARG002 - the contract of writers
        """The first component, and the name of its coding system in the third."""
        assert isinstance(val, Text)  # noqa: S101
        code = self.plain(self.component(val, 1, 0))
        if val.level == "leaf":
            return code.var, "''"
        parts = self.parts(val)
        return code.var, f"({parts}[2] if len({parts}) > 2 else '')"

    def here(self, env: Env) -> str:
        return self.value(env).var if env.kind == "val" else "seg"

    def here_place(self, env: Env) -> str:
        return self.value(env).place.code if env.kind == "val" else "(i, 0, 0, 0, 0)"
