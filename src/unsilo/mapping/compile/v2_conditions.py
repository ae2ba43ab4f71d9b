"""Write the conditions of HL7 v2 rows as Python, and refuse sources that cannot be read where they stand."""

from __future__ import annotations

from unsilo.mapping.compile.shape import own_ref, tests_of
from unsilo.mapping.compile.terms import Env
from unsilo.mapping.compile.v2_reading import V2Reading
from unsilo.mapping.condition import Not, Test, Tree, parse_condition
from unsilo.mapping.rows import MapRow
from unsilo.mapping.sources import Ref, parse_v2, parse_v2_ref

__all__ = ["V2Conditions"]


class V2Conditions(V2Reading):
    """Writer of predicates; loops and memory are the business of `V2Writer`."""

    def negated(self, part: Tree, row: MapRow, env: Env) -> str:
        code = self.tree(part, row, env)
        if isinstance(part, Test) and part.op in ("EQUALS", "IN") and not part.by_ref:
            return code.replace(" == ", " != ", 1).replace(" in ", " not in ", 1)
        return f"not {code}"

    def test(self, test: Test, row: MapRow, env: Env) -> str:
        """Python for one predicate."""
        ref = own_ref(test.ref, row)
        if ref.segment and not ref.field:
            return f"(run.near(d, {ref.segment!r}) is not None)"
        if test.op == "VALUED":
            return f"({self.read(ref, env).var} not in N)"
        if test.op == "COUNT":
            return f"({self.counted(ref.field)} {_COMPARE[test.compare]} {test.number})"
        if test.op == "LENGTH":
            return f"(len({self.read(ref, env).var}) {_COMPARE[test.compare]} {test.number})"
        var = self.tested(ref, env)
        if test.by_ref:
            return f"({var} == {self.tested(parse_v2_ref(test.values[0]), env)})"
        return self.compared(test, var)

    def counted(self, field: int) -> str:
        """How many repetitions a field has."""
        key = ("count", field)
        found = self.cached(key)
        if found is None:
            found = self.name("g")
            self.put(f"{found} = f[{field}].count(P) + 1 if n > {field} and f[{field}] not in N else 0")
            self.cache[-1][key] = found
        return str(found)

    def tested(self, ref: Ref, env: Env) -> str:
        """The text that a comparison looks at: the first component when a whole field is named."""
        text = self.read(ref, env)
        return self.component(text, 1, 0).var if ref.comp == 0 and text.level == "comp" else text.var

    def check_sources(self, row: MapRow, tree: Tree | None, env: Env) -> None:
        """Refuse what cannot be read here."""
        parts = parse_v2(row.source) if row.source else ()
        refs = [p for p in parts if isinstance(p, Ref)]
        if parts and not refs:
            raise ValueError("a source without a reference is a const")
        refs += [own_ref(t.ref, row) for t in tests_of(tree)]
        refs += [parse_v2_ref(t.values[0]) for t in tests_of(tree) if t.by_ref]
        for ref in refs:
            if env.kind == "seg" and ref.segment == "":
                raise ValueError("a component reference needs a segment here")
            if ref.segment and not ref.field and ref in [p for p in parts if isinstance(p, Ref)]:
                raise ValueError("a segment is no value")

    def derived(self, row: MapRow) -> bool:
        """The row as it stands in the table is asked, since a shape leaves out what it makes certain."""
        whole = next((one for one in self.maps.get(row.map, ()) if one.id == row.id), row)
        name = whole.target.rpartition(".")[2]
        try:
            parts = parse_v2(whole.source)
            tests = [test for test in _asserted(parse_condition(whole.when)) if test.op in ("EQUALS", "IN", "STARTS")]
            refs = [own_ref(test.ref, whole) for test in tests]
        except ValueError:
            return False
        source = parts[0]
        if len(parts) > 1 or not isinstance(source, Ref) or name in ("system", "url"):
            return False
        return any((ref.segment, ref.field) == (source.segment, source.field) for ref in refs)


def _asserted(tree: Tree | None) -> list[Test]:
    """The predicates of a condition that are not denied."""
    if isinstance(tree, Test):
        return [tree]
    return [] if tree is None or isinstance(tree, Not) else [test for part in tree.parts for test in _asserted(part)]


_COMPARE = {"=": "==", ">": ">", "<": "<", ">=": ">=", "<=": "<=", "!=": "!=", "<>": "!="}
