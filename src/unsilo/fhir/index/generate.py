"""Writes the Python source of one type's indexing function from its tree of parameters."""

from typing import Final

from unsilo.fhir.index.composites import PAIRS
from unsilo.fhir.index.paths import Step
from unsilo.fhir.index.rows import IndexRows
from unsilo.fhir.index.trie import Composite, Conversion, Node, with_text
from unsilo.kernel import hash64
from unsilo.spec.model import types

__all__ = ["source"]

_TABLES: Final = IndexRows.__struct_fields__
_NAMES: Final = "abcd"


class _Writer:
    """Collects lines; gives each variable a name of its own."""

    def __init__(self, members: frozenset[int]) -> None:
        self.lines: list[str] = []
        self.members = members
        self._count = 0

    def name(self, letter: str) -> str:
        self._count += 1
        return f"{letter}{self._count}"

    def say(self, depth: int, text: str) -> None:
        self.lines.append("    " * depth + text)

    def node(self, node: Node, var: str, depth: int, known: bool = False) -> None:
        """Write what is read at `var` and below it; `known`: it is an object for certain."""
        for how, numbers in node.leaves.items():
            for one in how:
                self._leaf(one, numbers, var, depth, known)
        for into, conversion in node.collected:
            call = f"{conversion.function}({var})"
            if conversion.function not in _PLAIN:
                self.say(depth, f"if type({var}) is dict:")
                self.say(depth + 1, f"{into} += {call}")
            else:
                self.say(depth, f"{into} += {call}")
        tests = {step: n for step, n in node.edges.items() if step.verb == "is"}
        ways = {step: n for step, n in node.edges.items() if step.verb != "is"}
        if not (node.references or tests or ways or node.composites or node.present):
            return
        if not known:
            self.say(depth, f"if type({var}) is dict:")
            depth += 1
        if node.references or tests:
            self._references(node.references, tests, var, depth)
        parts: dict[tuple[object, ...], str] = {}
        for composite, numbers in node.composites.items():
            self._composite(composite, numbers, var, depth, parts)
        for names, numbers in node.present.items():
            self._presence(names, numbers, var, depth)
        for step, below in ways.items():
            self._step(step, below, var, depth)

    def _step(self, step: Step, below: Node, var: str, depth: int) -> None:
        if step.verb == "equals":
            self.say(depth, f"if {var}.get({step.name!r}) == {step.value!r}:")
            self.node(below, var, depth + 1, known=True)
        elif step.verb == "has":
            self.say(depth, f"if has_extension({var}, {step.name!r}):")
            self.node(below, var, depth + 1, known=True)
        elif step.verb == "root":
            self.node(below, "v0", depth, known=True)
        else:
            found = self.name("v")
            self.say(depth, f"{found} = {var}.get({step.name!r})")
            if step.many:
                each = self.name("v")
                self.say(depth, f"if type({found}) is list:")
                self.say(depth + 1, f"for {each} in {found}:")
                self.node(below, each, depth + 2)
            else:
                self.say(depth, f"if {found} is not None:")
                self.node(below, found, depth + 1)

    def _leaf(self, how: Conversion, numbers: list[int], var: str, depth: int, known: bool) -> None:
        if how.function not in _PLAIN and not known:
            self.say(depth, f"if type({var}) is dict:")
            depth += 1
        names = _NAMES[: how.width]
        keys = ", ".join(names)
        self.say(depth, f"for {keys} in {how.function}({var}):")
        said = with_text(how.table, how.width)
        row = ", ".join(names[:-1]) if said else keys
        for number in sorted(set(numbers)):
            self.say(depth + 1, f"{how.table}.append(({number + how.offset}, {row}))")
        if said == "always":
            self.say(depth + 1, f"cod.append((a, {names[-1]}))")
        elif said:
            self.say(depth + 1, f"if {names[-1]}:")
            self.say(depth + 2, f"cod.append((a, {names[-1]}))")

    def _references(self, plain: list[int], tests: dict[Step, Node], var: str, depth: int) -> None:
        """Write the rows of a Reference, of those parameters too that take references to one type only."""
        groups = [("", sorted(set(plain)))]
        groups += [(step.name, sorted(set(node.references))) for step, node in tests.items()]
        target, kind, logic = self.name("t"), self.name("k"), self.name("i")
        self.say(depth, f"{target}, {kind} = literal({var})")
        self.say(depth, f"if {target}:")
        for wanted, numbers in groups:
            pad = depth + 1
            if wanted and numbers:
                self.say(pad, f"if {_is(kind, wanted)}:")
                pad += 1
            for number in numbers:
                self.say(pad, f"ref.append(({number}, {target}))")
            if self.members.intersection(numbers):
                self.say(pad, f"if {target}[:8] == 'Patient/':")
                self.say(pad + 1, f"patients.append({target})")
        self.say(depth, f"if 'identifier' in {var}:")
        self.say(depth + 1, f"for {logic} in logical({var}):")
        for wanted, numbers in groups:
            pad = depth + 2
            if wanted and numbers:  # what says neither a type nor where it leads may be of any
                self.say(pad, f"if not {kind} or {_is(kind, wanted)}:")
                pad += 1
            for number in numbers:
                self.say(pad, f"idn.append(({number}, {logic}[0], {logic}[1]))")
        self.say(depth + 2, "pass")

    def _presence(self, names: tuple[str, ...], numbers: list[int], var: str, depth: int) -> None:
        """Write `X.exists() and X != false`: true or false for every resource, nothing for a value left unsaid."""
        said = " or ".join(f"{var}.get({name!r}) not in (None, False)" for name in names)
        unsaid = " or ".join(f"{'_' + name!r} in {var}" for name in names)
        self.say(depth, f"if {said}:")
        for number in numbers:
            self.say(depth + 1, f"tok.append(({number}, {_TRUE}, ''))")
        self.say(depth + 1, f"cod.append(({_TRUE}, 'true'))")
        plain = " or ".join(f"{var}.get({name!r}) is False" for name in names)
        self.say(depth, f"elif {plain} or not ({unsaid}):")
        for number in numbers:
            self.say(depth + 1, f"tok.append(({number}, {_FALSE}, ''))")
        self.say(depth + 1, f"cod.append(({_FALSE}, 'false'))")

    def _composite(
        self, composite: Composite, numbers: list[int], var: str, depth: int, parts: dict[tuple[object, ...], str]
    ) -> None:
        """Write a composite's rows; `parts` are the lists that are filled at this place already."""
        lists: list[str] = []
        for ways in composite.ways:
            # A part is read only where the one before gave something, so lists are shared after the same beginning.
            key = (*lists, ways)
            known = parts.get(key)
            if known is None:
                known, root = self.name("p"), Node()
                self.say(depth, f"{known} = []")
                for branch, conversion in ways:
                    root.at(branch.steps).collected.append((known, conversion))
                if lists:
                    self.say(depth, f"if {lists[-1]}:")
                self.node(root, var, depth + bool(lists), known=True)
                parts[key] = known
            lists.append(known)
        cells = {"code": "0", "system": "''", "code2": "0", "system2": "''", "low": "0.0", "high": "0.0", "text": "''"}
        self.say(depth, f"if {lists[-1]} and len({lists[0]}) * len({lists[-1]}) <= {PAIRS}:")
        for part, into in zip(composite.parts, lists, strict=True):
            depth += 1
            item = self.name("x")
            self.say(depth, f"for {item} in {into}:")
            for cell, at in _CELLS[part.slot].items():
                cells[cell] = item if at is None else f"{item}[{at}]"
            if part.slot == "quantity":  # by its number alone it is found under each unit that it has been stated in
                self.say(depth + 1, f"if {item}[0]:")
                depth += 1
                self.say(depth + 1, f"if {item}[3]:")
                self.say(depth + 2, f"cod.append(({item}[0], {item}[3]))")
        if any(part.slot == "date" for part in composite.parts):
            cells["low"], cells["high"] = f"float({cells['low']})", f"float({cells['high']})"
        for number in sorted(set(numbers)):
            self.say(depth + 1, f"cmp.append(({number}, {', '.join(cells.values())}))")


_CELLS: Final[dict[str, dict[str, int | None]]] = {
    "token": {"code": 0, "system": 1},
    "token2": {"code2": 0, "system2": 1},
    "quantity": {"code2": 0, "low": 1, "high": 2},
    "date": {"low": 0, "high": 1},
    "number": {"low": 0, "high": 1},
    "from": {"low": 0},
    "to": {"high": 0},
    "text": {"text": 0},
    "reference": {"text": None},
}
_PLAIN: Final = frozenset(("token_keys", "date_keys", "number_keys", "string_keys", "uri_keys", "canonical_keys"))
"""Functions that look at the shape of what they are given themselves; all others want an object."""
_TRUE: Final = hash64("true")
_FALSE: Final = hash64("false")


def _is(kind: str, wanted: str) -> str:
    concrete = sorted(name for name in types.resources if types.is_a(name, wanted))
    return f"{kind} == {wanted!r}" if concrete in ([wanted], []) else f"{kind} in {tuple(concrete)!r}"


def source(root: Node, members: frozenset[int], patient: str) -> str:
    """Return the source of `index(v0, rows)`, which adds the keys of a resource to an IndexRows.

    `members` are the numbers of the parameters that put a resource into a patient's compartment; `patient` is the
    expression of (date, code, category) of such a row.
    """
    writer = _Writer(members)
    tables = ", ".join(_TABLES)
    values = ", ".join(f"rows.{table}" for table in _TABLES)
    writer.say(0, "def index(v0, rows):")
    writer.say(1, f"{tables} = {values}")
    if members:
        writer.say(1, "patients = []")
    writer.node(root, "v0", 1, known=True)
    if members:
        writer.say(1, "if patients:")
        writer.say(2, f"keys = {patient}")
        writer.say(2, "for one in dict.fromkeys(patients):")
        writer.say(3, "pat.append((one, *keys))")
    return "\n".join(writer.lines) + "\n"
