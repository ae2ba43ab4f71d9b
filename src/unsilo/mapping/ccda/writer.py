"""Write the Python of one map that reads XML: paths are compiled objects, nodes are variables of the generated code."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from unsilo.formats.ccda import Node
from unsilo.mapping.ccda.walk import Path, path_of
from unsilo.mapping.compile.terms import Env, Obj, PathExpr, Place, RowAt, Val
from unsilo.mapping.compile.writer import Writer
from unsilo.mapping.condition import Not, Test, Tree, parse_condition
from unsilo.mapping.paths import Step
from unsilo.mapping.rows import MapRow
from unsilo.mapping.sources import Literal, parse_xml

__all__ = ["CcdaWriter", "types_of"]


class CcdaWriter(Writer):
    """Writer for elements: `m(run, e, d)` fills the draft `d` from the element `e`; `u` is the rule that called."""

    def write(self, name: str, level: str = "", facts: Any = None) -> str:  # noqa: ARG002 - the writers' contract
        """Return the source of map `name`; with a `level` for a map that is called on a node inside another map."""
        self.put("r = d.body; ap = d.rows")
        val = Val("'.'", Place("e.path"), node="e")
        env = Env("val", "", rule_var="u" if level else "", fast=False, val=val)
        self.stack.append(name)
        self.fill(self.maps.get(name, []), Obj("r", PathExpr(""), "False", "ap", False, "d"), env)
        constants = [f"{var} = {code}" for code, var in self.constants.items()]
        head = "def m(run, e, d, u):" if level else "def m(run, e, d):"
        return "\n".join([*constants, head, *self.lines, ""])

    def write_test(self, name: str, when: str) -> str:
        """Return the source of a condition over an element: `m(run, e)` tells whether it holds."""
        self.depth = 1
        row = MapRow(name, name, ".")
        env = Env("val", "", fast=False, val=Val("'.'", Place("''"), node="e"))
        try:
            tree = parse_condition(when)
            self.check_sources(row, tree, env)
            self.put(f"return bool({self.condition(when, row, env)})")
        except ValueError as error:
            self.faults.append((name, str(error)))
            self.put("return False")
        constants = [f"{var} = {code}" for code, var in self.constants.items()]
        return "\n".join([*constants, "def m(run, e):", *self.lines, ""])

    # -- reading ------------------------------------------------------------------------------------------------

    def path(self, source: str) -> str:
        """Return the constant of a compiled path."""
        return self.constant(f"path_of({source!r})")

    def fetch(self, row: MapRow, env: Env, obj: Obj, raw: bool = False) -> Val:  # noqa: ARG002 - the writers' contract
        """Write what reads a row's source: the element, and its attribute or text."""
        if not row.source:
            return Val("'.'", Place(self.here_place(env)), node=self.here(env))
        bound = self.bound(env, row)
        if bound is not None:
            return bound
        parts = parse_xml(row.source)
        if len(parts) > 1:
            return self.joined(parts, env)
        path = path_of(row.source)
        node, text = self.name("n"), self.name("x")
        node, text = self.find(row, path, node, text, self.here(env))
        return self.value(path.suffix, node, text, bool(path.key or path.text))

    def find(self, row: MapRow, path: Path, node: str, text: str, here: str) -> tuple[str, str]:
        """Write the search for the first match, frequent kinds of path in line; return its variables, node and text.

        The text is the literal `'.'` where the element is there and is no text.
        """
        whole = self.whole_text(row, path)
        step = _plain_step(path)
        if path.source == "." or (not path.steps and path.key and not path.absolute):
            if path.key:
                return here, self.attribute(here, path.key)
            if not whole:
                return here, "'.'"
            self.put(f"{text} = run.says({here})")
            return here, text
        if step and path.key:
            self.put(f"{text} = ''")
            with self.block(f"for {node} in {self.children(here)}.get({step!r}, ()):"):
                self.put(f"{text} = {_trimmed(f'{node}.attrs.get({path.key!r})', path.key)}")
                self.put(f"if {text}: break")
        elif step and path.text:
            self.put(f"{text} = ''")
            with self.block(f"for {node} in {self.children(here)}.get({step!r}, ()):"):
                self.put(f"{text} = clean_text({node})")
                self.put(f"if {text}: break")
        elif step:
            self.put(f"{node} = {self.children(here)}.get({step!r})")
            self.put(f"{node} = {node}[0] if {node} else None")
            self.put(f"{text} = run.says({node})" if whole else f"{text} = '.' if {node} is not None else ''")
        else:
            compiled, typed = self.path(row.source), _typed(path)
            found = self.guarded(path, here, f"{compiled}.first({here})", "None")
            if typed is not None and not path.key and not path.text:
                found = f"{self.types(here, typed[0])}.get({typed[1]!r})"
            self.put(f"{node} = {found}")
            read = "'.'" if not (path.key or path.text) else f"{compiled}.read({node})"
            self.put(f"{text} = run.says({node})" if whole else f"{text} = {read} if {node} is not None else ''")
        return node, text

    def attribute(self, node: str, key: str) -> str:
        """Return the variable of an attribute's text; what was read in a block around here is not read again."""
        found: str | None = self.cached(("attribute", node, key))
        if found is None:
            found = self.name("a")
            self.put(f"{found} = {_trimmed(f'{node}.attrs.get({key!r})', key)}")
            self.cache[-1]["attribute", node, key] = found
        return found

    def children(self, node: str) -> str:
        """Return the variable of an element's children by name."""
        found: str | None = self.cached(("children", node))
        if found is None:
            found = self.name("b")
            self.put(f"{found} = {node}.by")
            self.cache[-1]["children", node] = found
        return found

    def types(self, node: str, name: str) -> str:
        """Return the variable of an element's children of one name by their xsi:type, the first of each."""
        found: str | None = self.cached(("types", node, name))
        if found is None:
            found = self.name("q")
            self.put(f"{found} = types_of({self.children(node)}.get({name!r}, ()))")
            self.cache[-1]["types", node, name] = found
        return found

    def guarded(self, path: Path, here: str, code: str, nothing: str) -> str:
        """Python that looks along a path only when its first step is there."""
        names = _first_names(path)
        if not names:
            return code
        there = " or ".join(f"{name!r} in {self.children(here)}" for name in names)
        return f"({code} if {there} else {nothing})"

    @contextmanager
    def present(self, group: list[RowAt], env: Env) -> Iterator[None]:
        """Write a test around a group whose sources are all in children, for elements that have none of these."""
        names: dict[str, None] = {}
        typed: dict[tuple[str, str] | None, None] = {}
        for at in group:
            first = self.leads(at.row, env)
            if not first:
                yield
                return
            names |= dict.fromkeys(first)
            typed[_typed(path_of(at.row.source))] = None
        here = self.here(env)
        if self.cached(("there", here, frozenset(names), *typed)):
            yield
            return
        there = " or ".join(f"{name!r} in {self.children(here)}" for name in names)
        if None not in typed:
            there = " or ".join(f"{one[1]!r} in {self.types(here, one[0])}" for one in typed if one)
        with self.block(f"if {there}:"):
            self.cache[-1]["there", here, frozenset(names), *typed] = True
            yield

    def leads(self, row: MapRow, env: Env) -> tuple[str, ...]:
        """Return the names of children in which all that a row reads stands, () where it may do without."""
        if not row.source or self.bound(env, row) is not None:
            return ()
        parts = parse_xml(row.source)
        return _first_names(path_of(row.source)) if len(parts) == 1 and not isinstance(parts[0], Literal) else ()

    def whole_text(self, row: MapRow, path: Path) -> bool:
        """Tell whether an element that a row finds is read as its text."""
        return not (path.key or path.text or row.const or "[" in row.type or row.type.startswith("py:"))

    def read(self, row: MapRow, node: str, text: str) -> str:
        """Write the reading of an element that was found, its text unless a map or function gets it; return it."""
        path = path_of(row.source)
        if self.whole_text(row, path):
            self.put(f"{text} = clean_text({node})")
        elif path.key:
            return self.attribute(node, path.key)
        elif path.text:
            self.put(f"{text} = clean_text({node})")
        else:
            return "'.'"
        return text

    def value(self, suffix: str, node: str, text: str, end: bool) -> Val:
        """The value at hand; functions get the element where the source names one, else the text."""
        place = Place(f"{node}.path + {suffix!r}" if suffix else f"{node}.path")
        return Val(text, place, node="" if end else node)

    def joined(self, parts: tuple[Any, ...], env: Env) -> Val:
        """Texts and paths side by side."""
        pieces = [repr(p.text) if isinstance(p, Literal) else f"{self.path(p.text)}" for p in parts]
        text, places = self.name("x"), self.name("g")
        self.put(f"{text}, {places} = run.join({self.here(env)}, {', '.join(pieces)})")
        return Val(text, Place(places), odd="joined")

    def sourced_row(self, obj: Obj, path: PathExpr, rule: str, fixed: bool, val: Val, env: Env) -> None:
        """A join has one lineage row for each piece."""
        if val.odd == "joined":
            self.put(f"for g in {val.place.code}: {obj.sink}.append(T(({path.code()}, {rule}, g)))")
            return
        super().sourced_row(obj, path, rule, fixed, val, env)

    def bound(self, env: Env | None, row: MapRow) -> Val | None:
        """The item that a loop over this very row is at."""
        while env is not None:
            found = env.bound.get(row.id)
            if found is not None:
                return found
            env = env.parent
        return None

    # -- repetitions --------------------------------------------------------------------------------------------

    def loop_roots(self, group: list[RowAt], env: Env) -> list[Any]:
        """A row that adds a new item to a list does so for each match of its source."""
        row = group[0].row
        new = len(group) == 1 and bool(group[0].steps) and group[0].steps[0].label == ""
        if not new or not row.source or row.source == "." or len(parse_xml(row.source)) > 1:
            return []
        return [] if self.bound(env, row) is not None else [row]

    def touches(self, when: str, group: list[RowAt], loops: list[Any]) -> bool:  # noqa: ARG002 - the same
        """Conditions look at the node of the map, never at the item of a loop."""
        return False

    @contextmanager
    def looped(
        self,
        loops: list[Any],
        group: list[RowAt],  # noqa: ARG002 - the writers' contract
        obj: Obj,  # noqa: ARG002 - the same
        step: Step,  # noqa: ARG002 - the same
        env: Env,
    ) -> Iterator[Env]:
        """A loop over all matches of a source."""
        if not loops:
            yield env
            return
        row = loops[0]
        path = path_of(row.source)
        node, text = self.name("n"), self.name("x")
        compiled = self.path(row.source)
        inner = Env(env.kind, env.rule, env.rule_var, "", False, dict(env.bound), env.val, parent=env)
        here, plain = self.here(env), _plain_step(path)
        found = f"{self.children(here)}.get({plain!r}, ())" if plain and not path.key and not path.text else ""
        found = found or self.guarded(path, here, f"{compiled}.all({here})", "()")
        with self.block(f"for {node} in {found}:"):
            text = self.read(row, node, text)
            inner.bound[row.id] = self.value(path.suffix, node, text, bool(path.key or path.text))
            yield inner

    # -- places -------------------------------------------------------------------------------------------------

    def enter(self, row: MapRow, env: Env, val: Val) -> Env:
        """Read inside an element."""
        if env.rule_var:
            var = self.name("u")
            self.put(f"{var} = {env.rule_var} + {'>' + row.id!r}")
            return Env("val", "", var, "", False, val=val, parent=env)
        return Env("val", f"{env.rule}>{row.id}" if env.rule else row.id, "", "", False, val=val, parent=env)

    def maker(self, row: MapRow, env: Env, val: Val, rule: str) -> str:
        """Call a map that makes a resource from this element."""
        made = self.constant(f"maker({row.type!r}, 'node')")
        return f"run.make({made}, {val.node or self.here(env)}, {rule}, d)"

    def code_of(self, env: Env, val: Val) -> tuple[str, str]:
        """The code and the OID of its system."""
        node = val.node or self.here(env)
        return f"({node}.attrs.get('code') or '')", f"({node}.attrs.get('codeSystem') or '')"

    def here(self, env: Env) -> str:
        """The variable of the element at hand."""
        at: Env | None = env
        while at is not None:
            if at.val is not None and at.val.node:
                return at.val.node
            at = at.parent
        return "e"

    def here_place(self, env: Env) -> str:
        """The locator of the element at hand."""
        return f"{self.here(env)}.path"

    # -- conditions ---------------------------------------------------------------------------------------------

    def test(self, test: Test, row: MapRow, env: Env) -> str:
        """Python for one predicate."""
        source = test.ref or row.source
        path, node, walk = self.path(source), self.here(env), path_of(source)
        plain = self.attribute(node, walk.key) if walk.key and not walk.steps and not walk.absolute else ""
        if test.op == "VALUED":
            return f"({plain} != '')" if plain else self.valued(walk, node, path)
        if test.op == "COUNT":
            return f"({path}.count({node}) {_COMPARE[test.compare]} {test.number})"
        says = plain or self.guarded(walk, node, f"{path}.says({node})", "''")
        if test.op == "LENGTH":
            return f"(len({says}) {_COMPARE[test.compare]} {test.number})"
        if test.by_ref:
            return f"({says} == {self.path(test.values[0])}.says({node}))"
        return self.compared(test, says)

    def valued(self, walk: Path, node: str, path: str) -> str:
        """Return the variable that tells whether a path leads to something valued; it is looked at once."""
        found: str | None = self.cached(("valued", node, path))
        if found is None:
            found = self.name("v")
            self.put(f"{found} = {self.guarded(walk, node, f'{path}.valued({node})', 'False')}")
            self.cache[-1]["valued", node, path] = found
        return found

    def check_sources(self, row: MapRow, tree: Tree | None, env: Env) -> None:  # noqa: ARG002 - the same
        """Refuse paths that cannot be read."""
        for part in parse_xml(row.source) if row.source else ():
            if not isinstance(part, Literal):
                path_of(part.text)
        for test in _tests(tree):
            path_of(test.ref or row.source)
            if test.by_ref:
                path_of(test.values[0])


def _plain_step(path: Path) -> str:
    """Return the name of the one step that a path takes, "" for others."""
    if len(path.steps) != 1 or path.anywhere or path.absolute or path.steps[0].predicates:
        return ""
    names = path.steps[0].names
    return names[0] if len(names) == 1 and names[0] != "*" else ""


def _first_names(path: Path) -> tuple[str, ...]:
    """Return the names of the children that a path begins with, () where it begins otherwise."""
    if not path.steps or path.anywhere or path.absolute or "*" in path.steps[0].names:
        return ()
    return path.steps[0].names


def _typed(path: Path) -> tuple[str, str] | None:
    """Return the name and xsi:type of the one step that a path takes, "" for a step without a type; else None."""
    if len(path.steps) != 1 or not _first_names(path) or len(path.steps[0].names) != 1:
        return None
    if len(path.steps[0].predicates) != 1:
        return None
    test = path.steps[0].predicates[0]
    if test.path != "@xsi:type" or test.position or test.negated is not (test.value is None):
        return None
    return path.steps[0].names[0], test.value or ""


def types_of(nodes: Iterable[Node]) -> dict[str, Node]:
    """Return the first of elements of each xsi:type, "" for none."""
    found: dict[str, Node] = {}
    for node in nodes:
        kind = (node.attrs.get("xsi:type") or "").strip()
        found.setdefault(kind.rpartition(":")[2] or kind, node)
    return found


def _trimmed(code: str, key: str) -> str:
    """Python of an attribute's text; of a type only the name."""
    return f"({code} or '').strip().rpartition(':')[2]" if key == "xsi:type" else f"({code} or '').strip()"


def _tests(tree: Tree | None) -> list[Test]:
    if tree is None:
        return []
    if isinstance(tree, Test):
        return [tree]
    if isinstance(tree, Not):
        return _tests(tree.part)
    return [test for part in tree.parts for test in _tests(part)]


_COMPARE = {"=": "==", ">": ">", "<": "<", ">=": ">=", "<=": "<=", "!=": "!=", "<>": "!="}
