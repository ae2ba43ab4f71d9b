"""The syntax tree made into closures: one for each node, chosen for what stands there (FHIRPath N1, 6 and 8)."""

from typing import Final

from unsilo.fhir.path import functions
from unsilo.fhir.path.arithmetic import OPERATORS, negated
from unsilo.fhir.path.context import Site, State
from unsilo.fhir.path.equality import equal_items, plain
from unsilo.fhir.path.errors import PathError
from unsilo.fhir.path.functions.defining import WHOLE
from unsilo.fhir.path.functions.filtering import as_type, is_of_type
from unsilo.fhir.path.kinds import INTEGER, STRING, Items, system_kind
from unsilo.fhir.path.navigate import StepRun, member, own_member, placed_member
from unsilo.fhir.path.operating import (
    LOGIC,
    ORDERS,
    as_truth,
    equal_text,
    equivalent,
    joined,
    ordered,
    this_item,
    union,
    within,
)
from unsilo.fhir.path.registry import EMPTY, FUNCTIONS, Entry, ExprRun, TruthRun, TruthStep, boolean_items, system
from unsilo.fhir.path.tree import Call, Chain, Empty, Fold, Index, Literal, Member, Name, Node, Special, Step, Unary
from unsilo.fhir.path.variables import variable

__all__ = ["Compiler"]

_TRUTHS: Final = frozenset(
    ("=", "!=", "~", "!~", "<", "<=", ">", ">=", "and", "or", "xor", "implies", "in", "contains", "is")
)

assert functions  # noqa: S101 - importing it fills the registry


def _defines(node: Chain) -> bool:
    """Whether a path names something; the name holds until the path ends."""
    return any(isinstance(step, Call) and step.name == "defineVariable" for step in node.steps)


class Compiler:
    """Makes closures of one expression. `lenient`: `as` filters collections; `placed`: nodes carry their `Place`."""

    def __init__(self, expression: str, *, lenient: bool = False, placed: bool = False) -> None:
        self.expression = expression
        self.lenient = lenient
        self.placed = placed
        self._member = placed_member if placed else member

    def _site(self, at: int, name: str) -> Site:
        return Site(self.expression, at, name)

    def _wrong(self, text: str, at: int) -> PathError:
        return PathError("syntax", text, at, self.expression)

    # -- expressions -------------------------------------------------------------------------------------------------

    def items(self, node: Node) -> ExprRun:
        """Compile a node to its items."""
        if isinstance(node, Literal):
            found: Items = [(node.value, system_kind(node.value), None)]
            return lambda state: found
        if isinstance(node, Empty):
            return lambda state: EMPTY
        if isinstance(node, Special):
            return self._special(node)
        if isinstance(node, Chain):
            return self._chain(node)
        if isinstance(node, Unary):
            return self._unary(node)
        if isinstance(node, Fold):
            return self._fold(node)
        raise self._wrong("the name of a type stands where a value is expected", node.at)

    def truth(self, node: Node) -> TruthRun:
        """Compile a node to a condition: one item that is no Boolean counts as true, several are an error (4.5)."""
        if isinstance(node, Fold) and node.rest[-1][0] in _TRUTHS:
            return self._fold_truth(node)
        if isinstance(node, Chain):
            if not node.steps and node.base is not None:
                return self.truth(node.base)
            last = node.steps[-1]
            entry = FUNCTIONS.get(last.name) if isinstance(last, Call) and not _defines(node) else None
            if isinstance(last, Call) and entry is not None and entry.decide is not None:
                shorter = Chain(node.base, node.steps[:-1], node.at)
                before = self._chain(shorter) if shorter.steps or node.base else this_item
                decide = self._decide(last)
                return lambda state: decide(state, before(state))
        run = self.items(node)
        site = self._site(node.at, "condition")
        return lambda state: as_truth(run(state), site)

    def type_name(self, node: Node) -> Name:
        """Read an argument as the name of a type."""
        if isinstance(node, Chain) and node.base is None and all(isinstance(step, Member) for step in node.steps):
            names = [step.name for step in node.steps if isinstance(step, Member)]
            return Name(".".join(names[:-1]), names[-1], node.at)
        raise self._wrong("the name of a type is expected", node.at)

    def _special(self, node: Special) -> ExprRun:
        name = node.name
        if name == "$this":
            return this_item
        if name == "$index":
            return lambda state: [(state.index, INTEGER, None)]
        if name == "$total":
            return lambda state: state.total
        if name == WHOLE:
            return lambda state: state.whole
        return variable(name[1:], self._site(node.at, name))

    def _unary(self, node: Unary) -> ExprRun:
        run = self.items(node.operand)
        site = self._site(node.at, node.sign)
        minus = node.sign == "-"

        def signed(state: State) -> Items:
            item = site.one(run(state))
            if item is None:
                return EMPTY
            value = plain(item)
            found = negated(value, site)
            return system(found if minus else value)

        return signed

    # -- steps -------------------------------------------------------------------------------------------------------

    def _chain(self, node: Chain) -> ExprRun:
        if not _defines(node):
            return self._steps(node)
        inner = self._steps(node)

        def scoped(state: State) -> Items:
            names = state.names
            found = inner(state)
            state.names = names
            return found

        return scoped

    def _steps(self, node: Chain) -> ExprRun:
        if node.base is not None:
            start = self.items(node.base)
            steps = [self._step(step) for step in node.steps]
        else:
            first = node.steps[0]
            if isinstance(first, Member):
                start = self._root(first)
                steps = [self._step(step) for step in node.steps[1:]]
            else:
                start = this_item
                steps = [self._step(step) for step in node.steps]
        if not steps:
            return start
        if len(steps) == 1:
            only = steps[0]
            return lambda state: only(state, start(state))
        if len(steps) == 2:
            one, two = steps
            return lambda state: two(state, one(state, start(state)))
        if len(steps) == 3:
            one, two, three = steps
            return lambda state: three(state, two(state, one(state, start(state))))

        def run(state: State) -> Items:
            found = start(state)
            for step in steps:
                found = step(state, found)
            return found

        return run

    def _root(self, first: Member) -> ExprRun:
        """Compile the first name: a child of the context, or the context itself when it is of the type so named."""
        name = first.name
        step = self._member(name)
        if not name[:1].isupper():
            return (lambda state: step(state, [state.this])) if self.placed else own_member(name)

        def run(state: State) -> Items:
            item = state.this
            return [item] if name in item[1].ancestors and not item[1].system else step(state, [item])

        return run

    def _step(self, step: Step) -> StepRun:
        if isinstance(step, Member):
            return self._member(step.name)
        if isinstance(step, Index):
            return self._index(step)
        entry = self._entry(step)
        if entry.make is not None:
            return entry.make(self, step, self._site(step.at, f"{step.name}()"))
        decide = self._decide(step)
        return lambda state, items: boolean_items(decide(state, items))

    def _entry(self, call: Call) -> Entry:
        entry = FUNCTIONS.get(call.name)
        if entry is None:
            raise PathError("semantic", f"there is no function {call.name}()", call.at, self.expression)
        self._count(call, entry.low, entry.high)
        return entry

    def _count(self, call: Call, low: int, high: int) -> None:
        if not low <= len(call.arguments) <= high:
            wanted = str(low) if low == high else f"{low} to {high}"
            text = f"{call.name}() takes {wanted} arguments, not {len(call.arguments)}"
            raise PathError("semantic", text, call.at, self.expression)

    def _decide(self, call: Call) -> TruthStep:
        entry = self._entry(call)
        site = self._site(call.at, f"{call.name}()")
        assert entry.decide is not None  # noqa: S101 - the caller has looked
        return entry.decide(self, call, site)

    def _index(self, step: Index) -> StepRun:
        if isinstance(step.position, Literal) and type(step.position.value) is int:
            place = step.position.value
            return lambda state, items: items[place : place + 1]
        run = self.items(step.position)
        site = self._site(step.at, "[]")

        def at(state: State, items: Items) -> Items:
            item = site.one(run(state))
            if item is None:
                return EMPTY
            if type(item[0]) is not int:
                site.fail(f"an Integer is expected, not {item[1].said}")
            return items[item[0] : item[0] + 1] if item[0] >= 0 else EMPTY

        return at

    # -- operators ---------------------------------------------------------------------------------------------------

    def _fold(self, node: Fold) -> ExprRun:
        if node.rest[-1][0] in _TRUTHS:
            truth = self._fold_truth(node)
            return lambda state: boolean_items(truth(state))
        run = self.items(node.first)
        for sign, at, operand in node.rest:
            run = self._operator(run, sign, at, operand)
        return run

    def _operator(self, left: ExprRun, sign: str, at: int, operand: Node) -> ExprRun:
        site = self._site(at, sign)
        if sign == "as":
            return self._as(left, operand, site)
        if sign == "is":
            assert isinstance(operand, Name)  # noqa: S101 - the parser puts nothing else there
            decide = is_of_type(operand, site)
            return lambda state: boolean_items(decide(state, left(state)))
        right = self.items(operand)
        if sign == "|":
            return lambda state: union(state, left(state), right(state))
        if sign == "&":
            return lambda state: [(joined(left(state), right(state), site), STRING, None)]
        operate = OPERATORS[sign]

        def run(state: State) -> Items:
            one, other = site.one(left(state)), site.one(right(state))
            if one is None or other is None:
                return EMPTY
            first, second = plain(one), plain(other)
            return EMPTY if first is None or second is None else system(operate(first, second, site))

        return run

    def _as(self, left: ExprRun, operand: Node, site: Site) -> ExprRun:
        assert isinstance(operand, Name)  # noqa: S101 - the parser puts nothing else there
        step = as_type(operand, site, lenient=self.lenient)
        return lambda state: step(state, left(state))

    def _fold_truth(self, node: Fold) -> TruthRun:
        sign, at, operand = node.rest[-1]
        first = node.first if len(node.rest) == 1 else Fold(node.first, node.rest[:-1], node.at)
        site = self._site(at, sign)
        if sign in ("and", "or", "xor", "implies"):
            return self._logic(node)
        left = self.items(first)
        if sign == "is":
            assert isinstance(operand, Name)  # noqa: S101 - the parser puts nothing else there
            decide = is_of_type(operand, site)
            return lambda state: decide(state, left(state))
        if sign in ("=", "!="):
            return self._equality(left, operand, sign == "=")
        right = self.items(operand)
        if sign == "~":
            return lambda state: equivalent(state, left(state), right(state))
        if sign == "!~":
            return lambda state: not equivalent(state, left(state), right(state))
        if sign == "in":
            return lambda state: within(left(state), right(state), site)
        if sign == "contains":
            return lambda state: within(right(state), left(state), site)
        return ordered(left, right, ORDERS[sign], site)

    def _equality(self, left: ExprRun, operand: Node, same: bool) -> TruthRun:
        if isinstance(operand, Literal) and type(operand.value) is str:
            return equal_text(left, operand.value, same)
        right = self.items(operand)

        def run(state: State) -> bool | None:
            found = equal_items(left(state), right(state))
            return None if found is None else found is same

        return run

    def _logic(self, node: Fold) -> TruthRun:
        run = self.truth(node.first)
        for sign, _, operand in node.rest:
            run = LOGIC[sign](run, self.truth(operand))
        return run
