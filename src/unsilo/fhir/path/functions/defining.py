"""Names that an expression gives to what it has found (FHIRPath additions after N1: `defineVariable`, `coalesce`)."""

from typing import Final

from unsilo.fhir.path.context import Site, State
from unsilo.fhir.path.kinds import Items
from unsilo.fhir.path.navigate import StepRun
from unsilo.fhir.path.registry import Build, special, text
from unsilo.fhir.path.tree import Call, Chain, Fold, Index, Member, Node, Special, Step, Unary
from unsilo.fhir.path.variables import CONSTANTS

__all__ = ["WHOLE"]

WHOLE: Final = "$input"
"""What stands in the tree for all items that a function is called on; no expression can write it."""

_TAKEN: Final = frozenset(("context", "resource", "rootResource", *CONSTANTS))
_EACH: Final = frozenset("where select all exists repeat repeatAll aggregate iif sort trace defineVariable".split())
"""Functions whose arguments have a `$this` of their own."""


def _of_whole(node: Node) -> Node:
    """Let an argument begin with all items of the input, where it would begin with `$this`."""
    if isinstance(node, Special):
        return Special(WHOLE, node.at) if node.name == "$this" else node
    if isinstance(node, Unary):
        return Unary(node.sign, _of_whole(node.operand), node.at)
    if isinstance(node, Fold):
        rest = tuple((sign, at, _of_whole(operand)) for sign, at, operand in node.rest)
        return Fold(_of_whole(node.first), rest, node.at)
    if isinstance(node, Chain):
        steps = tuple(_step_of_whole(step) for step in node.steps)
        first = node.steps[0] if node.steps else None
        if node.base is not None:
            return Chain(_of_whole(node.base), steps, node.at)
        if isinstance(first, Member) and first.name[:1].isupper():
            return Chain(None, steps, node.at)  # the name of a type stands for the context
        return Chain(Special(WHOLE, node.at), steps, node.at)
    return node


def _step_of_whole(step: Step) -> Step:
    if isinstance(step, Index):
        return Index(_of_whole(step.position), step.at)
    if isinstance(step, Call) and step.name not in _EACH:
        return Call(step.name, tuple(_of_whole(each) for each in step.arguments), step.at, step.descending)
    return step


@special("defineVariable", 1, 2)
def _define_variable(build: Build, call: Call, site: Site) -> StepRun:
    """Give a name to the input or to what the second argument makes of it; the rest of the path may use it."""
    named = build.items(call.arguments[0])
    make = build.items(_of_whole(call.arguments[1])) if len(call.arguments) > 1 else None

    def run(state: State, items: Items) -> Items:
        name = text(site, named(state))
        if name is None:
            site.fail("the name is missing")
        if name in _TAKEN or name in state.names or name in state.context.variables:
            site.fail("there is a variable of this name already")
        value = items
        if make is not None:
            whole, state.whole = state.whole, items
            value = make(state)
            state.whole = whole
        state.spend(len(value) + len(state.names))
        state.names = {**state.names, name: value}
        return items

    return run


@special("coalesce", 1, 64)
def _coalesce(build: Build, call: Call, site: Site) -> StepRun:
    runs = [build.items(node) for node in call.arguments]

    def run(state: State, items: Items) -> Items:
        for each in runs:
            found = each(state)
            if found:
                return found
        return []

    return run
