"""What can be said of an expression before it runs: elements that its type does not have (FHIRPath N1, 4.1, 11)."""

from typing import Final, NoReturn, TypeAlias

from unsilo.fhir.path.errors import PathError
from unsilo.fhir.path.kinds import BOOLEAN, CHOICE, DECIMAL, INTEGER, STRING, SYSTEM, Kind, Plan, kind, system_kind
from unsilo.fhir.path.parser import parse
from unsilo.fhir.path.registry import FUNCTIONS
from unsilo.fhir.path.tree import Call, Chain, Empty, Fold, Index, Literal, Member, Name, Node, Special, Step, Unary
from unsilo.spec.model import types

__all__ = ["check"]

_Kinds: TypeAlias = frozenset[Kind] | None
"""Types that items may have; None: any."""

_ABSTRACT: Final = frozenset(("Resource", "DomainResource", "Element", "BackboneElement"))
_SAME: Final = frozenset(
    (
        "where first last tail skip take single distinct trace exclude intersect checkModifiers slice sort "
        "defineVariable"
    ).split()
)
_INSIDE: Final = frozenset("where select all exists repeat repeatAll aggregate iif sort trace defineVariable".split())
_ORDERED: Final = frozenset("first last tail skip take".split())
_UNORDERED: Final = frozenset(("children", "descendants"))
_GIVES: Final[dict[str, Kind]] = {
    "count": INTEGER, "length": INTEGER, "indexOf": INTEGER, "lastIndexOf": INTEGER, "precision": INTEGER,
    "type": SYSTEM["TypeInfo"], "now": SYSTEM["DateTime"], "today": SYSTEM["Date"], "timeOfDay": SYSTEM["Time"],
    "sqrt": DECIMAL, "ln": DECIMAL, "log": DECIMAL, "exp": DECIMAL, "ceiling": INTEGER, "floor": INTEGER,
    "extension": kind("Extension"), **{f"to{name}": found for name, found in SYSTEM.items() if name != "Any"},
    **dict.fromkeys(
        "upper lower trim toChars substring replace replaceMatches split join encode decode escape unescape".split(),
        STRING,
    ),
}  # fmt: skip


class _Checker:
    def __init__(self, expression: str, context: Kind) -> None:
        self.expression = expression
        self.context = context

    def fail(self, text: str, at: int) -> NoReturn:
        raise PathError("semantic", text, at, self.expression)

    def infer(self, node: Node, this: _Kinds) -> _Kinds:
        """Return the types that a node may give, or fail at an element that none of them has."""
        if isinstance(node, Literal):
            return frozenset((system_kind(node.value),))
        if isinstance(node, Empty | Name):
            return frozenset()
        if isinstance(node, Special):
            return self.special(node, this)
        if isinstance(node, Unary):
            return self.infer(node.operand, this)
        if isinstance(node, Fold):
            return self.fold(node, this)
        return self.chain(node, this)

    def special(self, node: Special, this: _Kinds) -> _Kinds:
        if node.name == "$this":
            return this
        if node.name == "$index":
            return frozenset((INTEGER,))
        return frozenset((self.context,)) if node.name == "%context" else None

    def fold(self, node: Fold, this: _Kinds) -> _Kinds:
        found = self.infer(node.first, this)
        for sign, _, operand in node.rest:
            if sign == "as" and isinstance(operand, Name):
                found = self.named(operand)
                continue
            other = self.infer(operand, this)
            if sign == "|":
                found = None if found is None or other is None else found | other
            elif sign == "&":
                found = frozenset((STRING,))
            elif sign in ("+", "-", "*", "/", "div", "mod"):
                found = None
            else:
                found = frozenset((BOOLEAN,))
        return found

    def named(self, name: Name) -> _Kinds:
        """Return the type of a name; heirs come with it, so types that are only bases say nothing."""
        if name.space != "System" and types.kind(name.name) and name.name not in _ABSTRACT:
            return frozenset((kind(name.name),))
        return frozenset((SYSTEM[name.name],)) if name.space != "FHIR" and name.name in SYSTEM else None

    def chain(self, node: Chain, this: _Kinds) -> _Kinds:
        steps = list(node.steps)
        if node.base is not None:
            found = self.infer(node.base, this)
        elif isinstance(steps[0], Member):
            found = self.root(steps.pop(0), this)  # type: ignore[arg-type]
        else:
            found = this
        before = ""
        for step in steps:
            ordered = isinstance(step, Index) or (isinstance(step, Call) and step.name in _ORDERED)
            if before in _UNORDERED and ordered:
                self.fail(f"{before}() has no order that a position could be counted in", step.at)
            found = self.step(step, found, this)
            before = step.name if isinstance(step, Call) else ""
        return found

    def root(self, first: Member, this: _Kinds) -> _Kinds:
        if first.name[:1].isupper() and this is not None:
            named = frozenset(each for each in this if first.name in each.ancestors)
            if named:
                return named
        return self.member(first, this)

    def member(self, step: Member, found: _Kinds) -> _Kinds:
        if not found:
            return found
        out: set[Kind] = set()
        known = False
        for each in found:
            plan = each.members.get(step.name)
            if plan is None:
                if each.name in _ABSTRACT and not each.system:
                    return None
                continue
            known = True
            out |= _below(plan)
        if not known:
            self.missing(step, found)
        return frozenset(out)

    def missing(self, step: Member, found: frozenset[Kind]) -> NoReturn:
        names = ", ".join(sorted(each.name for each in found)[:3])
        for each in found:
            element = each.system or types.fields(each.name).get(step.name)
            if element and not isinstance(element, bool) and element.choice:
                said = step.name[len(element.name) :]
                self.fail(f"{names} has no {step.name}: the element is {element.name}, its type {said}", step.at)
        what = "is not the type here, which is" if step.name[:1].isupper() else "is no element of"
        self.fail(f"{step.name} {what} {names}", step.at)

    def step(self, step: Step, found: _Kinds, this: _Kinds) -> _Kinds:
        if isinstance(step, Member):
            return self.member(step, found)
        if isinstance(step, Index):
            self.infer(step.position, this)
            return found
        return self.call(step, found, this)

    def call(self, step: Call, found: _Kinds, this: _Kinds) -> _Kinds:
        name = step.name
        if name in ("is", "as", "ofType"):
            return self.cast(step)
        inner = found if name in _INSIDE else this
        given = [self.infer(argument, inner) for argument in step.arguments]
        if name in ("repeat", "repeatAll"):
            return self.repeated(step, given[0])
        if name in _SAME:
            return found
        if name == "select":
            return given[0]
        if name in ("union", "combine"):
            return None if found is None or given[0] is None else found | given[0]
        if name == "iif":
            chosen = given[1:]
            return None if any(each is None for each in chosen) else frozenset().union(*(c for c in chosen if c))
        entry = FUNCTIONS.get(name)
        if entry is not None and entry.decide is not None:
            return frozenset((BOOLEAN,))
        return frozenset((_GIVES[name],)) if name in _GIVES else None

    def cast(self, step: Call) -> _Kinds:
        if step.name == "is":
            return frozenset((BOOLEAN,))
        argument = step.arguments[0] if step.arguments else None
        if not isinstance(argument, Chain) or argument.base is not None:
            return None
        names = [each.name for each in argument.steps if isinstance(each, Member)]
        return self.named(Name(".".join(names[:-1]), names[-1], argument.at)) if names else None

    def repeated(self, step: Call, first: _Kinds) -> _Kinds:
        """Follow `repeat` until no new type comes; where it ends, the element need not be there."""
        total, wave = first, first
        while total is not None and wave:
            try:
                following = self.infer(step.arguments[0], wave)
            except PathError:
                break
            if following is None:
                return None
            wave = following - total
            total |= wave
        return total


def _below(plan: Plan) -> frozenset[Kind]:
    return frozenset(plan.choices.values()) if plan.mode == CHOICE else frozenset((plan.kind,))


def check(expression: str, context: str) -> None:
    """Refuse what the types of R4 do not have, starting from a type or backbone path (`Patient`, `Patient.contact`).

    PathError (semantic) with the place: an element that no possible type has, another resource type at the start, a
    choice element written with its type, a position counted in what has no order. Nothing is said of what is only known
    when it runs (`resolve()`, `contained`, `descendants()`, variables).
    """
    start = kind(context) if types.kind(context) or types.at(context) else kind("Resource")
    try:
        _Checker(expression, start).infer(parse(expression), frozenset((start,)))
    except RecursionError:
        raise PathError("costly", "the expression nests too deep", 0, expression) from None
