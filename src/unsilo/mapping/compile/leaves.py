"""Write single values: primitives, codes, references to resources, and what maps and functions make of a value."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from unsilo.mapping.compile.source import Source
from unsilo.mapping.compile.terms import Env, Obj, PathExpr, Place, Val
from unsilo.mapping.paths import parse_target
from unsilo.mapping.rows import MapRow
from unsilo.spec.r4 import resource_types

__all__ = ["CONVERTED", "TEXT_TYPES", "Leaves", "makes"]

TEXT_TYPES = {"", "string", "code", "id", "uri", "markdown", "text"}
CONVERTED = {
    "oid", "uuid", "boolean", "integer", "positiveInt", "unsignedInt", "decimal", "date", "dateTime", "instant",
    "time", "base64Binary", "text", "words", "id", "compared", "comparator",
}  # fmt: skip
_NUMBERS = {"integer", "positiveInt", "unsignedInt", "decimal"}


def makes(name: str) -> str:
    """Return the resource type that a map makes, "" when it fills a data type: `XCN[Practitioner-Attending]`."""
    inner = name.partition("[")[2].rstrip("]").split("-")[0]
    return inner if inner in resource_types() else ""


class Leaves(Source):
    """Writer of values; what they are put in is the business of `Writer`."""

    def leaf(self, row: MapRow, obj: Obj, key: str | None, env: Env, guard: bool = False) -> None:
        """One value: `key` is the element of `obj`, None to append to a list (then `obj.var` is the list)."""
        tests = []
        if guard and key is not None:
            tests.append(f"{key!r} not in {obj.var}")
        if row.when:
            tests.append(f"({self.condition(row.when, row, env)})")
        path = obj.path.child(key) if key is not None else obj.path
        if not row.source:
            with self.block(f"if {' and '.join(tests)}:" if tests else "if True:"):
                if row.type.startswith("py:"):
                    self.call_function(row, obj, key, env, path)
                else:
                    self.store(obj, key, self.literal(row))
                    self.constant_row(obj, path, row, env)
            return
        val = self.fetch(row, env, obj)
        with self.block(f"if {' and '.join([val.var, *tests])}:"):
            if row.const:
                self.store(obj, key, self.literal(row))
                if self.derived(row):
                    self.sourced_row(obj, path, *env.rule_code(f"{row.id}@code"), val, env)
                else:
                    self.constant_row(obj, path, row, env)
            elif row.type in self.pure:
                self.converted_leaf(row, obj, key, env, path, val)
            elif row.type.startswith("py:"):
                self.call_function(row, obj, key, env, path, val)
            elif makes(row.type):
                self.make(row, obj, key, env, path, val)
            elif row.vocab:
                self.translated_leaf(row, obj, key, env, path, val)
            else:
                self.converted_leaf(row, obj, key, env, path, val)

    def derived(self, row: MapRow) -> bool:
        """True when a fixed value is what a code of the source means: the condition compares the very source."""
        del row
        return False

    def store(self, obj: Obj, key: str | None, code: str) -> None:
        """Put a value in its place."""
        self.put(f"{obj.var}.append({code})" if key is None else f"{obj.var}[{key!r}] = {code}")

    def literal(self, row: MapRow) -> str:
        """Python for a row's fixed value."""
        if row.type == "boolean":
            return repr(row.const.strip().lower() == "true")
        if row.type in _NUMBERS:
            return f"number({row.const!r})"
        return repr(row.const)

    def constant_row(self, obj: Obj, path: PathExpr, row: MapRow, env: Env) -> None:
        """The lineage of a fixed value: a rule and no source."""
        rule, fixed = env.rule_code(row.id)
        if path.base or not fixed:
            self.put(f"{obj.sink}.append(T(({path.code()}, {rule}, None)))")
        else:
            self.put(f"{obj.sink}.append({self.constant(f'T(({path.code()}, {rule}, None))')})")

    def sourced_row(self, obj: Obj, path: PathExpr, rule: str, fixed: bool, val: Val, env: Env) -> None:
        """The lineage of a value that was read; a prepared row where path, rule and place are known beforehand."""
        real = f"T(({path.code()}, {rule}, {val.place.code}))"
        static = path.static is not None and fixed and val.place.static is not None and obj.fast != "False" and env.fast
        if not static:
            self.put(f"{obj.sink}.append({real})")
            return
        key = (path.static, rule, val.place.static)
        if key not in self.tables:
            self.tables[key] = f"R{len(self.tables)}"
        parts = [] if obj.fast == "True" else [obj.fast]
        parts += [f"not {val.odd}"] if val.odd not in ("", "False") else []
        table = f"{self.tables[key]}[{val.index}]"
        self.put(
            f"{obj.sink}.append({table} if {' and '.join(parts)} else {real})"
            if parts
            else f"{obj.sink}.append({table})"
        )

    def converted_leaf(self, row: MapRow, obj: Obj, key: str | None, env: Env, path: PathExpr, val: Val) -> None:
        """A primitive value."""
        rule, fixed = env.rule_code(row.id)
        if row.type in TEXT_TYPES and row.type not in CONVERTED:
            self.store(obj, key, val.var)
            self.sourced_row(obj, path, rule, fixed, val, env)
            return
        got = self.name("y")
        self.put(f"{got} = {self.conversion(row.type, val)}")
        with self.block(f"if {got} is not None:"):
            self.store(obj, key, got)
            self.sourced_row(obj, path, rule, fixed, val, env)
        if row.type not in self.pure:
            self.put(f"else: run.misfit({row.type!r}, {rule}, {val.place.code})")

    def conversion(self, kind: str, val: Val) -> str:
        """Python that turns text into a primitive, None when it does not fit."""
        return f"run.{kind}[{val.var}]"

    def translated_leaf(self, row: MapRow, obj: Obj, key: str | None, env: Env, path: PathExpr, val: Val) -> None:
        """A code translated by a vocabulary; the unmapped original goes to `alternate-codes`."""
        got = self.name("y")
        rule, fixed = env.rule_code(f"{row.id}@{row.vocab}")
        self.put(f"{got} = {self.vocabulary(row.vocab)}[{val.var}]")
        with self.block(f"if {got} is not None:"), self.block(f"if {got}.code:"):
            value = f"{got}.code" if row.type != "boolean" else f"({got}.code == 'true')"
            self.store(obj, key, value)
            self.sourced_row(obj, path, rule, fixed, val, env)
        if key is not None:
            where = obj.path.code() if obj.path.base or obj.path.static else "''"
            self.put(
                f"else: run.unmapped_code({obj.var}, {key!r}, {where}, {val.var}, {self.vocabulary(row.vocab)}, "
                f"{rule}, {val.place.code}, {obj.sink})"
            )

    def vocabulary(self, name: str) -> str:
        """Python for a vocabulary."""
        return self.constant(f"vocabulary({name!r})")

    def make(self, row: MapRow, obj: Obj, key: str | None, env: Env, path: PathExpr, val: Val) -> None:
        """A resource made by a map, with a reference to it here."""
        got = self.name("t")
        rule, _ = env.rule_code(row.id)
        self.put(f"{got} = {self.maker(row, env, val, rule)}")
        with self.block(f"if {got} is not None:"):
            if key is None:
                with self.block(f"if not referred({obj.var}, {got}):"):
                    self.store(obj, None, f"run.refer({got})")
                    self.put(f"{obj.sink}.append(T(({path.child('reference').code()}, {rule}, run.again)))")
                self.put(f"else: run.cite({got}, {rule})")
            else:
                self.store(obj, key, f"run.refer({got})")
                self.put(f"{obj.sink}.append(T(({path.child('reference').code()}, {rule}, run.again)))")

    def call_function(
        self,
        row: MapRow,
        obj: Obj,
        key: str | None,
        env: Env,
        path: PathExpr | None = None,
        val: Val | None = None,
    ) -> None:
        """A function of the format's adapter."""
        function = self.constant(f"function({row.type[3:]!r})")
        rule, fixed = env.rule_code(row.id)
        if path is None:
            with self.row_condition(row, env):
                if row.source:
                    val = self.fetch(row, env, obj, raw=True)
                node = (val.node or val.var) if val else self.here(env)
                place = val.place.code if val else self.here_place(env)
                where = obj.path.code() if obj.path.base or obj.path.static else "''"
                head = f"if {val.var}:" if val else "if True:"
                with self.block(head):
                    self.put(f"run.draft = {obj.draft}")
                    self.put(f"{function}(run, {node}, {place}, {where}, {rule}, {obj.sink}, {obj.var})")
            return
        got, mark = self.name("y"), self.name("w")
        node = (val.node or val.var) if val else self.here(env)
        spot = val.place if val else Place(self.here_place(env))
        if val is not None and self.recalls(row, obj, env, val):
            self.recall(row, obj, key, path, val)
            return
        self.put(f"{mark} = len({obj.sink}); run.draft = {obj.draft}")
        self.put(f"{got} = {function}(run, {node}, {spot.code}, {path.code()}, {rule}, {obj.sink})")
        with self.block(f"if {got} or ({got} is not None and {got} != {{}} and {got} != []):"):
            self.store(obj, key, got)
            with self.block(f"if len({obj.sink}) == {mark}:"):
                self.sourced_row(obj, path, rule, fixed, val or Val("", spot), env)
        self.put(f"else: del {obj.sink}[{mark}:]")

    def recalls(self, row: MapRow, obj: Obj, env: Env, val: Val) -> bool:
        """True when what a function makes of a text may be remembered."""
        del row, obj, env, val
        return False

    def recall(self, row: MapRow, obj: Obj, key: str | None, path: PathExpr, val: Val) -> None:
        """Write a call of a function whose results are remembered; only asked of a format that `recalls`."""
        raise TypeError(f"{type(self).__name__} remembers nothing: {row.id} {obj} {key} {path} {val}")

    def call_map(self, row: MapRow, obj: Obj, env: Env) -> None:
        """Fill `obj` by the rows of another map applied to the row's source."""
        tests = [f"({self.condition(row.when, row, env)})"] if row.when else []
        val = self.fetch(row, env, obj, raw=True)
        with self.block(f"if {' and '.join([val.var, *tests])}:"), self.remembered(row, obj, env, val) as target:
            self.stack.append(row.type)
            inner = self.enter(row, env, val)
            if row.vocab:
                self.coded(row, target, env, inner, val)
            else:
                self.fill(self.maps[row.type], target, inner)
            self.stack.pop()

    @contextmanager
    def remembered(self, row: MapRow, obj: Obj, env: Env, val: Val) -> Iterator[Obj]:
        """Write what takes a value from memory where its text came before; the object to fill else."""
        del row, env, val
        yield obj

    def coded(self, row: MapRow, obj: Obj, env: Env, inner: Env, val: Val) -> None:
        """A CodeableConcept or Coding translated by a vocabulary, the original kept beside."""
        code, system = self.code_of(inner, val)
        rule, _ = env.rule_code(f"{row.id}@{row.vocab}")
        table = self.vocabulary(row.vocab)
        where = obj.path.code() if obj.path.base or obj.path.static else "''"
        concept = "coding" in {s.name for r in self.maps[row.type] for s in parse_target(r.target)[:1]}
        hit = self.name("y")
        if concept:
            self.put(
                f"{hit} = run.translate({obj.var}, {where}, {table}, {code}, {system}, {rule}, {val.place.code}, "
                f"{obj.sink})"
            )
            obj.known.add("coding")
            obj.expected["coding"] = 1
            self.fill(self.maps[row.type], obj, inner)
            self.put(
                f"run.original({obj.var}, {where}, {table}, {hit}, {system}, {rule}, {val.place.code}, {obj.sink})"
            )
            return
        self.put(
            f"{hit} = run.coding({obj.var}, {where}, {table}, {code}, {system}, {rule}, {val.place.code}, {obj.sink})"
        )
        with self.block(f"if not {hit}:"):
            self.fill(self.maps[row.type], obj, inner)
            self.put(f"run.source_system({obj.var}, {where}, {table}, {system}, {rule}, {obj.sink})")
