"""What is known of a segment before its map is compiled for it: which fields stand there, and how plain they are."""

from __future__ import annotations

from typing import Any, NamedTuple

from unsilo.mapping.condition import All, Any_, Not, Test, Tree, parse_condition
from unsilo.mapping.rows import MapRow
from unsilo.mapping.sources import Ref, parse_v2, parse_v2_ref

__all__ = ["Facts", "Shape", "Shapes", "fold", "folded_rows", "own_ref", "selectors", "tests_of", "unparse"]


class Facts(NamedTuple):
    """`present` and `plain` (one repetition, no escapes, no subcomponents) field numbers; no `""` stands anywhere.

    `constants` gives the text of a selecting field, None when it is none of those that conditions name. `fresh` is true
    when nothing has filled the resource before. The `numeric` fields hold numbers.
    """

    segment: str
    present: frozenset[int]
    plain: frozenset[int]
    constants: dict[int, str | None]
    fresh: bool
    numeric: frozenset[int] = frozenset()


class Shape:
    """The fields of a segment that are there, and the numbers of those not plain; what was compiled for it."""

    def __init__(self, mask: tuple[bool, ...], odd: tuple[int, ...] | None) -> None:
        self.present = frozenset(number for number, there in enumerate(mask) if there)
        self.plain = self.present.difference(odd or ())
        self.plans: dict[Any, Any] = {}
        self.functions: dict[Any, Any] = {}


class Shapes(dict[tuple[tuple[bool, ...], "tuple[int, ...] | None"], Shape]):
    """Shapes by what they say; beyond a bound they are made anew each time."""

    def __missing__(self, key: tuple[tuple[bool, ...], tuple[int, ...] | None]) -> Shape:
        shape = Shape(*key)
        if len(self) < 4096:
            self[key] = shape
        return shape


def tests_of(tree: Tree | None) -> list[Test]:
    """All predicates of a condition."""
    if tree is None:
        return []
    if isinstance(tree, Test):
        return [tree]
    if isinstance(tree, Not):
        return tests_of(tree.part)
    return [test for part in tree.parts for test in tests_of(part)]


def own_ref(text: str, row: MapRow) -> Ref:
    """The reference that a predicate looks at: its own, or the row's source."""
    if text:
        return parse_v2_ref(text)
    for part in parse_v2(row.source) if row.source else ():
        if isinstance(part, Ref):
            return part
    raise ValueError("a test without a reference needs a row with a source")


def selectors(segment: str, rows: list[MapRow]) -> dict[int, frozenset[str]]:
    """Fields that several rows compare with fixed texts, and those texts: OBX-2 decides what OBX-5 is."""
    texts: dict[int, set[str]] = {}
    times: dict[int, int] = {}
    for row in rows:
        try:
            for test in tests_of(parse_condition(row.when)):
                ref = own_ref(test.ref, row)
                if test.op in ("EQUALS", "IN") and not test.by_ref and ref.segment == segment and ref.comp < 2:
                    texts.setdefault(ref.field, set()).update(test.values)
                    times[ref.field] = times.get(ref.field, 0) + 1
        except ValueError:
            continue
    return {field: frozenset(found) for field, found in texts.items() if times[field] > 2}


def folded_rows(rows: list[MapRow], facts: Facts) -> list[MapRow]:
    """The rows that can still do something, with conditions as far as they are still open."""
    kept = []
    for row in rows:
        try:
            parts = [p for p in parse_v2(row.source) if isinstance(p, Ref)] if row.source else []
            own = [p for p in parts if p.segment == facts.segment and p.field]
            if parts and len(own) == len(parts) and all(p.field not in facts.present for p in own):
                continue
            tree = parse_condition(row.when)
            left = fold(tree, row, facts) if tree is not None else True
        except ValueError:
            kept.append(row)
            continue
        if left is False:
            continue
        when = "" if left is True else unparse(left)
        kept.append(MapRow(row.id, row.map, row.source, when, row.target, row.type, row.vocab, row.const))
    return kept


def fold(tree: Tree, row: MapRow, facts: Facts) -> Tree | bool:
    """A condition as far as the facts leave it open."""
    if isinstance(tree, Test):
        known = _test(tree, row, facts)
        return tree if known is None else known
    if isinstance(tree, Not):
        part = fold(tree.part, row, facts)
        return (not part) if isinstance(part, bool) else Not(part)
    parts = [fold(part, row, facts) for part in tree.parts]
    decisive = isinstance(tree, Any_)
    if any(part is decisive for part in parts):
        return decisive
    left = tuple(part for part in parts if not isinstance(part, bool))
    if not left:
        return not decisive
    if len(left) == 1:
        return left[0]
    return Any_(left) if decisive else All(left)


def _test(test: Test, row: MapRow, facts: Facts) -> bool | None:
    ref = own_ref(test.ref, row)
    if ref.segment != facts.segment or test.by_ref or ref.rep:
        return None
    if not ref.field:
        return True
    there = ref.field in facts.present
    if test.op == "VALUED":
        return False if not there else True if ref.comp == 0 else None
    if test.op in ("COUNT", "LENGTH"):
        if there and (test.op == "LENGTH" or ref.field not in facts.plain):
            return None
        return _compare(1 if there else 0, test.compare, test.number)
    if not there:
        return test.op in ("EQUALS", "IN") and "" in test.values
    if test.op in ("NUMERIC", "COMPARED") and ref.comp < 2 and ref.field in facts.numeric:
        return test.op == "NUMERIC"
    if test.op in ("EQUALS", "IN") and ref.comp < 2 and ref.field in facts.constants:
        return facts.constants[ref.field] in test.values
    return None


def _compare(value: int, how: str, number: int) -> bool:
    return {
        "=": value == number, ">": value > number, "<": value < number, ">=": value >= number, "<=": value <= number,
    }.get(how, value != number)  # fmt: skip


def unparse(tree: Tree) -> str:
    """A condition as text again."""
    if isinstance(tree, All):
        return "(" + " AND ".join(unparse(part) for part in tree.parts) + ")"
    if isinstance(tree, Any_):
        return "(" + " OR ".join(unparse(part) for part in tree.parts) + ")"
    if isinstance(tree, Not):
        return f"NOT ({unparse(tree.part)})"
    if "/" in tree.ref or "@" in tree.ref:
        tree = tree._replace(ref="{" + tree.ref + "}")
    if tree.op in ("COUNT", "LENGTH"):
        return f"{tree.ref} {tree.op} {tree.compare} {tree.number}"
    if tree.op == "IN":
        return f"{tree.ref} IN ({', '.join(_quoted(v) for v in tree.values)})"
    if tree.by_ref:
        return f"{tree.ref} EQUALS {tree.values[0]}"
    value = _quoted(tree.values[0]) if tree.values else ""
    return f"{tree.ref} {tree.op} {value}".strip()


def _quoted(text: str) -> str:
    return f"'{text}'" if '"' in text else f'"{text}"'
