"""Write the Python of one map: target objects, lists and nested resources are the same for every format."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from unsilo.mapping.compile.leaves import CONVERTED, TEXT_TYPES, Leaves, makes
from unsilo.mapping.compile.terms import Env, Obj, PathExpr, RowAt
from unsilo.mapping.condition import Tree, parse_condition
from unsilo.mapping.paths import Step, parse_target
from unsilo.mapping.rows import MapRow

__all__ = ["TEXT_TYPES", "Writer", "makes"]


class Writer(Leaves):
    """Writes the rows of a map, element by element."""

    def fill(self, rows: Sequence[MapRow], obj: Obj, env: Env) -> None:
        """Write the assignments of a map's rows to `obj`."""
        ready = []
        for row in rows:
            try:
                self.check(row, env)
                ready.append(RowAt(row, parse_target(row.target)))
            except ValueError as error:
                self.faults.append((row.id, str(error)))
        self.assign(ready, obj, env)

    def check(self, row: MapRow, env: Env) -> None:
        """Refuse a row that cannot work: unknown map, vocabulary or source."""
        if "[" in row.type and row.type not in self.maps:
            raise ValueError(f"map {row.type} is not known")
        if row.vocab and row.vocab not in self.vocabularies:
            raise ValueError(f"vocabulary {row.vocab} is not known")
        if not row.source and not row.const and not row.type.startswith("py:"):
            raise ValueError("a row needs a source or a const")
        if row.type in self.stack:
            raise ValueError(f"map {row.type} calls itself")
        known = row.type in TEXT_TYPES or row.type in CONVERTED or "[" in row.type or row.type == "reference"
        if not known and not row.type.startswith("py:"):
            raise ValueError(f"type {row.type} is not known")
        tree = parse_condition(row.when)
        self.check_sources(row, tree, env)

    @abstractmethod
    def check_sources(self, row: MapRow, tree: Tree | None, env: Env) -> None:
        """Refuse sources and references that this format cannot read here."""

    def assign(self, rows: list[RowAt], obj: Obj, env: Env) -> None:
        """Write rows, grouped by the element they begin with, in order of first appearance."""
        opened = []
        for at in rows:
            if at.steps and at.steps[0].label is not None:
                name = at.steps[0].name
                if name not in obj.lists:
                    self.open_list(obj, name)
                    opened.append(name)
        groups: dict[Any, list[RowAt]] = {}
        for number, at in enumerate(rows):
            step = at.steps[0] if at.steps else None
            key: Any = ("this", number)
            if step is not None:
                key = (step.name, step.label) if step.label != "" else (step.name, number)
            groups.setdefault(key, []).append(at)
        ranks = {key: self.order.get(_spot(group[0]), n) for n, (key, group) in enumerate(groups.items())}
        groups = {key: groups[key] for key in sorted(groups, key=ranks.__getitem__)}
        for group in groups.values():
            if group[0].steps and group[0].steps[0].label is not None:
                name = group[0].steps[0].name
                obj.counts[name] = obj.counts.get(name, 0) + 1
        for group in groups.values():
            with self.present(group, env), self.shared_condition(group, env) as inner:
                self.group(inner, obj, env)
        for name in opened:
            var = obj.lists.pop(name)
            if not (obj.fresh and name not in obj.known):
                self.put(f"if {var} and {name!r} not in {obj.var}: {obj.var}[{name!r}] = {var}")
            else:
                self.put(f"if {var}: {obj.var}[{name!r}] = {var}")
            obj.known.add(name)

    @contextmanager
    def present(self, group: list[RowAt], env: Env) -> Iterator[None]:
        """Write a cheap test around a group that has nothing to do when its sources are not there."""
        del group, env
        yield

    @contextmanager
    def shared_condition(self, group: list[RowAt], env: Env) -> Iterator[list[RowAt]]:
        """Write a condition that all rows of a group share once, unless it looks at the repetition at hand."""
        when = group[0].row.when
        loops = self.loop_roots(group, env)
        if not when or any(at.row.when != when for at in group) or (loops and self.touches(when, group, loops)):
            yield group
            return
        code = self.condition(when, group[0].row, env)
        with self.block(f"if {code}:"):
            yield [RowAt(_without_when(at.row), at.steps) for at in group]

    @abstractmethod
    def touches(self, when: str, group: list[RowAt], loops: list[Any]) -> bool:
        """True when a condition reads the very field that the group repeats over."""

    def open_list(self, obj: Obj, name: str) -> None:
        """Begin a list element."""
        var = self.name("l")
        obj.lists[name] = var
        if obj.fresh and name not in obj.known:
            self.put(f"{var} = []")
        else:
            self.put(f"{var} = {obj.var}.get({name!r})")
            self.put(f"if {var} is None: {var} = []")

    def group(self, group: list[RowAt], obj: Obj, env: Env) -> None:
        """Write one element with all its rows."""
        first = group[0]
        if not first.steps:
            self.in_place(first, obj, env)
            return
        step = first.steps[0]
        if step.label is None:
            self.single(step, group, obj, env)
        else:
            self.items(step, group, obj, env)

    def in_place(self, at: RowAt, obj: Obj, env: Env) -> None:
        """`$this`: fill the object at hand by another map or a function."""
        if at.row.type.startswith("py:"):
            self.call_function(at.row, obj, None, env)
            return
        if "[" not in at.row.type:
            self.faults.append((at.row.id, "$this needs a map or a function as type"))
            return
        self.call_map(at.row, obj, env)

    def single(self, step: Step, group: list[RowAt], obj: Obj, env: Env) -> None:
        """A single-valued element: leaves, a nested object, or a nested resource."""
        if self.nests(group):
            self.resources(group, obj, env, None, None)
            obj.known.add(step.name)
            return
        plain = [at for at in group if len(at.steps) == 1 and not self.fills(at.row)]
        if len(plain) == len(group):
            for at in group:
                self.leaf(at.row, obj, step.name, env, guard=len(group) > 1 or not obj.fresh or step.name in obj.known)
            obj.known.add(step.name)
            return
        known = not obj.fresh or step.name in obj.known
        for at in plain:
            self.leaf(at.row, obj, step.name, env, guard=True)
        var = self.name("o")
        self.put(f"{var} = {obj.var}.get({step.name!r}) or {{}}" if known or plain else f"{var} = {{}}")
        child = Obj(var, obj.path.child(step.name), obj.fast, obj.sink, not known and not plain, obj.draft)
        self.body([at for at in group if at not in plain], child, env)
        with self.block(f"if {var} and {step.name!r} not in {obj.var}:" if known or plain else f"if {var}:"):
            self.put(f"{obj.var}[{step.name!r}] = {var}")
        obj.known.add(step.name)

    def body(self, group: list[RowAt], child: Obj, env: Env) -> None:
        """The inside of an element: rows with further steps, and rows whose map fills it."""
        run: list[RowAt] = []
        for at in group:
            if len(at.steps) > 1:
                run.append(RowAt(at.row, at.steps[1:]))
                continue
            if run:
                self.assign(run, child, env)
                run = []
            self.call_map(at.row, child, env)
        if run:
            self.assign(run, child, env)

    @contextmanager
    def row_condition(self, row: MapRow, env: Env) -> Iterator[None]:
        """Write a row's own condition around what follows."""
        if not row.when:
            yield
            return
        with self.block(f"if {self.condition(row.when, row, env)}:"):
            yield

    def fills(self, row: MapRow) -> bool:
        """True when the row's map fills a data type in place."""
        return "[" in row.type and not makes(row.type)

    def lead(self, rows: Sequence[MapRow]) -> None:
        """Note what does not depend on the rows that a shape leaves: the order of elements, and which hold resources.

        The first row of an element says where it stands, the first that makes a resource names that resource.
        """
        for row in rows:
            try:
                steps = parse_target(row.target)
            except ValueError:
                continue
            self.order.setdefault(_spot(RowAt(row, steps)), len(self.order))
            for depth, step in enumerate(steps):
                self.order.setdefault(_spot(RowAt(row, steps[depth:])), len(self.order))
                place = (row.map, *(_named(s, row) for s in steps[: depth + 1]))
                if step.type:
                    self.leaders.setdefault(place, "")
                kind = step.type or (makes(row.type) if depth == len(steps) - 1 else "")
                if kind:
                    self.leaders.setdefault((*place, kind), row.id)

    def nests(self, group: list[RowAt]) -> bool:
        """True when an element holds a resource of its own that several rows fill."""
        return any(at.steps[0].type for at in group) or _place(group[0]) in self.leaders

    def resources(
        self, group: list[RowAt], obj: Obj, env: Env, held: str | None, path: PathExpr | None, fast: str = ""
    ) -> None:
        """`element(Type)`: a resource of its own that the element refers to, filled by maps and by further steps.

        Rows that would make different types exclude each other; the first type that gets content stays. `held` is the
        list, `path` the item's path and `fast` what is true while that is the static one, when the element is a list.
        """
        name = group[0].steps[0].name
        kinds: dict[str, list[RowAt]] = {}
        for at in group:
            kind = at.steps[0].type or makes(at.row.type)
            if kind:
                kinds.setdefault(kind, []).append(at)
            else:
                self.faults.append((at.row.id, f"{name} holds resources by other rows"))
        done = self.name("h")
        self.put(f"{done} = {obj.var}.get({name!r})" if held is None else f"{done} = None")
        for kind, rows in kinds.items():
            with self.block(f"if {done} is None:"), self.shared_condition(rows, env) as inner:
                self.resource(kind, inner, obj, env, held, path or obj.path.child(name), done, fast or obj.fast)

    def resource(
        self,
        kind: str,
        group: list[RowAt],
        obj: Obj,
        env: Env,
        held: str | None,
        path: PathExpr,
        done: str,
        fast: str,
    ) -> None:
        """One nested resource of a known type; the same texts in the same message give the same resource."""
        var, sink, key = self.name("t"), self.name("ap"), self.name("m")
        leader = self.leaders.get((*_place(group[0]), kind), group[0].row.id)
        rule, fixed = env.rule_code(leader)
        name = group[0].steps[0].name
        texts = self.texts(group, env)
        reference = path.child("reference").code()
        place = f"{held}.append({done})" if held else f"{obj.var}[{name!r}] = {done}"
        if texts:
            valued = " or ".join(text for text, _, cited in texts if cited) or "True"
            self.put(f"{key} = ({leader!r}, {kind!r}, {', '.join(text for text, _, _ in texts)})")
            self.put(f"{var} = run.made.get({key}) if {valued} else NOTHING")
        else:
            self.put(f"{var} = None")
        with self.block(f"if {var} is None:"):
            makers = [at for at in group if len(at.steps) == 1 and makes(at.row.type) == kind]
            self.put(f"{var} = Draft.new({kind!r}, {rule}, d.frame, d.node)")
            self.put(f"{var}.parent = {obj.draft}; {sink} = {var}.rows")
            for at in makers:
                with self.row_condition(at.row, env):
                    val = self.fetch(at.row, env, obj, raw=True)
                    self.put(f"if {val.var}: {self.maker_fill(at.row, env, val, var)}")
            child = Obj(f"{var}.body", PathExpr(""), "False", sink, False, var)
            for at in group:
                if len(at.steps) == 1 and at not in makers:
                    if self.fills(at.row) or at.row.type.startswith("py:"):
                        self.in_place(at, child, env)
                    else:
                        self.faults.append((at.row.id, "a nested resource needs a further step or a map"))
            self.assign([RowAt(at.row, at.steps[1:]) for at in group if len(at.steps) > 1], child, env)
            with self.block(f"if sourced({sink}, 0):"):
                self.put(f"run.nest({var}, {obj.draft})")
                if texts:
                    self.put(f"run.made[{key}] = {var}")
                self.put(f"{done} = run.refer({var}); {place}")
                self.put(f"{obj.sink}.append(T(({reference}, {rule}, None)))")
        if texts:
            with self.block(f"elif {var} is not NOTHING:"):
                self.put(f"{done} = run.refer({var}); {place}")
                here = replace(obj, fast=fast)
                for text, where, cited in texts:
                    if cited:
                        with self.block(f"if {text}:"):
                            self.sourced_row(here, path.child("reference"), rule, fixed, self.whole(text, where), env)

    def items(self, step: Step, group: list[RowAt], obj: Obj, env: Env) -> None:
        """Items of a list: one, or one for each repetition of the source."""
        loops = self.loop_roots(group, env)
        with self.looped(loops, group, obj, step, env) as inner:
            self.item(step, group, obj, inner, bool(loops))

    def item(self, step: Step, group: list[RowAt], obj: Obj, env: Env, looping: bool) -> None:
        """One item of a list."""
        held = obj.lists[step.name]
        nested = self.nests(group)
        leaf = all(len(at.steps) == 1 and not self.fills(at.row) for at in group) and not nested
        index, base, fast = self.name("k"), self.name("p"), self.name("z")
        first = obj.fresh and step.name not in obj.known and not obj.expected.get(step.name)
        expected = obj.expected.get(step.name, 0) if obj.counts.get(step.name, 0) < 4 else 0
        obj.expected[step.name] = expected + 1
        static = obj.path.child(f"{step.name}[{expected}]").static
        stable = obj.fast != "False" and static is not None and env.fast
        if first and stable and not looping and obj.fast == "True":
            self.one(step, group, obj, held, PathExpr(static), "True", leaf, nested, env)
            return
        self.put(f"{index} = len({held})")
        if stable:
            odd = f" and not {env.odd}" if looping and env.odd not in ("", "False") else ""
            self.put(f"{fast} = {index} == {expected}{'' if obj.fast == 'True' else ' and ' + obj.fast}{odd}")
        real = obj.path.child(f"{step.name}[")
        code = f"{self.constant(f'numbered({real.static!r})')}[{index}]"
        if real.base:
            code = f"{real.base} + {self.constant(f'numbered({real.suffix!r})')}[{index}]"
        self.put(f"{base} = {static!r} if {fast} else {code}" if stable else f"{base} = {code}")
        path = PathExpr(static if stable else None, base)
        self.one(step, group, obj, held, path, fast if stable else "False", leaf, nested, env)

    def one(
        self,
        step: Step,
        group: list[RowAt],
        obj: Obj,
        held: str,
        path: PathExpr,
        fast: str,
        leaf: bool,
        nested: bool,
        env: Env,
    ) -> None:
        """The inside of one item whose path is known."""
        if leaf:
            for at in group:
                self.leaf(at.row, Obj(held, path, fast, obj.sink, True, obj.draft), None, env)
            return
        if nested:
            self.resources(group, obj, env, held, path, fast)
            return
        var, mark = self.name("o"), self.name("w")
        mixed = any(at.row.const for at in group) and any(at.row.source and not at.row.const for at in group)
        mixed = mixed or step.name in ("extension", "modifierExtension")
        if mixed:
            self.put(f"{mark} = len({obj.sink})")
        self.put(f"{var} = {{}}")
        child = Obj(var, path, fast, obj.sink, True, obj.draft)
        self.body(group, child, env)
        if mixed:
            with self.block(f"if {var}:"):
                told = f" or 'valueReference' in {var}" if step.name == "extension" else ""  # it told of a resource
                self.put(f"if sourced({obj.sink}, {mark}){told}: {held}.append({var})")
                self.put(f"else: del {obj.sink}[{mark}:]")
        else:
            self.put(f"if {var}: {held}.append({var})")


def _place(at: RowAt) -> tuple[str, ...]:
    """The map and the element that a row is at, as `lead` notes them."""
    steps = parse_target(at.row.target)
    return (at.row.map, *(_named(s, at.row) for s in steps[: len(steps) - len(at.steps) + 1]))


def _spot(at: RowAt) -> tuple[str, ...]:
    """The element that a row is at; a row that fills the object itself has a spot of its own."""
    return _place(at) if at.steps else (*_place(at), f"this {at.row.id}")


def _named(step: Step, row: MapRow) -> str:
    """An element with its label; a new item belongs to its row alone."""
    return f"{step.name}[{step.label}]{row.id if step.label == '' else ''}"


def _without_when(row: MapRow) -> MapRow:
    return MapRow(row.id, row.map, row.source, "", row.target, row.type, row.vocab, row.const)
